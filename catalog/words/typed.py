"""Reads a text by the built-in mood words, with negation and intensifiers."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from catalog.emotions import ANCHORS_VAD, CODES, EmotionPoint, make_point
from catalog.words.lexicon import LONGEST_PHRASE, TO_SIMPLIFIED, Entry, Lexicon, Modifier, lexicon
from catalog.words.mood import (
    TURNED,
    Keyword,
    WordMood,
    confidence_of,
    nothing,
    strengths_of,
)

OPPOSITES: Final = {
    "PA": "NB", "PE": "NI", "PD": "NN", "PH": "NN", "PG": "NL", "PB": "ND", "PK": "NJ",
    "NA": "PE", "NB": "PA", "NJ": "PK", "NH": "PE", "PF": "PE", "NI": "PE", "NC": "PG",
    "NG": "PG", "NE": "PE", "ND": "PB", "NN": "PH", "NK": "PE", "NL": "PG", "PC": "PE",
}  # fmt: skip
"""What "not ..." speaks for."""

TURNED_FACTOR: Final = 0.5
""""Not sad" is a weaker word than "happy" (Taboada et al. 2011, shifted negation)."""

NEGATION_REACH: Final = 3
"""Words after a negation that it still turns ("not a very happy ...")."""

NEVER_REACH: Final = 5

MODIFIER_REACH: Final = 2

FULL_INTENSITY: Final = 9.0
"""Top of the ontology's scale: such a word lies at its anchor, weaker ones nearer the middle."""

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
_KOREAN_NEGATION: Final = re.compile("(?<=지)(?=않|못)|(?<=하지)(?=마)|(?<=[\uac00-\ud7a3])(?=없)")
"""Where a negation is written without the space before it, as most people do: "재미없어"."""
_STOPS: Final = frozenset(".,;!?。，；！？、…\n")
_TURNS: Final = frozenset(
    ("but", "however", "aber", "sondern", "но", "а", "однако", "但", "但是", "可是", "不过",
     "하지만", "그런데")
)  # fmt: skip
_NEVERS: Final = frozenset(("never", "nie", "никогда"))
""""Never been so happy" is happier than happy: with "so" before the word nothing is turned."""
_SO: Final = frozenset(("so", "this", "as", "так", "such"))


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    entry: Entry | None
    modifier: Modifier | None
    stop: bool = False


@dataclass(frozen=True, slots=True)
class _Match:
    word: str
    entry: Entry
    weight: float


def read_typed(text: str, language: str | None) -> WordMood:
    """Return the mood of a text by the built-in table; ``language`` as detected or given."""
    tokens = list(_tokens(text, language))
    matches = list(_matches(tokens))
    if not matches:
        return nothing(language)
    keywords = tuple(Keyword(m.word, m.entry.code, m.weight) for m in matches)
    words = sum(not token.stop for token in tokens)
    strength = sum(match.weight for match in matches)
    confidence = confidence_of(strength, len(matches) / words)
    return WordMood(_point(matches), confidence, language, keywords, strengths_of(keywords))


def _point(matches: list[_Match]) -> EmotionPoint:
    weights = np.zeros(len(CODES))
    place = np.zeros(3)
    for match in matches:
        weights[CODES.index(match.entry.code)] += match.weight
        depth = min(1.0, np.sqrt(match.weight / FULL_INTENSITY))
        entry = match.entry
        place += match.weight * depth * np.array((entry.valence, entry.arousal, entry.dominance))
    return make_point(weights, place / weights.sum())


def _matches(tokens: list[_Token]) -> Iterator[_Match]:
    for index, token in enumerate(tokens):
        if token.entry is None:
            continue
        if token.modifier is not None and _serves(tokens, index):
            continue
        factor = _strength_factor(tokens, index)
        entry, word = token.entry, token.text
        if _negated(tokens, index):
            entry, factor, word = _turned(entry), factor * TURNED_FACTOR, f"{TURNED}{word}"
        yield _Match(word, entry, entry.intensity * factor)


def _turned(entry: Entry) -> Entry:
    code = OPPOSITES[entry.code]
    valence, arousal, dominance = ANCHORS_VAD[CODES.index(code)].tolist()
    return replace(entry, code=code, valence=valence, arousal=arousal, dominance=dominance)


