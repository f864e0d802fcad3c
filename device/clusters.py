"""What a person takes for one character: a letter with its accents, a flag, a family of emoji.

Extended grapheme clusters of UAX #29 as far as Python's own tables of characters tell. They name
neither the pictographs, for which the blocks stand here, nor the few marks that keep to themselves
in Burmese and its neighbours, which go with their letter here.
"""

from __future__ import annotations

import unicodedata
from typing import Final

ZWNJ: Final = "\u200c"
ZWJ: Final = "\u200d"
_FIRST_MARK: Final = "\u0300"
"""Nothing before it goes with what it follows, but for the end of a line."""
_THAI_LAO_AM: Final = "\u0e33\u0eb3"
"""Letters by their category, but written as a part of the letter before."""
_PREPENDED: Final = frozenset(
    "\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd"
)
"""Signs that stand under the number that follows."""
_VIRAMAS: Final = frozenset("\u094d\u09cd\u0acd\u0b4d\u0c4d\u0d4d")
"""They join two consonants of Devanagari, Bengali, Gujarati, Oriya, Telugu and Malayalam."""
_CONSONANT_BLOCKS: Final = frozenset((0x900, 0x980, 0xA80, 0xB00, 0xC00, 0xD00))
"""The blocks of these six, of 128 each, all in one order."""
_PICTOGRAPHS: Final = frozenset("\xa9\xae\u203c\u2049\u2122\u2139\u3030\u303d\u3297\u3299")
"""Pictographs outside the blocks of symbols and emoji."""


def clusters(text: str) -> list[str]:
    """Return the characters of a text as a person counts them; together they are the text."""
    if "\r" not in text and max(text, default="") < _FIRST_MARK:
        return list(text)
    found: list[str] = []
    for character in text:
        if found and _goes_with(found[-1], character):
            found[-1] += character
        else:
            found.append(character)
    return found


def without_last(text: str) -> str:
    """Return a text without its last character as a person counts them."""
    parts = clusters(text)
    return "".join(parts[:-1])


def shortened(text: str, most: int) -> str:
    """Return the start of a text in at most ``most`` code points that cuts no character apart."""
    if len(text) <= most:
        return text
    length = 0
    for part in clusters(text[: most + 1])[:-1]:
        length += len(part)
    return text[:length]


def is_joiner(character: str) -> bool:
    """Say whether a character is not seen and only joins those beside it (families, flags)."""
    return character in (ZWJ, ZWNJ) or "\U000e0020" <= character <= "\U000e007f"


def is_unseen(character: str) -> bool:
    """Say whether a character writes nothing itself: a joiner, or which form another takes."""
    return is_joiner(character) or "\ufe00" <= character <= "\ufe0f"


def _goes_with(cluster: str, character: str) -> bool:
    """Say whether a character belongs to the cluster before it."""
    last = cluster[-1]
    if "\u3400" <= character <= "\u9fff":
        return last in _PREPENDED  # Han, of which texts are long, goes with nothing else.
    if _is_control(last) or _is_control(character):
        return last == "\r" and character == "\n"
    if _extends(character) or last in _PREPENDED:
        return True
    if _is_flag_letter(character):
        return len(cluster) == 1 and _is_flag_letter(last)
    if last == ZWJ and _is_pictograph(character):
        return _is_pictograph(cluster[0])
    return _joins_syllable(last, character) or _is_conjunct(cluster, character)


def _is_control(character: str) -> bool:
    if is_joiner(character) or character in _PREPENDED:
        return False
    return unicodedata.category(character) in {"Cc", "Cf", "Zl", "Zp", "Cs"}


def _extends(character: str) -> bool:
    return (
        unicodedata.category(character) in {"Mn", "Me", "Mc"}
        or is_joiner(character)
        or "\U0001f3fb" <= character <= "\U0001f3ff"  # The colours of skin.
        or character in _THAI_LAO_AM
        or character in "\uff9e\uff9f"  # Voicing of half-width katakana.
    )


def _is_flag_letter(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def _is_pictograph(character: str) -> bool:
    return (
        "\u2190" <= character <= "\u2bff"
        or "\U0001f000" <= character <= "\U0001faff"
        or character in _PICTOGRAPHS
    )


def _joins_syllable(last: str, character: str) -> bool:
    """Say whether two letters are of one Korean syllable."""
    kinds = _hangul(last) + _hangul(character)
    return kinds in {"LL", "LV", "LS", "LC", "VV", "VT", "SV", "ST", "CT", "TT"}


def _hangul(character: str) -> str:
    """L, V, T: first, middle or last letter; S: a syllable without, C: with a last letter."""
    if "\uac00" <= character <= "\ud7a3":
        return "C" if (ord(character) - 0xAC00) % 28 else "S"
    if "\u1100" <= character <= "\u115f" or "\ua960" <= character <= "\ua97c":
        return "L"
    if "\u1160" <= character <= "\u11a7" or "\ud7b0" <= character <= "\ud7c6":
        return "V"
    if "\u11a8" <= character <= "\u11ff" or "\ud7cb" <= character <= "\ud7fb":
        return "T"
    return ""


def _is_conjunct(cluster: str, character: str) -> bool:
    """Say whether a consonant is tied to the one before by a virama (rule GB9c)."""
    if not _is_consonant(character) or not _is_consonant(cluster[0]):
        return False
    marks = cluster[1:]
    for place in range(len(cluster) - 1, 0, -1):
        if _is_consonant(cluster[place]):
            marks = cluster[place + 1 :]
            break
    bound = any(mark in _VIRAMAS for mark in marks)
    return bound and all(mark == ZWJ or unicodedata.combining(mark) for mark in marks)


def _is_consonant(character: str) -> bool:
    block, place = ord(character) & ~0x7F, ord(character) & 0x7F
    return block in _CONSONANT_BLOCKS and (0x15 <= place <= 0x39 or 0x58 <= place <= 0x5F)
