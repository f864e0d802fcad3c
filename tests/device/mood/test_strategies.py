from __future__ import annotations

import pytest

from catalog.emotions import point_from_va
from catalog.space import distance
from device.config import StrategySettings
from device.mood.fusion import SaidMood
from device.mood.strategies import GOALS, MoodPath
from device.readings import Mood, Strategy

SAD = Mood(0.0, point_from_va(-0.7, -0.4), 0.8)
SETTINGS = StrategySettings()


def test_match_follows_the_mood_as_it_changes() -> None:
    path = MoodPath(Strategy.MATCH, SETTINGS)
    assert path.target(SAD, None) is SAD.point
    path.advance(SAD)
    other = Mood(1.0, point_from_va(0.6, 0.6), 0.8)
    assert path.target(other, None) is other.point


@pytest.mark.parametrize("strategy", list(GOALS))
def test_a_path_starts_at_the_mood_and_comes_nearer_to_the_goal_with_each_track(
    strategy: Strategy,
) -> None:
    path = MoodPath(strategy, SETTINGS)
    assert distance(path.target(SAD, None), SAD.point) < 1e-6
    ways = []
    for _ in range(SETTINGS.path_tracks + 2):
        ways.append(distance(path.target(SAD, None), GOALS[strategy]))
        path.advance(SAD)
    steps = ways[: SETTINGS.path_tracks + 1]
    assert steps == sorted(steps, reverse=True)
    assert len(set(steps)) == len(steps)
    assert ways[-1] < 1e-6


def test_a_path_keeps_its_start_when_the_mood_moves() -> None:
    path = MoodPath(Strategy.LIFT, SETTINGS)
    path.advance(SAD)
    elsewhere = Mood(1.0, point_from_va(0.2, 0.9), 0.8)
    assert path.target(elsewhere, None).valence < 0


def test_manual_plays_what_was_said_and_the_mood_until_then() -> None:
    path = MoodPath(Strategy.MANUAL, SETTINGS)
    said = SaidMood(point_from_va(0.5, 0.5), 0.0, "touch")
    assert path.target(SAD, None) is SAD.point
    assert path.target(SAD, said) is said.point