def _serves(tokens: list[_Token], index: int) -> bool:
    """Say whether a word that can be both is a modifier here: a mood word follows."""
    following = tokens[index + 1 : index + 1 + MODIFIER_REACH]
    for token in following:
        if token.stop:
            return False
        if token.entry is not None:
            return True
    return False


def _strength_factor(tokens: list[_Token], index: int) -> float:
    factor = 1.0
    for token in reversed(tokens[max(0, index - MODIFIER_REACH) : index]):
        if token.stop or (token.entry is not None and token.modifier is None):
            break
        if token.modifier is not None and token.modifier.kind in ("strong", "weak"):
            factor *= token.modifier.factor
    return min(factor, 2.0)


def _negated(tokens: list[_Token], index: int) -> bool:
    count = 0
    so = index > 0 and tokens[index - 1].text in _SO
    for back, token in enumerate(reversed(tokens[max(0, index - NEVER_REACH) : index])):
        if token.stop or (token.entry is not None and token.modifier is None):
            break
        if so and token.text in _NEVERS:
            count = 0  # With what Russian negates once more: "никогда не был так счастлив".
        elif back < NEGATION_REACH:
            count += token.modifier is not None and token.modifier.kind in ("negation", "both")
    following = _following(tokens, index)
    if following is not None:
        count += following.kind == "after" or (following.kind == "both" and not count)
    return count % 2 == 1


def _following(tokens: list[_Token], index: int) -> Modifier | None:
    """Return how the next word changes this one; of Korean the one after a verb in "-지"."""
    for token in tokens[index + 1 : index + 3]:
        if token.entry is not None or token.modifier is not None or not token.text.endswith("지"):
            return token.modifier
    return None


def _tokens(text: str, language: str | None) -> Iterator[_Token]:
    normal = text.lower().replace("\u2019", "'").replace("\ufe0f", "").replace("ё", "е")
    normal = _KOREAN_NEGATION.sub(" ", normal.translate(TO_SIMPLIFIED))
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


def _phrases(words: list[str], lexicons: list[Lexicon]) -> Iterator[_Token]:
    """Yield the words, phrases of the tables as one."""
    start = 0
    while start < len(words):
        for length in range(min(LONGEST_PHRASE, len(words) - start), 0, -1):
            token = _looked_up("_".join(words[start : start + length]), lexicons)
            if length == 1 or token.entry is not None or token.modifier is not None:
                yield token
                start += length
                break


def _looked_up(text: str, lexicons: list[Lexicon]) -> _Token:
    shown = text.replace("_", " ")
    if text in _TURNS:
        return _Token(shown, None, None, stop=True)
    for table in lexicons:
        # A phrase must be there as a whole, or its stem must reach beyond its last space.
        entry, modifier = table.find(text), table.find_modifier(text)
        if "_" in text and not _reaches(table.words, table.stems, text):
            entry = None
        if "_" in text and not _reaches(table.modifiers, table.modifier_stems, text):
            modifier = None
        if modifier is not None and modifier.kind == "plain":
            return _Token(shown, None, modifier)
        if entry is not None or modifier is not None:
            return _Token(shown, entry, modifier)
    if text.endswith("n't") and "_" not in text:
        return _Token(shown, None, Modifier("negation", -1))
    return _Token(shown, None, None)


def _reaches(words: Collection[str], stems: Collection[str], text: str) -> bool:
    last_word = text.rindex("_") + 2
    return text in words or any(text[:end] in stems for end in range(last_word, len(text) + 1))


def _han(run: str) -> Iterator[_Token]:
    """Cut Chinese by the longest match with the table; the rest passes character by character."""
    table = lexicon("zh")
    start = 0
    while start < len(run):
        for length in range(min(table.longest, len(run) - start), 0, -1):
            piece = run[start : start + length]
            entry, modifier = table.words.get(piece), table.modifiers.get(piece)
            if length == 1 or entry is not None or modifier is not None or piece in _TURNS:
                yield _Token(piece, entry, modifier, stop=piece in _TURNS)
                start += length
                break


def _sign(sign: str) -> Iterator[_Token]:
    """Yield an emoji, an emoticon or a stop; other signs say nothing."""
    entry = lexicon("*").words.get(sign)
    if entry is not None or sign in _STOPS:
        yield _Token(sign, entry, None, stop=entry is None)
