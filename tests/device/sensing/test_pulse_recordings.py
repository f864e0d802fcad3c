"""Tables as other programs write them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from device.sensing.pulse.recordings import RecordingError, read_channels

TIMES_S = np.arange(0, 20, 0.01)
VALUES = np.round(np.sin(7 * TIMES_S), 5)


@pytest.mark.parametrize(
    ("header", "row", "name"),
    [
        ("Time [s], RESP, PLETH, V, AVR, II", "{t:.2f},0.35,{v},0.5,0.2,0.5", "PLETH"),
        ("Time [s], RESP, PLETH, V, AVR, II", "{t:.2f},0.35,{v},0.5,0.2,0.5,", "PLETH"),
        ("Time (s),Light ch 1", "{t:.2f},{v}", "Light ch 1"),
        ("Time (s), PPG value", "{t:.2f}, {v}", "PPG value"),
        ("time (ms),finger light level", "{ms:.0f},{v}", "finger light level"),
        ("time ppg", "{t:.2f} {v}", "ppg"),
        ("time (s);finger light level", "{t:.2f};{v}", "finger light level"),
    ],
)
def test_the_names_of_columns_may_hold_spaces(
    tmp_path: Path, header: str, row: str, name: str
) -> None:
    rows = [row.format(t=t, ms=1e3 * t, v=v) for t, v in zip(TIMES_S, VALUES, strict=True)]
    path = tmp_path / "a.csv"
    path.write_text("\n".join([header, *rows]))
    (channel,) = read_channels(path, column=name)
    assert channel.rate_hz == pytest.approx(100, rel=1e-4)
    assert np.abs(channel.samples - VALUES[: len(channel.samples)]).max() < 1e-3


def test_decimal_commas_between_spaces_are_no_delimiters(tmp_path: Path) -> None:
    rows = [f"{t:.2f} {v:.5f}".replace(".", ",") for t, v in zip(TIMES_S, VALUES, strict=True)]
    path = tmp_path / "a.txt"
    path.write_text("\n".join(["time ppg", *rows]))
    (channel,) = read_channels(path)
    assert channel.name == "ppg"
    assert np.abs(channel.samples - VALUES[: len(channel.samples)]).max() < 1e-3


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_a_table_is_read_as_the_spreadsheets_of_the_world_save_it(
    tmp_path: Path, encoding: str
) -> None:
    rows = [
        f"{1e6 * t:.0f};{v:.5f}".replace(".", ",") for t, v in zip(TIMES_S, VALUES, strict=True)
    ]
    path = tmp_path / "a.csv"
    path.write_bytes("\r\n".join(["sep=;", "Time [µs];PPG", *rows]).encode(encoding))
    (channel,) = read_channels(path)
    assert channel.name == "PPG"
    assert channel.rate_hz == pytest.approx(100, rel=1e-4)
    assert np.abs(channel.samples - VALUES[: len(channel.samples)]).max() < 1e-3


@pytest.mark.parametrize(
    ("shift_s", "says"),
    [
        (1.7e9, "1700000010 s follows 9.99 s"),
        (-8.0, "2.01 s follows 9.99 s"),
    ],
)
def test_a_clock_that_was_set_while_it_was_recorded_is_said_with_its_place(
    tmp_path: Path, shift_s: float, says: str
) -> None:
    """To a grid over fifty years no memory is enough."""
    times_s = np.where(TIMES_S < 9.995, TIMES_S, TIMES_S + shift_s)
    path = tmp_path / "a.csv"
    rows = [f"{t:.2f},{v}" for t, v in zip(times_s, VALUES, strict=True)]
    path.write_text("\n".join(["time,ppg", *rows]))
    with pytest.raises(RecordingError) as refused:
        read_channels(path)
    assert says in str(refused.value)
    assert "--rate HZ" in str(refused.value)
    assert len(read_channels(path, rate_hz=100)[0].samples) == len(VALUES)


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("time,light,comment", "{t:.2f},{v},ok"),
        ("time,date,light", "{t:.2f},2026-01-01,{v}"),
        ("time;light;", "{t:.2f};{v};"),
    ],
)
def test_columns_of_words_beside_the_wave_are_left_out(
    tmp_path: Path, header: str, row: str
) -> None:
    path = tmp_path / "a.csv"
    rows = [row.format(t=t, v=v) for t, v in zip(TIMES_S, VALUES, strict=True)]
    path.write_text("\n".join([header, *rows]))
    assert [channel.name for channel in read_channels(path)] == ["light"]


def test_a_table_of_times_alone_is_said_to_be_one(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("\n".join(["time", *(f"{t:.2f}" for t in TIMES_S)]))
    with pytest.raises(RecordingError, match="holds times alone"):
        read_channels(path)


def test_names_with_a_comma_behind_them_are_known(tmp_path: Path) -> None:
    """As in BIDMC's headers: without it the electrocardiogram may be taken for the pulse."""
    table = np.rint(1000 * np.stack((VALUES, VALUES), axis=1)).astype("<i2")
    (tmp_path / "r.dat").write_bytes(table.tobytes())
    lines = ["r 2 100 2000", "r.dat 16 200/mV 12 0 0 0 0 II,", "r.dat 16 1/NU 12 0 0 0 0 PLETH,"]
    (tmp_path / "r.hea").write_text("\n".join(lines))
    assert [channel.name for channel in read_channels(tmp_path / "r.hea")] == ["PLETH"]
    assert read_channels(tmp_path / "r.hea", column="II")[0].name == "II"
