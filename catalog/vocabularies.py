"""Foreign vocabularies of emotion, each mapped into the home vocabulary by one matrix."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from catalog.emotions import (
    ANCHORS_VAD,
    CODES,
    EmotionPoint,
    make_point,
    neutral_point,
    point_from_va,
)
from catalog.tables import read_table

SOURCES: dict[str, str] = {
    "face7": "FER-2013 labels (Goodfellow et al. 2013); rows: the ontology's own basic families",
    "text6": "six emotions of text models (Saravia et al. 2018, CARER); rows as face7",
    "voice7": "seven voice emotions with enthusiasm (Dusha, Kondratenko et al. 2022)",
    "gems9": "GEMS-9 as rated in Emotify (Aljanaki, Wiering, Veltkamp 2016); rows by the "
    "factors' adjectives (Zentner, Grandjean, Scherer 2008)",
    "gems6": "six music-induced emotions: tender, calm, power, joyful, sad, tension (GEMS subset)",
    "paper4": "happy, sad, angry, neutral of the expression + social music paper",
    "emotic26": "EMOTIC classes (Kosti et al. 2017) -> DLUT as the first system published them",
    "plutchik8": "Plutchik's eight, as XED labels lines of films (Öhman et al. 2020); as text6",
    "goemotions28": "GoEmotions (Demszky et al. 2020): 27 emotions of comments, and neutral",
    "spotify": "audio features of the Spotify Web API; V/A by the linear map SPOTIFY_TO_VA",
}


@dataclass(frozen=True, slots=True, eq=False)
class Vocabulary:
    """One foreign vocabulary: n terms beside what each means at home."""

    name: str
    terms: tuple[str, ...]
    emotions: NDArray[np.float32]
    """(n, 21) weights of the home codes, read-only."""
    vad: NDArray[np.float32]
    """(n, 3) valence, arousal, dominance of each term, -1..1, read-only."""
    source: str


def _row(weights: str) -> NDArray[np.float64]:
    row = np.zeros(len(CODES))
    for entry in weights.split():
        code, weight = entry.split(":")
        if code == "*":
            row += float(weight) / len(CODES)
        else:
            row[CODES.index(code)] += float(weight)
    return row


def _places() -> dict[str, list[float]]:
    axes = ("valence", "arousal", "dominance")
    rows = [row for row in read_table("anchors") if row["kind"] == "term"]
    return {row["name"]: [float(row[axis]) for axis in axes] for row in rows} | {
        "neutral": [0.0, 0.0, 0.0]
    }


def _build(name: str) -> Vocabulary:
    rows = [row for row in read_table("vocabularies") if row["vocabulary"] == name]
    places = _places()
    emotions = np.stack([_row(row["emotions"]) for row in rows])
    expected = emotions / emotions.sum(axis=1, keepdims=True) @ ANCHORS_VAD
    vad = np.array(
        [places[row["place"]] if row["place"] else mean
         for row, mean in zip(rows, expected.tolist(), strict=True)]
    )  # fmt: skip
    kept = [emotions.astype(np.float32), vad.astype(np.float32)]
    for array in kept:
        array.setflags(write=False)
    return Vocabulary(name, tuple(row["term"] for row in rows), kept[0], kept[1], SOURCES[name])


VOCABULARIES: dict[str, Vocabulary] = {name: _build(name) for name in SOURCES if name != "spotify"}
"""Name -> vocabulary; "spotify" is no list of emotions and has :func:`spotify_point`."""

SPOTIFY_FEATURES: tuple[str, ...] = (
    "valence", "energy", "danceability", "acousticness", "mode", "loudness_db", "tempo_bpm",
)  # fmt: skip
"""Order of the values of vocabulary "spotify"; mode 1 major, 0 minor; NaN: not known."""

SPOTIFY_TYPICAL: NDArray[np.float64] = np.array([0.5, 0.6, 0.6, 0.3, 0.6, -8.0, 120.0])
"""Taken where a feature is not known; about the middle of popular music."""

SPOTIFY_TO_VA: NDArray[np.float64] = np.array(
    [[1.6, 0.0, 0.2, 0.0, 0.1, 0.0, 0.0],
     [0.2, 1.4, 0.2, -0.3, 0.0, 0.01, 0.002]]
)  # fmt: skip
"""(2, 7): V and A per unit of each feature above its typical value."""


def to_point(vocabulary: str, values: ArrayLike) -> EmotionPoint:
    """Return where (n,) weights over a vocabulary's terms lie; all zeros is neutral.

    The weights need not sum to 1. Raises KeyError for an unknown vocabulary and ValueError
    for a wrong length, a negative weight, NaN or infinity. For "spotify" see `spotify_point`.
    """
    if vocabulary == "spotify":
        return spotify_point(values)
    table = VOCABULARIES[vocabulary]
    weights = np.asarray(values, np.float64)
    if weights.shape != (len(table.terms),):
        raise ValueError(f"{vocabulary} has {len(table.terms)} terms, found {weights.shape}")
    if not np.isfinite(weights).all() or weights.min() < 0:
        raise ValueError(f"{vocabulary}: weights must be finite and not negative")
    if weights.max() == 0:
        return neutral_point()
    weights = weights / weights.max()
    weights = weights / weights.sum()
    return make_point(weights @ table.emotions, weights @ table.vad)


def spotify_point(values: ArrayLike) -> EmotionPoint:
    """Return where a track with these SPOTIFY_FEATURES lies; raises ValueError if none is known.

    Valence and energy must be known: the others only adjust them.
    """
    features = np.asarray(values, np.float64)
    if features.shape != (len(SPOTIFY_FEATURES),):
        raise ValueError(f"spotify has {len(SPOTIFY_FEATURES)} features, found {features.shape}")
    if not np.isfinite(features[:2]).all():
        raise ValueError("spotify: valence and energy are needed")
    known = np.where(np.isfinite(features), features, SPOTIFY_TYPICAL)
    valence, arousal = np.clip(SPOTIFY_TO_VA @ (known - SPOTIFY_TYPICAL), -1, 1).tolist()
    return point_from_va(valence, arousal)
