"""Which distance is best: near tracks should share the mood that people give them.

    make bench-distance
    python -m benchmarks.bench_distance --choose      many weights, each data set left out once

The sets are those of ``benchmarks/mood_sets.py``. Two questions, as the product asks them:
"neighbours", the ten tracks nearest to a track, and "asked", the up to 50 tracks nearest to a mood
that somebody types, shows or touches. Both are counted as agreement beyond chance,
(share - chance) / (1 - chance); intervals are of 1,000 resamplings of the tracks.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.mood_sets import Floats, Ints, MoodSet, load_sets
from catalog.space import DEFAULT_SPACE, SPACES, Space, embed_all

K: Final = 10
ASKED: Final = 50
"""Tracks taken to a mood: what the recommender chooses among."""
RESAMPLINGS: Final = 1000
CHUNK: Final = 1000

COMPARED: Final = (
    SPACES["dlut21"],
    SPACES["hellinger21"],
    Space("va only", 24, False, 0.0, (1.0, 1.0, 0.0)),
    Space("euclidean24", 24, False, 1.0, (1.0, 1.0, 1.0)),
    SPACES["attune24"],
    SPACES["mood24"],
)


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """How a space does on a set, beyond chance; one value for each resampling, the first none."""

    neighbours: Floats
    asked: Floats
    gain: float
    """nDCG@10 by people's graded ratings; NaN without them."""


