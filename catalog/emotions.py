"""The home vocabulary: 21 emotions of the DLUT ontology and points in their space."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CODES: tuple[str, ...] = (
    "PA", "PE", "PD", "PH", "PG", "PB", "PK", "NA", "NB", "NJ", "NH",
    "PF", "NI", "NC", "NG", "NE", "ND", "NN", "NK", "NL", "PC",
)  # fmt: skip
"""The 21 codes in the order of the ontology (Xu, Lin, Pan et al. 2008)."""


@dataclass(frozen=True, slots=True, eq=False)
class EmotionPoint:
    """A place in the emotion space: a distribution over :data:`CODES` beside V, A, D.

    ``emotions`` is float32 (21,), not negative, sum 1, read-only; ``valence``,
    ``arousal`` and ``dominance`` lie in -1..1.
    """

    emotions: NDArray[np.float32]
    valence: float
    arousal: float
    dominance: float
