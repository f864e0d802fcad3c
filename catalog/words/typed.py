"""Reads a text by the built-in mood words, with negation and intensifiers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from catalog.emotions import ANCHORS_VAD, CODES, EmotionPoint, make_point
from catalog.words.lexicon import Entry, Modifier
from catalog.words.mood import (
    TURNED,
    Keyword,
    WordMood,
    confidence_of,
    nothing,
    strengths_of,
)
from catalog.words.tokens import Token, cut
from catalog.words.wishes import Said, denies, is_light, said_of

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

LIGHT_REACH: Final = 7
"""And this far through words that hardly say a thing ("don't play anything so sad")."""

MODIFIER_REACH: Final = 2

SLEEPY: Final = (
    "sleepy",
    "drowsy",
    "困",
    "犯困",
    "сонн",
    "сонлив",
    "schläfrig",
    "schlaefrig",
    "졸",
)
"""Who is none of these is awake, not in panic; who does not sleep is neither."""

AWAKE_VA: Final = (0.7, 0.9)
"""Valence and arousal of the table's words for being awake and lively."""

FULL_INTENSITY: Final = 9.0
"""Top of the ontology's scale: such a word lies at its anchor, weaker ones nearer the middle."""

_NEVERS: Final = frozenset(("never", "nie", "никогда"))
""""Never been so happy" is happier than happy: with "so" before the word nothing is turned."""
_WITHOUTS: Final = frozenset(("without", "ohne", "без"))
"""With only small words before what somebody does without: "without you I'm sad" is sad."""
_SO: Final = frozenset(("so", "this", "as", "так", "such"))


@dataclass(frozen=True, slots=True)
class _Match:
    word: str
    entry: Entry
    weight: float


def read_typed(text: str, language: str | None) -> WordMood:
    """Return the mood of a text by the built-in table; ``language`` as detected or given."""
    tokens = list(cut(text, language))
    matches = list(_matches(tokens))
    if not matches:
        return nothing(language)
    keywords = tuple(Keyword(m.word, m.entry.code, m.weight) for m in matches)
    words = sum(not token.stop for token in tokens)
    strength = sum(match.weight for match in matches)
    if strength == 0:
        return WordMood(None, 0.0, language, keywords, strengths_of(()))
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


def _matches(tokens: list[Token]) -> Iterator[_Match]:
    said = {index: said_of(tokens, index) for index, token in enumerate(tokens) if token.entry}
    verbs = {one.by for one in said.values() if one.felt}
    for index, token in enumerate(tokens):
        if token.entry is None or index in verbs:
            continue
        if not token.speaks and _serves(tokens, index):
            continue
        factor = _strength_factor(tokens, index)
        entry, word = token.entry, token.text
        if said[index].refused or _negated(tokens, index, said[index]):
            asks_awake = said[index].of_music or word.startswith(SLEEPY)
            turned = _other_music(entry) if asks_awake else _turned(entry)
            word = f"{TURNED}{word}"
            # Kept without weight: the text is understood so far that this is not wanted.
            entry, factor = turned or entry, factor * TURNED_FACTOR if turned else 0.0
        yield _Match(word, entry, entry.intensity * factor)


def _turned(entry: Entry) -> Entry:
    return _at(entry, OPPOSITES[entry.code])


def _other_music(entry: Entry) -> Entry | None:
    """Return what music is wished by who refuses this one; None where that stays open.

    Who wants no love songs is not full of hate: of music that is pleasant the pole of arousal
    is turned, not that of valence.
    """
    if entry.code == "PE":
        return _at(entry, "PA", AWAKE_VA)
    if (entry.valence, entry.arousal) == AWAKE_VA:
        return _at(entry, "PE")
    turned = _turned(entry)
    return turned if turned.valence > 0 else None


def _at(entry: Entry, code: str, place: tuple[float, float] | None = None) -> Entry:
    valence, arousal, dominance = ANCHORS_VAD[CODES.index(code)].tolist()
    valence, arousal = place or (valence, arousal)
    return replace(entry, code=code, valence=valence, arousal=arousal, dominance=dominance)


def _serves(tokens: list[Token], index: int) -> bool:
    """Say whether a word that can be both is a modifier here: a mood word follows."""
    following = tokens[index + 1 : index + 1 + MODIFIER_REACH]
    for token in following:
        if token.stop:
            return False
        if token.entry is not None:
            return True
    return False


def _strength_factor(tokens: list[Token], index: int) -> float:
    factor = 1.0
    for token in reversed(tokens[max(0, index - MODIFIER_REACH) : index]):
        if token.stop or token.speaks:
            break
        if token.modifier is not None and token.modifier.kind in ("strong", "weak"):
            factor *= token.modifier.factor
    return min(factor, 2.0)


def _negated(tokens: list[Token], index: int, said: Said) -> bool:
    count = 0
    light = bound = True
    clause = without = False
    so = index > 0 and tokens[index - 1].text in _SO
    begin = 0 if said.by is None or said.by > index else said.by + 1
    for back, token in enumerate(reversed(tokens[max(begin, index - LIGHT_REACH) : index])):
        if token.stop or token.speaks or (said.of_music and token.kind == "thing"):
            break
        if clause and token.kind == "joint":
            break  # "I have nothing and I am alone" says two things.
        clause = clause or token.kind in {"state", "subject"}
        if so and token.text in _NEVERS and back < NEVER_REACH:
            count = 0  # With what Russian negates once more: "никогда не был так счастлив".
        elif light or (back < NEGATION_REACH and (bound or token.text not in _WITHOUTS)):
            count += denies(token) if said.of_music else token.kind in ("negation", "both")
            without = without or token.text in _WITHOUTS
        light = light and is_light(token)
        bound = bound and (light or token.kind == "link")
    following = _following(tokens, index)
    if following is not None:
        count += following.kind == "after" or (following.kind == "both" and not count)
    # Of music each of two only says it again: "не хочу ничего грустного", "don't play nothing sad".
    # But who cannot live without it wants it.
    return count > 0 if said.of_music and not without else count % 2 == 1


def _following(tokens: list[Token], index: int) -> Modifier | None:
    """Return how the next word changes this one; of Korean the one after a verb in "-지"."""
    for token in tokens[index + 1 : index + 3]:
        if token.entry is not None or token.modifier is not None or not token.text.endswith("지"):
            return token.modifier
    return None
