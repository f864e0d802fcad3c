"""A finger that does not exist: minutes of pulse wave that go from calm to tense and back.

Beats follow the integral pulse frequency modulation model with respiratory sinus arrhythmia
and 0.1-Hz waves (de Boer et al. 1985; McSharry et al. 2003); each beat is a systolic Gaussian,
steeper before its top than after it, and a dicrotic one (as in Allen 2007, fig. 1). Seeded, so
every run is the same person.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RATE_HZ = 100
ADC_MIDDLE, ADC_SWING = 512, 300
BREATH_HZ = 0.25
FIRST_BEAT_S = 0.4
RISE_S, FALL_S = 0.05, 0.07
"""An artery fills faster than it empties."""


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of the visit; values change evenly to those of the next phase."""

    at_s: float
    rate_bpm: float
    breath_ms: float
    """Respiratory modulation of the interval, amplitude."""
    wave_ms: float
    """0.1-Hz modulation, amplitude."""


CALM_TO_TENSE = (
    Phase(0, 63, 45, 22),
    Phase(50, 64, 42, 22),
    Phase(110, 91, 14, 8),
    Phase(170, 93, 13, 8),
    Phase(220, 66, 38, 20),
    Phase(240, 63, 45, 22),
)
"""Four minutes: about 63 bpm and RMSSD 42 ms at rest, 92 bpm and 10 ms under stress."""


def simulated_finger(
    phases: tuple[Phase, ...] = CALM_TO_TENSE, seed: int = 7, noise: float = 0.012
) -> NDArray[np.uint16]:
    """Return the samples of all phases at :data:`RATE_HZ`, 10 bits as an Arduino reads them."""
    duration_s = phases[-1].at_s
    time_s = np.arange(int(duration_s * RATE_HZ)) / RATE_HZ
    wave = wave_of(beat_times(phases, seed), time_s)
    # Whole turns in the duration, so that the end meets the beginning.
    wander_hz = round(0.07 * duration_s) / duration_s
    wave += 0.15 * np.sin(2 * np.pi * wander_hz * time_s)
    wave += 0.06 * np.sin(2 * np.pi * BREATH_HZ * time_s)
    wave += noise * np.random.default_rng(seed + 1).standard_normal(len(time_s))
    levels = ADC_MIDDLE + ADC_SWING * (wave - 0.5)
    return np.clip(np.round(levels), 0, 1023).astype(np.uint16)


def wave_of(beats_s: Iterable[float], time_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the pulse at ``time_s``, evenly spaced, of a heart that beats at ``beats_s``."""
    wave = np.zeros_like(time_s)
    for beat_s in beats_s:
        first, last = np.searchsorted(time_s, (beat_s - 0.3, beat_s + 1.2))
        since_s = time_s[first:last] - beat_s
        width_s = np.where(since_s < 0.16, RISE_S, FALL_S)
        systolic = np.exp(-0.5 * ((since_s - 0.16) / width_s) ** 2)
        dicrotic = 0.4 * np.exp(-0.5 * ((since_s - 0.39) / 0.08) ** 2)
        strength = 1 + 0.1 * np.sin(2 * np.pi * BREATH_HZ * beat_s)
        wave[first:last] += strength * (systolic + dicrotic)
    return wave


def as_ten_bits(recording: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a recording of any unit as an Arduino would have read it, 0..1023."""
    low, high = np.percentile(recording, (1, 99))
    swung = ADC_MIDDLE + 400 * (recording - (low + high) / 2) / (high - low)
    return np.asarray(np.clip(swung, 0, 1023))


def beat_times(phases: tuple[Phase, ...], seed: int) -> list[float]:
    """Return when the heart beats, in seconds; the pulse arrives 0.16 s later."""
    rng = np.random.default_rng(seed)
    duration_s = phases[-1].at_s
    at = [phase.at_s for phase in phases]
    beats, now_s = [], FIRST_BEAT_S
    while now_s < duration_s - 0.5 * FIRST_BEAT_S:
        beats.append(now_s)
        rate_bpm = np.interp(now_s, at, [phase.rate_bpm for phase in phases])
        breath_ms = np.interp(now_s, at, [phase.breath_ms for phase in phases])
        wave_ms = np.interp(now_s, at, [phase.wave_ms for phase in phases])
        modulation_ms = (
            breath_ms * np.sin(2 * np.pi * BREATH_HZ * now_s)
            + wave_ms * np.sin(2 * np.pi * 0.1 * now_s)
            + 3 * rng.standard_normal()
        )
        now_s += float(60 / rate_bpm + modulation_ms / 1000)
    return beats
