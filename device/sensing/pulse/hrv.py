"""Intervals -> heart rate and heart-rate variability, with the error of measurement taken out.

Definitions of the Task Force (1996, Circulation 93:1043-1065). A pulse times each beat with
some error, which adds to every measure of variability; its size is known from the fit of each
beat, so its expected share is subtracted.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from device.sensing.pulse.intervals import Intervals

MIN_INTERVALS_RATE = 6
MIN_INTERVALS_HRV = 20
HRV_S, LF_HF_S, VLF_S = 30.0, 120.0, 300.0
"""Shortest recordings (Task Force 1996; for RMSSD: Munoz et al. 2015, PLoS ONE 10:e0138921)."""
SPECTRUM_COVERAGE = 0.8
VLF_HZ, LF_HZ, HF_HZ = (0.0033, 0.04), (0.04, 0.15), (0.15, 0.4)
TACHOGRAM_HZ = 4.0
SEGMENT_S = 120.0
LEAST_SHARE = 0.15
"""Of the mean square that must be the heart's own: less is the difference of two large numbers."""
NEGLIGIBLE_MS = 2.0
"""A variability so small is one, whatever its error: below that of any living heart's."""
LONG_DIFFERENCE_S = 0.05
"""NN50: differences above 50 ms."""


@dataclass(frozen=True, slots=True)
class Hrv:
    """What the intervals tell; None where they do not carry it."""

    heart_rate_bpm: float | None = None
    rr_mean_ms: float | None = None
    sdnn_ms: float | None = None
    rmssd_ms: float | None = None
    pnn50: float | None = None
    sd1_ms: float | None = None
    sd2_ms: float | None = None
    vlf_ms2: float | None = None
    lf_ms2: float | None = None
    hf_ms2: float | None = None


def measure(intervals: Intervals, window_s: float) -> Hrv:
    """Return what ``intervals`` over a recording of ``window_s`` seconds tell."""
    rate, valid = measure_rate(intervals), intervals.valid
    if np.count_nonzero(valid) < MIN_INTERVALS_HRV or window_s < HRV_S:
        return rate
    rr_ms = 1e3 * intervals.rr_s
    variance_ms2 = 1e6 * intervals.variance_s2
    sdnn_ms = _without_error(_variance(rr_ms[valid]), variance_ms2[valid])
    both = valid[1:] & valid[:-1]
    differences = (rr_ms[1:] - rr_ms[:-1])[both]
    if len(differences) < MIN_INTERVALS_HRV // 2:
        return rate
    errors_ms2 = _difference_variance(variance_ms2)[both]
    rmssd_ms = _without_error(_mean(differences**2), errors_ms2)
    if rmssd_ms is None or sdnn_ms is None:
        return rate
    lf_ms2, hf_ms2, vlf_ms2 = _bands(intervals, window_s)
    return Hrv(
        heart_rate_bpm=rate.heart_rate_bpm,
        rr_mean_ms=rate.rr_mean_ms,
        sdnn_ms=sdnn_ms,
        rmssd_ms=rmssd_ms,
        pnn50=_mean(np.abs(differences) > 1e3 * LONG_DIFFERENCE_S),
        sd1_ms=rmssd_ms / math.sqrt(2),
        sd2_ms=math.sqrt(max(0.0, 2 * sdnn_ms**2 - rmssd_ms**2 / 2)),
        vlf_ms2=vlf_ms2,
        lf_ms2=lf_ms2,
        hf_ms2=hf_ms2,
    )


def measure_rate(intervals: Intervals) -> Hrv:
    """Return heart rate and mean interval, nothing else; nothing at all from a handful of beats."""
    mean_s = intervals.mean_s()
    if mean_s is None or np.count_nonzero(intervals.valid) < MIN_INTERVALS_RATE:
        return Hrv()
    return Hrv(heart_rate_bpm=60 / mean_s, rr_mean_ms=1e3 * mean_s)


