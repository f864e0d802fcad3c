"""Recordings of a pulse on disk -> channels of even samples: CSV and WFDB.

CSV: any delimiter, with or without a header; a time column (s, ms or µs) or a stated rate.
WFDB: formats 16 and 212 (PhysioNet's header(5) and signal(5)), the single-file kind.
"""

from __future__ import annotations

import codecs
import csv
import difflib
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from device.sensing.pulse.waveform import MAX_RATE_HZ, MIN_RATE_HZ, even_out

MAX_BYTES = 200_000_000
TIME_NAMES = (
    "time", "t", "timestamp", "time_s", "time_ms", "seconds", "ms", "t_us", "time_us", "zeit",
)  # fmt: skip
PULSE_NAMES = ("ppg", "pleth", "bvp", "ir", "signal", "value", "green", "red", "g", "r", "b")
HOLE_S = 0.5
"""Longer steps in time are holes that no interval may span."""
LONGEST_HOLE_S = 3600.0
"""After a longer one it is another recording, or the logger's clock was set in between."""
MAX_MISSING = 0.2
SHORTEST_S = 5.0


class RecordingError(Exception):
    """The file holds no usable recording; one line says why and what to do."""


@dataclass(frozen=True, slots=True)
class Channel:
    """One even stretch of samples."""

    name: str
    samples: NDArray[np.float64]
    rate_hz: float
    breaks: tuple[int, ...] = ()
    """Indices before which samples were lost."""


def read_channels(
    path: Path, rate_hz: float | None = None, column: str | None = None
) -> list[Channel]:
    """Return the channels that may hold a pulse; raises RecordingError.

    ``rate_hz`` is needed for a table without times; ``column`` names the one to take.
    """
    if path.suffix.lower() in (".hea", ".dat", ".mat"):
        channels = _read_wfdb(path)
        names = [channel.name for channel in channels]
        wanted = [_chosen(column, names, path)] if column else _likely(names)
        channels = [channel for channel in channels if channel.name in wanted]
    else:
        channels = _read_table(path, rate_hz, column)
    for channel in channels:
        _check(channel, path)
    return channels


def _check(channel: Channel, path: Path) -> None:
    _check_rate(channel.rate_hz, path)
    length_s = len(channel.samples) / channel.rate_hz
    if length_s < SHORTEST_S:
        raise RecordingError(
            f"{path}: {length_s:.1f} s of signal; at least {SHORTEST_S:g} s are needed"
        )


def _check_rate(rate_hz: float, path: Path) -> None:
    if not MIN_RATE_HZ <= rate_hz <= MAX_RATE_HZ:
        raise RecordingError(
            f"{path}: {rate_hz:.3g} samples per second; a pulse needs"
            f" {MIN_RATE_HZ:g} to {MAX_RATE_HZ:g}: is the time column or --rate right?"
        )


