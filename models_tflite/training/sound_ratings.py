"""The listeners' ratings of Emotify: targets, genres and how well the listeners agree."""

from __future__ import annotations

import csv
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

GEMS: Final = (
    "amazement", "solemnity", "tenderness", "nostalgia", "calmness", "power",
    "joyful_activation", "tension", "sadness",
)  # fmt: skip
GENRES: Final = ("classical", "electronic", "pop", "rock")
SPLITS: Final = 200


@dataclass(frozen=True, slots=True)
class Ratings:
    """What the listeners said of each track, in the order of the names asked for."""

    gems: NDArray[np.float64]
    """(tracks, 9) share of listeners who felt the emotion, 0..1."""
    genre: NDArray[np.int64]
    """(tracks,) index into GENRES."""
    ceiling: NDArray[np.float64]
    """(9,) highest correlation a model can reach on average: the root of the ratings'
    reliability, that is of the split-half agreement stepped up by Spearman-Brown."""
    split_half: NDArray[np.float64]
    """(9,) mean correlation of one half of the raters with the other."""


def read_ratings(path: Path, names: list[str]) -> Ratings:
    """Return the ratings of tracks named by their number; KeyError for one without ratings."""
    votes: dict[int, list[list[float]]] = defaultdict(list)
    genres: dict[int, str] = {}
    with path.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            number = int(row["track_id"])
            votes[number].append([float(row[name]) for name in GEMS])
            genres[number] = row["genre"]
    tracks = [np.array(votes[int(name)]) for name in names]
    agreement = _split_half(tracks)
    return Ratings(
        np.array([track.mean(0) for track in tracks]),
        np.array([GENRES.index(genres[int(name)]) for name in names]),
        np.sqrt(2 * agreement / (1 + agreement)),
        agreement,
    )


def _split_half(tracks: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    random = np.random.default_rng(0)
    found = np.zeros(len(GEMS))
    for _ in range(SPLITS):
        halves = [np.array_split(random.permutation(track), 2) for track in tracks]
        one, other = (np.array([pair[side].mean(0) for pair in halves]) for side in (0, 1))
        found += [np.corrcoef(one[:, e], other[:, e])[0, 1] for e in range(len(GEMS))]
    return found / SPLITS
