from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.emotions import LANGUAGES, describe, point_from_va
from catalog.library import Match
from catalog.track import Track
from device.config import RecommenderSettings
from device.readings import Mood, MoodSource, Strategy
from device.recommender.ranking import explain, rank
from device.storage.kiosk_store import TrackMemory

NOW = 1_000_000.0
SETTINGS = RecommenderSettings()


def match(track_id: int, distance: float, artist: str = "") -> Match:
    point = point_from_va(0.5, -0.5)
    path = Path(f"/music/{track_id}.flac")
    return Match(Track(track_id, path, f"T{track_id}", artist, "", "", 60.0, point), distance)


def order(matches: list[Match], memories: dict[int, TrackMemory], artists: list[str]) -> list[int]:
    known = {m.track.path: memories.get(m.track.track_id, TrackMemory()) for m in matches}
    ranked = rank(matches, known, artists, NOW, SETTINGS)
    return [entry.match.track.track_id for entry in ranked]


def test_the_nearest_leads_when_nothing_else_is_known() -> None:
    assert order([match(1, 0.3), match(2, 0.1), match(3, 0.2)], {}, []) == [2, 3, 1]


def test_a_track_heard_lately_stands_back_until_time_has_passed() -> None:
    tracks = [match(1, 0.10), match(2, 0.30)]
    assert order(tracks, {1: TrackMemory(last_played_at=NOW - 60)}, []) == [2, 1]
    long_ago = NOW - SETTINGS.repeat_after_s * 2
    assert order(tracks, {1: TrackMemory(last_played_at=long_ago)}, []) == [1, 2]


def test_a_clock_that_jumped_a_year_bars_no_track_for_ever() -> None:
    tracks = [match(1, 0.10), match(2, 0.30)]
    assert order(tracks, {1: TrackMemory(last_played_at=NOW + 365 * 86400)}, []) == [1, 2]


def test_likes_dislikes_skips_and_artists_count() -> None:
    assert order([match(1, 0.10), match(2, 0.14)], {2: TrackMemory(likes=1)}, []) == [2, 1]
    assert order([match(1, 0.10), match(2, 0.40)], {1: TrackMemory(dislikes=1)}, []) == [2, 1]
    assert order([match(1, 0.10), match(2, 0.14)], {1: TrackMemory(skips=1)}, []) == [2, 1]
    assert order([match(1, 0.10), match(2, 0.30)], {1: TrackMemory(skips=99)}, []) == [1, 2]
    assert order([match(1, 0.10, "A"), match(2, 0.20, "B")], {}, ["A"]) == [2, 1]


@given(st.integers(0, 50), st.integers(0, 50))
def test_opinions_are_bounded(likes: int, more: int) -> None:
    near, far = match(1, 0.10), match(2, 0.35)
    assert order([near, far], {2: TrackMemory(likes=likes + more)}, []) == [1, 2]


def test_the_reason_names_who_said_so_and_the_distance() -> None:
    mood = Mood(
        0.0,
        point_from_va(0.4, -0.6),
        0.7,
        (MoodSource("face", 0.3, 0.4, 0.1), MoodSource("pulse", 0.7, 0.8, 0.1)),
    )
    best = rank(
        [match(1, 0.1234)], {match(1, 0).track.path: TrackMemory(likes=1)}, [], NOW, SETTINGS
    )
    sentence = explain(best[0], mood.point, mood, Strategy.MATCH)
    assert sentence.startswith("Your pulse and your face: ")
    assert "(distance 0.12)" in sentence
    assert "liked here before" in sentence
    for strategy in Strategy:
        assert explain(best[0], mood.point, mood, strategy).endswith(".")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("strategy", Strategy)
@pytest.mark.parametrize("sources", [(), (MoodSource("words", 1.0, 0.9, 0.0),)])
def test_the_reason_speaks_the_language_of_the_screen(
    language: str, strategy: Strategy, sources: tuple[MoodSource, ...]
) -> None:
    mood = Mood(0.0, point_from_va(0.4, -0.6), 0.7, sources)
    best = rank(
        [match(1, 0.1234)], {match(1, 0).track.path: TrackMemory(likes=1)}, [], NOW, SETTINGS
    )
    sentence = explain(best[0], mood.point, mood, strategy, language)
    assert ("0,12" if language in ("de", "ru") else "0.12") in sentence
    assert describe(best[0].match.track.point, language) in sentence
    assert "{" not in sentence
    if language != "en":
        assert "music" not in sentence
        assert sentence != explain(best[0], mood.point, mood, strategy)
