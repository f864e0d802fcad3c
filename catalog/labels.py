"""Points of the emotion space in words for people: "wistful, a little tense"."""

from __future__ import annotations

import numpy as np

from catalog.emotions import ANCHORS_VAD, CODES, FEELINGS, EmotionPoint
from catalog.tables import read_table

CLEAR_SHARE = 0.25
"""From this share on one emotion names the point: five times its share of a neutral one."""

SECOND_SHARE = 0.5
"""The next emotion is named from half of the first one's share on."""

FLAT_RADIUS = 0.15
"""Closer to the origin of V/A than this nothing in particular is felt."""

MILD_RADIUS = 0.4
"""Closer than this a place on the V/A plane is felt only a little."""

FAR = 0.6
"""A place farther than this from the anchor of its first emotion is told by both: the joyful
face of a tense person. Two kernel widths."""

_PLANE: dict[str, dict[str, str]] = {row["sector"]: row for row in read_table("plane")}
"""Sectors of the circumplex (Russell 1980), 45 degrees each, besides the words that join."""

_SECTORS = ("glad", "elated", "excited", "tense", "upset", "low", "tired", "calm")
"""Counter-clockwise from positive valence. Centres at 0, 45, 90 ... degrees."""


def label_of(point: EmotionPoint, language: str) -> str:
    """Return the label in a language of ``catalog.emotions.LANGUAGES``."""
    order = np.argsort(-point.emotions, kind="stable")
    first, second = (float(point.emotions[index]) for index in order[:2])
    radius = float(np.hypot(point.valence, point.arousal))
    if first < CLEAR_SHARE:
        return _on_the_plane(point, radius, language)
    named = FEELINGS[CODES[order[0]]][language]
    # Near the middle of two opposite emotions the place tells of neither.
    told = MILD_RADIUS if second >= SECOND_SHARE * first else FLAT_RADIUS
    if _far(point, int(order[0])) and radius >= told:
        return _a_little(named, _PLANE[_sector(point)][language], language)
    if second >= SECOND_SHARE * first:
        return _a_little(named, FEELINGS[CODES[order[1]]][language], language)
    return named


def _on_the_plane(point: EmotionPoint, radius: float, language: str) -> str:
    if radius < FLAT_RADIUS:
        return _PLANE["neutral"][language]
    word = _PLANE[_sector(point)][language]
    return word if radius >= MILD_RADIUS else _PLANE["a_little"][language].format(word)


def _a_little(named: str, second: str, language: str) -> str:
    if named == second:
        return named
    return _PLANE["join"][language].format(named, _PLANE["a_little"][language].format(second))


def _sector(point: EmotionPoint) -> str:
    angle = np.degrees(np.arctan2(point.arousal, point.valence))
    return _SECTORS[round(float(angle) / 45) % 8]


def _far(point: EmotionPoint, code: int) -> bool:
    valence, arousal = ANCHORS_VAD[code, :2].tolist()
    return bool(np.hypot(point.valence - valence, point.arousal - arousal) > FAR)
