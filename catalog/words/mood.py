"""What was understood of a text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from catalog.emotions import CODES, EmotionPoint

CONVINCING_STRENGTH = 5.0
"""Summed intensity at which a text is two thirds sure: one word of the middle intensity (5 of
1..9) that carries its whole weight."""

LEAST_TRUST, MOST_TRUST = 0.4, 0.95
"""Trust in a text of which hardly a word, or at least every fourth word, names an emotion."""

TURNED = "¬"
"""Stands before a keyword that is negated."""


class WordsError(Exception):
    """A text cannot be read as asked; the message says which file or package is missing."""


@dataclass(frozen=True, slots=True)
class Keyword:
    """A word that counted, and what for."""

    word: str
    code: str
    """The emotion it speaks for (after negation), one of ``catalog.emotions.CODES``."""
    weight: float
    """Intensity (1..9) times how much the word weighs in the text."""


@dataclass(frozen=True, slots=True, eq=False)
class WordMood:
    """The mood of a text; ``point`` is None when nothing in it names an emotion."""

    point: EmotionPoint | None
    confidence: float
    """0..1; 0 when nothing was understood."""
    language: str | None
    """"zh", "ko", "ru", "de", "en", or None for none of them (or no letters at all)."""
    keywords: tuple[Keyword, ...]
    strengths: NDArray[np.float32]
    """(21,) sums of the keywords' weights, not normalised: add these up over texts."""

    @property
    def emotions(self) -> dict[str, float] | None:
        """The distribution by code (21 entries, sum 1), or None."""
        if self.point is None:
            return None
        return dict(zip(CODES, self.point.emotions.tolist(), strict=True))


def strengths_of(keywords: Sequence[Keyword]) -> NDArray[np.float32]:
    """Return the (21,) sums of the weights, read-only."""
    sums = np.zeros(len(CODES), np.float64)
    for keyword in keywords:
        sums[CODES.index(keyword.code)] += keyword.weight
    strengths = sums.astype(np.float32)
    strengths.setflags(write=False)
    return strengths


def confidence_of(strength: float, share: float) -> float:
    """Return 0..1 from the summed strength and the share of words that named an emotion."""
    trust = LEAST_TRUST + (MOST_TRUST - LEAST_TRUST) * min(1.0, 4 * share)
    return trust * -math.expm1(-strength / CONVINCING_STRENGTH)


def nothing(language: str | None) -> WordMood:
    """Return the mood of a text that says nothing about moods."""
    return WordMood(None, 0.0, language, (), strengths_of(()))
