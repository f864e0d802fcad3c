"""Pure mixing: gains, equal-power fades, ramps and the limiter. No device, no clock."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Sound = NDArray[np.float32]
"""(n, 2), -1..1."""

MAX_BOOST_DB = 12.0
"""A whisper is not pulled up to a shout: quieter recordings stay quieter beyond this."""
UNKNOWN_GAIN_DB = -3.0
"""For a track whose loudness was never measured."""
RELEASE_PER_BLOCK = 0.02
"""How fast the limiter lets go again, as gain per block."""


def db_to_gain(db: float) -> float:
    """Return the factor of a level in dB.

    >>> round(db_to_gain(-6.02), 3)
    0.5
    """
    return float(10 ** (db / 20))


def volume_gain(percent: float) -> float:
    """Return the factor of a volume knob: 100 is 0 dB, 50 is -12 dB, 0 is silence.

    A square law comes near to how loudness is felt over a knob's useful range.
    """
    return float((min(100.0, max(0.0, percent)) / 100) ** 2)


def track_gain(
    loudness_lufs: float | None, true_peak_dbtp: float | None, target_lufs: float, limit_dbtp: float
) -> float:
    """Return the factor that brings a track to the target without its peak passing the limit.

    EBU R128: integrated loudness; EBU Tech 3344 for playing at a target level.
    """
    if loudness_lufs is None:
        return db_to_gain(UNKNOWN_GAIN_DB)
    gain_db = min(target_lufs - loudness_lufs, MAX_BOOST_DB)
    if true_peak_dbtp is not None and gain_db > 0:
        gain_db = max(0.0, min(gain_db, limit_dbtp - true_peak_dbtp))
    return db_to_gain(gain_db)


class Ramp:
    """A gain that moves evenly to each new value, so that no change can click."""

    def __init__(self, value: float) -> None:
        self._value = value
        self._goal = value
        self._frames = 0

    def to(self, goal: float, frames: int) -> None:
        """Go from the present value to ``goal`` within ``frames``."""
        self._goal = goal
        self._frames = max(0, frames)
        if frames <= 0:
            self._value = goal

    @property
    def is_still(self) -> bool:
        return self._frames == 0

    @property
    def value(self) -> float:
        return self._value

    def take(self, frames: int) -> NDArray[np.float32]:
        """Return the gain of each of the next ``frames`` frames, (frames, 1)."""
        moving = min(frames, self._frames)
        gains = np.full(frames, self._goal, np.float32)
        if moving:
            step = (self._goal - self._value) / self._frames
            gains[:moving] = self._value + step * np.arange(1, moving + 1)
            self._value = float(gains[moving - 1])
            self._frames -= moving
        if self._frames == 0:
            self._value = self._goal
        return gains[:, None]


class Fade:
    """An equal-power fade in or out: two at once keep the power of unlike music."""

    def __init__(self, frames: int, out: bool, start: float = 0.0) -> None:
        """``start``: the share of the fade that is done already."""
        self._frames = max(1, frames)
        self._done = round(start * self._frames)
        self._out = out

    @property
    def is_over(self) -> bool:
        return self._done >= self._frames

    @property
    def share(self) -> float:
        """How much of the fade is done, 0..1."""
        return min(1.0, self._done / self._frames)

    def take(self, frames: int) -> NDArray[np.float32]:
        """Return the gain of each of the next ``frames`` frames, (frames, 1)."""
        at = np.minimum(self._done + np.arange(1, frames + 1), self._frames) / self._frames
        self._done += frames
        angle = at * (math.pi / 2)
        gains = np.cos(angle) if self._out else np.sin(angle)
        return gains.astype(np.float32)[:, None]


class Limiter:
    """Keeps peaks below the ceiling; looks one block ahead so that its gain only ever ramps."""

    def __init__(self, ceiling: float, block_frames: int) -> None:
        self._ceiling = ceiling
        self._waiting: Sound = np.zeros((block_frames, 2), np.float32)
        self._needed = 1.0
        self._gain = 1.0

    def push(self, block: Sound) -> Sound:
        """Take a block and return the one before it, limited."""
        peak = float(np.abs(block).max(initial=0.0))
        needed_next = min(1.0, self._ceiling / peak) if peak > 0 else 1.0
        end = min(self._needed, needed_next, self._gain + RELEASE_PER_BLOCK)
        ramp = np.linspace(self._gain, end, len(self._waiting), dtype=np.float32)[:, None]
        limited: Sound = self._waiting * ramp
        self._waiting, self._needed, self._gain = block, needed_next, end
        return limited
