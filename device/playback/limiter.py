"""A look-ahead true-peak limiter on blocks: holds peaks below the limit without distortion.

The gain is worked out for sub-blocks of 32 frames: the smallest gain that the sub-blocks of the
look-ahead need is approached in a straight line and reached before the peak arrives, then let
go exponentially. True peaks are estimated as in ITU-R BS.1770-4, annex 2: four-fold
oversampling, here with 24 taps a phase: the 12 of the standard miss up to 0.5 dB more on noise.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SUB_BLOCK = 32
LOOK_AHEAD = 8
"""Sub-blocks: 256 frames, 5.8 ms at 44.1 kHz; shorter sounds rough on bass."""

RELEASE_S = 0.2
PHASES = 4
TAPS = 24
MARGIN_DB = 0.3
"""What the estimate may miss: measured against FFmpeg's meter on bursts of white noise."""


def _oversampler() -> NDArray[np.float32]:
    """Return the polyphase filters (4, 24): a windowed sinc cut at the original Nyquist rate."""
    length = PHASES * TAPS
    at = (np.arange(length) - (length - 1) / 2) / PHASES
    taps = np.sinc(at) * np.kaiser(length, 4.0)
    phases = taps.reshape(TAPS, PHASES).T
    scaled: NDArray[np.float32] = (phases / phases.sum(axis=1, keepdims=True)).astype(np.float32)
    return scaled


class Limiter:
    """Delays by ``delay_frames`` and keeps true peaks at or below ``limit_dbtp``.

    Blocks must be a multiple of ``SUB_BLOCK`` frames long.
    """

    delay_frames = SUB_BLOCK * LOOK_AHEAD

    def __init__(self, limit_dbtp: float, rate_hz: int) -> None:
        self._limit = 10.0 ** ((limit_dbtp - MARGIN_DB) / 20.0)
        self._release = 1.0 - float(np.exp(-SUB_BLOCK / (RELEASE_S * rate_hz)))
        self._filters = _oversampler()
        self._past = np.zeros((TAPS - 1, 2), np.float32)
        self._delayed = np.zeros((self.delay_frames, 2), np.float32)
        self._needs = [1.0] * (LOOK_AHEAD + 1)
        self._gain = 1.0

    def process(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the limited sound of ``delay_frames`` ago, as long as ``block``."""
        peaks = self._peaks(block)
        sound = np.concatenate([self._delayed, block])
        self._delayed = sound[len(block) :]
        sound = sound[: len(block)]
        if self._gain == 1.0 and min(self._needs) == 1.0 and float(peaks.max()) <= self._limit:
            return sound
        limited: NDArray[np.float32] = sound * self._gains(peaks)
        # The estimate of a true peak may fall short by a hair; the converter may not wrap.
        return np.clip(limited, -1.0, 1.0)

    def _peaks(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the true peak of every sub-block, over both channels."""
        joined = np.concatenate([self._past, block])
        self._past = joined[len(block) :]
        level = np.abs(block).max(axis=1)
        # Interpolated peaks exceed the samples by 6 dB at most in music: below, none can pass.
        if float(np.abs(joined).max()) * 2.0 > self._limit:
            windows = np.lib.stride_tricks.sliding_window_view(joined, TAPS, axis=0)
            between = np.abs(windows @ self._filters.T)
            level = np.maximum(level, between.max(axis=(1, 2)))
        peaks: NDArray[np.float32] = level.reshape(-1, SUB_BLOCK).max(axis=1)
        return peaks

    def _gains(self, peaks: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the gain of every frame (n, 1)."""
        corners = [self._gain]
        for peak in peaks.tolist():
            need = 1.0 if peak <= self._limit else self._limit / peak
            # The filter sees a peak up to half its length late: in the sub-block before.
            self._needs[-1] = min(self._needs[-1], need)
            self._needs.append(need)
            del self._needs[0]
            corners.append(self._next_gain(corners[-1]))
        self._gain = 1.0 if corners[-1] > 0.99999 else corners[-1]
        within = np.arange(1, SUB_BLOCK + 1, dtype=np.float32) / SUB_BLOCK
        edges = np.asarray(corners, np.float32)
        gains: NDArray[np.float32] = (edges[:-1, None] + np.diff(edges)[:, None] * within).astype(
            np.float32
        )
        return gains.reshape(-1, 1)

    def _next_gain(self, gain: float) -> float:
        """Return the gain at the end of the sub-block that plays now.

        ``needs[k]`` is what the sub-block k after the one that plays asks for: its gain must
        be reached when it begins, k sub-blocks from now.
        """
        released = gain + (1.0 - gain) * self._release
        lines = (gain + (need - gain) / max(1, ahead) for ahead, need in enumerate(self._needs))
        return min(released, *lines)
