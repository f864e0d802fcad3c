"""What the kiosk remembers: which tracks were played and liked, and, only if the owner opts
in, a summary of each visit. One SQLite file; whatever was acknowledged survives a power cut.

A track is its content, as in the catalogue: what is remembered of it goes with a file that is
moved, copied or given other tags, and not to other music under its old name.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Literal, Self

from catalog.analysis import CatalogError
from device.storage.following import Name, new_names

if TYPE_CHECKING:
    from catalog.library import Generation, Library
    from catalog.track import Track

log = logging.getLogger(__name__)

_MIGRATIONS = (
    """
CREATE TABLE feedback (
    path TEXT NOT NULL, said_at REAL NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('like', 'dislike', 'skip'))
) STRICT;
CREATE INDEX feedback_by_path ON feedback (path);
CREATE TABLE last_played (path TEXT PRIMARY KEY, played_at REAL NOT NULL) STRICT;
CREATE TABLE visits (
    visit_id INTEGER PRIMARY KEY, started_at REAL NOT NULL, ended_at REAL NOT NULL,
    tracks INTEGER NOT NULL, strategy TEXT NOT NULL,
    valence_first REAL, valence_last REAL, stress_first REAL, stress_last REAL
) STRICT;
""",
    # The content beside the path. It is NULL for what was kept before, until a catalogue tells.
    """
