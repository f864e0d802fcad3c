"""The words of the screen: one table per language below ``texts/``, English as the measure."""

from __future__ import annotations

import tomllib
from functools import lru_cache
from pathlib import Path
from typing import Any

from catalog.emotions import EmotionPoint, describe

TEXTS = Path(__file__).parent / "texts"
LANGUAGES = ("en", "zh", "ru", "ko", "de")


@lru_cache(maxsize=len(LANGUAGES))
def words(language: str) -> dict[str, str]:
    """Return ``{"table.key": text}`` of one language; raises FileNotFoundError for others."""
    with (TEXTS / f"{language}.toml").open("rb") as file:
        return dict(_flatten("", tomllib.load(file)))


def _flatten(prefix: str, table: dict[str, Any]) -> list[tuple[str, str]]:
    flat: list[tuple[str, str]] = []
    for key, value in table.items():
        if isinstance(value, dict):
            flat += _flatten(f"{prefix}{key}.", value)
        else:
            flat.append((f"{prefix}{key}", str(value)))
    return flat


def say(language: str, key: str, **values: object) -> str:
    """Return the text of ``key`` with ``{names}`` filled in; KeyError for an unknown key."""
    return words(language)[key].format(**values)


def mood_words(point: EmotionPoint, language: str) -> str:
    """Return the mood at ``point`` in a few words, the first with a capital."""
    said = describe(point, language)
    return said[:1].upper() + said[1:]