def main() -> int:
    """Print the tables; 1 where no data set is here."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--choose", action="store_true", help="try many weights")
    arguments = parser.parse_args()
    sets = list(load_sets())
    if not sets:
        print("bench-distance: needs the shared data sets (set ATTUNE_DATA)")
        return 1
    if arguments.choose:
        choose(sets)
    else:
        compare(sets)
    return 0


# --- one space on one set ------------------------------------------------------------------


def score(one: MoodSet, space: Space, resamplings: int = 0) -> Scores:
    """Return the scores of a space, on the tracks as they are and as resampled."""
    weights = _weights(len(one.labels), resamplings)
    vectors = embed_all(one.points, space).astype(np.float64)
    near = nearest(vectors)
    return Scores(
        _neighbours(one, near, weights), _asked(one, vectors, space, weights), _gain(one, near)
    )


def _weights(count: int, resamplings: int) -> Floats:
    """Return how often each track counts: (1 + resamplings, count), the first row ones."""
    drawn = np.random.default_rng(7).multinomial(count, np.full(count, 1 / count), resamplings)
    return np.concatenate([np.ones((1, count)), drawn])


def nearest(vectors: Floats) -> Ints:
    """Return the places (n, K) of the nearest others, the closest first; ties fall by lot."""
    lot = np.random.default_rng(0).random(len(vectors)) * 1e-9
    squares = np.square(vectors).sum(axis=1)
    found = []
    for start in range(0, len(vectors), CHUNK):
        part = vectors[start : start + CHUNK]
        away = squares[start : start + CHUNK, np.newaxis] + squares - 2 * part @ vectors.T
        away = np.round(np.maximum(away, 0), 9) + lot
        away[np.arange(len(part)), start + np.arange(len(part))] = np.inf
        some = np.argpartition(away, K, axis=1)[:, :K]
        order = np.argsort(np.take_along_axis(away, some, 1), axis=1)
        found.append(np.take_along_axis(some, order, 1))
    return np.concatenate(found)


def _neighbours(one: MoodSet, near: Ints, weights: Floats) -> Floats:
    agreement = (one.labels[near] == one.labels[:, np.newaxis]).mean(axis=1)
    shares = _shares(one.labels)
    return _beyond(weights @ agreement / weights.sum(axis=1), float(shares @ shares))


def _asked(one: MoodSet, vectors: Floats, space: Space, weights: Floats) -> Floats:
    """Return how many of the tracks nearest to each mood asked for have its label."""
    shares = _shares(one.labels)
    lot = np.random.default_rng(1).random(len(vectors)) * 1e-9
    by_label: dict[int, list[Floats]] = {}
    moods = embed_all([point for point, _ in one.asked], space).astype(np.float64)
    for mood, (_, label) in zip(moods, one.asked, strict=True):
        order = np.argsort(np.square(vectors - mood).sum(axis=1) + lot)
        wanted = min(ASKED, int((one.labels == label).sum()))
        order = order[: 3 * wanted]
        drawn = weights[:, order]
        taken = np.clip(wanted - (np.cumsum(drawn, axis=1) - drawn), 0, drawn)
        right = taken @ (one.labels[order] == label) / taken.sum(axis=1)
        by_label.setdefault(label, []).append(_beyond(right, float(shares[label])))
    per_label = [np.mean(found, axis=0) for found in by_label.values()]
    return np.asarray(np.mean(per_label, axis=0))


def _gain(one: MoodSet, near: Ints) -> float:
    """Return nDCG@10; a neighbour's worth falls with its distance in people's ratings."""
    if one.places is None:
        return float("nan")
    discount = 1 / np.log2(np.arange(2, K + 2))
    found, ideal = np.empty(len(near)), np.empty(len(near))
    for place, others in enumerate(near):
        away = np.square(one.places - one.places[place]).mean(axis=1)
        worth = np.exp(-away / 2)
        found[place] = discount @ worth[others]
        worth[place] = -1
        ideal[place] = discount @ np.sort(worth)[: -K - 1 : -1]
    return float(np.mean(found / ideal))


def _shares(labels: Ints) -> Floats:
    shares: Floats = np.bincount(labels) / len(labels)
    return shares


def _beyond(agreement: Floats, chance: float) -> Floats:
    return (agreement - chance) / (1 - chance)


# --- the comparison ------------------------------------------------------------------------


def compare(sets: Sequence[MoodSet]) -> None:
    """Print the spaces side by side."""
    found = [[score(one, space, RESAMPLINGS) for space in COMPARED] for one in sets]
    titles = [f"{one.name}: {one.evidence} -> {one.judge} ({len(one.labels)})" for one in sets]
    heads = [space.name for space in COMPARED]
    for what, take in (("neighbours", _of_neighbours), ("asked", _of_asked)):
        print(f"\n{what}: agreement beyond chance, half of the 95 % interval\n")
        rows = [[take(scores) for scores in row] for row in found]
        _print(heads, titles, [[_with_interval(values) for values in row] for row in rows])
        means = [_mean_of_sets(sets, [row[i] for row in rows]) for i in range(len(heads))]
        _print(None, ["mean of the data sets"], [[_with_interval(values) for values in means]])
        _print_differences(sets, rows)
    print("\nneighbours: nDCG@10 by graded ratings\n")
    graded = [i for i, one in enumerate(sets) if one.places is not None]
    cells = [[f"{scores.gain:.3f}" for scores in found[i]] for i in graded]
    _print(heads, [titles[i] for i in graded], cells)
    _print_raw(sets)


def _of_neighbours(scores: Scores) -> Floats:
    return scores.neighbours


def _of_asked(scores: Scores) -> Floats:
    return scores.asked


def _mean_of_sets(sets: Sequence[MoodSet], values: Sequence[Floats]) -> Floats:
    """Return the mean over data sets, each the mean of its own sets."""
    names = list(dict.fromkeys(one.name for one in sets))
    per_name = [
        np.mean(
            [value for one, value in zip(sets, values, strict=True) if one.name == name], axis=0
        )
        for name in names
    ]
    return np.asarray(np.mean(per_name, axis=0))


def _print_differences(sets: Sequence[MoodSet], rows: Sequence[Sequence[Floats]]) -> None:
    """Print by how much the default is ahead of each other space, per data set and on average."""
    names = list(dict.fromkeys(one.name for one in sets))
    places = [[i for i, one in enumerate(sets) if one.name == name] for name in names]
    chosen = [space.name for space in COMPARED].index(DEFAULT_SPACE)
    print(f"\n{DEFAULT_SPACE} less the other, on the same resamplings\n")
    print("".join([f"{'':<14}", *(f"{name:>26}" for name in (*names, "mean"))]))
    for other, space in enumerate(COMPARED):
        if other != chosen:
            ahead = [
                np.mean([rows[i][chosen] - rows[i][other] for i in some], axis=0) for some in places
            ]
            cells = [_with_limits(values) for values in (*ahead, np.mean(ahead, axis=0))]
            print("".join([f"{space.name:<14}", *(f"{cell:>26}" for cell in cells)]))


def _with_limits(values: Floats) -> str:
    low, high = np.quantile(values[1:], (0.025, 0.975))
    return f"{values[0]:+.3f} [{low:+.3f}, {high:+.3f}]"


def _print_raw(sets: Iterable[MoodSet]) -> None:
    """Print what the numbers reach that the points are made of: what the space gives away."""
    print("\nneighbours by the nine GEMS numbers themselves:")
    for one in sets:
        if one.raw is not None:
            near = nearest(one.raw)
            values = _neighbours(one, near, _weights(len(near), RESAMPLINGS))
            print(f"  {one.evidence:<28}{_with_interval(values)}   nDCG@10 {_gain(one, near):.3f}")


def _with_interval(values: Floats) -> str:
    low, high = np.quantile(values[1:], (0.025, 0.975))
    return f"{values[0]:.3f} ±{(high - low) / 2:.3f}"


def _print(
    heads: Sequence[str] | None, titles: Sequence[str], cells: Sequence[Sequence[str]]
) -> None:
    if heads is not None:
        print("".join([f"{'':<52}", *(f"{head:>14}" for head in heads)]))
    for title, row in zip(titles, cells, strict=True):
        print("".join([f"{title:<52}", *(f"{cell:>14}" for cell in row)]))


# --- the choice of the weights -------------------------------------------------------------

EMOTION_WEIGHTS: Final = (0.35, 0.5, 0.71, 1.0, 1.4, 2.0, 2.8, 4.0)
DOMINANCE_WEIGHTS: Final = (0.0, 0.25, 1.0)

Rule = Callable[[Floats], NDArray[np.float64]]


def candidates() -> list[Space]:
    """Return spaces with valence and arousal at 1, the rest varied, and two without them."""
    found = []
    for sqrt, root in ((True, "root"), (False, "plain")):
        for weight in EMOTION_WEIGHTS:
            for dominance in DOMINANCE_WEIGHTS:
                name = f"{root} {weight:g}, dominance {dominance:g}"
                found.append(Space(name, 24, sqrt, weight, (1.0, 1.0, dominance)))
    return [*found, SPACES["hellinger21"], SPACES["dlut21"]]


def choose(sets: Sequence[MoodSet]) -> None:
    """Print every candidate's mean, and what the others choose for each data set left out."""
    names = list(dict.fromkeys(one.name for one in sets))
    spaces = candidates()
    table = np.empty((len(spaces), len(names)))
    for row, space in enumerate(spaces):
        found = [score(one, space) for one in sets]
        both = [(scores.neighbours[0] + scores.asked[0]) / 2 for scores in found]
        for column, name in enumerate(names):
            own = [v for one, v in zip(sets, both, strict=True) if one.name == name]
            table[row, column] = np.mean(own)
        cells = "".join(f"{value:>16.3f}" for value in table[row])
        print(f"{space.name:<28}{cells}   mean {table[row].mean():.4f}", flush=True)
    rules: dict[str, Rule] = {
        "highest mean": lambda part: part.mean(axis=1),
        "least regret": lambda part: -(part.max(axis=0) - part).max(axis=1),
    }
    for rule, value in rules.items():
        print(f"\n{rule}: all data sets choose {spaces[int(value(table).argmax())].name}")
        for column, name in enumerate(names):
            others = np.delete(table, column, axis=1)
            chosen = int(value(others).argmax())
            print(f"  without {name:<16}{spaces[chosen].name:<28}there {table[chosen, column]:.3f}")


if __name__ == "__main__":
    sys.exit(main())
