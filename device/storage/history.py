"""The owner's view of the kiosk's memory, beside a kiosk that may be running."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path

from catalog.store import RIGHTS
from device.commands.errors import CommandError
from device.storage.kiosk_store import FILE_NAME, SCHEMA_VERSION, VisitSummary

BUSY_TIMEOUT_S = 5.0
TABLES_OF_LIKES = ("feedback", "last_played")
_ALL_TABLES = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"


@dataclass(frozen=True, slots=True)
class Counts:
    """How much there is of each kind."""

    visits: int = 0
    feedback: int = 0
    played: int = 0


class History:
    """What is remembered; all empty where the kiosk has remembered nothing yet."""

    def __init__(self, base: sqlite3.Connection | None) -> None:
        self._base = base

    def counts(self) -> Counts:
        """Return how much there is."""
        if self._base is None:
            return Counts()
        tables = ("visits", *TABLES_OF_LIKES)
        # The names are our own, from the line above.
        found = [self._base.execute(f"SELECT count(*) FROM {t}").fetchone()[0] for t in tables]  # noqa: S608
        return Counts(*found)

    def visits(self) -> list[VisitSummary]:
        """Return the kept visits, oldest first."""
        if self._base is None:
            return []
        names = ", ".join(field.name for field in fields(VisitSummary))
        rows = self._base.execute(f"SELECT {names} FROM visits ORDER BY visit_id")  # noqa: S608
        return [VisitSummary(*row) for row in rows]

    def delete(self, *, visits: bool, likes: bool) -> Counts:
        """Delete for good and return what went: nothing of it is left in the file or its log.

        Both together empty every table there is.
        """
        base, before = self._base, self.counts()
        if base is None:
            return before
        everything = [name for (name,) in base.execute(_ALL_TABLES)]
        chosen = [*(("visits",) if visits else ()), *(TABLES_OF_LIKES if likes else ())]
        # Deleted rows are overwritten (sqlite.org/pragma.html#pragma_secure_delete) ...
        base.execute("PRAGMA secure_delete = ON")
        with base:
            for table in everything if visits and likes else chosen:
                base.execute(f'DELETE FROM "{table}"')  # noqa: S608
        # ... and the log of changes, which still has them, is emptied.
        (busy, _, _) = base.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:
            raise sqlite3.OperationalError("deleted, but traces are still in the log of changes")
        return Counts(
            before.visits if visits else 0,
            before.feedback if likes else 0,
            before.played if likes else 0,
        )


@contextmanager
def open_history(state_dir: Path) -> Iterator[History]:
    """Open the memory below ``state_dir``; CommandError names the file and the cause."""
    path = state_dir / FILE_NAME
    try:
        base = _connect(path)
    except (OSError, sqlite3.Error) as error:
        if isinstance(error, PermissionError) or not os.access(path, os.R_OK):
            raise CommandError(f"{path}: may not be read: {RIGHTS}") from error
        raise CommandError(f"{path}: the kiosk's memory cannot be opened: {error}") from error
    if base is None:
        yield History(None)
        return
    try:
        (version,) = base.execute("PRAGMA user_version").fetchone()
        if version > SCHEMA_VERSION:
            raise CommandError(f"{path}: written by a newer Attune (version {version})")
        if version == 0:
            raise CommandError(
                f"{path}: is empty, as after a power cut: nothing is remembered any more;"
                " the kiosk sets it up anew when it starts"
            )
        yield History(base)
    except sqlite3.Error as error:
        raise CommandError(f"{path}: {error}; stop the kiosk and try again") from error
    finally:
        base.close()


def _connect(path: Path) -> sqlite3.Connection | None:
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    address = f"{path.absolute().as_uri()}?mode=rw"
    return sqlite3.connect(address, timeout=BUSY_TIMEOUT_S, uri=True)
