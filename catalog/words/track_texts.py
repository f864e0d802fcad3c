"""All texts of a track -> one mood, weighted as the first system published it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from catalog.emotions import point_from_emotions
from catalog.words.mood import WordMood, nothing, strengths_of
from catalog.words.reading import read_mood

LYRIC_FACTOR, TITLE_FACTOR = 10, 20
"""The lyric counts as ten times all likes together, the title as twenty times."""


@dataclass(frozen=True, slots=True)
class Comment:
    """What somebody wrote about a track."""

    text: str
    likes: int = 0


def comment_weight(likes: int) -> float:
    """Return ln(L + 1)."""
    return math.log(max(0, likes) + 1)


def lyric_weight(total_likes: int) -> float:
    """Return ln(10 * sum of likes + 2)."""
    return math.log(LYRIC_FACTOR * max(0, total_likes) + 2)


def title_weight(total_likes: int) -> float:
    """Return ln(20 * sum of likes + 2)."""
    return math.log(TITLE_FACTOR * max(0, total_likes) + 2)


def read_track(
    title: str = "",
    lyric: str = "",
    comments: Sequence[Comment] = (),
    *,
    dlut: Path | None = None,
) -> WordMood:
    """Return the mood of all texts of a track together; ``point`` None when none says anything.

    The strengths of the texts are weighted and added up; only the sum is normalised. The
    language is that of the heaviest text, the keywords are those of all. Raises WordsError.
    """
    likes = sum(max(0, comment.likes) for comment in comments)
    weighted = [(lyric_weight(likes), lyric)]
    weighted += [(comment_weight(comment.likes), comment.text) for comment in comments]
    read = [(w, read_mood(text, dlut=dlut)) for w, text in weighted if w > 0 and text.strip()]
    if title.strip():
        read.insert(0, (title_weight(likes), read_mood(title, dlut=dlut, title=True)))
    read.sort(key=lambda pair: -pair[0])
    understood = [(weight, mood) for weight, mood in read if mood.point is not None]
    if not understood:
        return nothing(read[0][1].language if read else None)
    sums = np.sum([w * mood.strengths for w, mood in understood], axis=0, dtype=np.float64)
    doubt = math.prod(1 - mood.confidence for _, mood in understood)
    keywords = tuple(word for _, mood in understood for word in mood.keywords)
    strengths = strengths_of(()) + sums.astype(np.float32)
    strengths.setflags(write=False)
    confidence = min(0.95, 1 - doubt)
    language = understood[0][1].language
    return WordMood(point_from_emotions(sums), confidence, language, keywords, strengths)
