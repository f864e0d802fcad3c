"""What is fuzzed: a check that takes any bytes, and real input to begin with."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Check = Callable[[bytes], None]
"""Raises where the product breaks a promise; a fault it reports in its own words is no failure."""


@dataclass(frozen=True, slots=True)
class Target:
    """One way in for bytes that somebody else made."""

    name: str
    make: Callable[[Path], Check]
    """Takes a folder of its own for what it must write."""
    seeds: Callable[[], Sequence[bytes]]
    most_bytes: int = 4096


def is_clean(text: str) -> bool:
    """Return whether text can be shown, logged and stored: no controls, no lone surrogates."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return not any(ord(letter) < 32 and letter not in "\n\t" for letter in text)


class OpenedFiles:
    """Every path that Python opens, from the interpreter's own audit (PEP 578)."""

    def __init__(self) -> None:
        self._paths: list[Path] | None = None
        sys.addaudithook(self._note)

    def begin(self) -> None:
        """Start to listen."""
        self._paths = []

    def end(self) -> list[Path]:
        """Stop; return what was opened since :meth:`begin`, made absolute."""
        paths, self._paths = self._paths or [], None
        return paths

    def _note(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self._paths is not None and event == "open" and isinstance(arguments[0], str):
            self._paths.append(Path(arguments[0]).resolve())
