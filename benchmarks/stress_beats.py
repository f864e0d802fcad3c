"""A long, poor recording -> the intervals known at each moment: for judging, not for the box.

    python -m benchmarks.stress_beats FOLDER OUT.npz

reads every ``FOLDER/*.npz`` (``bvp``, ``fs_hz``) and writes one table per recording. The pulse
is looked for in the last 20 s only, every 5 s, so nothing of the future is in a row.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from device.sensing.pulse.beats import find_beats
from device.sensing.pulse.intervals import Intervals, intervals_of
from device.sensing.pulse.waveform import band_pass

WINDOW_S, STEP_S = 20, 5
SETTLED_S = 2
"""A beat is judged when it is this old: its neighbours are known by then."""
ALIKE = 0.12
"""Breathing changes neighbouring intervals by less, a missed beat by more."""
COLUMNS = ("known_s", "rr_s", "trusted", "match", "support")


def causal_intervals(samples: ArrayLike, rate_hz: float) -> NDArray[np.float64]:
    """Return a row of :data:`COLUMNS` for each interval, once, in the order of time.

    ``trusted`` is 0 (counted for the rate), or 1 (timed well enough for variability);
    ``support`` is how many counted intervals of the same 20 s are like it, itself among them.
    """
    values = np.asarray(samples, np.float64)
    rows = []
    for stop_s in range(WINDOW_S, int(len(values) / rate_hz) + 1, STEP_S):
        start = int((stop_s - WINDOW_S) * rate_hz)
        beats = find_beats(band_pass(values[start : int(stop_s * rate_hz)], rate_hz))
        if len(beats) >= 3:
            rows.append(_new_rows(intervals_of(beats), beats.match[1:], stop_s))
    return np.concatenate(rows) if rows else np.zeros((0, len(COLUMNS)))


def _new_rows(found: Intervals, match: NDArray[np.float64], stop_s: int) -> NDArray[np.float64]:
    last_s = WINDOW_S - SETTLED_S
    counted = found.stands_for > 0
    new = counted & (found.ends_s <= last_s) & (found.ends_s > last_s - STEP_S)
    rr_s = found.rr_s / np.where(counted, found.stands_for, 1)
    rates = np.log(np.maximum(rr_s, 1e-3))
    alike = np.abs(rates[:, None] - rates[None, :]) < ALIKE
    support = (alike & found.valid[None, :]).sum(axis=1)
    known_s = np.full(len(rates), float(stop_s))
    rows = np.stack((known_s, rr_s, found.valid, match, support), axis=1)
    return np.asarray(rows[new], np.float64)


def main(arguments: list[str]) -> int:
    """Read a folder of recordings, write their intervals."""
    if len(arguments) != 2:
        print("python -m benchmarks.stress_beats FOLDER OUT.npz", file=sys.stderr)
        return 2
    folder, out = Path(arguments[0]), Path(arguments[1])
    tables = {}
    for file in sorted(folder.glob("*.npz")):
        with np.load(file) as held:
            tables[file.stem] = causal_intervals(held["bvp"], float(held["fs_hz"]))
    if not tables:
        print(f"{folder}: no recordings (*.npz)", file=sys.stderr)
        return 1
    with out.open("wb") as target:
        np.savez(target, **tables)  # type: ignore[arg-type]
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
