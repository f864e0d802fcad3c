"""Samples as a sensor gave them -> a band-passed wave on a fine, even grid.

One pass through the spectrum does it all: the band of the pulse is cut out, and since nothing
above it is left, the wave can be read at any finer rate without error (Shannon 1949).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

Wave = NDArray[np.float64]

BAND_HZ = (0.5, 8.0)
"""The pulse and its harmonics (Elgendi et al. 2013)."""
LOW_EDGE_HZ = (0.35, 0.6)
HIGH_EDGE_HZ = (8.0, 10.5)
"""Raised-cosine edges: gain 0 .. 1 and 1 .. 0. Breathing lies below the first."""
FINE_RATE_HZ = 250.0
"""4 ms: so near to the truth that one step of Gauss-Newton finds a beat's time."""
STEP = 5
"""Fine samples per coarse one: 50 Hz is three times what the band needs."""
PAD_S = 1.5
"""Mirrored signal at both ends, so that the filter has settled where the signal begins."""
MIN_RATE_HZ, MAX_RATE_HZ = 18.0, 2000.0
"""Below 18 Hz the systolic edge is lost."""


@dataclass(frozen=True, slots=True)
class Waveform:
    """The band-passed wave; peaks are systolic."""

    fine: Wave
    """(n,), sensor units."""
    rate_hz: float
    """Of ``fine``: :data:`FINE_RATE_HZ` or a little more."""
    duration_s: float

    @property
    def coarse(self) -> Wave:
        """Every :data:`STEP`-th sample, about 50 Hz."""
        return self.fine[::STEP]

    @property
    def coarse_rate_hz(self) -> float:
        return self.rate_hz / STEP


def band_pass(samples: ArrayLike, rate_hz: float, fine_rate_hz: float = FINE_RATE_HZ) -> Waveform:
    """Return the pulse wave of evenly sampled ``samples`` (n,) without shift in time.

    At ``fine_rate_hz`` or a little more, at least 25 Hz.

    Raises ValueError for a rate outside 18..2000 Hz, values that are not finite, or less
    than a second of signal.
    """
    values = np.asarray(samples, np.float64)
    if not MIN_RATE_HZ <= rate_hz <= MAX_RATE_HZ:
        raise ValueError(f"sample rate {rate_hz:g} Hz: need {MIN_RATE_HZ:g} to {MAX_RATE_HZ:g} Hz")
    if values.ndim != 1 or len(values) < rate_hz:
        raise ValueError("less than a second of signal")
    if not np.isfinite(values).all():
        raise ValueError("the signal holds values that are not numbers")
    plan = _plan(len(values), rate_hz, fine_rate_hz)
    mirrored = np.empty(len(plan.ramp))
    end = plan.pad + len(values)
    mirrored[plan.pad : end] = values
    np.subtract(2 * values[0], values[plan.pad : 0 : -1], out=mirrored[: plan.pad])
    np.subtract(2 * values[-1], values[-2 : -plan.after - 2 : -1], out=mirrored[end:])
    # What goes out at the end comes in at the beginning: without the line that would be a step.
    mirrored -= plan.ramp * (mirrored[-1] - mirrored[0])
    spectrum = np.fft.rfft(mirrored)[: len(plan.transfer)]
    spectrum *= plan.transfer
    fine = np.fft.irfft(spectrum, plan.fine_total)[plan.first : plan.end]
    return Waveform(fine, plan.fine_rate_hz, len(values) / rate_hz)


@dataclass(frozen=True, slots=True)
class _Plan:
    """All of the filter that does not depend on the samples."""

    pad: int
    after: int
    """Mirrored samples before and after the signal."""
    ramp: Wave
    """0 .. 1 over all of them."""
    transfer: NDArray[np.complex128]
    """What the spectrum is multiplied with: gain, and the shift by a part of a fine sample."""
    fine_total: int
    fine_rate_hz: float
    first: int
    end: int
    """Of the fine samples, those that lie in the signal."""


@lru_cache(maxsize=16)
def _plan(count: int, rate_hz: float, least_fine_hz: float) -> _Plan:
    """Return how ``count`` samples become fine ones; a stream asks for the same ones for ever."""
    pad = min(round(PAD_S * rate_hz), count - 1)
    after = min(fast_length(count + 2 * pad) - count - pad, count - 1)
    total = pad + count + after
    fine_total = fast_length(int(np.ceil(total * least_fine_hz / rate_hz)))
    fine_rate_hz = fine_total * rate_hz / total
    gain = _gain(total, rate_hz)
    start = pad / rate_hz * fine_rate_hz
    first = int(np.ceil(start))
    # A part of a sample is turned in the spectrum, where that is exact.
    turn = np.exp(2j * np.pi * np.arange(len(gain)) * (start - first) / fine_total)
    transfer = gain * turn * (fine_total / total)
    ramp = np.linspace(0.0, 1.0, total)
    for array in (transfer, ramp):
        array.setflags(write=False)
    end = first + int((count - 1) / rate_hz * fine_rate_hz) + 1
    return _Plan(pad, after, ramp, transfer, fine_total, fine_rate_hz, first, end)


def even_out(times_s: ArrayLike, samples: ArrayLike) -> tuple[Wave, float]:
    """Return unevenly timed samples on an even grid, and its rate in Hz.

    Straight lines between the samples; a phone's camera drifts by some ms from frame to frame.
    Raises ValueError where time does not go forward.
    """
    times, values = np.asarray(times_s, np.float64), np.asarray(samples, np.float64)
    steps = np.diff(times)
    if len(times) < 2 or not (steps > 0).all():
        raise ValueError("the times do not go forward")
    rate_hz = float(1 / np.median(steps))
    grid = np.arange(times[0], times[-1], 1 / rate_hz)
    return np.interp(grid, times, values), rate_hz


def _gain(total: int, rate_hz: float) -> Wave:
    """Return the filter's gain up to its upper edge."""
    frequency = np.fft.rfftfreq(total, 1 / rate_hz)
    frequency = frequency[frequency <= HIGH_EDGE_HZ[1]]
    rise = np.clip((frequency - LOW_EDGE_HZ[0]) / (LOW_EDGE_HZ[1] - LOW_EDGE_HZ[0]), 0, 1)
    top_hz = min(HIGH_EDGE_HZ[1], rate_hz / 2)
    foot_hz = min(HIGH_EDGE_HZ[0], 0.8 * top_hz)
    fall = np.clip((top_hz - frequency) / (top_hz - foot_hz), 0, 1)
    gain: Wave = (0.5 - 0.5 * np.cos(np.pi * rise)) * (0.5 - 0.5 * np.cos(np.pi * fall))
    return gain


@lru_cache(maxsize=64)
def fast_length(least: int) -> int:
    """Return the next length whose prime factors are 2, 3 and 5: quick to transform."""
    best = 1 << (least - 1).bit_length()
    fives = 1
    while fives < best:
        threes = fives
        while threes < best:
            twos = threes
            while twos < least:
                twos *= 2
            best = min(best, twos)
            threes *= 3
        fives *= 5
    return best
