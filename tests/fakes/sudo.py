"""What a command does for a person who ran sudo: it takes us for root, and gives files away."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ASKER = 1234, 1235


def as_with_sudo(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Path | int, int, int]]:
    """Pretend that user 1234 ran sudo; return the list of what is given to whom from now on."""
    given: list[tuple[Path | int, int, int]] = []
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "chown", lambda *what: given.append(what))
    monkeypatch.setenv("SUDO_UID", str(ASKER[0]))
    monkeypatch.setenv("SUDO_GID", str(ASKER[1]))
    return given
