"""Tables as other programs write them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from device.sensing.pulse.recordings import read_channels

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
