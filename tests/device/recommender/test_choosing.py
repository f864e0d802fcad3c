"""A whole day of choices from a real catalogue."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest

from catalog.emotions import point_from_va
from device.config import RecommenderSettings
from device.readings import Mood, Strategy, TrackChoice
from device.recommender.ranking import Recommender
from device.recommender.shelf import Shelf
from device.storage.kiosk_store import NOWHERE, KioskStore
from tests.fakes.synthetic_library import make_library

TRACK_S = 210.0
GLAD = point_from_va(0.5, 0.5)


def day(folder: Path, count: int, *, disliked: bool = False) -> list[TrackChoice]:
    """Return ``count`` choices for one and the same mood, each played to its end."""
    now_s = 1e9
    choices: list[TrackChoice] = []
    with Shelf(folder, lambda: now_s) as shelf, KioskStore(NOWHERE, lambda: now_s) as store:
        recommender = Recommender(shelf, store, RecommenderSettings(), lambda: now_s)
        for _ in range(count):
            playing = [choices[-1].track.track_id] if choices else []
            mood = Mood(0.0, GLAD, 0.5, ())
            choice = recommender.choose(GLAD, mood, Strategy.MATCH, exclude=playing)
            assert choice is not None
            recommender.note_started(choice)
            if disliked:
                store.add_feedback(choice.track, "dislike")
            choices.append(choice)
            now_s += TRACK_S
    return choices


def test_a_day_in_one_mood_does_not_hear_the_nearest_few_again_and_again(tmp_path: Path) -> None:
    """Fifty candidates are not three hours; the library holds more that are about as near."""
    choices = day(make_library(tmp_path, 900), 70)
    ids = [choice.track.track_id for choice in choices]
    again = [at - ids.index(one) for at, one in enumerate(ids) if one in ids[:at]]
    assert min(again, default=70) * TRACK_S > 0.75 * RecommenderSettings().repeat_after_s
    assert max(one.distance for one in choices) < choices[0].distance + 0.3


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_tiny_library_goes_round_even_where_all_of_it_is_disliked(
    tmp_path: Path, count: int
) -> None:
    ids = [choice.track.track_id for choice in day(make_library(tmp_path, count), 9, disliked=True)]
    assert len(set(ids)) == count
    if count > 1:
        assert all(one != following for one, following in pairwise(ids))


def three_tracks(folder: Path, clock: Callable[[], float]) -> Generator[Recommender]:
    library = make_library(folder, 3)
    with Shelf(library, clock) as shelf, KioskStore(NOWHERE, clock) as store:
        yield Recommender(shelf, store, RecommenderSettings(), lambda: 1e9, clock=clock)


def test_a_stick_that_was_away_for_a_moment_bars_nothing_for_long(tmp_path: Path) -> None:
    """Its tracks failed one by one; now it is back."""
    now_s, mood = 1000.0, Mood(0.0, GLAD, 0.5, ())
    with closing(three_tracks(tmp_path, lambda: now_s)) as recommenders:
        recommender = next(recommenders)
        for _ in range(3):
            choice = recommender.choose(GLAD, mood, Strategy.MATCH)
            assert choice is not None
            recommender.note_unplayable(choice.track.track_id)
        assert recommender.choose(GLAD, mood, Strategy.MATCH) is None, "not at once again"
        now_s += 40
        assert recommender.choose(GLAD, mood, Strategy.MATCH) is not None


def test_a_track_that_cannot_be_played_is_left_out_while_there_are_others(tmp_path: Path) -> None:
    now_s, mood = 1000.0, Mood(0.0, GLAD, 0.5, ())
    with closing(three_tracks(tmp_path, lambda: now_s)) as recommenders:
        recommender = next(recommenders)
        broken = recommender.choose(GLAD, mood, Strategy.MATCH)
        assert broken is not None
        recommender.note_unplayable(broken.track.track_id)
        for again_after_s, is_left_out in ((0, True), (300, True), (400, False)):
            now_s += again_after_s
            choice = recommender.choose(GLAD, mood, Strategy.MATCH)
            assert choice is not None
            assert (choice.track.track_id != broken.track.track_id) is is_left_out
