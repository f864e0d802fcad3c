"""The nearest-neighbour index (HNSW) over the tracks' vectors, checked before it is loaded.

hnswlib crashes on a damaged file or answers nonsense, so nothing is handed to it before the
digest in the manifest matches. Its own file format asks the system for the file position once
per element; its arrays, kept as they are, load in less than half the time, and
the vectors in them serve the exact search, too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

import hnswlib
import numpy as np
from numpy.typing import NDArray

from catalog import index_file
from catalog.analysis import CatalogError
from catalog.index_file import MANIFEST_FILE, METRIC, REMEDY, Manifest, OutdatedIndexError

M = 12
EF_CONSTRUCTION = 150
EF_SEARCH = 200
"""hnswlib's parameters: over 220,000 clustered vectors recall@10 is above .999 at about 0.2 ms
a query; benchmarks/bench_index.py measures them anew."""

FILTER_SWITCH = 4000
"""A filter that leaves m of n tracks is answered by the graph where m * m > 4000 * n, else by the
exact search: hnswlib's own filter costs about 0.2 ms * n / m, picking and multiplying m rows
about 50 ns * m (benchmarks/bench_index.py, at 220,000 and 1,000,000 tracks)."""

GATHER_SHARE = 0.3
"""Of more tracks than this share all distances are worked out: picking rows costs more."""

SEED = 1
"""Of hnswlib's random levels."""

_LABELS, _ROWS, _LEVELS, _BASE, _LINKS = (
    "label_lookup_external", "label_lookup_internal", "element_levels", "data_level0",
    "link_lists",
)  # fmt: skip
_ARRAYS = (_LABELS, _ROWS, _LEVELS, _BASE, _LINKS)


class Graph(Protocol):
    """The part of ``hnswlib.Index`` that answers queries; labels are places in ``ids``."""

    def set_ef(self, ef: int) -> None: ...

    def knn_query(
        self,
        data: NDArray[np.float32],
        k: int,
        num_threads: int,
        filter: Callable[[int], bool] | None,  # noqa: A002 - hnswlib's name
    ) -> tuple[NDArray[np.uint64], NDArray[np.float32]]: ...


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A track near a vector."""

    track_id: int
    distance: float
    """Euclidean distance in the embedding; 0 is identical."""


class Subset:
    """Some tracks of an index, prepared once for many queries: those of a genre, say."""

    def __init__(self, rows: NDArray[np.intp], count: int) -> None:
        """Take the places of the tracks in the index, sorted, and the size of the index."""
        self.rows = rows
        self.share = rows.size / count if count else 0.0
        self.contains: Callable[[int], bool] | None = None
        if rows.size**2 > FILTER_SWITCH * count:
            self.contains = frozenset(rows.tolist()).__contains__


class ExactSearch:
    """All distances, a matrix times a vector: the truth, and the faster way when few remain."""

    def __init__(self, ids: NDArray[np.int64], vectors: NDArray[np.float32]) -> None:
        """Take ids (n,), sorted, and vectors (n, dimension)."""
        self._ids = ids
        self._vectors = vectors
        self._squares = np.einsum("nd,nd->n", vectors, vectors)

    def nearest(
        self,
        vector: NDArray[np.float32],
        k: int,
        *,
        exclude: Collection[int] = (),
        among: Subset | None = None,
    ) -> list[Neighbour]:
        """Return up to ``k`` tracks nearest to ``vector``; see :meth:`VectorIndex.nearest`."""
        ids, scores = self._scores(vector, among)
        if exclude:
            banned = np.fromiter(exclude, np.int64, len(exclude))
            scores[np.isin(ids, banned)] = np.inf
        best = np.argpartition(scores, k - 1)[:k] if k < scores.size else np.arange(scores.size)
        best = best[np.isfinite(scores[best])]
        rows = best if among is None else among.rows[best]
        # Differences, not the expanded square: that has no digits left near 0.
        distances = np.sqrt(np.square(self._vectors[rows] - vector).sum(axis=1))
        order = np.argsort(distances, kind="stable")
        return [Neighbour(int(self._ids[rows[i]]), float(distances[i])) for i in order]

    def _scores(
        self, vector: NDArray[np.float32], among: Subset | None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return ids and squared distances, less the part that is the same for all."""
        if among is None:
            return self._ids, self._squares - 2 * (self._vectors @ vector)
        rows = among.rows
        if among.share > GATHER_SHARE:
            return self._ids[rows], (self._squares - 2 * (self._vectors @ vector))[rows]
        return self._ids[rows], self._squares[rows] - 2 * (self._vectors[rows] @ vector)


