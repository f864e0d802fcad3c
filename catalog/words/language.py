"""Which language a text is written in: its script, then small words, then mood words."""

from __future__ import annotations

import re
from typing import Final

from catalog.words.lexicon import lexicon

_SCRIPTS: Final = {
    "ko": re.compile("[\uac00-\ud7a3\u1100-\u11ff\u3130-\u318f]"),
    "ja": re.compile("[\u3040-\u30ff]"),
    "zh": re.compile("[\u4e00-\u9fff\u3400-\u4dbf]"),
    "ru": re.compile("[\u0400-\u04ff]"),
    "latin": re.compile("[A-Za-z\u00c0-\u024f]"),
}
_LETTERS_PER_WORD: Final = {"ko": 2.0, "ja": 1.5, "zh": 1.5, "ru": 5.5, "latin": 5.0}
"""Rough mean word lengths, so that scripts are compared by words, not by letters."""

_SMALL_WORDS: Final = {
    "en": "the and you that with for this have not are was i'm im it's my me is of to in it a i "
    "feel feeling today am so just we be what all your but on still",
    "de": "der die das und ich bin nicht ist ein eine mich mir du wir es zu auf mit den im heute "
    "fühle fuehle sehr so wie auch noch nach aber für war habe hab sich dass was",
    "other": "el los las una que está muy les des une est dans pour avec je tu nous vous sont il "
    "gli che per della una sono não uma com het een van niet jag och är det estoy soy suis très",
}
_WORD = re.compile("[^\\W\\d_]+(?:'[^\\W\\d_]+)?")
_GERMAN_LETTERS = re.compile("[äöüß]")
SAMPLE_CHARS = 4000
"""Enough of a text to tell its language."""


def detect_language(text: str) -> str | None:
    """Return "zh", "ko", "ru", "de", "en"; None for another language or without letters.

    A Latin text of which the small words tell nothing ("angespannt") is taken for German where
    it has a letter that only German has of the two, or more of the mood words known are German.
    """
    sample = text[:SAMPLE_CHARS]
    words = {
        name: len(letters.findall(sample)) / _LETTERS_PER_WORD[name]
        for name, letters in _SCRIPTS.items()
    }
    if not any(words.values()):
        return None
    # Japanese is written with Chinese characters too; its own syllables tell.
    if words["ja"] > 0.2 * words["zh"]:
        words["ja"] += words.pop("zh")
    best = max(words, key=lambda name: words[name])
    if best == "ja":
        return None
    return best if best != "latin" else _detect_latin(sample.lower().replace("\u2019", "'"))


def _detect_latin(sample: str) -> str | None:
    found = _WORD.findall(sample)
    hits = {name: sum(word in small for word in found) for name, small in _SETS.items()}
    hits["de"] += 2 * len(_GERMAN_LETTERS.findall(sample)) if hits["other"] < hits["de"] + 1 else 0
    best = max(hits, key=lambda name: hits[name])
    if hits["en"] == hits["de"] >= hits["other"]:
        return "de" if _known(found, "de") > _known(found, "en") else "en"
    return None if best == "other" and hits[best] > max(hits["en"], hits["de"]) else best


def _known(words: list[str], language: str) -> tuple[int, bool]:
    """Return of how many words the table of moods knows something, and whether of a mood."""
    table = lexicon(language)
    moods = [table.find(word) is not None for word in words]
    others = [table.find_modifier(word) is not None for word in words]
    return sum(map(max, moods, others)), any(moods)


_SETS: Final = {name: frozenset(words.split()) for name, words in _SMALL_WORDS.items()}