def _difference_variance(variance_ms2: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the error variance of each difference of neighbouring intervals.

    The beat between them counts twice with the same error: v1 + 4 v2 + v3. The middle one is
    taken as the mean of its neighbours' sums, which the variance of an interval holds.
    """
    return 1.5 * (variance_ms2[1:] + variance_ms2[:-1])


def _bands(
    intervals: Intervals, window_s: float
) -> tuple[float | None, float | None, float | None]:
    """Return LF, HF and VLF power in ms²; None where the window is too short or too patchy."""
    valid = intervals.valid
    covered_s = float(intervals.rr_s[valid].sum())
    if window_s < LF_HF_S or covered_s < SPECTRUM_COVERAGE * window_s:
        return None, None, None
    frequency, density = spectrum(intervals)
    if not len(frequency):
        return None, None, None

    def power(band: tuple[float, float]) -> float:
        inside = (frequency >= band[0]) & (frequency < band[1])
        return float(density[inside].sum() * (frequency[1] - frequency[0]))

    return power(LF_HZ), power(HF_HZ), power(VLF_HZ) if window_s >= VLF_S else None


def spectrum(intervals: Intervals) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return frequencies in Hz and power density in ms²/Hz of the tachogram (Welch 1967).

    Empty where it is shorter than one segment of two minutes less the edges.
    """
    valid = intervals.valid
    ends_s, rr_ms = intervals.ends_s[valid], 1e3 * intervals.rr_s[valid]
    if len(ends_s) < 3:
        return np.zeros(0), np.zeros(0)
    grid_s = np.arange(ends_s[0], ends_s[-1], 1 / TACHOGRAM_HZ)
    length = int(min(SEGMENT_S, 0.97 * (grid_s[-1] - grid_s[0])) * TACHOGRAM_HZ)
    if length < 0.9 * SEGMENT_S * TACHOGRAM_HZ:
        return np.zeros(0), np.zeros(0)
    tachogram = _smooth(grid_s, ends_s, rr_ms)
    window = np.hanning(length)
    total = np.zeros(length // 2 + 1)
    starts = range(0, len(tachogram) - length + 1, length // 2)
    for start in starts:
        part = tachogram[start : start + length]
        slope = np.polynomial.polynomial.polyfit(np.arange(length), part, 1)
        part = part - np.polynomial.polynomial.polyval(np.arange(length), slope)
        total += np.abs(np.fft.rfft(part * window)) ** 2
    density = 2 * total / (len(starts) * TACHOGRAM_HZ * float(window @ window))
    frequency = np.arange(length // 2 + 1, dtype=np.float64) * (TACHOGRAM_HZ / length)
    return frequency, density


def _smooth(
    at_s: NDArray[np.float64], times_s: NDArray[np.float64], values: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return ``values`` read at other times along a cubic Hermite curve (Catmull & Rom 1974).

    Straight lines would take a quarter of the breath's power away.
    """
    slopes = np.gradient(values, times_s)
    left = np.clip(np.searchsorted(times_s, at_s, "right") - 1, 0, len(times_s) - 2)
    width = times_s[left + 1] - times_s[left]
    part = (at_s - times_s[left]) / width
    rest = 1 - part
    return np.asarray(
        rest**2 * ((1 + 2 * part) * values[left] + part * width * slopes[left])
        + part**2 * ((1 + 2 * rest) * values[left + 1] - rest * width * slopes[left + 1])
    )


def _without_error(square_ms2: float, errors_ms2: NDArray[np.float64]) -> float | None:
    """Return the root of a mean square less the error of measurement in it.

    None where the error explains nearly all of it: then nothing is known of the heart's own.
    """
    rest_ms2 = square_ms2 - _mean(errors_ms2)
    if rest_ms2 < LEAST_SHARE * square_ms2:
        return math.sqrt(square_ms2) if square_ms2 < NEGLIGIBLE_MS**2 else None
    return math.sqrt(rest_ms2)


def _mean(values: NDArray[np.float64] | NDArray[np.bool_]) -> float:
    """Return the mean of (n,), n at least 1; numpy's own takes twice as long for so few."""
    return float(np.add.reduce(values)) / len(values)


def _variance(values: NDArray[np.float64]) -> float:
    """Return the variance of the population that (n,), n at least 2, are a sample of."""
    away = values - _mean(values)
    return float(away @ away) / (len(values) - 1)
