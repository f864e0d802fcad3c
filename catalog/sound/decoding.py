"""Sound files -> mono float32 at a fixed rate, a bounded piece at a time (PyAV)."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from catalog.sound_file import OpenSound, SoundFileError, is_passing, open_sound, why

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame

log = logging.getLogger(__name__)

SEEK_MARGIN_S = 0.5
"""Decoders need some packets before a seek's target until they are right again (an MP3 bit
reservoir reaches 0.1 s back, Opus wants 80 ms)."""


class SoundError(SoundFileError):
    """A file cannot be listened to; the message is the reason, without the path."""


def decode_mono(
    path: Path, rate_hz: int, max_s: float | None = None, *, side: bool = False
) -> NDArray[np.float32]:
    """Return the whole sound (or its first ``max_s``) as float32 (n,), mono, -1..1.

    ``side`` takes the channels' difference for their sum: it holds what cancels out in that.
    Holds all of it in memory: for long files take `decode_windows`. A damaged packet is
    passed over. Raises SoundError for a file that cannot be opened or that holds no sound.
    """
    wanted = None if max_s is None else round(max_s * rate_hz)
    with _opened(path) as file:
        sound = _collected(_samples(file, rate_hz, 0.0, side), wanted)
    if len(sound) == 0:
        raise SoundError("holds no sound (no audio frame could be decoded)")
    return sound


def decode_windows(
    path: Path, rate_hz: int, window_s: float, count: int, *, side: bool = False
) -> list[NDArray[np.float32]]:
    """Return up to ``count`` windows of up to ``window_s``, spread evenly over the file.

    Memory and time are bounded by the windows, not by the file: a long file is sought in, a
    short one is decoded whole. ``side`` and SoundError as in `decode_mono`.
    """
    short_s = 2 * window_s * count
    with _opened(path) as file:
        if file.duration_s is not None and file.duration_s > short_s:
            windows = list(_sought(file, rate_hz, window_s, count, file.duration_s, side))
            if windows:
                return windows
    sound = decode_mono(path, rate_hz, short_s, side=side)
    return _cut(sound, round(window_s * rate_hz), count)


def duration_s(path: Path) -> float | None:
    """Return the length that the file states; None when it states none. Raises SoundError."""
    with _opened(path) as file:
        return file.duration_s


def _cut(sound: NDArray[np.float32], size: int, count: int) -> list[NDArray[np.float32]]:
    if len(sound) <= size:
        return [sound]
    fitting = min(count, -(-len(sound) // size))
    starts = np.linspace(0, len(sound) - size, fitting).round().astype(int)
    return [sound[start : start + size] for start in starts]


def _opened(path: Path) -> OpenSound:
    try:
        return open_sound(path)
    except SoundFileError as error:
        raise SoundError(str(error), passing=error.passing) from error


def _sought(
    file: OpenSound, rate_hz: int, window_s: float, count: int, duration_s: float, side: bool
) -> Iterator[NDArray[np.float32]]:
    """Yield windows at even places; those behind the end of a truncated file are left out."""
    import av

    for number in range(count):
        start_s = (duration_s - window_s) * (number + 0.5) / count
        try:
            file.container.seek(round(max(0.0, start_s - SEEK_MARGIN_S) * av.time_base))
        except av.FFmpegError as error:
            log.debug("%s: no seek to %.0f s: %s", file.container.name, start_s, error)
            continue
        window = _collected(_samples(file, rate_hz, start_s, side), round(window_s * rate_hz))
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
    file: OpenSound, rate_hz: int, start_s: float, side: bool
) -> Iterator[NDArray[np.float32]]:
    """Yield mono pieces from the first frame that ends after ``start_s`` on."""
    import av

    layout, mono = ("stereo", _difference) if side else ("mono", _array)
    resampler: Any = None
    form: tuple[Any, ...] = ()
    for frame in _frames(file):
        if frame.time is not None and frame.time + frame.samples / frame.sample_rate <= start_s:
            continue
        now = (frame.format.name, frame.layout.name, frame.sample_rate)
        if now != form:
            resampler, form = av.AudioResampler(format="flt", layout=layout, rate=rate_hz), now
        yield from map(mono, resampler.resample(frame))
    if resampler is not None:
        yield from map(mono, resampler.resample(None))


def _array(frame: AudioFrame) -> NDArray[np.float32]:
    piece = np.array(frame.to_ndarray().reshape(-1), np.float32)
    return np.nan_to_num(piece, copy=False, nan=0.0, posinf=1.0, neginf=-1.0)


def _difference(frame: AudioFrame) -> NDArray[np.float32]:
    """Return what FFmpeg's mono would be with one channel's polarity the other way round."""
    left, right = _array(frame).reshape(-1, 2).T
    return np.asarray((left - right) * np.float32(np.sqrt(0.5)))


def _frames(file: OpenSound) -> Iterator[AudioFrame]:
    """Yield what can be decoded; damaged files end early."""
    import av

    try:
        yield from file.frames()
    except av.FFmpegError as error:
        if is_passing(error):
            raise SoundError(f"cannot be read on: {why(error)}", passing=True) from error
        log.debug("%s: reading ends early: %s", file.container.name, error)
