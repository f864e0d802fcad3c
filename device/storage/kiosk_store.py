"""What the kiosk remembers: which tracks were played and liked, and, only if the owner opts
in, a summary of each visit. One SQLite file; whatever was acknowledged survives a power cut.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

log = logging.getLogger(__name__)

SCHEMA_VERSION = 1
_SCHEMA = """
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
"""

NOWHERE = Path(":memory:")
FILE_NAME = "kiosk.sqlite"

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
        self._open()

    def _open(self) -> None:
        try:
            if self._path != NOWHERE:
                self._path.parent.mkdir(parents=True, exist_ok=True)
            self._base = sqlite3.connect(self._path, timeout=2.0, isolation_level=None)
            self._base.execute("PRAGMA journal_mode = WAL")
            self._base.execute("PRAGMA synchronous = FULL")
            self._migrate()
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

    def add_feedback(self, path: Path, kind: FeedbackKind) -> None:
        """Remember what a person said of a track; on return it is on disk."""
        self._write(
            "INSERT INTO feedback (path, said_at, kind) VALUES (?, ?, ?)",
            (str(path), self._wall_clock(), kind),
        )

    def note_played(self, path: Path) -> None:
        """Remember that a track was played now."""
        self._write(
            "INSERT INTO last_played (path, played_at) VALUES (?, ?) "
            "ON CONFLICT (path) DO UPDATE SET played_at = excluded.played_at",
            (str(path), self._wall_clock()),
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

    def memories(self, paths: Iterable[Path]) -> dict[Path, TrackMemory]:
        """Return what is known of each of the given tracks.

        Of a file that can no longer be read nothing is: a new memory is begun, which lasts as
        long as the store, and music goes on.
        """
        asked = list(paths)
        try:
            return {path: self._memory(str(path)) for path in asked}
        except sqlite3.Error as error:
            log.error(_NOT_KEPT, f"{self._path}: cannot be read: {error}")
            self._base.close()
            self._path = NOWHERE
            self._open()
            return dict.fromkeys(asked, TrackMemory())

    def visits(self) -> list[VisitSummary]:
        """Return the kept visits, oldest first."""
        with closing(
            self._base.execute(
                "SELECT started_at, ended_at, tracks, strategy, valence_first, valence_last,"
                " stress_first, stress_last FROM visits ORDER BY visit_id"
            )
        ) as rows:
            return [VisitSummary(*row) for row in rows]

    def _memory(self, path: str) -> TrackMemory:
        counts = dict(
            self._base.execute(
                "SELECT kind, count(*) FROM feedback WHERE path = ? GROUP BY kind", (path,)
            )
        )
        played = self._base.execute(
            "SELECT played_at FROM last_played WHERE path = ?", (path,)
        ).fetchone()
        return TrackMemory(
            likes=counts.get("like", 0),
            dislikes=counts.get("dislike", 0),
            skips=counts.get("skip", 0),
            last_played_at=played[0] if played else None,
        )

    def _write(self, statement: str, values: tuple[object, ...]) -> None:
        try:
            self._base.execute(statement, values)
        except sqlite3.Error as error:
            raise StoreError(f"{self._path}: cannot be written: {error}") from error

    def _migrate(self) -> None:
        (version,) = self._base.execute("PRAGMA user_version").fetchone()
        if version > SCHEMA_VERSION:
            raise sqlite3.DatabaseError(
                f"it was written by a newer Attune (version {version}, this one knows"
                f" {SCHEMA_VERSION})"
            )
        if version == 0:
            self._base.executescript(
                f"BEGIN; {_SCHEMA} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;"
            )
