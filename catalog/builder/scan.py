"""Finding music files below folders, with the stamps that tell whether they changed."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from catalog.analysis import FileStamp
from catalog.folders import is_below

EXTENSIONS = frozenset({
    ".mp3", ".flac", ".ogg", ".oga", ".opus", ".m4a", ".m4b", ".aac", ".wav", ".aif", ".aiff",
    ".wma", ".wv", ".ape", ".mka", ".mpc",
})  # fmt: skip
SIDECAR_EXTENSIONS = (".lrc", ".txt")
"""Lyrics beside ``song.mp3`` are ``song.lrc`` (preferred) or ``song.txt``."""


AWAY = "is not there now; the tracks below it stay in the catalogue"
"""Said of a folder named before: a disk that is not plugged in."""


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


def scan(folders: Sequence[Path]) -> Scan:
    """Find the music files below ``folders``, sorted by path.

    Links are followed as long as they stay below ``folders``: nothing else may be read. A folder
    is visited once however many links lead to it, so a loop of links ends. Hidden files and
    folders are left out.
    """
    result = Scan()
    visited: set[tuple[int, int]] = set()
    tops = [folder.resolve() for folder in folders]
    for folder in folders:
        for entries in _walk(folder, tops, visited, result):
            _collect(entries, result)
    unique = {file.path: file for file in result.files}
    result.files = [unique[path] for path in sorted(unique)]
    return result


def _walk(
    top: Path, tops: Sequence[Path], visited: set[tuple[int, int]], result: Scan
) -> Iterator[list[os.DirEntry[str]]]:
    waiting = [top]
    while waiting:
        folder = waiting.pop()
        try:
            status = folder.stat()
            if (status.st_dev, status.st_ino) in visited:
                continue
            visited.add((status.st_dev, status.st_ino))
            with os.scandir(folder) as listing:
                entries = [entry for entry in listing if not entry.name.startswith(".")]
        except OSError as error:
            is_away = folder == top and isinstance(error, FileNotFoundError)
            result.problems.append(
                (folder, AWAY if is_away else f"cannot be read: {error.strerror}")
            )
            continue
        entries = [entry for entry in entries if not _leads_out(entry, tops, result)]
        waiting.extend(Path(entry.path) for entry in entries if _is_folder(entry))
        yield entries


def _leads_out(entry: os.DirEntry[str], tops: Sequence[Path], result: Scan) -> bool:
    """Return whether a link leads out of the folders; named if there may be music behind it."""
    if not entry.is_symlink():
        return False
    target = Path(os.path.realpath(entry.path))
    if is_below(target, tops):
        return False
    if _is_folder(entry) or Path(entry.name).suffix.lower() in EXTENSIONS:
        result.problems.append((
            Path(os.fsencode(entry.path).decode("utf-8", "backslashreplace")),
            f"is a link out of the music folders, to {target}: name that folder, too",
        ))  # fmt: skip
    return True


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # A link to itself: met again, and named, as a file.
        return False


def _collect(entries: Sequence[os.DirEntry[str]], result: Scan) -> None:
    names = {entry.name: entry for entry in entries}
    for entry in entries:
        stem, extension = os.path.splitext(entry.name)  # noqa: PTH122 - as for the sidecar
        if extension.lower() not in EXTENSIONS:
            continue
        path = Path(entry.path)
        try:
            entry.path.encode()
            status = entry.stat()
            if not stat.S_ISREG(status.st_mode):
                continue
            sidecar, mark = _sidecar(stem, names)
        except UnicodeEncodeError:
            readable = Path(os.fsencode(entry.path).decode("utf-8", "backslashreplace"))
            result.problems.append((readable, "its name is not valid UTF-8: rename the file"))
            continue
        except OSError as error:
            result.problems.append((path, f"cannot be read: {error.strerror}"))
            continue
        stamp = FileStamp(status.st_size, status.st_mtime_ns, mark)
        result.files.append(FoundFile(path, stamp, sidecar))


def _sidecar(stem: str, names: dict[str, os.DirEntry[str]]) -> tuple[Path | None, str]:
    """Return the lyrics file of a stem, and the mark that tells whether it changed."""
    for extension in SIDECAR_EXTENSIONS:
        entry = names.get(stem + extension)
        if entry is not None and entry.is_file():
            status = entry.stat()
            return Path(entry.path), f"{entry.name}:{status.st_size}:{status.st_mtime_ns}"
    return None, ""
