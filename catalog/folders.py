"""Where a file lies, by its name alone: of use to the builder, and to the kiosk that plays it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path


def is_below(path: Path, folders: Iterable[Path]) -> bool:
    """Return whether ``path`` is one of the folders or lies below one; looks at no disk.

    >>> is_below(Path("/music/a.mp3"), [Path("/music")])
    True
    >>> is_below(Path("/musica/a.mp3"), [Path("/music")])
    False
    """
    return any(path.is_relative_to(folder) for folder in folders)


def leads_out(path: Path, folders: Sequence[Path]) -> bool:
    """Return whether ``path`` has become a link that leads out of the music folders, if any.

    Follows links on the disk, which may hang: nothing for a thread that has to go on.
    """
    if not folders:
        return False
    target = Path(os.path.realpath(path))
    if target == path:
        return False
    return not is_below(target, [Path(os.path.realpath(folder)) for folder in folders])


def readable(path: str | Path) -> str:
    r"""Return a path as text that any file and any terminal takes, whatever bytes are in it.

    >>> readable(os.fsdecode(b"/music/M\xfcsik"))
    '/music/M\\xfcsik'
    """
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def from_home(path: str | Path) -> Path:
    """Return ``path`` with a ``~`` at its start written out; that of an unknown user stays."""
    return Path(os.path.expanduser(path))  # noqa: PTH111 - Path's raises for an unknown user
