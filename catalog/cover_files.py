"""The pictures of a track as they lie in the owner's files: inside it, then beside it."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from catalog.file_tags import tinytags
from catalog.folders import leads_out

log = logging.getLogger(__name__)

MAX_BYTES = 8_000_000
"""Larger ones are left out: they would fill the memory of a 1 GB Pi."""
FOLDER_NAMES = ("cover.jpg", "cover.png", "folder.jpg", "folder.png", "front.jpg", "front.png")
"""Also with a capital, as players and rippers of Windows write them."""


def cover_files(track: Path, within: Sequence[Path] = ()) -> Iterator[bytes]:
    """Yield what may be the cover of the music file ``track``, the best first, as it is stored.

    Of a file that leads out of the folders ``within``, if any are named, there is none.
    """
    if leads_out(track, within):
        return
    inside = cover_in(track)
    if inside is not None and len(inside) > MAX_BYTES:
        log.warning("the cover art inside %s is too large and is not shown", track)
    elif inside is not None:
        yield inside
    yield from _beside(track)


def cover_in(track: Path) -> bytes | None:
    """Return the picture embedded in a file, as it is (JPEG, PNG ...), or None."""
    for tag in tinytags(track, image=True):
        image = tag.images.any
        if image is not None and image.data:
            return bytes(image.data)
    return None


def _beside(track: Path) -> Iterator[bytes]:
    folder = Path(os.path.realpath(track.parent))
    for spelt in (spelt for name in FOLDER_NAMES for spelt in (name, name.capitalize())):
        candidate = track.with_name(spelt)
        try:
            # A link may lead out of the music folders, and nothing outside them is opened.
            if Path(os.path.realpath(candidate)).parent != folder:
                continue
            if candidate.is_file() and candidate.stat().st_size <= MAX_BYTES:
                yield candidate.read_bytes()
        except OSError as error:
            log.debug("cover art %s cannot be read: %s", candidate, error)
