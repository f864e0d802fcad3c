"""Music files -> float32 stereo at one rate, block by block (FFmpeg through PyAV)."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

CHANNELS = 2
BAD_PACKETS_ALLOWED = 20
"""A scratched file may lose this many packets in a row before it counts as broken."""
EXACT_SKIP_S = 20.0
"""Up to here a start is reached by decoding (exact to the sample), beyond by seeking."""


class DecodeError(Exception):
    """A file cannot be played; the message names it and what is wrong."""


def decode(path: Path, rate_hz: int, start_s: float = 0.0) -> Iterator[NDArray[np.float32]]:
    """Yield blocks (n, 2) of -1..1 at ``rate_hz`` from ``start_s`` on; raises DecodeError.

    Anything from mono to 7.1 is mixed to stereo and resampled by libswresample. Encoder delay
    and padding are cut by FFmpeg, so albums stay gapless.
    """
    try:
        with av.open(str(path), metadata_errors="ignore") as container:
            if not container.streams.audio:
                raise DecodeError(f"{path}: holds no sound")
            yield from _stereo(path, container, rate_hz, start_s)
    except FileNotFoundError as error:
        raise DecodeError(f"{path}: the file is gone") from error
    except (av.FFmpegError, OSError, ValueError) as error:
        raise DecodeError(f"{path}: cannot be played: {error}") from error


def _stereo(
    path: Path, container: av.container.InputContainer, rate_hz: int, start_s: float
) -> Iterator[NDArray[np.float32]]:
    resampler = av.AudioResampler(format="flt", layout="stereo", rate=rate_hz)
    skip = round(start_s * rate_hz)
    if start_s > EXACT_SKIP_S:
        container.seek(int(start_s * 1_000_000))
        skip = 0
    empty = True
    for frame in _frames(path, container):
        for block in _resampled(resampler, frame):
            empty = False
            if skip < len(block):
                yield block[skip:]
            skip = max(0, skip - len(block))
    for block in _resampled(resampler, None):
        yield block[min(skip, len(block)) :]
    if empty:
        raise DecodeError(f"{path}: no sound could be decoded; is the file cut off or mislabelled?")


def _frames(path: Path, container: av.container.InputContainer) -> Iterator[av.AudioFrame]:
    bad = 0
    stream = container.streams.audio[0]
    for packet in container.demux(stream):
        try:
            frames = packet.decode()
        except av.InvalidDataError as error:
            bad += 1
            if bad > BAD_PACKETS_ALLOWED:
                raise DecodeError(f"{path}: the file is damaged: {error}") from error
            continue
        for frame in frames:
            if isinstance(frame, av.AudioFrame):
                bad = 0
                yield frame


def _resampled(
    resampler: av.AudioResampler, frame: av.AudioFrame | None
) -> Iterator[NDArray[np.float32]]:
    for out in resampler.resample(frame):
        block = np.asarray(out.to_ndarray(), np.float32).reshape(-1, CHANNELS)
        if len(block):
            yield np.nan_to_num(block)


class Deck:
    """One track on the way to the mixer, decoded a little ahead so that its end is known."""

    def __init__(
        self, path: Path, rate_hz: int, start_s: float, tail_silence_s: float, ahead_s: float
    ) -> None:
        self.path = path
        self._blocks = decode(path, rate_hz, start_s)
        self._ready: deque[NDArray[np.float32]] = deque()
        self._frames_ready = 0
        self._tail = round(tail_silence_s * rate_hz)
        self._ahead = round(ahead_s * rate_hz) + self._tail
        self._ended = False

    def fill(self) -> None:
        """Decode up to the look-ahead; raises DecodeError."""
        while not self._ended and self._frames_ready < self._ahead:
            block = next(self._blocks, None)
            if block is None:
                self._ended = True
                self._cut(self._tail)
            else:
                self._ready.append(block)
                self._frames_ready += len(block)

    def take(self, frames: int) -> NDArray[np.float32]:
        """Return up to ``frames`` frames (n, 2); fewer only at the end."""
        self.fill()
        parts, wanted = [], frames
        while wanted and self._ready:
            block = self._ready.popleft()
            if len(block) > wanted:
                self._ready.appendleft(block[wanted:])
                block = block[:wanted]
            parts.append(block)
            wanted -= len(block)
        self._frames_ready -= frames - wanted
        return np.concatenate(parts) if parts else np.zeros((0, CHANNELS), np.float32)

    @property
    def frames_left(self) -> int | None:
        """How many frames there are until the end; None while it is not in sight."""
        return self._frames_ready if self._ended else None

    def close(self) -> None:
        """Let go of the file."""
        self._blocks.close()  # type: ignore[attr-defined]

    def _cut(self, frames: int) -> None:
        while frames and self._ready:
            block = self._ready.pop()
            kept = block[: max(0, len(block) - frames)]
            frames -= len(block) - len(kept)
            self._frames_ready -= len(block) - len(kept)
            if len(kept):
                self._ready.append(kept)
