"""The wave -> beats: where each is, how exactly that is known, and whether to believe it.

What stands out as a systole does, guarded by the period of the whole wave against half and
double rate, is fitted with the person's own mean beat.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from device.sensing.pulse.doubt import MANY_UNSEEN, SECOND_WAVE_S, holds_second_waves, unseen_before
from device.sensing.pulse.fit import SHAPE_S, Fit, fit_beats
from device.sensing.pulse.order import median
from device.sensing.pulse.rhythm import SAME_SYSTOLES, rhythm
from device.sensing.pulse.systoles import even_power, find_systoles, highest_within
from device.sensing.pulse.waveform import STEP, Waveform


@dataclass(frozen=True, slots=True)
class Beats:
    """Beats in the order of time; all arrays (n,)."""

    times_s: NDArray[np.float64]
    """Systolic peak, since the first sample."""
    jitter_s: NDArray[np.float64]
    """Standard error of each time."""
    match: NDArray[np.float64]
    """Correlation -1..1 with the mean beat."""
    good: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.times_s)


def no_beats() -> Beats:
    """Return nothing, where there is nothing."""
    empty = np.zeros(0)
    return Beats(empty, empty, empty, np.zeros(0, np.bool_))


def find_beats(wave: Waveform) -> Beats:
    """Return the beats of ``wave``; none where there is no rhythm."""
    rate_hz = wave.coarse_rate_hz
    coarse = even_power(wave.coarse, rate_hz)
    systoles = find_systoles(coarse, rate_hz)
    if len(systoles) < 3:
        return no_beats()
    period_s = rhythm(coarse, rate_hz, usual_step_s(systoles, rate_hz)).period_s
    if period_s is None:
        return no_beats()
    peaks = highest_within(systoles, coarse, same_beat_s(period_s) * rate_hz)
    peaks = inside(peaks, len(coarse), rate_hz)
    fit = fit_beats(wave.fine, wave.rate_hz, peaks * STEP, period_s) if len(peaks) >= 3 else None
    return beats_of(fit, 0.0, wave.rate_hz, unseen_before(coarse, peaks, rate_hz))


SAME_BEAT = 0.5
"""Of a period: of two systoles nearer to each other the higher one is a beat. Where every second
beat comes early, the wave repeats as pairs: what lies half of that period apart are two beats, and
left out they would be half of the rate. So none farther apart than a second wave are one."""
MOST_STEPS = 0.6
"""Share of the steps from one systole to the next that must be alike for one to be usual: where
second waves stand out too, the steps are of two kinds, of which neither is more than half."""


def same_beat_s(period_s: float) -> float:
    """Return how near to each other two systoles of a pulse are parts of one beat."""
    return min(SAME_BEAT * period_s, SECOND_WAVE_S)


def usual_step_s(systoles: NDArray[np.int64], rate_hz: float) -> float | None:
    """Return the time from one of (n,) samples to the next; None where it has no usual one."""
    if len(systoles) < 2:
        return None
    steps_s = (systoles[1:] - systoles[:-1]) / rate_hz
    usual_s = median(steps_s)
    alike = np.count_nonzero(np.abs(steps_s - usual_s) < SAME_SYSTOLES * usual_s)
    return usual_s if alike >= MOST_STEPS * len(steps_s) else None


def inside(peaks: NDArray[np.int64], count: int, rate_hz: float) -> NDArray[np.int64]:
    """Return the peaks whose beat lies within ``count`` coarse samples."""
    reach = edge(rate_hz)
    return peaks[(peaks >= reach) & (peaks < count - reach)]


def edge(rate_hz: float) -> int:
    """Return how many coarse samples a beat needs on either side."""
    return int(np.ceil(max(-SHAPE_S[0], SHAPE_S[1]) * rate_hz)) + 2


def beats_of(
    fit: Fit | None,
    starts_s: float | NDArray[np.float64],
    rate_hz: float,
    unseen: NDArray[np.bool_],
) -> Beats:
    """Return the fitted beats; ``starts_s`` is when the wave began that each was read in.

    None is good where it is open how often the heart has beaten: where second waves may be among
    them, or before many of them there is one ``unseen``.
    """
    if fit is None:
        return no_beats()
    times_s = starts_s + fit.at / rate_hz + fit.shift_s
    good = fit.good
    many_unseen = np.count_nonzero(unseen) > MANY_UNSEEN * len(unseen)
    if many_unseen or holds_second_waves(times_s, fit.height):
        good = np.zeros(len(times_s), np.bool_)
    return Beats(times_s, fit.error_s, fit.match, good)
