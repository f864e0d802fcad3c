"""The track store: one SQLite file with tracks, their evidence, their files and the failures.

A track is a content (a digest), not a path: a moved or copied file is the same track, and the
tracks of files that went away keep their measurements in case the files come back.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from catalog.analysis import (
    POINT_LENGTH,
    CatalogError,
    EvidencePart,
    Failure,
    FileStamp,
    KnownFile,
    unpack_point,
)
from catalog.migrations import NotReadyError, migrate
from catalog.track import Track

STORE_FILE = "tracks.sqlite"
_ROOM_BYTES = 64 << 10
"""SQLite makes a file of 32 kB beside the store, and a journal, before it reads anything."""

_MAX_SQL_VARIABLES = 500
"""Identifiers per statement; SQLite itself allows 999 at least."""


RIGHTS = "run this as root (sudo) or as the kiosk's user"
"""What to do about a catalogue that belongs to the kiosk, and is read or written by another."""

_TRACK_COLUMNS = (
    "t.track_id, f.path, t.title, t.artist, t.album, t.genre, t.duration_s, t.point,"
    " t.integrated_loudness_lufs, t.true_peak_dbtp, t.lead_silence_s, t.tail_silence_s, t.digest"
)
_ONE_FILE = "JOIN files AS f ON f.path = (SELECT min(path) FROM files WHERE track_id = t.track_id)"


def _track(row: Sequence[Any]) -> Track:
    track_id, path, title, artist, album, genre, duration_s, point, lufs, peak, *rest = row
    lead, tail, digest = rest
    return Track(
        track_id=track_id, path=Path(path), title=title, artist=artist, album=album, genre=genre,
        duration_s=duration_s, point=unpack_point(point), integrated_loudness_lufs=lufs,
        true_peak_dbtp=peak, lead_silence_s=lead, tail_silence_s=tail, digest=digest,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class TrackFilter:
    """Which tracks may come; None lets all through."""

    genre: str | None = None
    language: str | None = None
    """Of the lyrics: "en", "zh" ..."""
    clean_only: bool = False
    """Leave out what its tags call explicit."""


class NoCatalogueError(CatalogError):
    """There is no catalogue in the folder."""


def check_present(folder: Path) -> None:
    """Raise NoCatalogueError where there is none, CatalogError where nobody may look."""
    try:
        (folder / STORE_FILE).stat()
    except PermissionError as error:
        raise CatalogError(f"{folder}: may not be read: {RIGHTS}") from error
    except OSError as error:
        raise NoCatalogueError(
            f"no catalogue in {folder}: run `attune catalog build DIR`"
        ) from error


class Store:
    """The SQLite file of a catalogue, to read; may be used from several threads (one lock)."""

    def __init__(self, folder: Path) -> None:
        """Open the store in ``folder``.

        Raises:
            CatalogError: it is missing, damaged, or of another version.
        """
        self.path = folder / STORE_FILE
        self._lock = threading.RLock()
        try:
            self._base = self._connect()
            (self.catalogue_id,) = self._one("SELECT value FROM meta WHERE key = 'catalogue_id'")
        except (OSError, sqlite3.Error, UnicodeDecodeError) as error:
            # The last: what SQLite wants to say quotes the damaged file.
            raise CatalogError(
                f"{self.path}: cannot be opened: {error}; {_remedy(error, self.path)}"
            ) from error

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
        """Close the file; further calls fail."""
        with self._lock:
            self._base.close()

    # --- reading ------------------------------------------------------------------------

    def track(self, track_id: int) -> Track | None:
        """Return a track, or None when it is unknown, has no file or no point."""
        return self.tracks_by_id([track_id]).get(track_id)

    def tracks_by_id(self, track_ids: Sequence[int]) -> dict[int, Track]:
        """Return those of the given tracks that exist and have a file."""
        rows = self._among(
            f"SELECT {_TRACK_COLUMNS} FROM tracks AS t {_ONE_FILE}"  # noqa: S608
            " WHERE t.track_id IN ({}) AND t.point IS NOT NULL",
            [int(one) for one in track_ids],
        )
        return {row[0]: _track(row) for row in rows}

    def tracks(self) -> Iterator[Track]:
        """Yield every track that has a file and a point, by id, in small portions."""
        last = 0
        while True:
            rows = self._all(
                f"SELECT {_TRACK_COLUMNS} FROM tracks AS t {_ONE_FILE}"  # noqa: S608
                " WHERE t.track_id > ? AND t.point IS NOT NULL ORDER BY t.track_id LIMIT 500",
                (last,),
            )
            if not rows:
                return
            last = rows[-1][0]
            yield from map(_track, rows)

    def find_track_id(self, path: Path) -> int | None:
        """Return the id of the track at ``path``, or None."""
        rows = self._all("SELECT track_id FROM files WHERE path = ?", (str(path),))
        return int(rows[0][0]) if rows else None

    def tracks_of(self, digests: Sequence[bytes]) -> dict[bytes, tuple[bytes, str | None]]:
        """Return what those contents that are known, now or before they got other tags, are now:
        the content and a file, or None where all files went away."""
        rows = self._among(
            "SELECT asked.digest, t.digest,"
            " (SELECT min(path) FROM files AS f WHERE f.track_id = t.track_id)"
            " FROM (SELECT digest, track_id FROM tracks"
            " UNION ALL SELECT digest, track_id FROM former_contents) AS asked"
            " JOIN tracks AS t USING (track_id) WHERE asked.digest IN ({})",
            digests,
        )
        return {asked: (digest, path) for asked, digest, path in rows}

    def digests_at(self, paths: Sequence[str]) -> dict[str, bytes]:
        """Return the contents of those files that are known."""
        select = "SELECT path, digest FROM files JOIN tracks USING (track_id) WHERE path IN ({})"
        return dict(self._among(select, paths))

    def points(self) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return ids (n,) and points (n, 24) of all tracks to choose from, by id.

        Those are the tracks with a file and a point that the owner has not banned.
        """
        rows = self._all(
            "SELECT track_id, point FROM tracks AS t WHERE point IS NOT NULL AND NOT banned"
            " AND EXISTS (SELECT 1 FROM files AS f WHERE f.track_id = t.track_id)"
            " ORDER BY track_id"
        )
        ids = np.array([row[0] for row in rows], np.int64)
        points = np.frombuffer(b"".join(row[1] for row in rows), "<f4")
        return ids, points.reshape(len(rows), POINT_LENGTH)

    def ids_that(self, wanted: TrackFilter) -> NDArray[np.int64]:
        """Return the ids (sorted) of the tracks that pass a filter, letter case aside.

        A genre is also found as a word of a longer one: "classical" in "Romantic Classical".
        """
        rows = self._all(
            "SELECT track_id FROM tracks"
            " WHERE (?1 IS NULL OR genre IN (SELECT value FROM json_each(?1)))"
            " AND (?2 IS NULL OR language = ?2 COLLATE NOCASE) AND (NOT ?3 OR NOT explicit)"
            " ORDER BY track_id",
            (self._genres_like(wanted.genre), wanted.language, int(wanted.clean_only)),
        )
        return np.array([row[0] for row in rows], np.int64)

    def _genres_like(self, wanted: str | None) -> str | None:
        """Return the genres of tracks that hold the words of ``wanted``, as JSON."""
        if wanted is None:
            return None
        present = (str(row[0]) for row in self._all("SELECT DISTINCT genre FROM tracks"))
        words = _words(wanted)
        fitting = [genre for genre in present if words in _words(genre)]
        return json.dumps(fitting if words.strip() else [""])

    def banned_ids(self) -> list[int]:
        """Return the ids of the tracks that the owner has banned."""
        return [row[0] for row in self._all("SELECT track_id FROM tracks WHERE banned")]

    def evidence(self, track_id: int) -> tuple[EvidencePart, ...]:
        """Return the parts behind a track's point, the strongest first."""
        rows = self._all(
            "SELECT source, weight, confidence, vector, detail FROM evidence"
            " WHERE track_id = ? ORDER BY weight * confidence DESC, source",
            (track_id,),
        )
        return tuple(
            EvidencePart(source, weight, confidence, unpack_point(vector), detail)
            for source, weight, confidence, vector, detail in rows
        )

    def confidence(self, track_id: int) -> float:
        """Return how sure the fused point of a track is, 0..1."""
        rows = self._all("SELECT confidence FROM tracks WHERE track_id = ?", (track_id,))
        return float(rows[0][0]) if rows else 0.0

    def known_files(self) -> dict[str, KnownFile]:
        """Return every file of earlier builds by its path."""
        rows = self._all(
            "SELECT f.path, f.track_id, f.size, f.mtime_ns, f.sidecar, t.fingerprint"
            " FROM files AS f JOIN tracks AS t ON t.track_id = f.track_id"
        )
        return {row[0]: KnownFile(row[1], FileStamp(*row[2:5]), row[5]) for row in rows}

    def failures(self) -> dict[str, Failure]:
        """Return the files that could not be taken, by path."""
        rows = self._all(
            "SELECT path, size, mtime_ns, sidecar, reason, fingerprint FROM failures ORDER BY path"
        )
        return {row[0]: Failure(Path(row[0]), FileStamp(*row[1:4]), row[4], row[5]) for row in rows}

    def without_evidence(self) -> dict[str, int]:
        """Return how many tracks (with a file) have no point, by the reason."""
        rows = self._all(
            "SELECT no_evidence, count(*) FROM tracks AS t WHERE point IS NULL"
            " AND EXISTS (SELECT 1 FROM files AS f WHERE f.track_id = t.track_id)"
            " GROUP BY no_evidence"
        )
        return {row[0]: row[1] for row in rows}

    def names(self) -> Iterator[tuple[int, str, str, str]]:
        """Yield id, path, artist and title of every file's track, with a point or without."""
        yield from self._all(
            "SELECT t.track_id, f.path, t.artist, t.title FROM tracks AS t"
            " JOIN files AS f ON f.track_id = t.track_id ORDER BY t.track_id, f.path"
        )

    def totals(self) -> tuple[int, float]:
        """Return how many tracks have a file, and their seconds together."""
        row = self._all(
            "SELECT count(*), total(duration_s) FROM tracks AS t"
            " WHERE EXISTS (SELECT 1 FROM files AS f WHERE f.track_id = t.track_id)"
        )[0]
        return int(row[0]), float(row[1])

    def counts_by(self, column: str) -> dict[str, int]:
        """Return how many playable tracks have each ``genre``, ``language`` or ``artist``.

        Spellings that differ by letter case count as the most frequent of them.
        """
        if column not in {"genre", "language", "artist"}:
            raise ValueError(f"tracks are not counted by {column}")
        rows = self._all(
            f"SELECT {column}, count(*) AS n FROM tracks AS t WHERE point IS NOT NULL"  # noqa: S608
            " AND EXISTS (SELECT 1 FROM files AS f WHERE f.track_id = t.track_id)"
            f" GROUP BY {column} ORDER BY n DESC, {column}"
        )
        spelt: dict[str, str] = {}
        counts: dict[str, int] = {}
        for value, count in rows:
            name = spelt.setdefault(value.casefold(), value)
            counts[name] = counts.get(name, 0) + count
        return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))

    def reason_left_out(self, track_id: int) -> str:
        """Return why a track has no point; empty when it has one or is unknown."""
        rows = self._all("SELECT no_evidence FROM tracks WHERE track_id = ?", (track_id,))
        return str(rows[0][0]) if rows else ""

    def evidence_sources(self) -> dict[str, int]:
        """Return how many tracks (with a file) each kind of evidence speaks about."""
        rows = self._all(
            "SELECT source, count(*) FROM evidence AS e"
            " WHERE EXISTS (SELECT 1 FROM files AS f WHERE f.track_id = e.track_id)"
            " GROUP BY source ORDER BY 2 DESC, source"
        )
        return {row[0]: row[1] for row in rows}

    def known_sizes(self) -> set[int]:
        """Return the sizes of all known contents: a moved file has one of them."""
        return {row[0] for row in self._all("SELECT DISTINCT size FROM tracks")}

    def roots(self) -> list[Path]:
        """Return the folders of earlier builds."""
        rows = self._all("SELECT value FROM meta WHERE key = 'roots'")
        return [Path(one) for one in json.loads(rows[0][0])] if rows else []

    # --- the connection -----------------------------------------------------------------

    def _connect(self) -> sqlite3.Connection:
        address = f"{self.path.resolve().as_uri()}?mode=ro"
        try:
            base = self._open(address)
            base.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        except sqlite3.OperationalError:
            # A write-ahead log wants its index file even to be read: in a read-only folder
            # that is impossible, and needless, for nobody can write there.
            wal = self.path.with_name(f"{STORE_FILE}-wal")
            if wal.exists() and wal.stat().st_size > 0:
                raise
            base = self._open(f"{address}&immutable=1")
        migrate(base, writable=False)
        return base

    def _open(self, address: str) -> sqlite3.Connection:
        return sqlite3.connect(
            address, uri=True, timeout=5.0, isolation_level=None, check_same_thread=False
        )

    def _one(self, statement: str) -> tuple[Any, ...]:
        row: tuple[Any, ...] | None = self._base.execute(statement).fetchone()
        if row is None:
            raise sqlite3.DatabaseError("what names the catalogue is gone from it")
        return row

    def _all(self, statement: str, values: Sequence[object] = ()) -> list[Any]:
        try:
            with self._lock:
                return self._base.execute(statement, values).fetchall()
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise CatalogError(f"{self.path}: cannot be read: {error}") from error

    def _among(self, select: str, values: Sequence[object]) -> Iterator[Any]:
        """Yield the rows of ``select``, whose ``{}`` stands for the values, in portions."""
        for start in range(0, len(values), _MAX_SQL_VARIABLES):
            some = values[start : start + _MAX_SQL_VARIABLES]
            yield from self._all(select.format(",".join("?" * len(some))), some)


def _remedy(error: Exception, path: Path) -> str:
    """Return what to do; only what is damaged may be advised to be deleted."""
    if isinstance(error, NotReadyError):
        return "run `attune catalog build` once"
    if path.exists() and not os.access(path, os.R_OK):
        return RIGHTS
    try:
        is_full = shutil.disk_usage(path.parent).free < _ROOM_BYTES
    except OSError:
        is_full = False
    if is_full:  # SQLite calls it an I/O error when there is no room for its shared memory.
        return "its disk is full: free some space, what was stored is kept"
    if getattr(error, "sqlite_errorname", "").startswith("SQLITE_IOERR"):
        return "look after its disk"
    return "if it is damaged, delete it and make it anew with `attune catalog build`"


def _words(genre: str) -> str:
    """Return the words of a genre between spaces: "Hip-Hop/Rap" gives " hip hop rap "."""
    return " ".join(("", *re.findall(r"[^\W_]+", genre.casefold()), ""))
