"""Where the tracks that are remembered are now: what is kept follows the music, not its names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from catalog.library import Library

Name: TypeAlias = tuple[bytes | None, str]
"""Digest and path under which something is kept of a track; no digest from before there were."""


def new_names(names: Sequence[Name], library: Library) -> Iterator[tuple[Name, Name]]:
    """Yield what is to be kept under another name, and that name.

    A content that the catalogue knows, or knew before it got other tags, is the track, wherever its
    files are. One that it never knew is what lies at its path. What is neither stays as it is.
    """
    contents = library.digests_at([path for _, path in names])
    strays = [(digest, path) for digest, path in names if contents.get(path) != digest]
    tracks = library.tracks_of([digest for digest, _ in strays if digest is not None])
    for digest, path in strays:
        held = None if digest is None else tracks.get(digest)
        if held is None and path in contents:
            yield (digest, path), (contents[path], path)
        elif held is not None and held[1] is not None:
            yield (digest, path), (held[0], held[1])
