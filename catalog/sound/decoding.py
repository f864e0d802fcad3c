"""Sound files -> mono float32 at a fixed rate, a bounded piece at a time (PyAV)."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.container import InputContainer

log = logging.getLogger(__name__)

SEEK_MARGIN_S = 0.5
"""Decoders need some packets before a seek's target until they are right again (an MP3 bit
reservoir reaches 0.1 s back, Opus wants 80 ms)."""


class SoundError(Exception):
    """A file cannot be listened to; the message names the file and what is wrong with it."""


def decode_mono(path: Path, rate_hz: int, max_s: float | None = None) -> NDArray[np.float32]:
    """Return the whole sound (or its first ``max_s``) as float32 (n,), mono, -1..1.

    Holds all of it in memory: for long files take `decode_windows`. A damaged packet is
    passed over. Raises SoundError for a file that cannot be opened or that holds no sound.
    """
    wanted = None if max_s is None else round(max_s * rate_hz)
    with _opened(path) as container:
        sound = _collected(_samples(container, rate_hz, 0.0), wanted)
    if len(sound) == 0:
        raise SoundError(f"{path}: holds no sound (no audio frame could be decoded)")
    return sound


def decode_windows(
    path: Path, rate_hz: int, window_s: float, count: int
) -> list[NDArray[np.float32]]:
    """Return up to ``count`` windows of up to ``window_s``, spread evenly over the file.

    Memory and time are bounded by the windows, not by the file: a long file is sought in, a
    short one is decoded whole. Raises SoundError as `decode_mono`.
    """
    short_s = 2 * window_s * count
    with _opened(path) as container:
        duration_s = _duration_s(container)
        if duration_s is not None and duration_s > short_s:
            windows = list(_sought(container, rate_hz, window_s, count, duration_s))
            if windows:
                return windows
    return _cut(decode_mono(path, rate_hz, short_s), round(window_s * rate_hz), count)


def duration_s(path: Path) -> float | None:
    """Return the length that the file states; None when it states none. Raises SoundError."""
    with _opened(path) as container:
        return _duration_s(container)


def _cut(sound: NDArray[np.float32], size: int, count: int) -> list[NDArray[np.float32]]:
    if len(sound) <= size:
        return [sound]
    fitting = min(count, -(-len(sound) // size))
    starts = np.linspace(0, len(sound) - size, fitting).round().astype(int)
    return [sound[start : start + size] for start in starts]


def _opened(path: Path) -> InputContainer:
    import av

    try:
        # "file:" so that a name with a colon is not taken for a network protocol.
        container = av.open(f"file:{path}", mode="r", metadata_errors="replace")
    except (av.FFmpegError, OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise SoundError(f"{path}: cannot be opened as sound ({why})") from error
    if not container.streams.audio:
        container.close()
        raise SoundError(f"{path}: has no audio stream")
    return container


def _duration_s(container: InputContainer) -> float | None:
    stream = container.streams.audio[0]
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    return None if container.duration is None else container.duration / 1e6


def _sought(
    container: InputContainer, rate_hz: int, window_s: float, count: int, duration_s: float
) -> Iterator[NDArray[np.float32]]:
    """Yield windows at even places; those behind the end of a truncated file are left out."""
    import av

    for number in range(count):
        start_s = (duration_s - window_s) * (number + 0.5) / count
        try:
            container.seek(round(max(0.0, start_s - SEEK_MARGIN_S) * av.time_base))
        except av.FFmpegError as error:
            log.debug("%s: no seek to %.0f s: %s", container.name, start_s, error)
            continue
        window = _collected(_samples(container, rate_hz, start_s), round(window_s * rate_hz))
        if len(window):
            yield window


def _collected(pieces: Iterator[NDArray[np.float32]], wanted: int | None) -> NDArray[np.float32]:
    """Return the first ``wanted`` samples (None: all) of ``pieces``."""
    parts: list[NDArray[np.float32]] = [np.zeros(0, np.float32)]
    count = 0
    for piece in pieces:
        parts.append(piece)
        count += len(piece)
        if wanted is not None and count >= wanted:
            break
    return np.concatenate(parts)[:wanted]


def _samples(
    container: InputContainer, rate_hz: int, start_s: float
) -> Iterator[NDArray[np.float32]]:
    """Yield mono pieces from the first frame that ends after ``start_s`` on."""
    import av

    resampler: Any = None
    form: tuple[Any, ...] = ()
    for frame in _frames(container):
        if frame.time is not None and frame.time + frame.samples / frame.sample_rate <= start_s:
            continue
        now = (frame.format.name, frame.layout.name, frame.sample_rate)
        if now != form:
            resampler, form = av.AudioResampler(format="flt", layout="mono", rate=rate_hz), now
        yield from map(_array, resampler.resample(frame))
    if resampler is not None:
        yield from map(_array, resampler.resample(None))


def _array(frame: AudioFrame) -> NDArray[np.float32]:
    piece = np.array(frame.to_ndarray().reshape(-1), np.float32)
    return np.nan_to_num(piece, copy=False, nan=0.0, posinf=1.0, neginf=-1.0)


def _frames(container: InputContainer) -> Iterator[AudioFrame]:
    """Yield what can be decoded; damaged packets are passed over, damaged files end early."""
    import av

    packets = container.demux(container.streams.audio[0])
    while True:
        try:
            packet = next(packets, None)
        except av.FFmpegError as error:
            log.debug("%s: reading ends early: %s", container.name, error)
            return
        if packet is None:
            return
        try:
            frames = packet.decode()
        except av.FFmpegError as error:
            log.debug("%s: a packet is damaged: %s", container.name, error)
            continue
        yield from frames
