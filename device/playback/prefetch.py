"""Decodes a file ahead of time in a thread of its own, into a bounded store."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from device.playback.decode import DecodeError, SoundFile

log = logging.getLogger(__name__)

SILENT_MAX_S = 15.0
"""A disk that sleeps takes some ten seconds to wake; where one takes longer another track is tried
on it, which finds it awake."""
DECODER = "decode"
MOST_DECODERS = 32
"""Threads, in this process: the deck wants eight or so, those that hang come on top."""


class Prefetch:
    """Sound of one file, decoded up to ``ahead_frames`` before it is read.

    The store hides a disk that has to wake up, and shows the true end of a file that lies
    about its length early enough for a crossfade. Never blocks the reader: a disk or a share
    that hangs ends the sound, with an error that says so.
    """

    def __init__(
        self,
        path: Path,
        rate_hz: int,
        start_s: float,
        end_s: float | None,
        ahead_frames: int,
        within: Sequence[Path] = (),
    ) -> None:
        self._path = path
        self._rate_hz = rate_hz
        self._start_s = start_s
        self._end_s = end_s
        self._ahead = ahead_frames
        self._within = within
        self._changed = threading.Condition()
        self._blocks: deque[NDArray[np.float32]] = deque()
        self._available = 0
        self._read = 0
        self._expected: int | None = None
        self._ended = False
        self._closed = False
        self._error = ""
        self._reads_since: float | None = time.monotonic()
        """None while there is no room for more."""
        if sum(one.name == DECODER for one in threading.enumerate()) >= MOST_DECODERS:
            self._give_up(f"not even tried: {MOST_DECODERS} files before it still wait to be read")
            return
        threading.Thread(target=self._decode, name=DECODER, daemon=True).start()

    @property
    def available(self) -> int:
        """Frames that can be read now."""
        return self._available

    @property
    def ended(self) -> bool:
        """True when nothing more comes than what is available."""
        since = self._reads_since
        if not self._ended and since is not None and time.monotonic() - since > SILENT_MAX_S:
            self._give_up(f"nothing of it came for {SILENT_MAX_S:.0f} s")
        return self._ended

    @property
    def closed(self) -> bool:
        """True when nobody wants it any more."""
        return self._closed

    @property
    def error(self) -> str:
        """Why the sound ended before its time; empty when it did not. See ``ended``."""
        return self._error

    @property
    def remaining(self) -> int | None:
        """Frames until the end: exact when ``ended``, else as declared; None when unknown."""
        if self._ended:
            return self._available
        if self._expected is None:
            return None
        return max(self._available, self._expected - self._read)

    def read(self, frames: int) -> NDArray[np.float32]:
        """Return up to ``frames`` frames (n, 2), fewer when no more are available."""
        parts = []
        missing = frames
        with self._changed:
            while missing and self._blocks:
                block = self._blocks.popleft()
                if len(block) > missing:
                    self._blocks.appendleft(block[missing:])
                    block = block[:missing]
                parts.append(block)
                missing -= len(block)
            taken = frames - missing
            self._available -= taken
            self._read += taken
            self._changed.notify_all()
        return np.concatenate(parts) if parts else np.zeros((0, 2), np.float32)

    def in_hand(self) -> NDArray[np.float32]:
        """Return all that can be read now, without taking it."""
        with self._changed:
            blocks = list(self._blocks)
        return np.concatenate(blocks) if blocks else np.zeros((0, 2), np.float32)

    def wait(self, frames: int, timeout_s: float) -> bool:
        """Wait until ``frames`` are available or the end is known (offline rendering)."""
        with self._changed:
            return self._changed.wait_for(
                lambda: self._available >= frames or self._ended, timeout_s
            )

    def close(self) -> None:
        """Stop decoding and forget the store."""
        with self._changed:
            self._closed = True
            self._blocks.clear()
            self._changed.notify_all()

    def _decode(self) -> None:
        error = ""
        try:
            with SoundFile(
                self._path, self._rate_hz, self._start_s, self._end_s, self._within
            ) as sound:
                self._expect(sound.duration_s)
                for block in sound.blocks():
                    if not self._store(block):
                        return
        except DecodeError as raised:
            error = str(raised)
        except Exception as raised:  # whatever a decoder throws is a fault of this one file
            log.exception("decoder of %s", self._path)
            error = f"{self._path}: cannot be played: {type(raised).__name__}"
        finally:
            self._end(error)

    def _give_up(self, why: str) -> None:
        """End without the decoder: a thread that waits in the kernel cannot be ended."""
        self._end(f"{self._path}: {why}: does its disk or network share hang?")

    def _end(self, error: str) -> None:
        with self._changed:
            if not self._ended:
                self._error = error
                self._ended = True
            self._changed.notify_all()

    def _expect(self, duration_s: float | None) -> None:
        if duration_s is None:
            return
        end_s = duration_s if self._end_s is None else min(duration_s, self._end_s)
        self._expected = max(0, round((end_s - self._start_s) * self._rate_hz))

    def _store(self, block: NDArray[np.float32]) -> bool:
        """Add a block, waiting while the store is full; False when nobody wants it."""
        with self._changed:
            self._reads_since = None
            self._changed.wait_for(
                lambda: self._available < self._ahead or self._closed or self._ended
            )
            if self._closed or self._ended:
                return False
            self._blocks.append(block)
            self._available += len(block)
            self._reads_since = time.monotonic()
            self._changed.notify_all()
            return True