def _bytes(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise RecordingError(f"{path}: larger than {MAX_BYTES // 10**6} MB; cut it first")
        return path.read_bytes()
    except IsADirectoryError:
        raise RecordingError(f"{path}: is a folder; name the recording in it") from None
    except OSError as error:
        raise RecordingError(f"{path}: cannot be read ({error.strerror})") from error


# --- tables ---------------------------------------------------------------------------


def _read_table(path: Path, rate_hz: float | None, column: str | None) -> list[Channel]:
    names, table = _parse(_text(path), path)
    time_name = next((n for n in names if _plain(n) in TIME_NAMES), None)
    if rate_hz is not None:
        times_s = None
    elif time_name is not None:
        times_s = _seconds(table[:, names.index(time_name)], time_name, path)
    else:
        raise RecordingError(
            f"{path}: its first line names no time column (time, t, timestamp, seconds, ms ...);"
            " say the sample rate: --rate HZ"
        )
    values = [name for name in names if name != time_name]
    wanted = [_chosen(column, values, path)] if column else _likely(values)
    channels, faults = [], []
    for name in wanted:
        try:
            channels.append(_even(name, table[:, names.index(name)], times_s, rate_hz, path))
        except RecordingError as error:
            faults.append(error)  # A remark or an event beside the wave is no reason to refuse it.
    if not channels:
        raise faults[0] if faults else RecordingError(f"{path}: holds times alone")
    return channels


def _text(path: Path) -> str:
    """Return the text of a file as programs and spreadsheets of today and yesterday write it."""
    raw = _bytes(path)
    is_wide = raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        return raw.decode("utf-16" if is_wide else "utf-8-sig")
    except UnicodeDecodeError:
        if is_wide or b"\0" in raw:
            raise RecordingError(f"{path}: is no text; CSV or WFDB (.hea) can be read") from None
        return raw.decode("latin-1")  # Excel's: what differs is in the names, µ and umlauts.


def _parse(text: str, path: Path) -> tuple[list[str], NDArray[np.float64]]:
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if lines and re.match("sep=", lines[0], re.IGNORECASE):
        del lines[0]  # Excel's own line; the delimiter is found without it.
    if not lines:
        raise RecordingError(f"{path}: is empty")
    # A comma beside semicolons or tabs is the decimal mark of half of the world.
    marks = ";" if ";" in lines[0] else "\t" if "\t" in lines[0].strip() else ", "
    head, below = lines[0].strip(), lines[min(1, len(lines) - 1)].strip()
    # The names of columns may hold spaces: a delimiter is as often among the numbers.
    alike = [mark for mark in marks if 0 < head.count(mark) == below.count(mark)]
    delimiter = alike[0] if alike else max(marks, key=(head + below).count)
    rows = list(csv.reader(io.StringIO("\n".join(lines)), delimiter=delimiter,
                           skipinitialspace=True))  # fmt: skip
    first = [cell.strip() for cell in rows[0]]
    if delimiter != ",":
        rows = [[cell.replace(",", ".") for cell in row] for row in rows]
    has_header = not all(_is_number(cell) for cell in rows[0] if cell.strip())
    names = first if has_header else [str(number) for number in range(1, len(first) + 1)]
    body = rows[1:] if has_header else rows
    table = np.full((len(body), len(names)), np.nan)
    unread = 0
    for index, row in enumerate(body):
        for place, cell in enumerate(row[: len(names)]):
            if _is_number(cell):
                table[index, place] = float(cell)
        unread += not any(_is_number(cell) for cell in row)
    if unread > MAX_MISSING * max(1, len(body)) or not len(body):
        raise RecordingError(f"{path}: holds no table of numbers")
    return names, table


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _seconds(times: NDArray[np.float64], name: str, path: Path) -> NDArray[np.float64]:
    """Return times in s: the unit from the name, or from how far apart they are."""
    known = times[np.isfinite(times)]
    if len(known) < 2:
        raise RecordingError(
            f"{path}: the times in column {name} are no numbers: seconds, ms or µs are read"
        )
    if not (step := float(np.median(np.diff(known)))) > 0:
        raise RecordingError(f"{path}: the times in column {name} do not go forward")
    lowered = name.lower().rstrip(")] ")
    if lowered.endswith("us") or step >= 1000:
        return times / 1e6
    if lowered.endswith("ms") or step >= 1:
        return times / 1e3
    return times


def _even(
    name: str,
    values: NDArray[np.float64],
    times_s: NDArray[np.float64] | None,
    rate_hz: float | None,
    path: Path,
) -> Channel:
    if times_s is None:
        assert rate_hz is not None
        times_s = np.arange(len(values)) / rate_hz
    known = np.isfinite(values) & np.isfinite(times_s)
    if known.mean() < 1 - MAX_MISSING:
        raise RecordingError(f"{path}: {1 - known.mean():.0%} of column {name} are no numbers")
    times_s, values = times_s[known], values[known]
    forward = np.concatenate(([True], np.diff(times_s) > 0))
    if forward.mean() < 1 - MAX_MISSING:
        raise RecordingError(f"{path}: the times do not go forward")
    times_s, values = times_s[forward], values[forward]
    _check_times(times_s, path)
    if rate_hz is not None and known.all():
        return Channel(name, values, rate_hz)
    samples, even_hz = even_out(times_s, values)
    holes = times_s[1:][np.diff(times_s) > max(HOLE_S, 3 / even_hz)]
    breaks = tuple(int((at_s - times_s[0]) * even_hz) for at_s in holes)
    return Channel(name, samples, even_hz, breaks)


def _check_times(times_s: NDArray[np.float64], path: Path) -> None:
    """Refuse times that no even grid could follow: it would fill the memory."""
    steps_s = np.diff(times_s)
    if not len(steps_s):
        return
    wrong = (steps_s <= 0) | (steps_s > LONGEST_HOLE_S)
    if wrong.any():
        at = int(wrong.argmax())
        raise RecordingError(
            f"{path}: the times do not go forward as a clock does: {times_s[at + 1]:.14g} s follows"
            f" {times_s[at]:.14g} s; mend or cut the file there, or say the sample rate: --rate HZ"
        )
    _check_rate(float(1 / np.median(steps_s)), path)


def _likely(names: Sequence[str]) -> list[str]:
    """Return the columns that are called like a pulse, or all of them."""
    called = [name for name in names if _plain(name) in PULSE_NAMES]
    return called or list(names)


def _plain(name: str) -> str:
    """Return a column's name without its unit: ``Time (s)`` -> ``time``."""
    return re.sub(r"[(\[].*", "", name).strip().lower()


def _chosen(column: str, names: Sequence[str], path: Path) -> str:
    for name in names:
        if name.strip().lower() == column.strip().lower():
            return name
    near = difflib.get_close_matches(column, names, 1)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise RecordingError(f"{path}: no column {column} among {', '.join(names)}{hint}")


# --- WFDB -----------------------------------------------------------------------------


def _read_wfdb(path: Path) -> list[Channel]:
    header = path.with_suffix(".hea")
    lines = [
        line for line in _bytes(header).decode("latin-1").splitlines()
        if line.strip() and not line.startswith("#")
    ]  # fmt: skip
    try:
        record = lines[0].split()
        count = int(record[1])
        rate_hz = float(re.split(r"[(/]", record[2], maxsplit=1)[0]) if len(record) > 2 else 250.0
        signals = [line.split(maxsplit=8) for line in lines[1 : 1 + count]]
        files = {signal[0] for signal in signals}
        if len(files) != 1 or len(signals) != count:
            raise RecordingError(f"{header}: records in several files are not read")
        code, _, offset = signals[0][1].partition("+")
        raw = _bytes(header.parent / next(iter(files)))[int(offset or 0) :]
        samples = _decode(raw, code, count, header)
    except (IndexError, ValueError) as error:
        raise RecordingError(f"{header}: is no WFDB header ({error})") from error
    # BIDMC's headers have a comma behind each name.
    names = [
        signal[8].strip(" ,") if len(signal) > 8 else f"{i + 1}" for i, signal in enumerate(signals)
    ]
    gains = [_gain(signal[2]) if len(signal) > 2 else 200.0 for signal in signals]
    return [
        Channel(name, samples[:, place] / gains[place], rate_hz) for place, name in enumerate(names)
    ]


def _gain(text: str) -> float:
    """Return units of the converter per unit of the signal: ``1250(-46)/NU`` -> 1250."""
    return float(re.split(r"[(/]", text, maxsplit=1)[0]) or 200.0


def _decode(raw: bytes, code: str, count: int, header: Path) -> NDArray[np.float64]:
    """Return (n, count) samples in units of the converter."""
    if code == "16":
        values = np.frombuffer(raw[: len(raw) // 2 * 2], "<i2").astype(np.int32)
    elif code == "212":
        three = np.frombuffer(raw[: len(raw) // 3 * 3], np.uint8).reshape(-1, 3).astype(np.int32)
        first = three[:, 0] | (three[:, 1] & 0x0F) << 8
        second = three[:, 2] | (three[:, 1] & 0xF0) << 4
        values = np.stack((first, second), axis=1).ravel()
        values = np.where(values > 2047, values - 4096, values)
        values = _unwrapped(values[: len(values) // count * count].reshape(-1, count)).ravel()
    else:
        raise RecordingError(f"{header}: format {code} is not read; 16 and 212 are")
    return values[: len(values) // count * count].reshape(-1, count).astype(np.float64)


def _unwrapped(values: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return 12-bit signals (n, count) that went over the edge of their range put together again.

    Only where that leaves no step near half the range, so that there is no doubt.
    """
    for place in range(values.shape[1]):
        if np.abs(np.diff(values[:, place])).max(initial=0) > 2048:
            smooth = np.unwrap(values[:, place], period=4096)
            if np.abs(np.diff(smooth)).max() < 0.75 * 2048:
                values[:, place] = smooth
    return values
