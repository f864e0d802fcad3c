"""The rate so far -> how it stands against the person's own past. Nothing looks ahead."""

from __future__ import annotations

import numpy as np

from models_tflite.training.stress_rate import STEP_S, Values
from models_tflite.training.stress_sets import PURE, Rows, Series

FEATURES = (
    "first minute", "mean so far", "mean so far, first minute as five",
    "median so far", "lower fifth so far", "upper tenth so far", "spreads from the mean so far",
    "20 s against 2 min", "about 5 min back", "about 10 min back", "2 min against mean so far",
)  # fmt: skip
FIRST_MINUTE, MEAN_SO_FAR, SHRUNK = 0, 1, 2
ALL = [place for place in range(len(FEATURES)) if place != SHRUNK]
MINUTE = 60 // STEP_S


def rows(series: Series) -> Rows:
    """Return a row every 10 s from the second minute's end, where the last minute is of a kind."""
    share = _last(series.stressed.astype(np.float64), MINUTE)
    at = np.arange(len(share))
    kept = (at >= 2 * MINUTE) & (at % 2 == 0) & ((share >= PURE) | (share <= 1 - PURE))
    truth = (share[kept] > 0.5).astype(np.int64)
    return Rows(features(series.rate)[kept], truth, series.readable[kept])


def features(rate: Values) -> Values:
    """Return (n, 11): the last minute's ln rate, mostly, less each reference."""
    now = _last(rate, MINUTE)
    count = np.arange(1, len(rate) + 1)
    mean = np.cumsum(rate) / count
    first = np.full(len(rate), rate[4 : 4 + MINUTE].mean())
    spread = np.sqrt(np.maximum(1e-4, np.cumsum(rate**2) / count - mean**2))
    before = np.concatenate((np.zeros(MINUTE), np.cumsum(rate)[:-MINUTE]))
    known = np.concatenate((np.zeros(MINUTE), count[:-MINUTE]))
    shrunk = (5 * MINUTE * first + before) / (5 * MINUTE + known)
    quantiles = np.array([np.quantile(rate[:n], (0.2, 0.5, 0.9)) for n in count])
    return np.stack(
        (
            now - first, now - mean, now - shrunk,
            now - quantiles[:, 1], now - quantiles[:, 0], now - quantiles[:, 2],
            (now - mean) / np.maximum(spread, 0.03),
            _last(rate, 4) - _last(rate, 2 * MINUTE),
            now - _fading(rate, 300), now - _fading(rate, 600), _last(rate, 2 * MINUTE) - mean,
        ),
        axis=1,
    )  # fmt: skip


def _last(values: Values, width: int) -> Values:
    """Return the mean of the last ``width`` values, of fewer at the beginning."""
    total = np.cumsum(np.insert(values, 0, 0.0))
    stop = np.arange(1, len(values) + 1)
    start = np.maximum(0, stop - width)
    return np.asarray((total[stop] - total[start]) / (stop - start))


def _fading(values: Values, time_s: float) -> Values:
    share = 1 - np.exp(-STEP_S / time_s)
    said = np.empty_like(values)
    state = float(values[0])
    for place, value in enumerate(values):
        state += share * (float(value) - state)
        said[place] = state
    return said
