"""Sound into a file, in the format of its name: WAV, FLAC, MP3, Ogg, Opus, M4A."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

RATE_HZ = 48_000
"""The one rate that Opus takes; every other format takes it too."""

CODECS = {
    ".wav": ("wav", "pcm_s24le"), ".flac": ("flac", "flac"), ".mp3": ("mp3", "libmp3lame"),
    ".ogg": ("ogg", "libopus"), ".opus": ("opus", "libopus"), ".m4a": ("ipod", "aac"),
}  # fmt: skip
"""Ending -> (container, codec). Ogg carries Opus: FFmpeg's own Vorbis encoder is poor."""

LOSSY_BITS_PER_S = 160_000


class EncodeError(Exception):
    """A file cannot be written; the message names it."""


class SoundWriter:
    """Writes float32 stereo at :data:`RATE_HZ`; use as a context manager.

    The file appears under its name only when it is whole.

    Raises:
        EncodeError: no such format, or the file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        import av
        import av.error

        self.path = path
        self._part = path.with_name(f".{path.name}.part")
        if path.suffix.lower() not in CODECS:
            raise EncodeError(f"{path}: the name must end in {', '.join(CODECS)}")
        container, codec = CODECS[path.suffix.lower()]
        try:
            self._part.touch()
            self._container = _open(self._part, container)
        except (OSError, av.error.FFmpegError) as error:
            raise EncodeError(f"{path}: cannot be written: {error.strerror}") from error
        self._stream = self._container.add_stream(codec, rate=RATE_HZ)
        self._stream.layout = "stereo"
        if codec in ("libmp3lame", "libopus", "aac"):
            self._stream.bit_rate = LOSSY_BITS_PER_S
        self._resampler = av.AudioResampler(
            format=self._stream.format.name, layout="stereo", rate=RATE_HZ,
            frame_size=self._stream.codec_context.frame_size or 4096,
        )  # fmt: skip
        self._written = 0

    def __enter__(self) -> SoundWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        import av.error

        try:
            if kind is None:
                self._encode(None)
                self._mux(self._stream.encode(None))
            self._container.close()
            if kind is None:
                self._part.replace(self.path)
        except (OSError, av.error.FFmpegError) as fault:
            raise EncodeError(f"{self.path}: cannot be written: {fault.strerror}") from fault
        finally:
            self._part.unlink(missing_ok=True)

    def write(self, block: NDArray[np.float32]) -> None:
        """Append (n, 2) float32 -1..1."""
        import av
        import av.error

        flat = np.ascontiguousarray(block, np.float32).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(flat, format="flt", layout="stereo")
        frame.sample_rate = RATE_HZ
        frame.time_base = Fraction(1, RATE_HZ)
        frame.pts = self._written
        self._written += len(block)
        try:
            self._encode(frame)
        except (OSError, av.error.FFmpegError) as fault:
            raise EncodeError(f"{self.path}: cannot be written: {fault.strerror}") from fault

    def _encode(self, frame: Any) -> None:
        for ready in self._resampler.resample(frame):
            self._mux(self._stream.encode(ready))

    def _mux(self, packets: Any) -> None:
        for packet in packets:
            self._container.mux(packet)


def _open(path: Path, container: str) -> Any:
    import av

    return av.open(str(path), "w", format=container)
