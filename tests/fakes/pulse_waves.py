"""Pulse waves with known beats, and the blocks a sensor would send of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from device.readings import PpgBlock, frozen
from firmware_bridge.simulated_finger import (
    RATE_HZ,
    Phase,
    beat_times,
    simulated_finger,
    wave_of,
)

SYSTOLE_S = 0.16
"""From the heart's beat to the top of the wave (see ``simulated_finger``)."""


@dataclass(frozen=True, slots=True)
class Pulse:
    """A wave and the truth about it."""

    samples: NDArray[np.float64]
    rate_hz: float
    peaks_s: NDArray[np.float64]

    @property
    def heart_rate_bpm(self) -> float:
        return 60 / float(np.diff(self.peaks_s).mean())

    @property
    def rmssd_ms(self) -> float:
        return 1e3 * float(np.sqrt(np.mean(np.diff(self.peaks_s, 2) ** 2)))

    @property
    def sdnn_ms(self) -> float:
        return 1e3 * float(np.diff(self.peaks_s).std(ddof=1))


def pulse(
    duration_s: float = 60,
    rate_bpm: float = 68,
    seed: int = 100,
    breath_ms: float = 30,
    wave_ms: float = 20,
    noise: float = 0.012,
    every: int = 1,
) -> Pulse:
    """Return a steady pulse; ``every`` takes every n-th sample of 100 Hz."""
    phases = (
        Phase(0, rate_bpm, breath_ms, wave_ms),
        Phase(duration_s, rate_bpm, breath_ms, wave_ms),
    )
    samples = simulated_finger(phases, seed, noise).astype(np.float64)
    peaks_s = np.array(beat_times(phases, seed)) + SYSTOLE_S
    return Pulse(samples[::every], RATE_HZ / every, peaks_s[peaks_s < duration_s - 0.2])


def fibrillating(seed: int, rate_bpm: float, spread: float, duration_s: float = 60) -> Pulse:
    """Return a pulse whose intervals know nothing of each other; ``spread`` over their mean.

    Gamma distributed (positive, skewed, independent), and none shorter than 0.3 s.
    """
    rng = np.random.default_rng(seed)
    shape = spread**-2
    rr_s = np.maximum(0.3, rng.gamma(shape, 60 / rate_bpm / shape, int(6 * duration_s)))
    beats_s = np.cumsum(rr_s)
    time_s = np.arange(int(duration_s * RATE_HZ)) / RATE_HZ
    wave = wave_of(beats_s[beats_s < duration_s], time_s)
    wave += 0.02 * rng.standard_normal(len(wave))
    peaks_s = beats_s + SYSTOLE_S
    return Pulse(wave, RATE_HZ, peaks_s[peaks_s < duration_s - 0.2])


def with_second_waves(rate_bpm: float, second: float, delay_s: float, seed: int = 1) -> Pulse:
    """Return 75 s of a pulse whose beats have a second wave, ``second`` of the first in height and
    ``delay_s`` later; the breath moves the beats by 4 %, chance by 1 %."""
    rng = np.random.default_rng(seed)
    rr_s = 60 / rate_bpm * (1 + 0.01 * rng.standard_normal(240))
    peaks_s = 0.4 + np.cumsum(rr_s * (1 + 0.04 * np.sin(np.pi / 2 * np.cumsum(rr_s))))
    wave = _of_two_parts(peaks_s, np.ones(240), second, delay_s)
    return Pulse(wave + 0.02 * rng.standard_normal(len(wave)), RATE_HZ, peaks_s[peaks_s < 74.8])


def pairs_of_beats(strength: float, early_s: float = 0.55) -> NDArray[np.float64]:
    """Return 75 s at 75 beats a minute of which every second one is early and weaker."""
    at_s = 0.4 + np.cumsum(np.tile([early_s, 1.6 - early_s], 46))
    return _of_two_parts(at_s, np.tile([strength, 1.0], 46), 0.42, 0.24)


def _of_two_parts(
    peaks_s: NDArray[np.float64], heights: NDArray[np.float64], second: float, delay_s: float
) -> NDArray[np.float64]:
    since_s = np.arange(int(75 * RATE_HZ))[:, None] / RATE_HZ - peaks_s
    beats = np.exp(-0.5 * (since_s / 0.065) ** 2)
    beats += second * np.exp(-0.5 * ((since_s - delay_s) / 0.085) ** 2)
    return np.asarray(beats @ heights, np.float64)


def blocks(
    samples: NDArray[np.float64],
    rate_hz: float = RATE_HZ,
    *,
    size: int = 20,
    finger_on: bool | None = True,
    start_s: float = 0.0,
) -> Iterator[PpgBlock]:
    """Yield the samples in blocks of ``size`` that arrive when their last sample is taken."""
    for number, first in enumerate(range(0, len(samples), size)):
        part = np.asarray(samples[first : first + size], np.float32)
        yield PpgBlock(
            seq=number,
            received_at=start_s + (first + len(part)) / rate_hz,
            sample_rate_hz=rate_hz,
            samples=frozen(part.copy()),
            finger_on=finger_on,
            gap_before=number == 0,
            device_time_s=first / rate_hz,
        )
