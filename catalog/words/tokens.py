"""Cuts a text into the words, phrases and signs of which the built-in tables know something."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final

from catalog.words.lexicon import LONGEST_PHRASE, TO_SIMPLIFIED, Entry, Lexicon, Modifier, lexicon

# An emoticon may hold letters and signs; "note:(see" and "https://" hold none.
_FACES: Final = "|".join(
    ("(?<![a-z0-9_])" if face[0].isalnum() else "") + re.escape(face) + "(?![a-z0-9_/])"
    for face in sorted(lexicon("*").words, key=len, reverse=True)
    if len(face) > 1
)
_TOKEN: Final = re.compile(
    f"(?P<face>{_FACES})|"
    "(?P<han>[\u4e00-\u9fff\u3400-\u4dbf]+)"
    "|(?P<hangul>[\uac00-\ud7a3]+)"
    "|(?P<word>[A-Za-z\u00c0-\u024f\u0400-\u04ff]+(?:['-][A-Za-z\u00c0-\u024f\u0400-\u04ff]+)*)"
    "|(?P<sign>[^\\w\\s]|\n)"
    "|(?P<digit>\\d+)"
)
_KOREAN_NEGATION: Final = re.compile(
    "(?<=지)(?=않|못|마(?:세요|요|라|$|\\W))|(?<=[\uac00-\ud7a3])(?=없)"
)
"""Where a negation is written without the space before it, as most people do: "재미없어"."""
_NOTHING_BUT: Final = re.compile("(?<=ничего),\\s*(?=кроме)")
"""A comma of Russian spelling within a phrase."""
_STOPS: Final = frozenset(".,;!?。，；！？、…\n")
_TURNS: Final = frozenset(
    ("but", "however", "aber", "sondern", "но", "а", "однако", "但", "但是", "可是", "不过",
     "하지만", "그런데", "because", "why", "weil", "warum", "wieso", "потому", "почему", "因为",
     "为什么", "왜",
     # As "but" does in "nothing but": what follows is all there is.
     "nichts_als", "nichts_außer", "nichts_ausser", "ничего_кроме")
)  # fmt: skip


_MERE: Final = frozenset(("strong", "weak", "negation", "after", "both"))


@dataclass(frozen=True, slots=True)
class Token:
    """A word, a phrase or a sign of a text."""

    text: str
    entry: Entry | None
    modifier: Modifier | None
    stop: bool = False

    @property
    def kind(self) -> str:
        """What it does to the words beside it, as the table of modifiers calls it; or ""."""
        return "" if self.modifier is None else self.modifier.kind

    @property
    def speaks(self) -> bool:
        """Whether it names a mood and is no mere modifier ("terribly")."""
        return self.entry is not None and self.kind not in _MERE


def cut(text: str, language: str | None) -> Iterator[Token]:
    """Yield the tokens of a text; ``language`` as detected or given."""
    normal = text.lower().replace("\u2019", "'").replace("\ufe0f", "").replace("ё", "е")
    normal = _KOREAN_NEGATION.sub(" ", normal.translate(TO_SIMPLIFIED))
    normal = _NOTHING_BUT.sub(" ", normal)
    latin = [lexicon(language if language in ("en", "de") else "en")]
    if language != "de":
        latin.append(lexicon("de") if language is None else lexicon(""))
    pending: list[str] = []
    kind = ""
    for found in _TOKEN.finditer(normal):
        now = found.lastgroup or ""
        if now == "word" and found.group()[0] >= "\u0400":
            now = "cyrillic"
        if now != kind and pending:
            yield from _phrases(pending, _lexicons(kind, latin))
            pending = []
        kind = now
        if now == "han":
            yield from _han(found.group())
        elif now in ("sign", "face"):
            yield from _sign(found.group())
        elif now != "digit":
            word = found.group()
            pending += _halves(word, _lexicons(kind, latin)) if "-" in word else [word]
    if pending:
        yield from _phrases(pending, _lexicons(kind, latin))


def _halves(word: str, lexicons: list[Lexicon]) -> list[str]:
    """Cut a word at its hyphens where only its parts are known ("laid-back")."""
    halves = word.split("-")
    whole, *cut = (_looked_up(one, lexicons) for one in (word, "_".join(halves), *halves))
    if whole.entry or whole.modifier or not any(one.entry or one.modifier for one in cut):
        return [word]
    return halves


def _lexicons(kind: str, latin: list[Lexicon]) -> list[Lexicon]:
    if kind == "cyrillic":
        return [lexicon("ru")]
    return [lexicon("ko")] if kind == "hangul" else latin


def _phrases(words: list[str], lexicons: list[Lexicon]) -> Iterator[Token]:
    """Yield the words, phrases of the tables as one."""
    start = 0
    while start < len(words):
        for length in range(min(LONGEST_PHRASE, len(words) - start), 0, -1):
            token = _looked_up("_".join(words[start : start + length]), lexicons)
            known = token.entry is not None or token.modifier is not None or token.stop
            if length == 1 or known:
                yield token
                start += length
                break


def _looked_up(text: str, lexicons: list[Lexicon]) -> Token:
    shown = text.replace("_", " ")
    if text in _TURNS:
        return Token(shown, None, None, stop=True)
    for table in lexicons:
        # A phrase must be there as a whole, or its stem must reach beyond its last space.
        entry, modifier = table.find(text), table.find_modifier(text)
        if "_" in text and not _reaches(table.words, table.stems, text):
            entry = None
        if "_" in text and not _reaches(table.modifiers, table.modifier_stems, text):
            modifier = None
        if modifier is not None and modifier.kind == "plain":
            return Token(shown, None, modifier)
        if entry is not None or modifier is not None:
            return Token(shown, entry, modifier)
    if text.endswith("n't") and "_" not in text:
        return Token(shown, None, Modifier("negation", -1))
    return Token(shown, None, None)


def _reaches(words: Collection[str], stems: Collection[str], text: str) -> bool:
    last_word = text.rindex("_") + 2
    return text in words or any(text[:end] in stems for end in range(last_word, len(text) + 1))


def _han(run: str) -> Iterator[Token]:
    """Cut Chinese by the longest match with the table; the rest passes character by character."""
    table = lexicon("zh")
    start = 0
    while start < len(run):
        for length in range(min(table.longest, len(run) - start), 0, -1):
            piece = run[start : start + length]
            entry, modifier = table.words.get(piece), table.modifiers.get(piece)
            if length == 1 or entry is not None or modifier is not None or piece in _TURNS:
                yield Token(piece, entry, modifier, stop=piece in _TURNS)
                start += length
                break


def _sign(sign: str) -> Iterator[Token]:
    """Yield an emoji, an emoticon or a stop; other signs say nothing."""
    entry = lexicon("*").words.get(sign)
    if entry is not None or sign in _STOPS:
        yield Token(sign, entry, None, stop=entry is None)
