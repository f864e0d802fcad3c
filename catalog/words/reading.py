"""A text in any of five languages -> its mood."""

from __future__ import annotations

import unicodedata
from pathlib import Path

from catalog.emotions import LANGUAGES
from catalog.words.language import detect_language
from catalog.words.learned import add_learned
from catalog.words.mood import WordMood, WordsError
from catalog.words.typed import read_typed

MOST_CHARS = 200_000
"""A longer text is read so far (a long novel says no more about a mood than its first part)."""


def read_mood(
    text: str, *, dlut: Path | None = None, language: str | None = None, title: bool = False
) -> WordMood:
    """Return the mood of a text; its ``point`` is None when nothing was understood.

    ``language`` (one of ``catalog.emotions.LANGUAGES``) is detected where not given. With
    ``dlut``, the DLUT ontology as .xlsx, Chinese is read by the published method (needs
    jieba); all else, and Chinese of which the ontology knows no word, by the built-in table,
    English and Chinese by the learnt classifier, too. Not a ``title``: measured on titles, the
    classifier adds nothing to the table.
    Raises WordsError for an unknown language, an unreadable ontology or a missing package.
    """
    if language is not None and language not in LANGUAGES:
        raise WordsError(f"language {language!r} is not known; use one of {', '.join(LANGUAGES)}")
    # Full-width letters of an East Asian keyboard, and letters that come apart from their marks.
    text = unicodedata.normalize("NFKC", text[:MOST_CHARS])[:MOST_CHARS]
    spoken = language or detect_language(text)
    if spoken == "zh" and dlut is not None:
        from catalog.words.chinese import read_chinese

        mood = read_chinese(text, dlut)
        if mood.point is not None:
            return mood
    found = read_typed(text, spoken)
    return found if title else add_learned(found, text)
