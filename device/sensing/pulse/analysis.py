"""A stretch of samples -> beats, measures, how good it is, and what to do if it is not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import ArrayLike

from device.readings import PulseAdvice
from device.sensing.pulse.beats import Beats, find_beats, no_beats
from device.sensing.pulse.hrv import Hrv, measure, measure_rate
from device.sensing.pulse.intervals import Intervals, intervals_of
from device.sensing.pulse.order import median, quantile
from device.sensing.pulse.waveform import Waveform, band_pass

MIN_WINDOW_S = 15.0
MIN_QUALITY = 0.5
EDGE_S = 1.0
"""Beats so near to the ends are not used: their neighbours are not in the window."""
MATCH_RANGE = (0.70, 0.92)
"""Usual likeness of the beats that counts as none and as full quality: noise that is cut to the
pulse's band matches its own mean by up to about 0.7."""
RATE_COVERAGE, RATE_QUALITY = 0.8, 0.7
"""Share of the time in which the beats are counted, and of the quality asked for, that the rate
alone needs. Of 45 such minutes that are too poor for variability (synthetic waves with many
movements, a finger clip against the ECG) the worst is 0.6 bpm wrong; of 800 minutes of noise,
wander and wobbling tones none gets there."""
WEAK_MATCH = 0.88
"""Likeness that not even the better beats of a badly lit finger have."""

FINGER, WARM, STILL, MORE = (
    PulseAdvice.FINGER, PulseAdvice.WARM, PulseAdvice.STILL, PulseAdvice.MORE,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class PulseAnalysis:
    """All that a stretch of signal tells."""

    duration_s: float
    quality: float
    """0..1: the share of time that usable beats cover, times how alike the beats are."""
    accepted: bool
    """All measures may be taken from it."""
    reason: str
    """Why a value is missing, in words for the person; empty when accepted."""
    hrv: Hrv = field(default_factory=Hrv)
    """Never a number from a poor window: empty unless accepted, but for the rate, which is there
    as soon as it is plain how often the heart has beaten, however badly each beat is timed."""
    beats: Beats = field(default_factory=no_beats)
    intervals: Intervals = field(default_factory=lambda: intervals_of(no_beats()))
    wave: Waveform | None = None


def analyse(
    samples: ArrayLike,
    rate_hz: float,
    *,
    breaks: Sequence[int] = (),
    min_window_s: float = MIN_WINDOW_S,
    min_quality: float = MIN_QUALITY,
) -> PulseAnalysis:
    """Return what evenly sampled ``samples`` (n,) tell.

    ``breaks`` are indices of samples before which others were lost: no interval spans them.
    Raises ValueError for a rate outside 18..2000 Hz or values that are not finite.

    >>> import numpy as np
    >>> time_s = np.arange(0, 40, 0.01)
    >>> beat = np.exp(-(((time_s % 0.8) - 0.3) / 0.09) ** 2)
    >>> round(analyse(beat, 100).hrv.heart_rate_bpm)
    75
    """
    values = np.asarray(samples, np.float64)
    duration_s = len(values) / rate_hz
    if duration_s < min(2.0, min_window_s):
        return PulseAnalysis(duration_s, 0.0, False, MORE)
    wave = band_pass(values, rate_hz)
    found = judge(
        find_beats(wave),
        duration_s,
        [index / rate_hz for index in breaks],
        min_window_s=min_window_s,
        min_quality=min_quality,
    )
    return replace(found, wave=wave)


def judge(
    beats: Beats,
    duration_s: float,
    breaks_s: Sequence[float] = (),
    *,
    min_window_s: float = MIN_WINDOW_S,
    min_quality: float = MIN_QUALITY,
) -> PulseAnalysis:
    """Return what the ``beats`` of a window tell; before each of ``breaks_s`` samples are lost."""
    intervals = intervals_of(beats, breaks_s)
    quality = _quality(beats, intervals, duration_s)
    reason = _why_not(duration_s, quality, beats, min_window_s, min_quality)
    hrv = Hrv()
    if not reason:
        hrv = measure(intervals, duration_s)
        reason = MORE if hrv.heart_rate_bpm is None else ""
    elif duration_s >= min_window_s and quality >= RATE_QUALITY * min_quality:
        counted_s = float(intervals.rr_s[intervals.stands_for > 0].sum())
        if counted_s >= RATE_COVERAGE * (duration_s - 2 * EDGE_S):
            hrv = measure_rate(intervals)
    return PulseAnalysis(
        duration_s=duration_s, quality=quality, accepted=not reason, reason=reason, hrv=hrv,
        beats=beats, intervals=intervals,
    )  # fmt: skip


def _quality(beats: Beats, intervals: Intervals, duration_s: float) -> float:
    if len(beats) < 3:
        return 0.0
    usual_match = median(beats.match)
    covered_s = float(intervals.rr_s[intervals.valid].sum())
    coverage = min(1.0, covered_s / max(1.0, duration_s - 2 * EDGE_S))
    low, high = MATCH_RANGE
    return coverage * min(1.0, max(0.0, (usual_match - low) / (high - low)))


def _why_not(
    duration_s: float, quality: float, beats: Beats, min_window_s: float, min_quality: float
) -> str:
    if len(beats) < 3:
        return FINGER if duration_s > 4 else MORE
    if quality < min_quality:
        # Movement leaves some beats as they were, a cold finger none.
        return WARM if quantile(beats.match, 0.75) < WEAK_MATCH else STILL
    return MORE if duration_s < min_window_s else ""
