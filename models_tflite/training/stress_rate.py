"""Intervals with gaps and mistakes among them -> the heart rate at every moment so far.

Bayes' rule on a grid of rates: between looks the rate diffuses, each interval speaks for its
own rate or, with some chance, for none. Where nothing is known it drifts to the usual rate so
far. Nothing here was fitted to labels of stress.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

STEP_S = 5
RATES = np.arange(np.log(42), np.log(170), 0.012)
"""Logarithms of beats a minute."""
DRIFT, SPREAD = 0.015, 0.06
"""Of the rate in 5 s; of single intervals around it (breathing)."""
WELL_TIMED, COUNTED, ALONE = 0.8, 0.6, 0.1
"""Chance that an interval is a true one."""
LEAST_SUPPORT, GOOD_MATCH = 4, 0.92
SHARED = 0.5
"""Neighbouring intervals share their errors: each counts for half."""
FORGET, FOLLOW = 0.02, 0.01
READABLE = 10
"""Supported intervals in a minute from which a pulse counts as read."""


def follow(table: Values, end_s: int) -> tuple[Values, NDArray[np.bool_]]:
    """Return ln(beats a minute) every 5 s up to ``end_s``, and where the pulse was readable.

    ``table`` (n, 5) has the columns of ``benchmarks/stress_beats.py``.
    """
    spread = np.exp(-0.5 * ((RATES[:, None] - RATES[None, :]) / DRIFT) ** 2)
    spread /= spread.sum(axis=0)
    chance = np.exp(-0.5 * ((RATES - np.log(78)) / 0.2) ** 2)
    chance /= chance.sum()
    usual = chance.copy()
    times = np.arange(STEP_S, end_s + 1, STEP_S)
    stops = np.searchsorted(table[:, 0], times, "right")
    said, counts = np.zeros(len(times)), np.zeros(len(times))
    start = 0
    for place, stop in enumerate(stops):
        new = table[start:stop]
        start = stop
        chance = (1 - FORGET) * (spread @ chance) + FORGET * usual
        chance = chance * _evidence(new)
        chance /= chance.sum()
        usual = (1 - FOLLOW) * usual + FOLLOW * chance
        top = int(chance.argmax())
        around = slice(max(0, top - 8), top + 9)
        said[place] = chance[around] @ RATES[around] / chance[around].sum()
        counts[place] = (new[:, 4] >= LEAST_SUPPORT).sum()
    total = np.cumsum(np.insert(counts, 0, 0))
    places = np.arange(1, len(times) + 1)
    minute = total[places] - total[np.maximum(0, places - 60 // STEP_S)]
    return said, np.asarray(minute >= READABLE)


def _evidence(new: Values) -> Values:
    if not len(new):
        return np.ones(len(RATES))
    sure = np.where((new[:, 2] > 0) & (new[:, 3] > GOOD_MATCH), WELL_TIMED, COUNTED)
    sure = np.where(new[:, 4] >= LEAST_SUPPORT, sure, ALONE)[:, None]
    away = (RATES[None, :] - np.log(60 / np.maximum(new[:, 1:2], 0.33))) / SPREAD
    bell = np.exp(-0.5 * away**2) * (RATES[1] - RATES[0]) / (SPREAD * np.sqrt(2 * np.pi))
    logs = SHARED * np.log(sure * bell + (1 - sure) / len(RATES)).sum(axis=0)
    return np.asarray(np.exp(logs - logs.max()))
