"""Gains and how they move: loudness, volume, ducking, pause and the equal-power crossfade.

Pure numpy on blocks of float32 (n, 2). Every gain moves continuously from sample to sample,
whatever is asked of it in the middle of a move: that is what keeps clicks out.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MUTE_DB = -80.0
"""At and below this a gain is exactly 0: one step of 16-bit sound lies at -90 dBFS."""

MOST_BOOST_DB = 15.0
"""A recording of -31 LUFS (quiet classical music) still reaches -16 LUFS."""

MOST_LIMITING_DB = 8.0
"""How far peaks may be raised over the limit for the sake of equal loudness; the look-ahead
limiter takes them back. Music with a peak-to-loudness ratio up to 23 dB reaches -16 LUFS."""


def volume_db(percent: float) -> float:
    """Return the gain of a volume control position 0..100: cubic taper, 100 is 0 dB.

    The cube of the position follows loudness well down to -60 dB (at 10 %); the same law as
    PulseAudio's ``pa_sw_volume_from_linear``.
    """
    if percent <= 0:
        return MUTE_DB
    return max(MUTE_DB, 60.0 * float(np.log10(min(percent, 100.0) / 100.0)))


def loudness_gain_db(
    loudness_lufs: float | None,
    true_peak_dbtp: float | None,
    target_lufs: float,
    true_peak_limit_dbtp: float,
) -> float:
    """Return the gain in dB that brings a track to the target loudness (EBU R128).

    0 where the loudness is not known. A boost is bounded by the true peak (see
    ``MOST_LIMITING_DB``), a cut is not.
    """
    if loudness_lufs is None:
        return 0.0
    gain_db = min(target_lufs - loudness_lufs, MOST_BOOST_DB)
    if true_peak_dbtp is not None:
        room_db = true_peak_limit_dbtp + MOST_LIMITING_DB - true_peak_dbtp
        gain_db = min(gain_db, max(0.0, room_db))
    return gain_db


def amplitude(gain_db: float) -> float:
    """Return the factor of a gain in dB; exactly 0 at ``MUTE_DB``."""
    return 0.0 if gain_db <= MUTE_DB else float(10.0 ** (gain_db / 20.0))


class DecibelRamp:
    """A gain that glides linearly in dB; between mute and sound linearly in amplitude.

    (A glide in dB up from silence is inaudible for most of its time.)
    """

    def __init__(self, gain_db: float) -> None:
        self._now = amplitude(gain_db)
        self._goal = self._now
        self._left = 0

    def to(self, gain_db: float, frames: int) -> None:
        """Glide to ``gain_db`` within ``frames``, from wherever the gain is now."""
        self._goal = amplitude(gain_db)
        self._left = max(1, frames)
        if self._goal == self._now:
            self._left = 0

    def jump(self, gain_db: float) -> None:
        """Be at ``gain_db`` at once: only where nothing sounds."""
        self._now = self._goal = amplitude(gain_db)
        self._left = 0

    @property
    def frames_left(self) -> int:
        """Frames until the goal is reached; 0 when it is."""
        return self._left

    @property
    def silent(self) -> bool:
        """True when the gain is 0 and stays there."""
        return self._left == 0 and self._goal == 0.0

    def gains(self, frames: int) -> NDArray[np.float32] | float:
        """Return the next gains: (frames, 1), or one number where nothing moves."""
        if self._left == 0:
            return self._goal
        steps = np.minimum(np.arange(1, frames + 1), self._left) / self._left
        if self._now > 0 and self._goal > 0:
            path = self._now * (self._goal / self._now) ** steps
        else:
            path = self._now + (self._goal - self._now) * steps
        self._left = max(0, self._left - frames)
        self._now = float(path[-1]) if self._left else self._goal
        return path.astype(np.float32)[:, None]


class EqualPowerFade:
    """A crossfade's gain: the sine of an angle that moves linearly.

    Two of them moving in opposite ways have gains sin and cos, so the power of unrelated
    sounds stays constant; interrupted anywhere, the gain goes on without a step.
    """

    def __init__(self, level: float = 0.0) -> None:
        self._level = level
        self._corners = np.array([level])
        self._frames = self._at = 0

    def to(self, level: float, frames: int) -> None:
        """Move to ``level`` (0 silent .. 1 full) within ``frames``."""
        self.along(np.array([level]), frames)

    def along(self, levels: NDArray[np.float64], frames: int) -> None:
        """Move through ``levels``, evenly spread over ``frames``; the last one stays."""
        self._corners = np.concatenate(([self._level], levels))
        self._frames, self._at = max(1, frames), 0

    @property
    def fading_out(self) -> bool:
        return bool(self._corners[-1] == 0.0)

    @property
    def full(self) -> bool:
        """True when the gain is 1 and stays there."""
        return self._level == 1.0 and bool(self._corners[-1] == 1.0)

    @property
    def silent(self) -> bool:
        """True when the gain is 0 and stays there."""
        return self._level == 0.0 and self.fading_out

    def gains(self, frames: int) -> NDArray[np.float32] | float:
        """Return the next gains: (frames, 1), or one number where nothing moves."""
        if self._at >= self._frames:
            return float(np.sin(self._level * np.pi / 2))
        legs = len(self._corners) - 1
        places = np.arange(self._at + 1, self._at + frames + 1) * (legs / self._frames)
        path = np.interp(places, np.arange(legs + 1), self._corners)
        self._at += frames
        self._level = float(self._corners[-1] if self._at >= self._frames else path[-1])
        gains: NDArray[np.float32] = np.sin(path * (np.pi / 2)).astype(np.float32)[:, None]
        return gains
