"""Files that a command makes for a person: with sudo they are that person's, and not root's."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def give_to_asker(place: Path | int) -> None:
    """Let a file or folder belong to whoever ran sudo; nothing where nobody did."""
    owner = os.environ.get("SUDO_UID", ""), os.environ.get("SUDO_GID", "")
    if os.geteuid() == 0 and all(part.isdigit() for part in owner):
        with suppress(PermissionError):  # A stick formatted for Windows knows no owners.
            os.chown(place, *map(int, owner))


def write_for_asker(path: Path, content: bytes) -> None:
    """Write a new file for the asker's eyes alone; none is left half.

    Raises:
        OSError: it cannot be written, or is there already (FileExistsError).
    """
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            give_to_asker(handle)
    except OSError:
        path.unlink()
        raise


def replace_for_asker(path: Path, content: bytes) -> None:
    """Write as `write_for_asker`, in the place of what is there; raises OSError."""
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)  # Of one that was broken off.
    write_for_asker(new, content)
    try:
        new.replace(path)
    except OSError:
        new.unlink()
        raise
