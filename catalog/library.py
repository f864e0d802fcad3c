"""The owner's music as the kiosk uses it: nearest tracks, a track by its id.

The index is held in memory; tracks are read from the store when they are asked for, unless they
are to be held, too: then nothing that befalls the files is felt before the next opening.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Self

from catalog.analysis import CatalogError, Failure
from catalog.emotions import EmotionPoint
from catalog.explain import Explanation, explain
from catalog.folders import from_home
from catalog.held_store import open_held
from catalog.index import Subset
from catalog.index_file import MANIFEST_FILE, Manifest
from catalog.indexing import open_index
from catalog.space import DEFAULT_SPACE, embed
from catalog.store import NoCatalogueError, Store, TrackFilter, check_present
from catalog.track import Track

__all__ = ["CatalogError", "CatalogInfo", "Library", "Match", "NoCatalogueError"]

LONGEST_ID = 18
"""Digits: more do not fit SQLite's 64 bits."""

MOST_SUBSETS = 32
"""Filters kept prepared; one of 220,000 tracks takes up to some megabytes."""

Generation = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Match:
    """A track and how far it is from what was asked for."""

    track: Track
    distance: float
    """In the emotion space; 0 is identical."""


@dataclass(frozen=True, slots=True)
class CatalogInfo:
    """A catalogue in numbers."""

    folder: Path
    index: Manifest
    tracks_in_index: int
    tracks_in_store: int
    duration_s: float
    """Of all tracks together."""
    genres: dict[str, int]
    artists: dict[str, int]
    evidence: dict[str, int]
    """Kind of source -> number of tracks it speaks about."""
    failures: tuple[Failure, ...]
    without_evidence: dict[str, int]
    languages: dict[str, int]
    banned: tuple[int, ...]
    music: tuple[Path, ...]
    """The folders it was built from."""
    store_bytes: int


