"""What is said about a mood word: that it is disliked, to be got rid of, or music that is wished.

"I hate being sad" names a feeling and wants to be rid of it, "no love songs" is no hatred.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from catalog.words.tokens import Token

VERB_REACH: Final = 7
"""Words between "I hate", "get rid of" and what it is said of; the words between must also fit."""
AWAY_REACH: Final = 4
"""Words from "forget" to "sorrow", where those between are any."""
AFTER_REACH: Final = 4
"""Words after "sad songs" in which they may be refused ("… get on my nerves")."""
THING_REACH: Final = 3
"""Words after a mood word in which "songs" may come ("sad slow songs")."""
OWN_NEGATION_REACH: Final = 2
""""Do not really like"."""
AWAY_NEGATION_REACH: Final = 3
""""Can't seem to get rid of"."""

_VERBS: Final = frozenset(("like", "dislike"))
_NEGATIONS: Final = frozenset(("negation", "after", "both"))
_LIGHT: Final = frozenset(("state", "carry", "some", "strong", "weak"))
_LINKS: Final = _LIGHT | {"link", "subject"}
_HANGUL: Final = "\uac00"
_BOUNDARIES: Final = frozenset(("subject", "joint"))
_NOTHING: Final = frozenset(("nothing", "nichts", "nix", "ничего"))
"""Before a mood word they stand for music, as "something" does: "nothing sad"."""
_GERMAN_MUSIC: Final = re.compile(r".(?:lied(?:er|ern)?|musik|songs?|balladen?)$")
_KOREAN_VERB: Final = ("지", "을", "수", "수가", "수는", "수도")
"""So ends what stands between a Korean verb and its negation."""
_KOREAN_NOUN: Final = re.compile("(?:기|기가|기는|움|움이|움은|음이|음은|이|가|은|는)$")
""""외로움이 싫어": what is disliked in Korean without a word for music."""


@dataclass(frozen=True, slots=True)
class Said:
    """What the words around one mood word say of it."""

    refused: bool = False
    """Disliked, or to be got rid of."""
    of_music: bool = False
    """It tells what kind of music is meant, not how somebody feels."""
    by: int | None = None
    """Where the word stands that says so; a negation before it is its own."""
    felt: bool = False
    """That word names a feeling itself, which does not count here ("hate", "love")."""


def is_light(token: Token) -> bool:
    """Say whether a negation reaches on where only such words follow it ("not to feel so ...")."""
    return token.kind in _LIGHT


def denies(token: Token) -> bool:
    """Say whether a word before a mood word denies it."""
    return token.kind in {"negation", "both"} or token.text in _NOTHING


def said_of(tokens: Sequence[Token], index: int) -> Said:
    """Return what is said of the mood word at ``index``."""
    entry = tokens[index].entry
    assert entry is not None
    of_music = _is_of_music(tokens, index)
    unpleasant = entry.valence < 0
    by = _verb_before(tokens, index, of_music)
    if by is None:
        by = _verb_after(tokens, index, of_music)
    if by is not None and (of_music or unpleasant):
        token = tokens[by]
        refused = token.kind in _NEGATIONS or _refuses(tokens, by)
        if refused or of_music:
            return Said(refused, of_music, by, token.entry is not None and token.kind in _VERBS)
    by = _sent_away_by(tokens, index) if unpleasant else None
    stays = by is None or _is_denied(tokens, by) or _nothing_else(tokens, index)
    return Said(not stays, of_music, by)


def _is_of_music(tokens: Sequence[Token], index: int) -> bool:
    """Say whether a mood word tells what kind of music is meant."""
    if _GERMAN_MUSIC.search(tokens[index].text):
        return True
    unknown = 0
    for token in tokens[index + 1 : index + 1 + THING_REACH]:
        if token.kind == "thing":
            return True
        if token.stop or token.kind in {"carry", "subject", "state"} or token.kind in _NEGATIONS:
            break
        unknown += token.entry is None and not token.kind
        if unknown > 1:
            break
    return _stands_for_music(tokens, index)


def _stands_for_music(tokens: Sequence[Token], index: int) -> bool:
    entry = tokens[index].entry
    if entry is None or (entry.valence > 0 and entry.code != "PE"):
        return False  # "Nothing good", "anything better" are about life.
    denied = False
    for token in reversed(tokens[max(0, index - THING_REACH) : index]):
        if token.text in _NOTHING:
            return not denied  # "Ничего не радует" is about a person.
        if token.kind == "some":
            return True
        if token.kind not in {"strong", "weak", "carry", "negation"}:
            break
        denied = denied or token.kind == "negation"
    return False


def _refuses(tokens: Sequence[Token], index: int) -> bool:
    """Say whether a verb refuses: a dislike, or a liking that is denied."""
    return (tokens[index].kind == "like") is _is_denied(tokens, index)


def _is_denied(tokens: Sequence[Token], index: int) -> bool:
    count = 0
    is_verb = tokens[index].kind in _VERBS
    reach = OWN_NEGATION_REACH if is_verb else AWAY_NEGATION_REACH
    for token in reversed(tokens[max(0, index - reach) : index]):
        if token.stop or token.speaks:
            break
        count += token.kind in {"negation", "both"}
    for place in range(index + 1, min(len(tokens), index + 1 + OWN_NEGATION_REACH)):
        token = tokens[place]
        if token.stop or token.speaks:
            break
        if token.kind == "after" or (token.kind in _NEGATIONS and not _mood_follows(tokens, place)):
            return count % 2 == 0
        if token.kind not in {"subject", "like"} and not token.text.endswith(_KOREAN_VERB):
            break
    return count % 2 == 1


def _nothing_else(tokens: Sequence[Token], index: int) -> bool:
    """Say whether it follows that nothing else is, or helps ("除了痛苦什么都没有")."""
    what = False
    for token in tokens[index + 1 : index + 1 + VERB_REACH]:
        if token.stop or token.speaks:
            break
        if token.text in _NOTHING or (what and token.kind in _NEGATIONS):
            return True
        what = what or token.text == "什么"
    return False


def _mood_follows(tokens: Sequence[Token], index: int) -> bool:
    """Say whether what a negation denies comes only after it."""
    return any(token.speaks for token in tokens[index + 1 : index + 1 + AFTER_REACH])


def _verb_before(tokens: Sequence[Token], index: int, of_music: bool) -> int | None:
    """Return where the verb stands whose object the mood word is, if one does."""
    state, linked = False, True
    infinitive = _has(tokens, index - 1, "zu") or _has(tokens, index + 1, "zu")
    for place in range(index - 1, max(-1, index - 1 - VERB_REACH), -1):
        token = tokens[place]
        if token.kind in _VERBS:
            fits = of_music or (linked and (state or _ends(tokens, index)))
            # Korean says what is disliked before it says that it is.
            return place if fits and token.text < _HANGUL else None
        comma = infinitive and token.text == ","  # "Ich hasse es, allein zu sein."
        linked = linked and (comma or token.kind in _LINKS)
        ends = token.stop or token.kind == "thing" or token.speaks
        if (ends and not comma and not (of_music and token.speaks)) or not (linked or of_music):
            break
        state = state or token.kind == "state"
    return None


def _has(tokens: Sequence[Token], index: int, text: str) -> bool:
    return 0 <= index < len(tokens) and tokens[index].text == text


def _ends(tokens: Sequence[Token], index: int) -> bool:
    """Say whether nothing follows that a mood word could belong to ("boring meetings")."""
    following = tokens[index + 1 : index + 1 + AFTER_REACH]
    first = next((token for token in following if token.kind != "link"), None)
    return first is None or first.stop or first.kind in {"state", "joint"}


def _verb_after(tokens: Sequence[Token], index: int, of_music: bool) -> int | None:
    """Return where the verb stands that follows its object ("traurige Lieder mag ich nicht")."""
    if of_music:
        return next(_refusals_after(tokens, index), None)
    following = tokens[index + 1] if index + 1 < len(tokens) else None
    if following is not None and following.kind == "dislike":
        return index + 1 if _KOREAN_NOUN.search(tokens[index].text) else None
    return None


def _refusals_after(tokens: Sequence[Token], index: int) -> Iterator[int]:
    """Yield what follows the music of a mood word and refuses or likes it."""
    start = index
    for place in range(index, min(len(tokens), index + 1 + THING_REACH)):
        if tokens[place].kind == "thing":
            start = place
            break
    for place in range(start + 1, min(len(tokens), start + 1 + AFTER_REACH)):
        token = tokens[place]
        if token.kind in _VERBS:
            yield place
        if token.stop or token.speaks:
            return
        if token.kind in _NEGATIONS and not _mood_follows(tokens, place):
            verbs = (one.kind in _VERBS for one in tokens[place + 1 : place + 1 + AFTER_REACH])
            if not any(verbs):
                yield place


def _sent_away_by(tokens: Sequence[Token], index: int) -> int | None:
    """Return where a word like "forget" stands, if one does."""
    for place in range(index - 1, max(-1, index - 1 - AWAY_REACH), -1):
        token = tokens[place]
        if token.kind in {"away", "away_both"}:
            return place
        if token.stop or token.kind in _BOUNDARIES:
            break
    for place in range(index + 1, min(len(tokens), index + AWAY_REACH)):
        token = tokens[place]
        if token.kind in {"away_after", "away_both"}:
            return place
        if token.stop or token.speaks or token.kind in _BOUNDARIES:
            break
    return None
