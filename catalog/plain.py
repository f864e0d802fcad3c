"""Names of files as text for people: whoever named a file shall not steer their terminal."""

from __future__ import annotations

import unicodedata

_NO_TEXT = frozenset({"Cc", "Cs"})
"""Unicode's categories of controls, and of what stands in for bytes that are no UTF-8."""


def plain(text: object) -> str:
    """Return ``str(text)`` in one line, what is no text in it replaced by U+FFFD."""
    return "".join(
        "\ufffd" if unicodedata.category(letter) in _NO_TEXT else letter for letter in str(text)
    )


def cut(text: str, columns: int) -> str:
    """Return the beginning of a text that fits so many columns of a terminal (UAX 11)."""
    used = 0
    for place, letter in enumerate(text):
        if not unicodedata.combining(letter):
            used += 2 if unicodedata.east_asian_width(letter) in "WF" else 1
        if used > columns:
            return text[:place]
    return text
