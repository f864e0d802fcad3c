"""Finding music files below folders, with the stamps that tell whether they changed."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from catalog.analysis import FileStamp
from catalog.builder.kinds import EXTENSIONS, NOT_TAKEN
from catalog.folders import is_below, readable

SIDECAR_EXTENSIONS = (".lrc", ".txt")
"""Lyrics beside ``song.mp3`` are ``song.lrc`` (preferred) or ``song.txt``."""


BINS = frozenset({"$recycle.bin", "recycler", "recycled", "#recycle"})
"""Where Windows (by its versions) and Synology's disks keep what was deleted; in small letters."""

AWAY = "is not there now; the tracks below it stay in the catalogue"
"""Said of a folder named before: a disk that is not plugged in."""

BARE = (
    "is empty now, as where no disk is mounted; the tracks below it stay in the catalogue"
    " (to forget them: `attune catalog build` and this folder)"
)
"""Said of such a folder where the place of the disk is left, and nothing in it."""

_GONE = (FileNotFoundError, NotADirectoryError)


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A music file as the folder shows it."""

    path: Path
    stamp: FileStamp
    sidecar: Path | None = None


@dataclass(slots=True)
class Scan:
    """What was found below the folders."""

    files: list[FoundFile] = field(default_factory=list)
    problems: list[tuple[Path, str]] = field(default_factory=list)
    """Folders and files that could not even be looked at, with the reason."""
    not_taken: Counter[str] = field(default_factory=Counter)
    """Files of kinds that are not read, by their ending."""
    bare: list[Path] = field(default_factory=list)
    """Named folders, by all names they were met under, that hold nothing at all."""
    lost: list[tuple[Path, str]] = field(default_factory=list)
    """What can be no folder now, with the reason: a problem if music was known below it."""


@dataclass(frozen=True, slots=True)
class _Ground:
    """Where a scan may go, and where it has been."""

    tops: Sequence[Path]
    """The folders named, their links followed."""
    bare: frozenset[tuple[int, int]]
    """Those of them that hold nothing: device and inode."""
    visited: set[tuple[int, int]] = field(default_factory=set)


def scan(folders: Sequence[Path]) -> Scan:
    """Find the music files below ``folders``, sorted by path.

    Links are followed as long as they stay below ``folders``: nothing else may be read. A folder
    is visited once however many links lead to it, so a loop of links ends. Hidden files and
    folders are left out, and bins with what was deleted. What is of a kind that is not read is
    counted.
    """
    result = Scan()
    tops = [Path(os.path.realpath(folder)) for folder in folders]  # Path's raises for loops.
    ground = _Ground(tops, frozenset(_without_content(tops)))
    for folder in folders:
        for entries in _walk(folder, ground, result):
            _collect(entries, result)
    unique = {file.path: file for file in result.files}
    result.files = [unique[path] for path in sorted(unique)]
    return result


def _without_content(tops: Sequence[Path]) -> Iterator[tuple[int, int]]:
    """Yield device and inode of the folders in which there is nothing, not even hidden."""
    for top in tops:
        with suppress(OSError), os.scandir(top) as listing:
            if next(listing, None) is None:
                status = top.stat()
                yield status.st_dev, status.st_ino


def _walk(top: Path, ground: _Ground, result: Scan) -> Iterator[list[os.DirEntry[str]]]:
    here = Path(os.path.realpath(top))
    others = [other for other in ground.tops if other != here]
    waiting = [top]
    while waiting:
        folder = waiting.pop()
        try:
            status = folder.stat()
            inode = (status.st_dev, status.st_ino)
            if inode in ground.bare:
                result.bare.append(Path(readable(folder)))
            if inode in ground.visited:
                continue
            ground.visited.add(inode)
            with os.scandir(folder) as listing:
                entries = [entry for entry in listing if not _is_hidden(entry.name)]
        except OSError as error:
            is_away = folder == top and isinstance(error, _GONE)
            _note(result, folder, AWAY if is_away else f"cannot be read: {error.strerror}")
            continue
        entries = [entry for entry in entries if not _leads_out(entry, ground.tops, result)]
        for entry in entries:
            if _is_folder(entry, result):
                waiting.append(Path(entry.path))
            elif entry.is_symlink():
                _note_lost(entry, others, result)
        yield entries


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name.lower() in BINS


def _note(result: Scan, path: str | Path, reason: str) -> None:
    result.problems.append((Path(readable(path)), reason))


def _leads_out(entry: os.DirEntry[str], tops: Sequence[Path], result: Scan) -> bool:
    """Return whether a link leads out of the folders; named if there may be music behind it."""
    if not entry.is_symlink():
        return False
    target = Path(os.path.realpath(entry.path))
    if is_below(target, tops):
        return False
    if _is_folder(entry, result) or Path(entry.name).suffix.lower() in EXTENSIONS:
        reason = f"is a link out of the music folders, to {readable(target)}: name that folder, too"
        _note(result, entry.path, reason)
    return True


def _note_lost(link: os.DirEntry[str], others: Sequence[Path], result: Scan) -> None:
    """Note a link to nothing, if the disk of another named folder would be there.

    In the folder that is being read a link to nothing is one whose target was deleted.
    """
    try:
        link.stat()
    except _GONE:
        if is_below(Path(os.path.realpath(link.path)), others):
            result.lost.append((Path(readable(link.path)), AWAY))
    except OSError:
        pass  # Noted when it was asked whether it is a folder.


def _is_folder(entry: os.DirEntry[str], result: Scan) -> bool:
    try:
        return entry.is_dir()
    except OSError as error:  # A link to itself, a target or a disk that may not be looked at.
        result.lost.append((Path(readable(entry.path)), f"cannot be read: {error.strerror}"))
        return False


def _collect(entries: Sequence[os.DirEntry[str]], result: Scan) -> None:
    names = {entry.name: entry for entry in entries}
    for entry in entries:
        stem, extension = os.path.splitext(entry.name)  # noqa: PTH122 - as for the sidecar
        extension = extension.lower()
        if extension in NOT_TAKEN:
            with suppress(OSError):
                result.not_taken[extension] += entry.is_file()
        if extension not in EXTENSIONS:
            continue
        path = Path(entry.path)
        try:
            entry.path.encode()
            status = entry.stat()
            if not stat.S_ISREG(status.st_mode):
                continue
            sidecar, mark = _sidecar(stem, names)
        except UnicodeEncodeError:
            _note(result, entry.path, "its name is not valid UTF-8: rename the file")
            continue
        except OSError as error:
            _note(result, entry.path, f"cannot be read: {error.strerror}")
            continue
        stamp = FileStamp(status.st_size, status.st_mtime_ns, mark)
        result.files.append(FoundFile(path, stamp, sidecar))


def _sidecar(stem: str, names: dict[str, os.DirEntry[str]]) -> tuple[Path | None, str]:
    """Return the lyrics file of a stem, and the mark that tells whether it changed."""
    for extension in SIDECAR_EXTENSIONS:
        entry = names.get(stem + extension)
        with suppress(OSError):  # A link to itself, or gone by now: the song is there all the same.
            if entry is not None and entry.is_file():
                status = entry.stat()
                return Path(entry.path), f"{entry.name}:{status.st_size}:{status.st_mtime_ns}"
    return None, ""
