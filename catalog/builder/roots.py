"""The folders that a build visits: those it is given, or those of earlier builds."""

from __future__ import annotations

import stat
from collections.abc import Sequence
from pathlib import Path

from catalog.analysis import CatalogError
from catalog.folders import is_below, readable
from catalog.store_writer import StoreWriter


def present(folders: Sequence[Path], *, may_be_away: bool) -> list[Path]:
    """Return the folders with their whole paths.

    With ``may_be_away`` one that is not there, or may not be entered, is left for the scan to
    meet: it keeps its tracks and does not stop the others.

    Raises:
        CatalogError: a folder is missing (with ``may_be_away``: all are), or is a file.
    """
    whole = [_whole(folder) for folder in folders]
    away = [folder for folder in whole if not _is_there(folder, may_be_away)]
    if away and not (may_be_away and len(away) < len(whole)):
        raise CatalogError(f"{away[0]}: there is no such folder")
    return whole


def roots(
    store: StoreWriter, given: Sequence[Path], *, only_these: bool, may_be_away: bool
) -> tuple[list[Path], list[str]]:
    """Return the folders to visit and what is to be said of the others; remembers all.

    Raises:
        CatalogError: none is given and none remembered, or as :func:`present` does.
    """
    before = store.roots()
    if not given and not before:
        raise CatalogError("say where the music is: attune catalog build DIR")
    kept = [] if only_these and given else before
    every = list(dict.fromkeys([*kept, *given]))
    if every != before:
        with store.batch():
            store.put_roots(every)
    told = _others(before, given) if may_be_away and not only_these else []
    return list(given) or present(before, may_be_away=True), told


def _others(before: Sequence[Path], given: Sequence[Path]) -> list[str]:
    """Say which folders the settings no longer name, where they name any: their tracks stay."""
    others = [readable(root) for root in before if not is_below(root, given)] if given else []
    if not others:
        return []
    return [
        f"the tracks of {', '.join(others)}, which an earlier build took, stay:"
        " `attune catalog build --only` forgets them"
    ]


def _whole(folder: Path) -> Path:
    try:
        return folder.expanduser().absolute()
    except RuntimeError as error:
        raise CatalogError(
            f"{folder}: nobody of this name has a home folder here: write the whole path, from /"
        ) from error


def _is_there(folder: Path, may_be_away: bool) -> bool:
    """Return whether there is something of this name; raises CatalogError for a file."""
    try:
        mode = folder.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        if may_be_away:
            return True
        raise CatalogError(
            f"{folder}: cannot be looked at: {error.strerror}; name a folder that you may enter"
        ) from error
    if not stat.S_ISDIR(mode):
        raise CatalogError(f"{folder}: is a file; name the folder that holds the music")
    return True
