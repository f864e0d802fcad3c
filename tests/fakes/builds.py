"""What the tests of the builder build, and what they look at afterwards."""

from __future__ import annotations

from pathlib import Path

from catalog.builder.building import BuildOptions, BuildReport
from catalog.library import Library

ONE = BuildOptions(workers=1)
HAPPY = {"title": "Happy joy", "artist": "A", "album": "B", "mood": "happy"}
SAD = {"title": "Sad tears", "artist": "A", "album": "B", "mood": "sad"}


def titles(folder: Path) -> list[str]:
    """Return the titles of a catalogue, sorted."""
    with Library.open(folder) as library:
        return sorted(track.title for track in library.tracks())


def reasons(report: BuildReport) -> dict[str, str]:
    """Return why each file that failed did, by its name."""
    return {one.path.name: one.reason for one in report.failures}
