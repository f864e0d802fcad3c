"""The store's schema, one script per version; a script never changes once it is released."""

from __future__ import annotations

import sqlite3

MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
    CREATE TABLE tracks (
        track_id INTEGER PRIMARY KEY,
        digest BLOB NOT NULL UNIQUE,
        size INTEGER NOT NULL, sidecar TEXT NOT NULL, named_after TEXT NOT NULL,
        title TEXT NOT NULL, artist TEXT NOT NULL, album TEXT NOT NULL,
        genre TEXT NOT NULL, language TEXT NOT NULL,
        duration_s REAL NOT NULL,
        integrated_loudness_lufs REAL, true_peak_dbtp REAL,
        lead_silence_s REAL NOT NULL, tail_silence_s REAL NOT NULL,
        fingerprint TEXT NOT NULL,
        point BLOB, confidence REAL NOT NULL, no_evidence TEXT NOT NULL
    ) STRICT;
    CREATE INDEX tracks_by_genre ON tracks (genre COLLATE NOCASE);
    CREATE TABLE evidence (
        track_id INTEGER NOT NULL REFERENCES tracks ON DELETE CASCADE,
        source TEXT NOT NULL, weight REAL NOT NULL, confidence REAL NOT NULL,
        vector BLOB NOT NULL, detail TEXT NOT NULL,
        PRIMARY KEY (track_id, source)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE files (
        path TEXT PRIMARY KEY,
        track_id INTEGER NOT NULL REFERENCES tracks ON DELETE CASCADE,
        size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, sidecar TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX files_by_track ON files (track_id, path);
    CREATE TABLE failures (
        path TEXT PRIMARY KEY,
        size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, sidecar TEXT NOT NULL,
        reason TEXT NOT NULL, fingerprint TEXT NOT NULL, failed_at REAL NOT NULL
    ) STRICT, WITHOUT ROWID;
    """,
    # Evidence from tables outside the files: it stays when a file is analysed again.
    "ALTER TABLE evidence ADD COLUMN imported INTEGER NOT NULL DEFAULT 0;",
    # What a filter may leave out: explicit words, and what the owner does not want to hear.
    """
    ALTER TABLE tracks ADD COLUMN explicit INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE tracks ADD COLUMN banned INTEGER NOT NULL DEFAULT 0;
    """,
    # What a track was before it got other tags: what is remembered of it elsewhere finds it.
    """
    CREATE TABLE former_contents (
        digest BLOB PRIMARY KEY, track_id INTEGER NOT NULL REFERENCES tracks ON DELETE CASCADE
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX tracks_by_duration ON tracks (duration_s);
    """,
)
OLDEST_READABLE = 3
"""A kiosk plays from it until the next build: after an update music goes on."""


class NotReadyError(sqlite3.DatabaseError):
    """The file is sound, and can be read once a build has been over it."""


def migrate(base: sqlite3.Connection, *, writable: bool) -> None:
    """Bring the schema to this version, each step whole or not at all.

    Raises:
        sqlite3.DatabaseError: the file is from a newer version.
        NotReadyError: it is empty or old, and not writable.
    """
    (version,) = base.execute("PRAGMA user_version").fetchone()
    newest = len(MIGRATIONS)
    if version > newest:
        raise sqlite3.DatabaseError(
            f"it was written by a newer Attune (version {version}, this one knows {newest})"
        )
    if version < OLDEST_READABLE and not writable:
        fault = f"has the older version {version}" if version else "is empty, as after a power cut"
        raise NotReadyError(f"it {fault}")
    due = MIGRATIONS[version:] if writable else ()
    for number, script in enumerate(due, start=version + 1):
        base.executescript(f"BEGIN IMMEDIATE; {script} PRAGMA user_version = {number}; COMMIT;")
