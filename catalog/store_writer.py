"""Writing the track store: what the build and the importers put into it."""

from __future__ import annotations

import json
import sqlite3
import time
import uuid
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from catalog.analysis import (
    CatalogError,
    EvidencePart,
    Failure,
    FileStamp,
    TrackAnalysis,
    fuse,
    pack_point,
)
from catalog.migrations import migrate
from catalog.store import Store

SAME_LENGTH_S = 0.01
"""What is decoded of the same sound differs by no sample; of two songs hardly ever by less."""

UNSEEN = FileStamp(0, 0)
"""Fits no file: what bears it is looked at again by the next build."""

_WRITTEN_COLUMNS = (
    "digest", "size", "sidecar", "named_after", "title", "artist", "album", "genre", "language",
    "duration_s", "integrated_loudness_lufs", "true_peak_dbtp", "lead_silence_s",
    "tail_silence_s", "fingerprint", "point", "confidence", "no_evidence", "explicit",
)  # fmt: skip
_PUT_TRACK = (
    f"INSERT INTO tracks ({', '.join(_WRITTEN_COLUMNS)})"  # noqa: S608
    f" VALUES ({', '.join('?' * len(_WRITTEN_COLUMNS))}) ON CONFLICT (digest) DO UPDATE SET "
    + ", ".join(f"{column} = excluded.{column}" for column in _WRITTEN_COLUMNS[1:])
    + " RETURNING track_id"
)


def naming(path: Path) -> str:
    """Return the part of a path that names an untagged track: its folder and its stem."""
    return f"{path.parent.name}/{path.stem}"


