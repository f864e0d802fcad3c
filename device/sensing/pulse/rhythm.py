"""How regular a stretch of wave is, and the period it repeats itself with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from device.sensing.pulse.waveform import Wave, fast_length

PERIOD_S = (0.3, 2.0)
"""30 to 200 beats a minute."""
TOO_SHORT_S = 0.22
"""A faster heart is looked for down to this period, or a multiple of its own were taken for it:
a third of the rate, with the missing beats as its variability."""


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How regular a stretch of wave is."""

    period_s: float | None
    """None where nothing repeats."""
    strength: float
    """Autocorrelation 0..1 at the period."""


MIN_STRENGTH = 0.2
"""Of a minute with artefacts; white noise stays below 0.1."""


def rhythm(coarse: Wave, rate_hz: float, systoles_s: float | None = None) -> Rhythm:
    """Return the period, 0.3 to 2 s, that a wave of even power repeats itself with.

    ``systoles_s``, where known, is the usual time between what looks like systoles: a witness.
    """
    count = min(longest_lag(rate_hz), len(coarse) // 2)
    if count < 2:
        return Rhythm(None, 0.0)
    total = fast_length(len(coarse) + count)
    spectrum = np.fft.rfft(coarse, total)
    power = np.fft.irfft(spectrum.real**2 + spectrum.imag**2, total)[:count]
    # Fewer samples overlap at longer lags: without the correction short periods would win.
    return rhythm_of(power / (1 - np.arange(count) / len(coarse)), rate_hz, systoles_s)


def longest_lag(rate_hz: float) -> int:
    """Return how many samples, at most, a wave is shifted to be compared with itself."""
    return int(PERIOD_S[1] * rate_hz)


def rhythm_of(
    autocorrelation: NDArray[np.float64], rate_hz: float, systoles_s: float | None = None
) -> Rhythm:
    """Return what :func:`rhythm` does from the products (n,) of a wave and itself 0 .. n - 1
    samples later, summed or averaged."""
    first = int(TOO_SHORT_S * rate_hz)
    if len(autocorrelation) - first < 3 or autocorrelation[0] <= 0:
        return Rhythm(None, 0.0)
    likeness = autocorrelation[first:] / autocorrelation[0]
    inner = likeness[1:-1]
    tops = 1 + np.flatnonzero((inner >= likeness[:-2]) & (inner > likeness[2:]))
    if not len(tops):
        return Rhythm(None, 0.0)
    heights, periods_s = likeness[tops], (first + tops) / rate_hz
    best = int(heights.argmax())
    strength = min(1.0, max(0.0, float(heights[best])))
    if strength < MIN_STRENGTH:
        return Rhythm(None, strength)
    best_s = float(periods_s[best])
    shares = (heights / heights[best]).tolist()
    period_s = _shortest_part(best_s, periods_s.tolist(), shares, systoles_s)
    return Rhythm(period_s if period_s >= PERIOD_S[0] - 0.5 / rate_hz else None, strength)


def lean(coarse: Wave) -> float:
    """Return how much faster a wave rises than it falls: the skewness of its slope.

    A heart fills an artery faster than it empties; a lamp's flicker or a hum, seen through the
    rate of the sensor, runs as well backwards. Negative where the wave is upside down.

    >>> time_s = np.arange(400) / 50
    >>> f"{lean(np.sin(2 * np.pi * 1.2 * time_s)):.1f}"
    '0.0'
    >>> lean(-((1.2 * time_s) % 1)) > 1  # Up at once, slowly down.
    True
    """
    slope = np.diff(coarse)
    slope -= slope.mean()
    spread = float(np.sqrt(np.mean(np.square(slope))))
    return float(np.mean(slope**3)) / spread**3 if spread > 0 else 0.0


PART, WITNESSED_PART = 0.5, 0.25
"""Share of the best likeness from which a half, third ... of the best period is the true one:
beats wax and wane with the breath, so two or three of them may be more alike than one. The wave
between two beats, where the dicrotic notch lies, is unlike them (negative, in recordings)."""
PARTS = range(2, 7)
SAME_PERIOD = 0.12
"""By so much may the part of a period be off: the intervals vary from beat to beat."""
SAME_SYSTOLES = 0.15


def _shortest_part(
    best_s: float, periods_s: Sequence[float], shares: Sequence[float], systoles_s: float | None
) -> float:
    """Return the shortest period that the best one is a whole multiple of, the best itself if
    there is none."""
    for period_s, share in zip(periods_s, shares, strict=True):
        if min(abs(best_s / part / period_s - 1) for part in PARTS) > SAME_PERIOD:
            continue
        witnessed = systoles_s is not None and abs(systoles_s / period_s - 1) < SAME_SYSTOLES
        if share > (WITNESSED_PART if witnessed else PART):
            return period_s
    return best_s
