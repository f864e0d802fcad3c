"""A file's tags as tinytag finds them, whatever its name says it is."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from tinytag import TinyTag


def _at_once(path: str, flags: int) -> int:
    """Open without waiting: one that has become a named pipe would hang us."""
    return os.open(path, flags | os.O_NONBLOCK)


def tinytags(path: Path, *, image: bool = False) -> Iterator[TinyTag]:
    """Yield what is found by the file's name, and by its content: ``song.mp3`` may be an M4A."""
    for by_content in (False, True):
        # It lets errors of any kind through on odd files.
        with suppress(Exception), open(path, "rb", opener=_at_once) as file:
            name = None if by_content else path
            yield TinyTag.get(name, file, duration=False, image=image)