class Library:
    """A catalogue opened for reading; belongs to one thread."""

    def __init__(self, folder: Path, hold: bool = False) -> None:
        """Use :meth:`open`."""
        self._folder = folder
        self._hold = hold
        self._index_file = folder / MANIFEST_FILE
        manifest = _stamp(self._index_file)
        self._store = open_held(folder) if hold else Store(folder)
        try:
            self._index = open_index(self._store, folder)
        except CatalogError:
            self._store.close()
            raise
        self._index_file = folder / self._index.manifest.file
        self._generation = (manifest, _stamp(self._index_file))
        self._roots = tuple(self._store.roots())
        self._subsets: dict[TrackFilter, Subset] = {}

    @classmethod
    def open(cls, folder: Path, *, hold: bool = False) -> Library:
        """Open the catalogue in ``folder``.

        With ``hold`` the store is copied into memory, unless it is very large.

        Raises:
            CatalogError: there is none (then NoCatalogueError), it may not be read, or it is
                damaged; one line that says what to do.
        """
        folder = from_home(folder)
        check_present(folder)
        if not (folder / MANIFEST_FILE).exists():
            raise CatalogError(
                f"the catalogue in {folder} was not finished: run `attune catalog build`"
            )
        return cls(folder, hold)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the store."""
        self._store.close()

    @property
    def count(self) -> int:
        """How many tracks there are to choose from."""
        return self._index.count

    def nearest(
        self,
        point: EmotionPoint,
        k: int,
        *,
        exclude: Collection[int] = (),
        genre: str | None = None,
        language: str | None = None,
        clean_only: bool = False,
    ) -> list[Match]:
        """Return up to ``k`` tracks nearest to ``point``, the closest first.

        ``exclude`` are track ids left out; ``genre`` and ``language`` (of the lyrics, letter
        case aside) keep only theirs, ``clean_only`` drops what its tags call explicit.
        """
        vector = embed(point, DEFAULT_SPACE)
        among = self._among(TrackFilter(genre, language, clean_only))
        barred = set(exclude)
        while True:
            found = self._index.nearest(vector, k, exclude=barred, among=among)
            tracks = self._store.tracks_by_id([one.track_id for one in found])
            missing = {one.track_id for one in found} - tracks.keys()
            if not missing:
                break
            barred |= missing  # Files that went away since the index was made: look further.
        return [Match(self._within(tracks[one.track_id]), one.distance) for one in found]

    def track(self, track_id: int) -> Track | None:
        """Return a track, or None when there is none of this id."""
        track = self._store.track(track_id)
        return None if track is None else self._within(track)

    def tracks(self) -> Iterator[Track]:
        """Yield all tracks by id."""
        return map(self._within, self._store.tracks())

    def find(self, what: str) -> Track | None:
        """Return the track of an id or of a file's path, or None."""
        track_id = self._id_of(what)
        return None if track_id is None else self.track(track_id)

    def why_absent(self, what: str) -> str:
        """Return why there is no track of an id or a path, as far as the build found out."""
        failures = self._store.failures()
        for path in _spellings(what):
            if str(path) in failures:
                return f"the file {failures[str(path)].reason}"
        track_id = self._id_of(what)
        return self._store.reason_left_out(track_id) if track_id is not None else ""

    def explain(self, track_id: int) -> Explanation:
        """Return the evidence behind a track; raises CatalogError for an unknown id."""
        track = self.track(track_id)
        if track is None:
            raise CatalogError(f"there is no track {track_id} in {self._folder}")
        confidence = self._store.confidence(track_id)
        return explain(track, confidence, self._store.evidence(track_id))

    def tracks_of(self, digests: Sequence[bytes]) -> dict[bytes, tuple[bytes, str | None]]:
        """Return what those contents that are known, now or before they got other tags, are now:
        the content and a file, or None where all files went away."""
        return self._store.tracks_of(digests)

    def digests_at(self, paths: Sequence[str]) -> dict[str, bytes]:
        """Return the contents of those files that are known."""
        return self._store.digests_at(paths)

    def info(self) -> CatalogInfo:
        """Return the catalogue in numbers."""
        store = self._store
        tracks, duration_s = store.totals()
        return CatalogInfo(
            folder=self._folder,
            index=self._index.manifest,
            tracks_in_index=self.count,
            tracks_in_store=tracks,
            duration_s=duration_s,
            genres=store.counts_by("genre"),
            artists=store.counts_by("artist"),
            evidence=store.evidence_sources(),
            failures=tuple(store.failures().values()),
            without_evidence=store.without_evidence(),
            languages=store.counts_by("language"),
            banned=tuple(store.banned_ids()),
            music=tuple(store.roots()),
            store_bytes=store.path.stat().st_size,
        )

    def generation(self) -> Generation:
        """Return what changes whenever the catalogue is rebuilt, or its index is written over."""
        return _stamp(self._folder / MANIFEST_FILE), _stamp(self._index_file)

    @property
    def loaded(self) -> Generation:
        """The generation that is open, whatever is on the disk by now."""
        return self._generation

    def reload_if_changed(self) -> bool:
        """Take over a rebuilt catalogue; True if there was one.

        Raises:
            CatalogError: what is there now cannot be loaded; the present one goes on, and the
                next call tries again.
        """
        if self.generation() == self._generation:
            return False
        fresh = Library.open(self._folder, hold=self._hold)
        old, self._store = self._store, fresh._store
        self._index, self._index_file = fresh._index, fresh._index_file
        self._roots = fresh._roots
        self._generation = fresh._generation
        self._subsets = {}
        old.close()
        return True

    def _within(self, track: Track) -> Track:
        """Return a track that knows the music folders: whoever opens it sees that it lies there.

        Not looked at here: a disk or a share that hangs would hold up who only chooses.
        """
        return replace(track, within=self._roots)

    def _id_of(self, what: str) -> int | None:
        if what.isdecimal():
            return int(what) if len(what) <= LONGEST_ID else None
        found = (self._store.find_track_id(path) for path in _spellings(what))
        return next((one for one in found if one is not None), None)

    def _among(self, wanted: TrackFilter) -> Subset | None:
        if wanted == TrackFilter():
            return None
        if wanted not in self._subsets:
            if len(self._subsets) >= MOST_SUBSETS:
                self._subsets.clear()
            self._subsets[wanted] = self._index.subset(self._store.ids_that(wanted))
        return self._subsets[wanted]


def _spellings(what: str) -> list[Path]:
    """Return a path as given, without dots in it, and with its links followed."""
    path = from_home(what)
    plain = os.path.abspath(path)  # noqa: PTH100 - Path has none that leaves links alone
    return list(dict.fromkeys((path.absolute(), Path(plain), Path(os.path.realpath(path)))))


def _stamp(path: Path) -> tuple[int, int]:
    """Return what tells a file from the one that was there before; (0, 0) for none."""
    try:
        status = path.stat()
    except OSError:
        return (0, 0)
    return (status.st_mtime_ns, status.st_ino)
