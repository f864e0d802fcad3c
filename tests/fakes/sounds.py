"""Music files made for tests, through real encoders."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

CODECS = {
    ".wav": "pcm_s16le", ".flac": "flac", ".mp3": "libmp3lame", ".ogg": "vorbis",
    ".opus": "libopus", ".m4a": "aac",
}  # fmt: skip


def write_sound(
    path: Path, sound: NDArray[np.floating[Any]], rate_hz: int = 48_000, codec: str = ""
) -> Path:
    """Write ``sound`` (n, channels), -1..1, in the format of the path's ending."""
    channels = sound.shape[1]
    layout = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}[channels]
    with av.open(str(path), "w") as container:
        # FFmpeg's own Vorbis encoder still calls itself experimental.
        stream = container.add_stream(
            codec or CODECS[path.suffix], rate=rate_hz, options={"strict": "experimental"}
        )
        assert isinstance(stream, av.AudioStream)
        stream.layout = layout
        resampler = av.AudioResampler(
            format=stream.format.name, layout=layout, rate=rate_hz,
            frame_size=stream.codec_context.frame_size or 1024,
        )  # fmt: skip
        whole = av.AudioFrame.from_ndarray(
            sound.astype(np.float32).reshape(1, -1), format="flt", layout=layout
        )
        whole.sample_rate = rate_hz
        whole.time_base = Fraction(1, rate_hz)
        whole.pts = 0
        for frame in [*resampler.resample(whole), *resampler.resample(None)]:
            for packet in stream.encode(frame):
                container.mux(packet)
        for packet in stream.encode(None):
            container.mux(packet)
    return path


def sine(
    seconds: float, hz: float = 440.0, level: float = 0.5, rate_hz: int = 48_000, channels: int = 2
) -> NDArray[np.float64]:
    """Return a sine (n, channels)."""
    time_s = np.arange(round(seconds * rate_hz)) / rate_hz
    return np.repeat((level * np.sin(2 * np.pi * hz * time_s))[:, None], channels, axis=1)


def noise(seconds: float, level: float, seed: int, rate_hz: int = 48_000) -> NDArray[np.float64]:
    """Return pinkish stereo noise (n, 2) with the given RMS."""
    rng = np.random.default_rng(seed)
    white = rng.standard_normal((round(seconds * rate_hz), 2))
    spectrum = np.fft.rfft(white, axis=0)
    spectrum /= np.sqrt(np.maximum(1, np.arange(len(spectrum))))[:, None]
    pink = np.fft.irfft(spectrum, len(white), axis=0)
    scaled: NDArray[np.float64] = pink / pink.std() * level
    return scaled
