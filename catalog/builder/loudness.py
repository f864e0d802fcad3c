"""Loudness, true peak and the silence at both ends of a file, in one decoding pass.

EBU R128 as implemented by FFmpeg's ``ebur128`` filter (ITU-R BS.1770 K-weighting and gates,
true peak with 4x oversampling at least), driven through PyAV.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av.error
import av.filter
import numpy as np

from catalog.sound_file import OpenSound, SoundFileError, is_passing, open_sound, why

SILENCE_DBFS = -60.0
"""Quieter than this at the ends counts as silence: FFmpeg's ``silencedetect`` default."""

GATE_LUFS = -70.0
"""Absolute gate of ITU-R BS.1770: a loudness at the gate means nothing was measured."""

LONGEST_MEASURED_S = 2 * 3600.0
"""Of a longer file (an audio book, a night's recording) only the beginning is measured."""

SHORTEST_S = 1.0
"""A file with less sound than this is no piece of music."""


@dataclass(frozen=True, slots=True)
class SoundMeasure:
    """What the player has to know before it plays a file."""

    duration_s: float
    integrated_loudness_lufs: float | None
    """None where all of it is below the gate."""
    true_peak_dbtp: float | None
    lead_silence_s: float
    tail_silence_s: float


def measure(path: Path) -> SoundMeasure:
    """Decode a file and measure it.

    Raises:
        SoundFileError: it is empty, no sound file, silent or too short; says which.
    """
    try:
        with open_sound(path) as file:
            return _measure_stream(file)
    except (av.error.FFmpegError, OSError) as error:
        raise SoundFileError(f"cannot be read: {why(error)}", passing=is_passing(error)) from error


@dataclass(slots=True)
class _Ends:
    """Where sound was first and last heard, in samples of the decoded stream."""

    threshold: float
    samples: int = 0
    first: int | None = None
    last: int = 0

    def hear(self, frame: Any) -> None:
        sound = np.abs(frame.to_ndarray().reshape(-1))
        channels = sound.size // frame.samples
        if float(sound.max(initial=0.0)) >= self.threshold:
            # The filter gives interleaved samples: any channel counts.
            loud = np.flatnonzero(sound >= self.threshold)
            if self.first is None:
                self.first = self.samples + int(loud[0]) // channels
            self.last = self.samples + int(loud[-1]) // channels
        self.samples += int(frame.samples)


def _measure_stream(file: OpenSound) -> SoundMeasure:
    rate = file.stream.codec_context.sample_rate
    ends = _Ends(10 ** (SILENCE_DBFS / 20))
    facts: dict[str, str] = {}
    whole = True
    for frame in _filtered(file):
        ends.hear(frame)
        facts = frame.metadata or facts
        rate = frame.sample_rate
        if ends.samples >= LONGEST_MEASURED_S * rate:
            whole = False
            break
    if not rate or ends.samples < SHORTEST_S * rate:
        raise SoundFileError(f"has less than {SHORTEST_S:g} s of sound that can be decoded")
    if ends.first is None:
        raise SoundFileError("is silent from beginning to end")
    measured_s = ends.samples / rate
    declared_s = file.duration_s or 0.0
    return SoundMeasure(
        duration_s=measured_s if whole else max(measured_s, declared_s),
        integrated_loudness_lufs=_loudness(facts),
        true_peak_dbtp=_peak(facts),
        lead_silence_s=ends.first / rate,
        tail_silence_s=max(0.0, (ends.samples - 1 - ends.last) / rate) if whole else 0.0,
    )


def _filtered(file: OpenSound) -> Iterator[Any]:
    """Yield the decoded frames after the meter, which writes its state into their metadata."""
    graph: Any = None
    sink: Any = None
    source: Any = None
    shape: tuple[object, ...] = ()
    for frame in _decoded(file):
        now = (frame.format.name, frame.layout.name, frame.sample_rate)
        if graph is None:
            graph, source, sink, shape = *_meter(frame), now
        elif now != shape:
            return  # A chained stream that changes its form: what was measured stands.
        frame.pts = None
        source.push(frame)
        yield from _pull(sink)
    if graph is not None:
        source.push(None)
        yield from _pull(sink)


def _meter(frame: Any) -> tuple[Any, Any, Any]:
    graph = av.filter.Graph()
    source = graph.add_abuffer(
        sample_rate=frame.sample_rate, format=frame.format.name, layout=frame.layout.name
    )
    meter = graph.add("ebur128", "peak=true:metadata=1:framelog=quiet")
    sink = graph.add("abuffersink")
    graph.link_nodes(source, meter, sink).configure()
    return graph, source, sink


def _pull(sink: Any) -> Iterator[Any]:
    while True:
        try:
            yield sink.pull()
        except (av.error.BlockingIOError, av.error.EOFError):
            return


def _decoded(file: OpenSound) -> Iterator[Any]:
    """Yield frames as far as the file is whole; the error where its disk fails."""
    try:
        yield from file.frames()
    except av.error.FFmpegError as error:
        if is_passing(error):
            raise


def _loudness(facts: dict[str, str]) -> float | None:
    value = float(facts.get("lavfi.r128.I", "nan"))
    return value if math.isfinite(value) and value > GATE_LUFS else None


def _peak(facts: dict[str, str]) -> float | None:
    peaks = [
        float(value) for key, value in facts.items() if key.startswith("lavfi.r128.true_peaks_ch")
    ]
    largest = max(peaks, default=0.0)
    return 20 * math.log10(largest) if largest > 0 else None
