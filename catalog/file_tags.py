"""A file's tags as tinytag finds them, whatever its name says it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from tinytag import TinyTag


def tinytags(path: Path, *, image: bool = False) -> Iterator[TinyTag]:
    """Yield what is found by the file's name, and by its content: ``song.mp3`` may be an M4A."""
    for by_content in (False, True):
        # It lets errors of any kind through on odd files.
        with suppress(Exception), path.open("rb") as file:
            name = None if by_content else path
            yield TinyTag.get(name, file, duration=False, image=image)
