"""The comparison of distances: right where the answer is known, and nothing where there is none."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.bench_distance import COMPARED, nearest, score
from benchmarks.mood_sets import MoodSet, emotify_sound, four_moods
from catalog.emotions import point_from_va
from catalog.space import SPACES, Space
from tests.data_folder import data_folder

CORNERS = ((0.7, 0.6), (-0.7, 0.6), (-0.7, -0.6), (0.7, -0.6))
SPREAD = 0.15


def gathered(count: int, seed: int, *, true: bool) -> MoodSet:
    """Return tracks around four corners, labelled by their corner or by lot."""
    random = np.random.default_rng(seed)
    corner = random.integers(4, size=count)
    places = np.array(CORNERS)[corner] + random.normal(0, SPREAD, (count, 2))
    labels = corner if true else random.integers(4, size=count)
    asked = [(point_from_va(*place), label) for label, place in enumerate(CORNERS)]
    points = [point_from_va(*place) for place in places.tolist()]
    return MoodSet("made", "place", "corner", points, labels, places, asked)


@pytest.mark.parametrize("space", COMPARED, ids=lambda space: space.name)
def test_moods_that_are_plain_are_found_and_lots_are_not(space: Space) -> None:
    plain = score(gathered(300, 1, true=True), space)
    assert plain.neighbours[0] > 0.95
    assert plain.asked[0] > 0.95
    assert plain.gain > 0.9
    lots = score(gathered(600, 2, true=False), space)
    assert abs(lots.neighbours[0]) < 0.05
    assert abs(lots.asked[0]) < 0.15


def test_resamplings_lie_around_the_tracks_as_they_are() -> None:
    found = score(gathered(200, 3, true=True), SPACES["mood24"], resamplings=200)
    for values in (found.neighbours, found.asked):
        assert values.shape == (201,)
        low, high = np.quantile(values[1:], (0.0, 1.0))
        assert low <= values[0] <= high


def test_the_nearest_are_those_of_the_plain_search_and_never_the_track_itself() -> None:
    vectors = np.random.default_rng(4).normal(size=(1300, 3))
    found = nearest(vectors)
    for place in (0, 999, 1000, 1299):
        away = np.linalg.norm(vectors - vectors[place], axis=1)
        away[place] = np.inf
        assert found[place].tolist() == np.argsort(away)[:10].tolist()


def test_equal_tracks_are_not_told_apart_by_their_order() -> None:
    found = nearest(np.zeros((400, 3)))
    assert 150 < np.mean(found) < 250  # The first ones would have a mean of 5.


def test_no_clip_is_heard_by_a_head_that_knew_its_ratings() -> None:
    """On clips left out the sound explains the ratings as the card says, not better."""
    heard = emotify_sound(data_folder("emotify"))
    assert len(heard.points) == len(heard.labels) == 320
    assert heard.places is not None and heard.raw is not None
    each = [np.corrcoef(heard.raw[:, i], heard.places[:, i])[0, 1] for i in range(9)]
    assert 0.55 < np.mean(each) < 0.68


def test_every_label_is_asked_for() -> None:
    moods = four_moods(data_folder("song_annotations"))
    assert len(moods.points) == 686
    assert sorted({label for _, label in moods.asked}) == [0, 1, 2, 3]
