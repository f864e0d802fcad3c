"""The home vocabulary: 21 emotions of the DLUT ontology and points in their space."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from catalog.tables import read_table

CODES: tuple[str, ...] = (
    "PA", "PE", "PD", "PH", "PG", "PB", "PK", "NA", "NB", "NJ", "NH",
    "PF", "NI", "NC", "NG", "NE", "ND", "NN", "NK", "NL", "PC",
)  # fmt: skip
"""The 21 codes in the order of the ontology (Xu, Lin, Pan et al. 2008)."""

LANGUAGES: tuple[str, ...] = ("en", "zh", "ru", "ko", "de")

NAMES: dict[str, dict[str, str]] = {
    row["code"]: {language: row[language] for language in LANGUAGES}
    for row in read_table("emotions")
}
"""Code -> language -> noun for people; unique within a language."""

FEELINGS: dict[str, dict[str, str]] = {
    row["code"]: {language: row[f"feel_{language}"] for language in LANGUAGES}
    for row in read_table("emotions")
}
"""Code -> language -> how a person or a track with it feels ("wistful")."""

FAMILIES: dict[str, tuple[str, ...]] = {
    family: tuple(row["code"] for row in read_table("emotions") if row["family"] == family)
    for family in ("joy", "good", "anger", "sorrow", "fear", "disgust", "surprise")
}
"""The seven families of the ontology and their codes."""


def _anchors() -> NDArray[np.float32]:
    places = {row["name"]: row for row in read_table("anchors") if row["kind"] == "code"}
    anchors = np.array(
        [[float(places[code][axis]) for axis in ("valence", "arousal", "dominance")]
         for code in CODES],
        np.float32,
    )  # fmt: skip
    anchors.setflags(write=False)
    return anchors


ANCHORS_VAD: NDArray[np.float32] = _anchors()
"""(21, 3) valence, arousal, dominance in -1..1 of each code: averages over published word
norms (NRC-VAD, Mohammad 2018); ``models_tflite/training/anchors_from_norms.py`` states how."""

KERNEL_WIDTH = 0.3
"""Standard deviation of the Gaussian kernel around a place in V/A/D: about the distance from
an anchor to its neighbour of the same quadrant, so a place is told by two to five names."""

NEUTRAL_RADIUS = 0.25
"""Within about this distance of the origin of V/A no emotion in particular is felt. A quarter
of the scale: the half-width of the middle answer on a five-step scale."""


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


def neutral_point() -> EmotionPoint:
    """Return the middle: every emotion alike, V = A = D = 0."""
    return make_point(np.full(len(CODES), 1 / len(CODES)), np.zeros(3))


def make_point(weights: ArrayLike, vad: ArrayLike) -> EmotionPoint:
    """Return the point of (21,) weights, brought to sum 1, and V/A/D, cut to -1..1.

    Raises ValueError for a wrong shape, NaN, infinity, a negative weight or all zeros.
    """
    given = np.asarray(weights, np.float64)
    if given.shape != (len(CODES),):
        raise ValueError(f"{len(CODES)} emotion weights are needed, found shape {given.shape}")
    place = np.asarray(vad, np.float64)
    if place.shape != (3,) or not np.isfinite(place).all():
        raise ValueError(f"valence, arousal, dominance must be three finite numbers, found {vad!r}")
    largest = given.max()
    if not np.isfinite(given).all() or given.min() < 0 or largest <= 0:
        raise ValueError("emotion weights must be finite, not negative and not all zero")
    scaled = given / largest  # Tiny or huge weights would not survive their own sum.
    emotions = (scaled / scaled.sum()).astype(np.float32)
    emotions.setflags(write=False)
    valence, arousal, dominance = np.clip(place, -1, 1).tolist()
    return EmotionPoint(emotions, valence, arousal, dominance)


def point_from_emotions(vector: ArrayLike) -> EmotionPoint:
    """Return the point of (21,) emotion weights; V/A/D are the expectation over the anchors."""
    weights = np.asarray(vector, np.float64)
    point = make_point(weights, np.zeros(3))
    return make_point(weights, point.emotions.astype(np.float64) @ ANCHORS_VAD)


def point_from_va(valence: float, arousal: float, dominance: float | None = None) -> EmotionPoint:
    """Return the point at V/A (-1..1; beyond is cut): nearby anchors share the distribution.

    Without ``dominance`` the distribution's own expectation is taken. Near the origin the
    distribution goes over into the neutral one. Raises ValueError on NaN or infinity.
    """
    axes = [valence, arousal] + ([] if dominance is None else [dominance])
    place = np.asarray(axes, np.float64)
    if not np.isfinite(place).all():
        raise ValueError(f"valence, arousal, dominance must be finite, found {axes}")
    place = np.clip(place, -1, 1)
    squared = ((ANCHORS_VAD[:, : len(place)] - place) ** 2).sum(axis=1)
    kernel = np.exp(-(squared - squared.min()) / (2 * KERNEL_WIDTH**2))
    felt = 1 - np.exp(-float(place[:2] @ place[:2]) / (2 * NEUTRAL_RADIUS**2))
    emotions = felt * kernel / kernel.sum() + (1 - felt) / len(CODES)
    if dominance is None:
        expected = felt * float(kernel @ ANCHORS_VAD[:, 2]) / kernel.sum()
        place = np.append(place, expected)
    return make_point(emotions, place)


def blend(points: Sequence[EmotionPoint], weights: ArrayLike) -> EmotionPoint:
    """Return the weighted mean of points; raises ValueError for weights that give none."""
    shares = np.asarray(weights, np.float64)
    if shares.shape != (len(points),) or not len(points):
        raise ValueError(f"{len(points)} points need as many weights, found {shares.shape}")
    if not np.isfinite(shares).all() or shares.min() < 0 or shares.max() <= 0:
        raise ValueError("weights must be finite, not negative and not all zero")
    shares = shares / shares.max()
    shares = shares / shares.sum()
    emotions = shares @ np.stack([point.emotions for point in points]).astype(np.float64)
    vad = shares @ np.array([(p.valence, p.arousal, p.dominance) for p in points])
    return make_point(emotions, vad)


def describe(point: EmotionPoint, language: str = "en") -> str:
    """Return how the point feels in few words for people: "wistful, a little tense".

    ``language`` is one of :data:`LANGUAGES`; others are answered in English.
    """
    from catalog.labels import label_of

    return label_of(point, language if language in LANGUAGES else "en")
