"""From the track store to the index: embeds every track's point and keeps the index true."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from catalog.analysis import CatalogError, unpack_point
from catalog.index import (
    VectorIndex,
    index_without_graph,
    load_index,
    points_digest,
    replace_manifest,
    write_index,
)
from catalog.index_file import OutdatedIndexError
from catalog.space import DEFAULT_SPACE, SPACES, embed_all
from catalog.store import Store

log = logging.getLogger(__name__)


def open_index(store: Store, folder: Path) -> VectorIndex:
    """Check and load the index that belongs to the store.

    One of another space or form (Attune was updated) is not used; till it is made anew every
    question is answered from the store's points, all compared.

    Raises:
        CatalogError: it is missing, damaged or another catalogue's.
    """
    try:
        return _load(store, folder)
    except OutdatedIndexError as error:
        log.warning("%s; until then every track is compared, which takes longer", error)
        ids, vectors = _embedded(store)
        return index_without_graph(
            ids, vectors, space=DEFAULT_SPACE, catalogue_id=store.catalogue_id
        )


def renew_index(store: Store, folder: Path, *, announce: bool = False) -> int:
    """Make the index anew if it is not exactly that of the store; returns its track count.

    With ``announce`` the manifest is written in any case: who holds the tracks in memory sees by
    it that paths or titles are others now, though no mood is.

    Raises:
        CatalogError: it cannot be written; the one before it still stands.
    """
    ids, vectors = _embedded(store)
    try:
        present = _load(store, folder).manifest
    except CatalogError:
        present = None  # Missing, damaged or outdated: exactly what is being mended here.
    if present and present.points_sha256 == points_digest(ids, vectors, DEFAULT_SPACE):
        if announce:
            replace_manifest(folder, present)
        return present.count
    return write_index(
        folder, ids, vectors, space=DEFAULT_SPACE, catalogue_id=store.catalogue_id
    ).count


def _load(store: Store, folder: Path) -> VectorIndex:
    return load_index(
        folder,
        catalogue_id=store.catalogue_id,
        space=DEFAULT_SPACE,
        dimension=SPACES[DEFAULT_SPACE].dimension,
    )


def _embedded(store: Store) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return the ids (n,) of the tracks that have a point, sorted, and their vectors."""
    ids, points = store.points()
    return ids, embed_all([unpack_point(row.tobytes()) for row in points])
