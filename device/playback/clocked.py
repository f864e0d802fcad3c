"""Outputs without a device: nothing at all, or a WAV file, paced by the clock."""

from __future__ import annotations

import contextlib
import itertools
import logging
import time
import wave
from collections.abc import Callable
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from device.asker import give_to_asker

log = logging.getLogger(__name__)

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

    What is there already is kept, be it of an audio process that crashed: ``out-2.wav`` follows on
    ``out.wav``, and on a file that is full. ``clock`` None writes as fast as it can.
    """

    def __init__(self, path: Path, clock: Callable[[], float] | None) -> None:
        self.rate_hz = DEFAULT_RATE_HZ
        self.latency_s = BUFFER_S if clock else 0.0
        path.parent.mkdir(parents=True, exist_ok=True)
        self._pacer = Pacer(clock, self.rate_hz, BUFFER_S) if clock else None
        self._rng = np.random.default_rng(0)
        self._path = path
        self._begin()

    def _begin(self) -> None:
        self._raw = _open_new(self._path)
        self._bytes = 0  # Only now: where none can be begun the one before stays what it is.
        self.name = self._raw.name
        self._file = wave.open(self._raw, "wb")  # noqa: SIM115 - closed by close()
        self._file.setnchannels(2)
        self._file.setsampwidth(2)
        self._file.setframerate(self.rate_hz)

    def write(self, block: NDArray[np.float32]) -> bool:
        in_time = self._pacer.wait() if self._pacer else True
        if self._bytes + 4 * len(block) > WAV_MAX_BYTES:
            self.close()
            self._begin()
        self._file.writeframes(self._to_int16(block))
        if not self._bytes and self.name != str(self._path):
            log.warning("%s is kept; the sound is recorded in %s", self._path, self.name)
        self._bytes += 4 * len(block)
        if self._pacer:
            self._pacer.add(len(block))
        return in_time

    def finish(self) -> None:
        """All of it is in the file already."""
        self.close()

    def close(self) -> None:
        with contextlib.suppress(OSError):  # On a full disk; what was written is whole.
            self._file.close()
        with contextlib.suppress(OSError):
            self._raw.close()
        if not self._bytes and Path(self.name).is_file():
            Path(self.name).unlink()  # Else a full disk would be filled with names.

    def _to_int16(self, block: NDArray[np.float32]) -> bytes:
        """Triangular dither of one step (Lipshitz 1992), but digital silence stays silent."""
        if not block.any():
            return bytes(4 * len(block))
        dither = self._rng.random(block.shape, np.float32) - self._rng.random(
            block.shape, np.float32
        )
        scaled = np.clip(np.rint(block * 32767.0 + dither), -32768, 32767)
        return scaled.astype("<i2").tobytes()


def _open_new(path: Path) -> IO[bytes]:
    """Open ``path``, or where it holds something already the next that is free; raises OSError."""
    place, numbers = path, itertools.count(2)
    while True:
        try:
            file = place.open("xb")
        except FileExistsError:
            if place == path and not (path.is_file() and path.stat().st_size):
                return path.open("wb")  # An empty one, or none at all, which it says itself.
            place = path.with_stem(f"{path.stem}-{next(numbers)}")
        else:
            give_to_asker(file.fileno())
            return file
