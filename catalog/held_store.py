"""A track store held in memory, for a kiosk that plays on whatever happens to its files."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from catalog.analysis import CatalogError
from catalog.store import STORE_FILE, Store

HELD_MAX_BYTES = 64 * 2**20
"""About 120,000 tracks of one source of evidence each; a larger store is read from its file."""


class HeldStore(Store):
    """A store that was copied into memory, whole, when it was opened.

    SQLite maps the index of its write-ahead log: a file written over in place, as ``cp`` does,
    would end the process (SIGBUS).
    """

    def __init__(self, folder: Path) -> None:
        """Open, check and copy the store in ``folder``; raises CatalogError as Store does."""
        super().__init__(folder)
        on_disk, self._base = self._base, sqlite3.connect(
            ":memory:", isolation_level=None, check_same_thread=False
        )  # fmt: skip
        try:
            on_disk.backup(self._base)
        except sqlite3.Error as error:
            self._base.close()
            raise CatalogError(f"{self.path}: cannot be read: {error}") from error
        finally:
            on_disk.close()


def open_held(folder: Path) -> Store:
    """Return the store in ``folder``, held in memory unless it is very large.

    Raises:
        CatalogError: it is missing, damaged, or of another version.
    """
    try:
        small = (folder / STORE_FILE).stat().st_size <= HELD_MAX_BYTES
    except OSError:
        small = False  # Store says what is wrong with it.
    return HeldStore(folder) if small else Store(folder)
