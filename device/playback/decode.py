"""Streaming decode of whatever people own into float32 stereo at the output's rate.

FFmpeg (through PyAV) reads the container, honours its gapless padding (LAME header, Opus
pre-skip, MP4 edit list, iTunSMPB) and ``swresample`` converts rate, format and channels. Surround
and mono are folded with the gains of ITU-R BS.775-3 (centre and surrounds -3 dB), which keeps the
loudness that BS.1770 measured on the original.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catalog.sound_file import SoundFileError, open_sound, why

RESAMPLER_TAPS = 64
"""Length of the polyphase filter of swresample: twice its default. Measured in
``benchmarks/bench_playback.py``: the image of a 15 kHz tone lies below -100 dBFS."""

SEEK_FROM_S = 20.0
"""A start nearer than this is reached by decoding, which is exact in every format."""

SEEK_EARLIER_S = 2.0
"""Seek this far before the goal, so that decoders with memory have settled at the goal."""

CUT_OFF_S = 2.0
"""A file that lacks more than this (and 2 %) of the length it declares is cut off."""

DECLARES_LENGTH = frozenset({"flac", "wav", "w64", "aiff", "mov,mp4,m4a,3gp,3g2,mj2"})
"""Containers whose declared length is a fact; others estimate it from the bit rate."""


class DecodeError(Exception):
    """A file cannot be played (on); the message names the file and the fault."""


class SoundFile:
    """One open file; use as a context manager or call :meth:`close`.

    ``start_s`` and ``end_s`` bound what is given out, in seconds from the first sample; ``within``
    are the folders out of which the file may not lead, if any.

    Raises:
        DecodeError: the file is missing, empty, unreadable, no sound file, or elsewhere.
    """

    def __init__(
        self,
        path: Path,
        rate_hz: int,
        start_s: float = 0.0,
        end_s: float | None = None,
        within: Sequence[Path] = (),
    ) -> None:
        self.path = path
        self.rate_hz = rate_hz
        self.start_s = max(0.0, start_s)
        self.end_s = end_s
        try:
            self._file = open_sound(path, within)
        except SoundFileError as error:
            raise DecodeError(f"{path}: {error}") from error
        self._container = self._file.container
        self._stream = self._file.stream

    @property
    def duration_s(self) -> float | None:
        """Declared length of the whole file; None where it declares none."""
        return self._file.duration_s

    def blocks(self) -> Iterator[NDArray[np.float32]]:
        """Yield (n, 2) float32 blocks, n > 0, in order.

        Raises:
            DecodeError: after all that could be decoded was given out.
        """
        import av.error

        given = 0
        try:
            for block in self._bounded():
                given += len(block)
                yield block
        except (av.error.FFmpegError, OSError, ValueError) as error:
            raise DecodeError(f"{self.path}: cannot be read on: {why(error)}") from error
        if given == 0:
            raise DecodeError(f"{self.path}: holds no sound that can be decoded")
        self._check_whole(given / self.rate_hz + self.start_s)

    def close(self) -> None:
        """Release the file."""
        self._file.close()

    def __enter__(self) -> SoundFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _check_whole(self, reached_s: float) -> None:
        declared_s = self.duration_s
        if declared_s is None or self._container.format.name not in DECLARES_LENGTH:
            return
        wanted_s = min(declared_s, self.end_s if self.end_s is not None else declared_s)
        if reached_s < wanted_s - max(CUT_OFF_S, 0.02 * wanted_s):
            raise DecodeError(
                f"{self.path}: is cut off: it ends at {reached_s:.0f} s of {declared_s:.0f} s"
            )

    def _bounded(self) -> Iterator[NDArray[np.float32]]:
        """Yield resampled blocks between start and end."""
        skip, limit = self._seek()
        for block in self._resampled():
            if skip >= len(block):
                skip -= len(block)
                continue
            kept = block[skip:]
            skip = 0
            if limit is not None:
                kept = kept[:limit]
                limit -= len(kept)
            if len(kept):
                yield kept
            if limit == 0:
                return

    def _seek(self) -> tuple[int, int | None]:
        """Go near the start; return how many frames to skip and how many to give at most."""
        skipped_s = self.start_s
        if self.start_s >= SEEK_FROM_S:
            skipped_s -= self._jump(self.start_s - SEEK_EARLIER_S)
        end_s = self._exact_end_s()
        limit = None if end_s is None else max(0, round((end_s - self.start_s) * self.rate_hz))
        return max(0, round(skipped_s * self.rate_hz)), limit

    def _jump(self, goal_s: float) -> float:
        """Seek at or before ``goal_s``; return the time really reached."""
        stream = self._stream
        origin = stream.start_time or 0
        goal = int(goal_s / stream.time_base) + origin
        self._container.seek(goal, stream=stream)
        # Only a decoded frame knows its time: a packet's still counts the decoder's delay.
        landed = next((frame.pts for frame in self._file.frames()), None)
        if landed is None:
            self._container.seek(origin, stream=stream)
            return 0.0
        self._container.seek(goal, stream=stream)
        return max(0.0, float((landed - origin) * stream.time_base))

    def _exact_end_s(self) -> float | None:
        """The end in seconds where sound is padded after it (MP4) or an end was asked for."""
        ends = [] if self.end_s is None else [self.end_s]
        if self._container.format.name.startswith("mov"):
            rate = self._stream.codec_context.sample_rate
            length = _itunes_length(self._container.metadata.get("iTunSMPB", ""))
            if length is not None and rate:
                ends.append(length / rate)
            elif self.duration_s is not None:
                ends.append(self.duration_s)
        return min(ends, default=None)

    def _resampled(self) -> Iterator[NDArray[np.float32]]:
        converter: _Converter | None = None
        for frame in self._file.frames():
            shape = (frame.format.name, frame.layout.name, frame.sample_rate)
            if converter is None or converter.shape != shape:
                if converter is not None:
                    yield from converter.flush()
                converter = _Converter(shape, self.rate_hz)
            yield from converter.convert(frame)
        if converter is not None:
            yield from converter.flush()


class _Converter:
    """A filter graph from one form of sound to float32 stereo at the output's rate."""

    def __init__(self, shape: tuple[str, str, int], rate_hz: int) -> None:
        import av.filter

        self.shape = shape
        form, layout, rate = shape
        graph = av.filter.Graph()
        graph.threads = 1
        self._source: Any = graph.add_abuffer(sample_rate=rate, format=form, layout=layout)
        resample = graph.add(
            "aresample",
            f"sample_rate={rate_hz}:out_sample_fmt=flt:out_chlayout=stereo"
            f":filter_size={RESAMPLER_TAPS}",
        )
        self._sink: Any = graph.add("abuffersink")
        graph.link_nodes(self._source, resample, self._sink).configure()
        self._graph = graph

    def convert(self, frame: Any) -> Iterator[NDArray[np.float32]]:
        frame.pts = None
        self._source.push(frame)
        return self._pull()

    def flush(self) -> Iterator[NDArray[np.float32]]:
        self._source.push(None)
        return self._pull()

    def _pull(self) -> Iterator[NDArray[np.float32]]:
        import av.error

        while True:
            try:
                frame = self._sink.pull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return
            block = frame.to_ndarray().reshape(-1, 2)
            # Float files may hold anything; one NaN would live on in the limiter for ever.
            yield np.nan_to_num(block, nan=0.0, posinf=1.0, neginf=-1.0)


def _itunes_length(tag: str) -> int | None:
    """Samples without padding as Apple's encoders write them; None without such a tag."""
    fields = tag.split()
    try:
        return int(fields[3], 16) or None
    except (IndexError, ValueError):
        return None
