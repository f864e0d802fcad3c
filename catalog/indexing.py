"""From the track store to the index: embeds every track's point and keeps the index true."""

from __future__ import annotations

from pathlib import Path

from catalog.analysis import CatalogError, unpack_point
from catalog.index import VectorIndex, load_index, points_digest, write_index
from catalog.space import DEFAULT_SPACE, SPACES, embed_all
from catalog.store import Store


def open_index(store: Store, folder: Path) -> VectorIndex:
    """Check and load the index that belongs to the store.

    Raises:
        CatalogError: it is missing, damaged or another catalogue's.
    """
    return load_index(
        folder,
        catalogue_id=store.catalogue_id,
        space=DEFAULT_SPACE,
        dimension=SPACES[DEFAULT_SPACE].dimension,
    )


def renew_index(store: Store, folder: Path) -> int:
    """Make the index anew if it is not exactly that of the store; returns its track count.

    Raises:
        CatalogError: it cannot be written; the one before it still stands.
    """
    ids, points = store.points()
    vectors = embed_all([unpack_point(row.tobytes()) for row in points])
    try:
        present = open_index(store, folder).manifest
        if present.points_sha256 == points_digest(ids, vectors, DEFAULT_SPACE):
            return present.count
    except CatalogError:
        pass  # Missing or damaged: exactly what is being mended here.
    return write_index(
        folder, ids, vectors, space=DEFAULT_SPACE, catalogue_id=store.catalogue_id
    ).count