class StoreWriter(Store):
    """The SQLite file of a catalogue, to read and write; created or migrated if need be."""

    def __init__(self, folder: Path) -> None:
        """Open or make the store in ``folder``; raises CatalogError as Store does."""
        super().__init__(folder)
        self._changes_before = self._base.total_changes

    @property
    def has_changed(self) -> bool:
        """Whether a row was written since it was opened."""
        return self._base.total_changes > self._changes_before

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Group writes: all of them are kept, or none.

        Raises:
            CatalogError: the disk is full or the file cannot be written.
        """
        with self._lock:
            try:
                self._base.execute("BEGIN IMMEDIATE")
                try:
                    yield
                    self._base.execute("COMMIT")
                except BaseException:
                    if self._base.in_transaction:
                        self._base.execute("ROLLBACK")
                    raise
            except sqlite3.Error as error:
                hint = "free some space and run the build again; " if _is_full(error) else ""
                raise CatalogError(
                    f"{self.path}: cannot be written: {error}; {hint}what was stored before is kept"
                ) from error

    def find_content(self, digest: bytes) -> int | None:
        """Return the id of the track of a content, with a file or without, or None."""
        rows = self._all("SELECT track_id FROM tracks WHERE digest = ?", (digest,))
        return int(rows[0][0]) if rows else None

    def knows_below(self, folder: Path) -> bool:
        """Return whether a file of an earlier build lies below a folder; looks at no disk."""
        rows = self._all(
            "SELECT 1 FROM files WHERE path > ?1 || '/' AND path < ?1 || '0' LIMIT 1",
            (str(folder),),
        )  # "0" comes next to "/".
        return bool(rows)

    def put_track(self, path: Path, stamp: FileStamp, analysis: TrackAnalysis) -> int:
        """Store a content with its evidence, and the file that holds it; returns the id.

        A file that got other tags stays the same track, with what its owner said of it.
        """
        left = self._track_left(path, analysis)
        point = None if analysis.point is None else pack_point(analysis.point)
        (track_id,) = self._base.execute(
            _PUT_TRACK,
            (
                analysis.digest, stamp.size, stamp.sidecar, analysis.named_after,
                analysis.title, analysis.artist, analysis.album, analysis.genre,
                analysis.language, analysis.duration_s,
                analysis.integrated_loudness_lufs, analysis.true_peak_dbtp,
                analysis.lead_silence_s, analysis.tail_silence_s, analysis.fingerprint,
                point, analysis.confidence, analysis.no_evidence, int(analysis.explicit),
            ),
        ).fetchone()  # fmt: skip
        self._base.execute("DELETE FROM former_contents WHERE digest = ?", (analysis.digest,))
        self._base.execute("DELETE FROM evidence WHERE track_id = ? AND imported = 0", (track_id,))
        self._put_parts(track_id, analysis.evidence, imported=False)
        if left is not None:
            self._inherit(track_id, left)
        if len(self.evidence(track_id)) > len(analysis.evidence):
            self._fuse_anew(track_id)  # What was imported before still speaks.
        self._put_file(path, stamp, track_id)
        return int(track_id)

    def _track_left(self, path: Path, analysis: TrackAnalysis) -> int | None:
        """Return the track that a file leaves for a new one, though it is the same music.

        A content never seen that lasts as long as the one before is that with other tags; else
        it is other music under an old name. The track of this file alone takes the content, and
        there is none to leave.
        """
        row = self._base.execute(
            "SELECT t.track_id, (SELECT count(*) FROM files AS o WHERE o.track_id = t.track_id)"
            " FROM files AS f JOIN tracks AS t ON t.track_id = f.track_id"
            " WHERE f.path = ?1 AND abs(t.duration_s - ?2) < ?3"
            " AND NOT EXISTS (SELECT 1 FROM tracks WHERE digest = ?4)",
            (str(path), analysis.duration_s, SAME_LENGTH_S, analysis.digest),
        ).fetchone()
        if row is None:
            return None
        track_id, files = row
        if files > 1:
            return int(track_id)
        self.change_content(track_id, analysis.digest)
        return None

    def same_sound(self, analysis: TrackAnalysis) -> dict[int, list[Path]]:
        """Return the tracks that measure as a content never seen does, and their files.

        Its length to the sample, its loudness and peak to the digits there are: it is the same
        sound in other tags.
        """
        found: dict[int, list[Path]] = {}
        for track_id, path in self._base.execute(
            "SELECT t.track_id, f.path FROM tracks AS t LEFT JOIN files AS f USING (track_id)"
            " WHERE t.duration_s = ?1 AND t.integrated_loudness_lufs = ?2"
            " AND t.true_peak_dbtp = ?3 AND t.lead_silence_s = ?4 AND t.tail_silence_s = ?5"
            " AND NOT EXISTS (SELECT 1 FROM tracks WHERE digest = ?6) ORDER BY t.track_id",
            (
                analysis.duration_s, analysis.integrated_loudness_lufs, analysis.true_peak_dbtp,
                analysis.lead_silence_s, analysis.tail_silence_s, analysis.digest,
            ),
        ):  # fmt: skip
            found.setdefault(track_id, []).extend([] if path is None else [Path(path)])
        return found

    def change_content(self, track_id: int, digest: bytes) -> None:
        """Note that a track has another content, never seen before; the former one stays known."""
        self._base.execute(
            "INSERT OR REPLACE INTO former_contents (digest, track_id)"
            " SELECT digest, track_id FROM tracks WHERE track_id = ?",
            (track_id,),
        )
        self._base.execute("UPDATE tracks SET digest = ? WHERE track_id = ?", (digest, track_id))

    def _inherit(self, track_id: int, left: int) -> None:
        """Give a new track what the owner said of the one that its file has left."""
        self._base.execute(
            "UPDATE tracks SET banned = (SELECT banned FROM tracks WHERE track_id = ?2)"
            " WHERE track_id = ?1",
            (track_id, left),
        )
        self._base.execute(
            "INSERT OR REPLACE INTO evidence"
            " (track_id, source, weight, confidence, vector, detail, imported)"
            " SELECT ?1, source, weight, confidence, vector, detail, 1 FROM evidence"
            " WHERE track_id = ?2 AND imported",
            (track_id, left),
        )

    def put_imported(self, track_id: int, part: EvidencePart) -> None:
        """Add what a table from outside says of a track; it outlives analyses of the file."""
        self._put_parts(track_id, [part], imported=True)
        self._fuse_anew(track_id)

    def put_known(self, path: Path, stamp: FileStamp, digest: bytes, fingerprint: str) -> bool:
        """Note that ``path`` holds a content analysed before.

        Returns False when there is none such: never seen, seen by an older analysis, or what
        the path adds to it (lyrics beside it, a name in place of tags) is different now.
        """
        row = self._base.execute(
            "SELECT track_id FROM tracks WHERE digest = ? AND fingerprint = ? AND sidecar = ?"
            " AND named_after IN ('', ?)",
            (digest, fingerprint, stamp.sidecar, naming(path)),
        ).fetchone()
        if row is None:
            return False
        self._put_file(path, stamp, row[0])
        return True

    def hold_place(self, path: Path, track_id: int) -> None:
        """Note that a file holds the content of a track, and is yet to be analysed again."""
        self._put_file(path, UNSEEN, track_id)

    def put_roots(self, roots: Sequence[Path]) -> None:
        """Remember the folders for the next build."""
        self._base.execute(
            "INSERT OR REPLACE INTO meta (key, value) VALUES ('roots', ?)",
            (json.dumps([str(root) for root in roots]),),
        )

    def ban(self, track_id: int, banned: bool) -> None:
        """Take a track out of the next index, or let it in again."""
        self._base.execute(
            "UPDATE tracks SET banned = ? WHERE track_id = ?", (int(banned), track_id)
        )

    def put_failure(self, failure: Failure, *, keeps_track: bool = False) -> None:
        """Record why a file could not be taken; unless it keeps it, its track loses the file."""
        path, stamp = str(failure.path), failure.stamp
        if not keeps_track:
            self._base.execute("DELETE FROM files WHERE path = ?", (path,))
        self._base.execute(
            "INSERT OR REPLACE INTO failures"
            " (path, size, mtime_ns, sidecar, reason, fingerprint, failed_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (path, stamp.size, stamp.mtime_ns, stamp.sidecar, failure.reason,
             failure.fingerprint, time.time()),
        )  # fmt: skip

    def forget_mended(self, fingerprint: str) -> None:
        """Drop the failures of files whose tracks have been analysed so, after all."""
        self._base.execute(
            "DELETE FROM failures WHERE EXISTS (SELECT 1 FROM files AS f"
            " JOIN tracks AS t ON t.track_id = f.track_id WHERE f.path = failures.path"
            " AND t.fingerprint = ?1 AND (f.size, f.mtime_ns) != (?2, ?3))",
            (fingerprint, UNSEEN.size, UNSEEN.mtime_ns),
        )

    def forget_paths(self, paths: Collection[str]) -> None:
        """Drop files that are gone; their contents stay in case they come back."""
        rows = [(path,) for path in paths]
        self._base.executemany("DELETE FROM files WHERE path = ?", rows)
        self._base.executemany("DELETE FROM failures WHERE path = ?", rows)

    def _put_parts(self, track_id: int, parts: Sequence[EvidencePart], *, imported: bool) -> None:
        self._base.executemany(
            "INSERT OR REPLACE INTO evidence"
            " (track_id, source, weight, confidence, vector, detail, imported)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                (track_id, part.source, part.weight, part.confidence,
                 pack_point(part.point), part.detail, int(imported))
                for part in parts
            ],
        )  # fmt: skip

    def _fuse_anew(self, track_id: int) -> None:
        point, confidence = fuse(self.evidence(track_id))
        self._base.execute(
            "UPDATE tracks SET point = ?, confidence = ?, no_evidence = '' WHERE track_id = ?",
            (None if point is None else pack_point(point), confidence, track_id),
        )

    def _put_file(self, path: Path, stamp: FileStamp, track_id: int) -> None:
        self._base.execute(
            "INSERT OR REPLACE INTO files (path, track_id, size, mtime_ns, sidecar)"
            " VALUES (?, ?, ?, ?, ?)",
            (str(path), track_id, stamp.size, stamp.mtime_ns, stamp.sidecar),
        )
        self._base.execute("DELETE FROM failures WHERE path = ?", (str(path),))

    def _connect(self) -> sqlite3.Connection:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        base = self._open(f"{self.path.resolve().as_uri()}?mode=rwc")
        base.execute("PRAGMA journal_mode = WAL")
        base.execute("PRAGMA synchronous = NORMAL")
        base.execute("PRAGMA foreign_keys = ON")
        migrate(base, writable=True)
        base.execute(
            "INSERT OR IGNORE INTO meta (key, value) VALUES ('catalogue_id', ?)",
            (uuid.uuid4().hex,),
        )
        return base


def _is_full(error: sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorname", "") in {"SQLITE_FULL", "SQLITE_IOERR_WRITE"}
