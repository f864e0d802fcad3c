"""Loudness, true peak and the silence at both ends of a file, in one decoding pass.

EBU R128 as implemented by FFmpeg's ``ebur128`` filter (ITU-R BS.1770 K-weighting and gates,
true peak with 4x oversampling at least), driven through PyAV.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
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
        return _measured(path)
    except _GrowsWiderError:
        return _measured(path, "stereo")


class _GrowsWiderError(Exception):
    """What began in mono goes on with more channels, and mixed to one they are another loudness."""


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


def _measured(path: Path, layout: str = "") -> SoundMeasure:
    """Measure in ``layout``; empty: in that which the file begins with."""
    try:
        with open_sound(path) as file:
            return _measure_stream(file, layout)
    except (av.error.FFmpegError, OSError) as error:
        raise SoundFileError(f"cannot be read: {why(error)}", passing=is_passing(error)) from error


def _measure_stream(file: OpenSound, layout: str) -> SoundMeasure:
    rate = file.stream.codec_context.sample_rate
    ends = _Ends(10 ** (SILENCE_DBFS / 20))
    facts: dict[str, str] = {}
    whole = True
    for frame in _filtered(file, layout):
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
    return SoundMeasure(
        duration_s=measured_s if whole else _length_s(file, measured_s),
        integrated_loudness_lufs=_loudness(facts),
        true_peak_dbtp=_peak(facts),
        lead_silence_s=ends.first / rate,
        tail_silence_s=max(0.0, (ends.samples - 1 - ends.last) / rate) if whole else 0.0,
    )


def _length_s(file: OpenSound, measured_s: float) -> float:
    """Return the length of a file of which only the beginning was decoded.

    An MP3 declares none: what stands for it may be half or double of it.
    """
    rest_s = file.rest_s()
    return measured_s + rest_s if rest_s else max(measured_s, file.duration_s or 0.0)


def _filtered(file: OpenSound, layout: str) -> Iterator[Any]:
    """Yield the decoded frames after the meter, which writes its state into their metadata."""
    meter: _Meter | None = None
    for frame in _decoded(file):
        if meter is None:
            meter = _Meter(frame, layout)
        elif not layout and frame.layout.nb_channels > meter.channels == 1:
            raise _GrowsWiderError
        yield from meter.hear(frame)
    if meter is not None:
        yield from meter.end()


class _Meter:
    """The filter, in the form of the first frame; frames of another form are brought to it."""

    def __init__(self, frame: Any, layout: str) -> None:
        form, its_layout, rate = _form(frame)
        self._form = self._given = (form, layout or its_layout, rate)
        self._resampler: av.AudioResampler | None = None
        self._graph = av.filter.Graph()
        self._source: Any = self._graph.add_abuffer(
            sample_rate=rate, format=form, layout=self._form[1]
        )
        meter = self._graph.add("ebur128", "peak=true:metadata=1:framelog=quiet")
        self._sink: Any = self._graph.add("abuffersink")
        self._graph.link_nodes(self._source, meter, self._sink).configure()
        self.channels: int = frame.layout.nb_channels
        """Of the first frame."""

    def hear(self, frame: Any) -> Iterator[Any]:
        given = _form(frame)
        if given != self._given:
            yield from self._rest()
            self._given = given
            self._resampler = None if given == self._form else av.AudioResampler(*self._form)
        yield from self._metered(
            [frame] if self._resampler is None else self._resampler.resample(frame)
        )

    def end(self) -> Iterator[Any]:
        yield from self._rest()
        yield from self._metered([None])

    def _rest(self) -> Iterator[Any]:
        """Yield what the resampler still holds."""
        if self._resampler is not None:
            yield from self._metered(self._resampler.resample(None))

    def _metered(self, frames: Iterable[Any]) -> Iterator[Any]:
        for frame in frames:
            if frame is not None:
                frame.pts = None
            self._source.push(frame)
            yield from _pull(self._sink)


def _form(frame: Any) -> tuple[str, str, int]:
    return frame.format.name, frame.layout.name, frame.sample_rate


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