class VectorIndex:
    """Nearest tracks to a vector; never changes once it is made."""

    def __init__(
        self,
        graph: Graph | None,
        ids: NDArray[np.int64],
        vectors: Callable[[], NDArray[np.float32]],
        manifest: Manifest,
    ) -> None:
        """Take the graph, ids (n,), sorted, and what returns the vectors (n, dimension).

        Without a graph the exact search answers everything.
        """
        self.manifest = manifest
        self._graph = graph
        self._ids = ids
        self._vectors: Callable[[], NDArray[np.float32]] | None = vectors
        self._exact: ExactSearch | None = None

    @property
    def count(self) -> int:
        """How many tracks are in the index."""
        return self.manifest.count

    @property
    def exact(self) -> ExactSearch:
        """The exact search over the same vectors, prepared at first use."""
        if self._exact is None:
            assert self._vectors is not None
            self._exact, self._vectors = ExactSearch(self._ids, self._vectors()), None
        return self._exact

    def subset(self, ids: NDArray[np.int64]) -> Subset:
        """Return those of ``ids`` (sorted) that are in the index, to search among them."""
        places = np.searchsorted(self._ids, ids)
        known = places < self._ids.size
        known[known] = self._ids[places[known]] == ids[known]
        return Subset(places[known], self.count)

    def nearest(
        self,
        vector: NDArray[np.float32],
        k: int,
        *,
        exclude: Collection[int] = (),
        among: Subset | None = None,
    ) -> list[Neighbour]:
        """Return up to ``k`` tracks nearest to ``vector`` (dimension,), the closest first.

        ``exclude`` are track ids left out; ``among`` restricts the search to some. Where a
        filter leaves few, or the graph would be asked for many, the exact search answers:
        there it is the faster one.
        """
        if k < 1 or not self.count:
            return []
        wanted = k + len(exclude)
        contains = among.contains if among else None
        worth = wanted <= graph_limit(self.count) and (among is None or contains is not None)
        if self._graph is not None and worth:
            found = self._ask_graph(self._graph, vector, min(wanted, self.count), contains)
            if found is not None:
                banned = set(exclude)
                return [one for one in found if one.track_id not in banned][:k]
        return self.exact.nearest(vector, k, exclude=exclude, among=among)

    def _ask_graph(
        self,
        graph: Graph,
        vector: NDArray[np.float32],
        wanted: int,
        contains: Callable[[int], bool] | None = None,
    ) -> list[Neighbour] | None:
        graph.set_ef(max(EF_SEARCH, 2 * wanted))
        try:
            places, squares = graph.knn_query(vector[np.newaxis], wanted, 1, contains)
        except RuntimeError:
            return None  # The graph reaches fewer than were asked for.
        distances = np.sqrt(np.maximum(squares[0], 0.0))
        return [
            Neighbour(int(self._ids[place]), float(distance))
            for place, distance in zip(places[0], distances, strict=True)
        ]


