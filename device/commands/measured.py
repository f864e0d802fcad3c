"""A file named by hand, as the track that the catalogue would make of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from catalog.builder.loudness import measure
from catalog.emotions import neutral_point
from catalog.sound_file import SoundFileError
from catalog.track import Track


def measured_track(number: int, path: Path) -> Track:
    """Return a file as a track, measured as the catalogue does it; faults show when it plays."""
    track = Track(number, path, path.stem, "", "", "", 0.0, neutral_point())
    try:
        found = measure(path)
    except SoundFileError:
        return track  # The player says what is wrong with it.
    return replace(
        track,
        duration_s=found.duration_s,
        integrated_loudness_lufs=found.integrated_loudness_lufs,
        true_peak_dbtp=found.true_peak_dbtp,
        lead_silence_s=found.lead_silence_s,
        tail_silence_s=found.tail_silence_s,
    )
