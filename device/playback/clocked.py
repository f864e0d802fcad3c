"""Outputs without a device: nothing at all, or a WAV file, paced by the clock."""

from __future__ import annotations

import time
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

DEFAULT_RATE_HZ = 44_100
BUFFER_S = 0.25
WAV_MAX_BYTES = 4_000_000_000
"""A WAV file counts its bytes in 32 bits; 6 h of stereo."""


class Pacer:
    """Makes a sink that takes everything behave like one that plays in real time."""

    def __init__(self, clock: Callable[[], float], rate_hz: float, ahead_s: float) -> None:
        self._clock = clock
        self._rate_hz = rate_hz
        self._ahead_s = ahead_s
        self._began_at = clock()
        self._written = 0

    def wait(self) -> bool:
        """Wait for room; False when the imagined buffer had run dry before."""
        ahead_s = self._written / self._rate_hz - (self._clock() - self._began_at)
        if ahead_s > self._ahead_s:
            time.sleep(ahead_s - self._ahead_s)
        if ahead_s >= 0 or self._written == 0:
            return True
        self._began_at = self._clock()
        self._written = 0
        return False

    def add(self, frames: int) -> None:
        """Count what was written."""
        self._written += frames


class NullOutput:
    """Takes the time that playing takes, and lets the sound go."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.name = "null"
        self.rate_hz = DEFAULT_RATE_HZ
        self.latency_s = BUFFER_S
        self._pacer = Pacer(clock, self.rate_hz, BUFFER_S)

    def write(self, block: NDArray[np.float32]) -> bool:
        in_time = self._pacer.wait()
        self._pacer.add(len(block))
        return in_time

    def finish(self) -> None:
        """Nothing is on its way: nobody hears it."""

    def close(self) -> None:
        pass


class WavOutput:
    """Records what is played: 16-bit stereo; the file is whole after every block.

    ``clock`` None writes as fast as it can.
    """

    def __init__(self, path: Path, clock: Callable[[], float] | None) -> None:
        self.name = str(path)
        self.rate_hz = DEFAULT_RATE_HZ
        self.latency_s = BUFFER_S if clock else 0.0
        path.parent.mkdir(parents=True, exist_ok=True)
        self._pacer = Pacer(clock, self.rate_hz, BUFFER_S) if clock else None
        self._bytes = 0
        self._rng = np.random.default_rng(0)
        self._raw = path.open("wb")
        self._file = wave.open(self._raw, "wb")  # noqa: SIM115 - closed by close()
        self._file.setnchannels(2)
        self._file.setsampwidth(2)
        self._file.setframerate(self.rate_hz)

    def write(self, block: NDArray[np.float32]) -> bool:
        in_time = self._pacer.wait() if self._pacer else True
        self._bytes += 4 * len(block)
        if self._bytes <= WAV_MAX_BYTES:
            self._file.writeframes(self._to_int16(block))
        if self._pacer:
            self._pacer.add(len(block))
        return in_time

    def finish(self) -> None:
        """All of it is in the file already."""
        self.close()

    def close(self) -> None:
        self._file.close()
        self._raw.close()

    def _to_int16(self, block: NDArray[np.float32]) -> bytes:
        """Triangular dither of one step (Lipshitz 1992), but digital silence stays silent."""
        if not block.any():
            return bytes(4 * len(block))
        dither = self._rng.random(block.shape, np.float32) - self._rng.random(
            block.shape, np.float32
        )
        scaled = np.clip(np.rint(block * 32767.0 + dither), -32768, 32767)
        return scaled.astype("<i2").tobytes()