ALTER TABLE feedback ADD COLUMN digest BLOB;
DROP INDEX feedback_by_path;
CREATE INDEX feedback_by_name ON feedback (digest, path);
ALTER TABLE last_played RENAME TO played_by_path;
CREATE TABLE last_played (path TEXT NOT NULL, digest BLOB, played_at REAL NOT NULL) STRICT;
CREATE INDEX last_played_by_name ON last_played (digest, path);
INSERT INTO last_played (path, played_at) SELECT path, played_at FROM played_by_path;
DROP TABLE played_by_path;
""",
)
"""One script per version; a script never changes once it is released."""
SCHEMA_VERSION = len(_MIGRATIONS)

NOWHERE = Path(":memory:")
FILE_NAME = "kiosk.sqlite"

MOST_AT_ONCE = 2000
"""Tracks whose names change in one call: a tenth of a second in which nothing else is decided."""

_NOT_KEPT = "%s; likes and plays are not kept until it is mended"

FeedbackKind = Literal["like", "dislike", "skip"]


class StoreError(Exception):
    """The memory cannot be opened or written; the message names the file and the cause."""


@dataclass(frozen=True, slots=True)
class TrackMemory:
    """What is known of one track. Wall-clock seconds since the epoch."""

    likes: int = 0
    dislikes: int = 0
    skips: int = 0
    last_played_at: float | None = None


@dataclass(frozen=True, slots=True)
class VisitSummary:
    """A visit in numbers that name nobody; kept only with ``history.keep``."""

    started_at: float
    ended_at: float
    tracks: int
    strategy: str
    valence_first: float | None = None
    valence_last: float | None = None
    stress_first: float | None = None
    stress_last: float | None = None


def open_store(state_dir: Path, wall_clock: Callable[[], float]) -> KioskStore:
    """Open the memory below ``state_dir``; a broken one is reported and music goes on without.

    The damaged file is left as it is for its owner to rescue.
    """
    try:
        return KioskStore(state_dir / FILE_NAME, wall_clock)
    except StoreError as error:
        log.error(_NOT_KEPT, error)
        return KioskStore(NOWHERE, wall_clock)


class KioskStore:
    """The kiosk's memory; belongs to the thread that opened it."""

    def __init__(self, path: Path, wall_clock: Callable[[], float]) -> None:
        """Open or create the file (``:memory:`` keeps nothing); StoreError names it."""
        self._wall_clock = wall_clock
        self._path = path
        self._followed: Generation | None = None
        self._follow_fault = ""
        self._open()

    def _open(self) -> None:
        try:
            was_there = self._path != NOWHERE and self._path.exists()
            if self._path != NOWHERE:
                self._path.parent.mkdir(parents=True, exist_ok=True)
            self._base = sqlite3.connect(self._path, timeout=2.0, isolation_level=None)
            self._base.execute("PRAGMA journal_mode = WAL")
            self._base.execute("PRAGMA synchronous = FULL")
            # What was moved leaves no trace either, or it could not be deleted for good.
            self._base.execute("PRAGMA secure_delete = ON")
            began_at = self._migrate()
            if was_there and began_at == 0:
                log.warning("%s: was empty, as after a power cut: begun anew", self._path)
            # A worn-out card loses pages in the middle, which would show at the first choice only.
            (sound,) = self._base.execute("PRAGMA quick_check(1)").fetchone()
            if sound != "ok":
                raise sqlite3.DatabaseError("it is damaged")
        except (OSError, sqlite3.Error) as error:
            raise StoreError(
                f"{self._path}: the kiosk's memory cannot be opened: {error}"
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._base.close()

    def add_feedback(self, track: Track, kind: FeedbackKind) -> None:
        """Remember what a person said of a track; on return it is on disk."""
        self._write(
            "INSERT INTO feedback (digest, path, said_at, kind) VALUES (?, ?, ?, ?)",
            (track.digest, str(track.path), self._wall_clock(), kind),
        )

    def note_played(self, track: Track) -> None:
        """Remember that a track was played now."""
        now = self._wall_clock()
        known = self._write(
            "UPDATE last_played SET played_at = ? WHERE digest = ?", (now, track.digest)
        )
        if not known:
            self._write(
                "INSERT INTO last_played (digest, path, played_at) VALUES (?, ?, ?)",
                (track.digest, str(track.path), now),
            )

    def add_visit(self, visit: VisitSummary) -> None:
        """Keep a visit's summary (the caller asks the owner's setting first)."""
        self._write(
            "INSERT INTO visits (started_at, ended_at, tracks, strategy, valence_first,"
            " valence_last, stress_first, stress_last) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                visit.started_at, visit.ended_at, visit.tracks, visit.strategy,
                visit.valence_first, visit.valence_last, visit.stress_first, visit.stress_last,
            ),
        )  # fmt: skip

    def follow(self, library: Library) -> None:
        """Let what is remembered go to where its tracks are now.

        Looks once at each catalogue that is loaded. What is too much for one call is left to the
        next; what fails changes nothing, is said once and is tried again.
        """
        if library.loaded == self._followed:
            return
        try:
            changes = list(islice(new_names(self._names(), library), MOST_AT_ONCE))
            self._rename(changes)
        except (CatalogError, sqlite3.Error) as error:
            if str(error) != self._follow_fault:
                log.warning("what is remembered does not follow moved music yet: %s", error)
            self._follow_fault = str(error)
        else:
            self._followed = library.loaded if len(changes) < MOST_AT_ONCE else None
            self._follow_fault = ""

    def memories(self, tracks: Iterable[Track]) -> dict[Path, TrackMemory]:
        """Return what is known of each of the given tracks, by its path.

        Of a file that can no longer be read nothing is: a new memory is begun, which lasts as
        long as the store, and music goes on.
        """
        asked = list(tracks)
        try:
            return {track.path: self._memory(track.digest) for track in asked}
        except sqlite3.Error as error:
            log.error(_NOT_KEPT, f"{self._path}: cannot be read: {error}")
            self._base.close()
            self._path = NOWHERE
            self._open()
            return {track.path: TrackMemory() for track in asked}

    def visits(self) -> list[VisitSummary]:
        """Return the kept visits, oldest first."""
        with closing(
            self._base.execute(
                "SELECT started_at, ended_at, tracks, strategy, valence_first, valence_last,"
                " stress_first, stress_last FROM visits ORDER BY visit_id"
            )
        ) as rows:
            return [VisitSummary(*row) for row in rows]

    def _names(self) -> list[Name]:
        rows = self._base.execute(
            "SELECT digest, path FROM feedback UNION SELECT digest, path FROM last_played"
        )
        return rows.fetchall()

    def _rename(self, changes: Sequence[tuple[Name, Name]]) -> None:
        """Keep under other names what is kept under some, all of it or nothing."""
        if not changes:
            return
        rows = [(*new, *old) for old, new in changes]
        with self._base:
            self._base.execute("BEGIN IMMEDIATE")
            for table in ("feedback", "last_played"):
                self._base.executemany(
                    f"UPDATE {table} SET digest = ?, path = ? WHERE digest IS ? AND path = ?",  # noqa: S608
                    rows,
                )

    def _memory(self, digest: bytes) -> TrackMemory:
        counts = dict(
            self._base.execute(
                "SELECT kind, count(*) FROM feedback WHERE digest = ? GROUP BY kind", (digest,)
            )
        )
        # Several where copies were known apart before their content was.
        (played_at,) = self._base.execute(
            "SELECT max(played_at) FROM last_played WHERE digest = ?", (digest,)
        ).fetchone()
        return TrackMemory(
            likes=counts.get("like", 0),
            dislikes=counts.get("dislike", 0),
            skips=counts.get("skip", 0),
            last_played_at=played_at,
        )

    def _write(self, statement: str, values: tuple[object, ...]) -> int:
        """Write, and return how many rows that changed."""
        try:
            return self._base.execute(statement, values).rowcount
        except sqlite3.Error as error:
            raise StoreError(f"{self._path}: cannot be written: {error}") from error

    def _migrate(self) -> int:
        """Bring the file to this version; return the one it had, 0 for none."""
        (version,) = self._base.execute("PRAGMA user_version").fetchone()
        if version > SCHEMA_VERSION:
            raise sqlite3.DatabaseError(
                f"it was written by a newer Attune (version {version}, this one knows"
                f" {SCHEMA_VERSION})"
            )
        for number, script in enumerate(_MIGRATIONS[version:], start=version + 1):
            self._base.executescript(
                f"BEGIN IMMEDIATE; {script} PRAGMA user_version = {number}; COMMIT;"
            )
        return int(version)
