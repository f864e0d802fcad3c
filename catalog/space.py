"""Emotion points as vectors whose plain Euclidean distance is the distance of moods."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from catalog.emotions import CODES, EmotionPoint


@dataclass(frozen=True, slots=True)
class Space:
    """A way to measure: ``sqrt`` takes roots of the shares first (Hellinger's metric)."""

    name: str
    dimension: int
    sqrt: bool
    emotion_weight: float
    vad_weights: tuple[float, float, float]
    """Factors of valence, arousal, dominance; all 0 leaves them out of the vector."""


SPACES: dict[str, Space] = {
    "mood24": Space("mood24", 24, True, 0.63, (0.45, 0.45, 0.11)),
    "attune24": Space("attune24", 24, True, 0.5, (1.0, 1.0, 0.25)),
    "hellinger21": Space("hellinger21", 21, True, 1.0, (0.0, 0.0, 0.0)),
    "dlut21": Space("dlut21", 21, False, 1.0, (0.0, 0.0, 0.0)),
}
"""``mood24`` is the default: entirely other emotions weigh as much as valence from one end to the
other (both 0.9). ``attune24`` was the default before it, ``dlut21`` is the space of the first
published system; ``benchmarks/bench_distance.py`` compares them on labelled data. A space whose
weights change gets another name: an index knows by name what it was made with."""

DEFAULT_SPACE = "mood24"


def embed(point: EmotionPoint, space: str = DEFAULT_SPACE) -> NDArray[np.float32]:
    """Return the vector of a point: float32 (24,) or (21,), read-only; KeyError: no such space."""
    vector: NDArray[np.float32] = embed_all([point], space)[0]
    vector.setflags(write=False)
    return vector


def embed_all(
    points: Sequence[EmotionPoint], space: str | Space = DEFAULT_SPACE
) -> NDArray[np.float32]:
    """Return the vectors of n points, float32 (n, dimension of the space)."""
    how = SPACES[space] if isinstance(space, str) else space
    emotions = np.array([point.emotions for point in points], np.float64)
    emotions = emotions.reshape(len(points), len(CODES))
    parts = [how.emotion_weight * (np.sqrt(emotions) if how.sqrt else emotions)]
    if how.dimension > len(CODES):
        vad = np.array([(p.valence, p.arousal, p.dominance) for p in points], np.float64)
        parts.append(vad.reshape(len(points), 3) * np.array(how.vad_weights))
    return np.ascontiguousarray(np.concatenate(parts, axis=1), dtype=np.float32)


def distance(a: EmotionPoint, b: EmotionPoint, space: str = DEFAULT_SPACE) -> float:
    """Return the Euclidean distance of two points in a space; 0 is the same mood."""
    both = embed_all([a, b], space).astype(np.float64)
    return float(np.linalg.norm(both[0] - both[1]))
