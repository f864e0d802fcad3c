"""The pulse in numbers, beside neurokit2 and heartpy in the same run (``make bench-pulse``).

Synthetic waves with known beats (seeds 0-29), then real recordings: a phone's camera against a
chest strap, and a hospital's finger clip against the ECG. Nothing here is a test.

A method's RMSSD is compared with that of all true beats: what it leaves out counts against it.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.pulse_peers import (
    Method,
    Reading,
    Samples,
    heartpy,
    neurokit,
    neurokit_corrected,
    ours,
    quiet,
)
from device.commands.pulse import analyse_file
from device.config import PulseSettings
from device.readings import PpgBlock, frozen
from device.sensing.pulse import PulseAnalysis, PulseStream, analyse
from device.sensing.pulse.analysis import judge
from device.sensing.pulse.follow import TAIL_S, BeatFollower
from tests.data_folder import ROOT, find_data
from tests.fakes.pulse_waves import fibrillating

CONDITIONS = ((100, "clean", 0.13), (25, "clean", 0.2), (100, "10dB", 1.2), (100, "motion", 3.5))
"""Rate in Hz, noise, bar in ms."""
WINDOW_S = 60.0
STREAM_RUNS = 5
HR_BAR_BPM = 2.0
Generator = Callable[..., tuple[Samples, Samples]]


@dataclass(frozen=True, slots=True)
class Real:
    """A stretch of a real recording and what the reference says of it."""

    name: str
    samples: Samples
    rate_hz: float
    heart_rate_bpm: float
    rmssd_ms: float


def main() -> int:
    """Run and print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench_pulse", description=__doc__)
    parser.add_argument("--seeds", type=int, default=30, help="synthetic waves per condition")
    parser.add_argument("--json", action="store_true", help="the tables as JSON")
    args = parser.parse_args()
    peers = methods()
    tables: dict[str, list[dict[str, object]]] = {
        "synthetic": synthetic_table(peers, args.seeds),
        "irregular heart (heart rate error in bpm: mean, worst, read)": irregular_table(peers),
        "camera against chest strap": real_table(peers, list(welltory())),
        "finger clip against ECG": real_table(peers, list(wfdb())),
        "stream against the whole window": stream_table(args.seeds // 5),
        "time": [dict(zip(("what", "ms", "bar"), row, strict=True)) for row in costs()],
    }
    if args.json:
        print(json.dumps(tables, indent=2))
        return 0
    for title, rows in tables.items():
        print(f"\n{title}\n")
        print(_markdown(rows) if rows else "  not here: the data is missing")
    return 0


def methods() -> dict[str, Method]:
    """Return ours and the peers that are installed."""
    found: dict[str, Method] = {"attune": ours}
    if importlib.util.find_spec("neurokit2"):
        found |= {
            "neurokit2 elgendi": quiet(neurokit("elgendi")),
            "neurokit2 msptdfast": quiet(neurokit("msptdfast")),
            "neurokit2 corrected": quiet(neurokit_corrected),
        }
    if importlib.util.find_spec("heartpy"):
        found["heartpy high precision"] = quiet(heartpy)
    return found


# --- synthetic ------------------------------------------------------------------------


def synthetic_generator() -> Generator | None:
    """Return ``synthetic_ppg`` of the folder ``bench`` beside the data, None without it."""
    places = [ROOT.parent / "shared" / "bench"]
    if "ATTUNE_DATA" in os.environ:
        places.insert(0, Path(os.environ["ATTUNE_DATA"]).parent / "bench")
    for place in places:
        if (place / "ppg_signals.py").is_file():
            sys.path.append(str(place))
            return importlib.import_module("ppg_signals").synthetic_ppg  # type: ignore[no-any-return]
    return None


def synthetic_table(peers: dict[str, Method], seeds: int) -> list[dict[str, object]]:
    """Return the mean absolute RMSSD error in ms, with how many waves got a reading."""
    generate = synthetic_generator()
    if generate is None:
        return []
    table: list[dict[str, object]] = [{"method": name} for name in peers]
    table.append({"method": "bar"})
    for rate_hz, noise, bar_ms in CONDITIONS:
        heading = f"{noise} {rate_hz} Hz"
        waves = [generate(seed, rate_hz, noise) for seed in range(seeds)]
        for row, method in zip(table, peers.values(), strict=False):
            errors = [
                abs(said - _rmssd_ms(peaks_s))
                for samples, peaks_s in waves
                if (said := method(samples, rate_hz).rmssd_ms) is not None
            ]
            row[heading] = f"{np.mean(errors):.2f} ({len(errors)}/{seeds})" if errors else "none"
        table[-1][heading] = f"{bar_ms:g}"
    return table


def _rmssd_ms(beats_s: Samples) -> float:
    return float(np.sqrt(np.mean(np.square(np.diff(beats_s, 2))))) * 1e3


def irregular_table(peers: dict[str, Method], seeds: int = 12) -> list[dict[str, object]]:
    """Return how the rate of hearts without a rhythm is told, over ``seeds`` waves of each."""
    table: list[dict[str, object]] = [{"method": name} for name in peers]
    for rate_bpm, spread in ((65, 0.1), (65, 0.2), (85, 0.1), (85, 0.2), (105, 0.1), (105, 0.2)):
        waves = [fibrillating(seed, rate_bpm, spread) for seed in range(seeds)]
        for row, method in zip(table, peers.values(), strict=True):
            errors = [
                said - true.heart_rate_bpm
                for true in waves
                if (said := method(true.samples, true.rate_hz).heart_rate_bpm) is not None
            ]
            told = "none"
            if errors:
                worst = max(errors, key=abs)
                told = f"{np.mean(errors):+.1f}, {worst:+.1f} ({len(errors)}/{seeds})"
            row[f"{rate_bpm} bpm, spread {spread:.0%}"] = told
    return table


# --- real -----------------------------------------------------------------------------


def welltory() -> Iterator[Real]:
    """Yield the camera recordings, the best column the right way up, with the strap's beats."""
    for file in sorted(_folder("welltory_ppg", "*/PPG.csv")):
        rr_ms = np.array((file.parent / "RR.txt").read_text().split(), np.float64)
        channel, _ = analyse_file(file)
        yield Real(
            file.parent.name, channel.samples, channel.rate_hz, 60_000 / float(rr_ms.mean()),
            float(np.sqrt(np.mean(np.diff(rr_ms) ** 2))),
        )  # fmt: skip


def wfdb() -> Iterator[Real]:
    """Yield the minutes of finger clip where an ECG lead shows a plain rhythm."""
    for file in sorted(_folder("wfdb_sample", "*.hea")):
        channel, _ = analyse_file(file)
        leads = [analyse_file(file, column=lead)[0] for lead in ("II", "V")]
        beats = [_ecg_beats_s(lead.samples, lead.rate_hz) for lead in leads]
        length = int(WINDOW_S * channel.rate_hz)
        for minute, start in enumerate(range(0, len(channel.samples) - length + 1, length)):
            start_s = start / channel.rate_hz
            reference = _rhythm(beats, start_s)
            if reference is not None:
                name = f"{file.stem} minute {minute + 1}"
                part = channel.samples[start : start + length]
                yield Real(name, part, channel.rate_hz, *reference)


def _rhythm(leads_s: Sequence[Samples], start_s: float) -> tuple[float, float] | None:
    """Return heart rate and RMSSD of a minute by the lead with the least missed or extra beats.

    Intervals a quarter away from the usual one are left out; None where they are many.
    """
    best, best_share = None, 0.8
    for beats_s in leads_s:
        rr_s = np.diff(beats_s[(beats_s >= start_s) & (beats_s < start_s + WINDOW_S)])
        if len(rr_s) < 20:
            continue
        sinus = np.abs(rr_s / np.median(rr_s) - 1) < 0.25
        if sinus.mean() > best_share:
            changes_s = np.diff(rr_s)[sinus[1:] & sinus[:-1]]
            best_share = float(sinus.mean())
            best = (60 / float(rr_s[sinus].mean()), 1e3 * float(np.sqrt(np.mean(changes_s**2))))
    return best


def _folder(name: str, pattern: str) -> list[Path]:
    folder = find_data(name)
    return [] if folder is None else list(folder.glob(pattern))


def _ecg_beats_s(samples: Samples, rate_hz: float) -> Samples:
    """Return when the QRS complexes are steepest, placed by a parabola.

    A converter that overflowed goes round: the way across its range is the short one.
    """
    range_ = float(np.ptp(samples)) or 1.0
    steps = np.abs((np.diff(samples) + range_ / 2) % range_ - range_ / 2)
    reach = np.arange(-int(0.06 * rate_hz), int(0.06 * rate_hz) + 1)
    steep = np.convolve(steps, np.exp(-0.5 * (reach / (0.02 * rate_hz)) ** 2), mode="same")
    inner = steep[1:-1]
    high = 0.35 * float(np.percentile(steep, 98))
    tops = 1 + np.flatnonzero((inner >= steep[:-2]) & (inner > steep[2:]) & (inner > high))
    kept: list[int] = []
    for top in tops.tolist():
        if kept and top - kept[-1] < 0.25 * rate_hz:
            kept[-1] = max(kept[-1], top, key=lambda at: float(steep[at]))
        else:
            kept.append(top)
    at = np.array(kept, np.int64)
    left, middle, right = steep[at - 1], steep[at], steep[at + 1]
    return np.asarray((at + 0.5 * (left - right) / (left - 2 * middle + right)) / rate_hz)


def real_table(peers: dict[str, Method], recordings: Sequence[Real]) -> list[dict[str, object]]:
    """Return errors over what each method reads, and over what ours accepts."""
    if not recordings:
        return []
    said = {name: [method(r.samples, r.rate_hz) for r in recordings]
            for name, method in peers.items()}  # fmt: skip
    ours_reads = [reading.rmssd_ms is not None for reading in said["attune"]]
    chosen = {"all": [True] * len(recordings), "accepted by attune": ours_reads}
    return [
        {"over": title, "method": name} | _errors(recordings, readings, counts)
        for title, counts in chosen.items()
        for name, readings in said.items()
    ]


def _errors(
    recordings: Sequence[Real], readings: Sequence[Reading], chosen: Sequence[bool]
) -> dict[str, object]:
    rates, variabilities = [], []
    for recording, reading, counts in zip(recordings, readings, chosen, strict=True):
        if counts and reading.heart_rate_bpm is not None:
            rates.append(abs(reading.heart_rate_bpm - recording.heart_rate_bpm))
        if counts and reading.rmssd_ms is not None:
            variabilities.append(abs(reading.rmssd_ms - recording.rmssd_ms))
    row: dict[str, object] = {"HR read": f"{len(rates)}/{sum(chosen)}"}
    if rates:
        row[f"within {HR_BAR_BPM:g} bpm"] = sum(error <= HR_BAR_BPM for error in rates)
        row["HR error, worst"] = f"{max(rates):.2f}"
    row["RMSSD read"] = f"{len(variabilities)}/{sum(chosen)}"
    if variabilities:
        row["RMSSD error, median ms"] = f"{np.median(variabilities):.2f}"
    return row


# --- stream ---------------------------------------------------------------------------


def stream_table(seeds: int) -> list[dict[str, object]]:
    """Return how the beats that are followed differ, second by second, from those of a window
    that is analysed as a whole."""
    generate = synthetic_generator()
    waves: dict[str, list[tuple[Samples, float]]] = {}
    if generate is not None:
        for rate_hz, noise, _ in CONDITIONS:
            waves[f"{noise} {rate_hz} Hz"] = [
                (generate(seed, rate_hz, noise, 90)[0], rate_hz) for seed in range(seeds)
            ]
    waves["camera"] = [(real.samples, real.rate_hz) for real in welltory()]
    waves["finger clip"] = [
        (channel.samples, channel.rate_hz)
        for file in sorted(_folder("wfdb_sample", "*.hea"))
        for channel in (analyse_file(file)[0],)
    ]
    table: list[dict[str, object]] = []
    for name, parts in waves.items():
        pairs = [pair for samples, rate_hz in parts for pair in _both_ways(samples, rate_hz)]
        if pairs:
            table.append({"signal": name} | _differences(pairs))
    return table


def _both_ways(samples: Samples, rate_hz: float) -> Iterator[tuple[PulseAnalysis, PulseAnalysis]]:
    """Yield the last minute analysed as a whole and by following, for each second."""
    follower = BeatFollower(rate_hz)
    for second in range(int(TAIL_S), int(len(samples) / rate_hz) + 1):
        end = int(second * rate_hz)
        part = samples[max(0, end - int(WINDOW_S * rate_hz)) : end].astype(np.float32)
        followed = judge(follower.follow(part, end), len(part) / rate_hz)
        yield analyse(part, rate_hz), followed


def _differences(pairs: Sequence[tuple[PulseAnalysis, PulseAnalysis]]) -> dict[str, object]:
    both = [(a.hrv, b.hrv) for a, b in pairs if a.accepted and b.accepted]
    row: dict[str, object] = {
        "seconds": len(pairs),
        "verdict differs": sum(a.accepted != b.accepted for a, b in pairs),
    }
    for head, name in (("HR, bpm", "heart_rate_bpm"), ("RMSSD, ms", "rmssd_ms")):
        values = [(getattr(a, name), getattr(b, name)) for a, b in both]
        apart = [abs(a - b) for a, b in values if a is not None and b is not None]
        if apart:
            row[f"{head}: median"] = f"{np.median(apart):.3f}"
            row[f"{head}: p95"] = f"{np.percentile(apart, 95):.3f}"
    return row


# --- time -----------------------------------------------------------------------------


def costs() -> list[tuple[str, str, str]]:
    """Return what a minute costs at once, and each second of a stream."""
    from firmware_bridge.simulated_finger import simulated_finger

    samples = simulated_finger().astype(np.float64)
    minute_ms = []
    for _ in range(100):
        began = time.perf_counter()
        analyse(samples[:6000], 100.0)
        minute_ms.append(1e3 * (time.perf_counter() - began))
    rows = [("60 s at once", f"{np.median(minute_ms):.2f}", "2")]
    runs_ms = np.array([_stream_ms(samples) for _ in range(STREAM_RUNS)])
    # What the machine does beside it is in one run or another, what a second costs in all.
    least_ms = runs_ms.min(axis=0)
    for name, value in (
        ("median", np.median(least_ms)),
        ("worst", least_ms.max()),
        ("p95 of single runs", np.percentile(runs_ms, 95)),
    ):
        rows.append((f"each new second of a stream, {name}", f"{value:.2f}", "1"))
    return rows


def _stream_ms(samples: Samples, batch: int = 20, rate_hz: int = 100) -> list[float]:
    """Return the ms that each second costs: five blocks fed, five readings taken."""
    stream, costs_ms, spent = PulseStream(PulseSettings()), [], 0.0
    for number, start in enumerate(range(0, len(samples), batch)):
        part = frozen(samples[start : start + batch].astype(np.float32))
        now = (start + batch) / rate_hz
        block = PpgBlock(number, now, rate_hz, part, True, number == 0, start / rate_hz)
        began = time.perf_counter()
        stream.feed(block)
        stream.reading(now)
        spent += time.perf_counter() - began
        if (start + batch) % rate_hz == 0:
            costs_ms.append(1e3 * spent)
            spent = 0.0
    return costs_ms[60:]


def _markdown(rows: Sequence[dict[str, object]]) -> str:
    heads = list(dict.fromkeys(key for row in rows for key in row))
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    lines += ["| " + " | ".join(str(row.get(key, "")) for key in heads) + " |" for row in rows]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
