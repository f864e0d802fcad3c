"""Songs to remember something of, each with a content of its own."""

from __future__ import annotations

import hashlib
from pathlib import Path

from catalog.emotions import neutral_point
from catalog.track import Track


def song(path: str | Path, content: str = "") -> Track:
    """Return a song at a path; its content is told by its path unless named."""
    digest = hashlib.blake2b((content or str(path)).encode(), digest_size=20).digest()
    return Track(1, Path(path), "Song", "", "", "", 60.0, neutral_point(), digest=digest)
