"""Writes small real sound files for tests: tones in any container FFmpeg can write, with tags."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import cast

import av
import numpy as np
from av.audio.stream import AudioStream
from numpy.typing import NDArray

RATE_HZ = 44100
_CODECS = {
    ".wav": "pcm_s16le", ".flac": "flac", ".mp3": "libmp3lame", ".ogg": "libopus",
    ".opus": "libopus", ".m4a": "aac",
}  # fmt: skip


def write_tone(
    path: Path,
    seconds: float = 2.0,
    *,
    frequency_hz: float = 997.0,
    level_dbfs: float = -20.0,
    lead_s: float = 0.0,
    tail_s: float = 0.0,
    tags: Mapping[str, str] | None = None,
) -> Path:
    """Write a stereo sine between two silences; the ending names codec and container."""
    rate = 48000 if path.suffix in {".opus", ".ogg"} else RATE_HZ
    time_s = np.arange(round(seconds * rate)) / rate
    wave = 10 ** (level_dbfs / 20) * np.sin(2 * np.pi * frequency_hz * time_s)
    silences = [np.zeros(round(length * rate)) for length in (lead_s, tail_s)]
    mono = np.concatenate([silences[0], wave, silences[1]])
    write_samples(path, np.stack([mono, mono]), rate, tags)
    return path


def write_samples(
    path: Path,
    samples: NDArray[np.float64],
    rate: int = RATE_HZ,
    tags: Mapping[str, str] | None = None,
) -> None:
    """Write samples (channels, n) in -1..1."""
    path.parent.mkdir(parents=True, exist_ok=True)
    layout = "mono" if len(samples) == 1 else "stereo"
    with av.open(str(path), "w", metadata_encoding="utf-8") as container:
        container.metadata.update(tags or {})
        stream = cast(
            "AudioStream", container.add_stream(_CODECS[path.suffix], rate=rate, layout=layout)
        )
        for start in range(0, samples.shape[1], 1024):
            block = np.ascontiguousarray(samples[:, start : start + 1024], np.float32)
            frame = av.AudioFrame.from_ndarray(block, format="fltp", layout=layout)
            frame.sample_rate, frame.pts = rate, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