def graph_limit(count: int) -> int:
    """Return up to how many neighbours the graph is asked for before all distances are faster.

    At 220,000 tracks it pays up to one in 160 (measured by benchmarks/bench_index.py); in a small
    library both take a fraction of a millisecond.
    """
    return max(100, count // 160)


def points_digest(ids: NDArray[np.int64], vectors: NDArray[np.float32], space: str) -> str:
    """Return a digest of what an index is made of, the parameters included."""
    how = f"{index_file.FORMAT} {index_file.SCHEMA_VERSION} {space} {M} {EF_CONSTRUCTION}"
    digest = hashlib.sha256(how.encode())
    digest.update(np.ascontiguousarray(ids, "<i8").data)
    digest.update(np.ascontiguousarray(vectors, "<f4").data)
    return digest.hexdigest()


def write_index(
    folder: Path,
    ids: NDArray[np.int64],
    vectors: NDArray[np.float32],
    *,
    space: str,
    catalogue_id: str,
) -> Manifest:
    """Build the index of ids (n,), sorted, and vectors (n, dimension) and replace the old one.

    Raises:
        CatalogError: it cannot be written; the old index still stands.
    """
    facts, arrays = _build(vectors)
    with _naming_faults(folder):
        file, size, sha256 = index_file.write_blocks(folder, facts, [ids, *arrays])
        manifest = Manifest(
            catalogue_id, space, vectors.shape[1], len(ids),
            points_digest(ids, vectors, space), M, EF_CONSTRUCTION, EF_SEARCH,
            file, size, sha256,
        )  # fmt: skip
        index_file.write_manifest(folder, manifest)
    return manifest


def replace_manifest(folder: Path, manifest: Manifest) -> None:
    """Write a manifest that is there once more; raises CatalogError when that cannot be."""
    with _naming_faults(folder):
        index_file.write_manifest(folder, manifest)


@contextmanager
def _naming_faults(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CatalogError(
            f"{folder}: the index cannot be written: {error.strerror or error};"
            " the one before it still stands"
        ) from error


def load_index(folder: Path, *, catalogue_id: str, space: str, dimension: int) -> VectorIndex:
    """Check and load the index in ``folder``.

    Raises:
        OutdatedIndexError: it is of another space or form, as after an update of Attune.
        CatalogError: it is missing, damaged, or belongs to another catalogue.
    """
    manifest = index_file.read_manifest(folder)
    try:
        return _load(folder, manifest, catalogue_id, space, dimension)
    except CatalogError:
        newer = index_file.read_manifest(folder)
        if newer == manifest:
            raise
        # It was replaced in between, and its file is gone.
        return _load(folder, newer, catalogue_id, space, dimension)


def _load(
    folder: Path, manifest: Manifest, catalogue_id: str, space: str, dimension: int
) -> VectorIndex:
    where = folder / MANIFEST_FILE
    if manifest.catalogue_id != catalogue_id:
        raise CatalogError(f"{where}: belongs to another catalogue; {REMEDY}")
    found = (manifest.space, manifest.dimension, manifest.metric)
    if found != (space, dimension, METRIC):
        wanted = (space, dimension, METRIC)
        raise OutdatedIndexError(f"{where}: is of the space {found}, wanted is {wanted}; {REMEDY}")
    facts, arrays = index_file.read_blocks(folder, manifest)
    ids = arrays[0].copy()
    if len(ids) != manifest.count:
        raise CatalogError(f"{where}: says {manifest.count} tracks, the file has {len(ids)}")
    if manifest.count == 0:
        nothing = np.zeros((0, dimension), np.float32)
        return VectorIndex(None, ids, lambda: nothing, manifest)
    return _assemble(where, facts, ids, arrays[1:], manifest)


def index_without_graph(
    ids: NDArray[np.int64], vectors: NDArray[np.float32], *, space: str, catalogue_id: str
) -> VectorIndex:
    """Return an index that compares all vectors (n, dimension) each time; nothing is written."""
    manifest = Manifest(
        catalogue_id, space, vectors.shape[1], len(ids), points_digest(ids, vectors, space),
        M, EF_CONSTRUCTION, EF_SEARCH, file=MANIFEST_FILE, bytes=0, sha256="",
    )  # fmt: skip
    return VectorIndex(None, ids, lambda: vectors, manifest)


def _build(vectors: NDArray[np.float32]) -> tuple[dict[str, Any], list[NDArray[Any]]]:
    """Return hnswlib's state: its numbers and its arrays."""
    count, dimension = vectors.shape
    if count == 0:
        return {}, []
    graph = hnswlib.Index(space=METRIC, dim=dimension)
    graph.init_index(max_elements=count, M=M, ef_construction=EF_CONSTRUCTION, random_seed=SEED)
    graph.add_items(np.ascontiguousarray(vectors, np.float32))
    state = cast("dict[str, Any]", graph.__getstate__()[0])
    arrays = [state.pop(name) for name in _ARRAYS]
    return state, arrays


def _assemble(
    where: Path,
    facts: dict[str, Any],
    ids: NDArray[np.int64],
    arrays: list[NDArray[Any]],
    manifest: Manifest,
) -> VectorIndex:
    count = manifest.count
    state = facts | dict(zip(_ARRAYS, arrays, strict=True))
    first, end = state["offset_data"], state["label_offset"]
    if (
        state["cur_element_count"] != count
        or end - first != 4 * manifest.dimension
        or state[_BASE].size != count * state["size_data_per_element"]
    ):
        raise CatalogError(f"{where}: does not fit its index file; {REMEDY}")
    graph = hnswlib.Index(state)  # Copies the arrays.
    stored = state[_BASE].reshape(count, -1)[:, first:end].view("<f4")
    # Threads add in any order: the row of an id is found by its label.
    rows = np.empty(count, np.uint32)
    rows[state[_LABELS]] = state[_ROWS]
    # Put in order at first use: at 220,000 tracks that would be a third of the time to load.
    return VectorIndex(cast("Graph", graph), ids, lambda: stored[rows], manifest)
