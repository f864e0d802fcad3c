"""How a track ends by itself, and what that asks of the crossfade.

A song that fades out on its own leaves a hole when it is faded once more: the next one is let in
as the song makes room. Where it does not fade the crossfade is the usual one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

STEP_S = 0.1
LEVEL_STEPS = 4
"""Levels are those of 0.4 s, as the momentary loudness of EBU Tech 3341."""

FADED = 0.3
"""Share of its amplitude (-10 dB, half as loud: Stevens 1955) from which a song that does not come
back makes way."""

EARLIER_S = 4.0
"""So much before the usual time the next song may begin, at most."""

ENTRY_S = 1.0
"""Quicker than this the next one does not reach its full level."""


@dataclass(frozen=True, slots=True)
class Ending:
    """The end of a track: how much of its level is left."""

    shares: NDArray[np.float64]
    """(n,) amplitudes of the sound still to come, over the loudest in hand, each of a stretch of
    ``step`` frames up to the end; never rising."""
    step: int

    @classmethod
    def of(cls, sound: NDArray[np.float32], rate_hz: int) -> Ending:
        """Return the ending of a track whose last frames are ``sound`` (n, 2)."""
        step = round(STEP_S * rate_hz)
        last = sound[len(sound) % step :]
        if not last.any():
            return cls(np.ones(1), step)
        # In float32 the square of a tail below 1e-23, as reverberations leave it, is 0.
        power = np.square(last, dtype=np.float64).mean(axis=1).reshape(-1, step).mean(axis=1)
        around = np.convolve(power, np.full(LEVEL_STEPS, 1 / LEVEL_STEPS))[: len(power)]
        to_come = np.maximum.accumulate(around[::-1])[::-1]
        return cls(np.sqrt(to_come / to_come[0]), step)

    def crossfade_frames(self, usual: int, rate_hz: int) -> int:
        """Return how many frames before the end the next track may begin, ``usual`` or more."""
        faded = self.step * int(np.count_nonzero(self.shares < FADED))
        return max(usual, min(faded, usual + min(usual, round(EARLIER_S * rate_hz))))

    def course(self, frames: int, rate_hz: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the levels of both fades, evenly spread over the last ``frames``.

        Of the track that ends, and of the one that begins: together they have the power of one.
        """
        count = -(-frames // self.step)
        at = frames / count * np.arange(1, count + 1)
        known_at = frames - self.step * np.arange(len(self.shares) - 1, -1, -1)
        left = np.interp(at, known_at, self.shares)
        made_way = np.minimum(np.arccos(left) * (2 / np.pi), at / (ENTRY_S * rate_hz))
        begins = np.maximum(at / frames, made_way)
        gains = np.minimum(1.0, np.cos(begins * (np.pi / 2)) / np.maximum(left, 1e-6))
        ends = np.arcsin(np.maximum(gains, 0.0)) * (2 / np.pi)
        begins[-1], ends[-1] = 1.0, 0.0
        return ends, begins
