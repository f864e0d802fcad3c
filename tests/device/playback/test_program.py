from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from catalog.emotions import neutral_point
from catalog.track import Track
from device.config import PlaybackSettings
from device.playback import wire
from device.playback.messages import TrackEnded, TrackStarted, WantsNext
from device.playback.program import MOST_FAILURES, Program


def track(number: int) -> Track:
    return Track(
        number, Path(f"/music/{number}.mp3"), "title", "artist", "album", "genre", 200.0,
        neutral_point(), -20.0, -6.0, lead_silence_s=1.5, tail_silence_s=3.0,
    )  # fmt: skip


@pytest.fixture
def program() -> Program:
    return Program(PlaybackSettings(), lambda: 12.0)


def failed(voice: int, played_s: float = 0.0) -> wire.Ended:
    return wire.Ended(voice, "failed", played_s, "/music/x.mp3: is broken")


def test_silences_are_cut_and_the_gain_is_that_of_the_loudness(program: Program) -> None:
    order = program.play_now(track(1))
    assert (order.start_s, order.end_s, order.gain_db) == (1.5, 197.0, 4.0)
    unmeasured = replace(track(2), integrated_loudness_lufs=None, tail_silence_s=0.05)
    order = program.queue(unmeasured)
    assert (order.gain_db, order.end_s, order.now) == (0.0, None, False)


def test_a_row_of_failures_ends_and_says_so(program: Program) -> None:
    order = program.play_now(track(0))
    asked = 0
    for number in range(1, 20):
        events = program.hear(failed(order.voice))
        assert isinstance(events[0], TrackEnded)
        if not any(isinstance(event, WantsNext) for event in events):
            break
        asked += 1
        order = program.queue(track(number))
        assert order.now  # Nobody waits for the end of what was to be replaced.
    assert asked == MOST_FAILURES - 1
    assert "in a row cannot be played" in program.trouble
    program.play_now(track(99))
    assert program.trouble == ""


def test_files_that_start_and_break_at_once_count_as_failures(program: Program) -> None:
    for number in range(MOST_FAILURES):
        order = program.queue(track(number))
        program.hear(wire.Started(order.voice))
        events = program.hear(failed(order.voice, played_s=0.7))
    assert not any(isinstance(event, WantsNext) for event in events)


def test_a_track_that_played_ends_the_row(program: Program) -> None:
    for number in range(3 * MOST_FAILURES):
        order = program.queue(track(number))
        program.hear(wire.Started(order.voice))
        played_s = 100.0 if number % 3 == 0 else 0.5
        events = program.hear(failed(order.voice, played_s))
        assert any(isinstance(event, WantsNext) for event in events)


def test_a_track_that_ends_long_before_its_time_is_told(program: Program) -> None:
    order = program.play_now(track(1))  # 195.5 s without its silences, crossfade 4 s
    program.hear(wire.Started(order.voice))
    whole = program.hear(wire.Ended(order.voice, "finished", 187.0, ""))
    assert isinstance(whole[0], TrackEnded)
    assert whole[0].message == program.trouble == ""
    order = program.play_now(track(2))
    program.hear(wire.Started(order.voice))
    cut = program.hear(wire.Ended(order.voice, "finished", 80.0, ""))
    assert isinstance(cut[0], TrackEnded)
    assert (cut[0].why, program.trouble) == ("finished", cut[0].message)
    assert "/music/2.mp3: ended 116 s early" in cut[0].message


def test_what_was_never_heard_is_not_reported_as_ended(program: Program) -> None:
    first = program.play_now(track(1))
    assert isinstance(program.hear(wire.Started(first.voice))[0], TrackStarted)
    queued = program.queue(track(2))
    assert program.hear(wire.Ended(queued.voice, "replaced", 0.0, "")) == []


def test_the_end_is_asked_about_only_when_nothing_waits(program: Program) -> None:
    first = program.play_now(track(1))
    program.hear(wire.Started(first.voice))
    assert program.hear(wire.NearsEnd(first.voice)) == [WantsNext(12.0)]
    program.queue(track(2))
    assert program.hear(wire.NearsEnd(first.voice)) == []


def test_a_lost_process_goes_on_where_it_was(program: Program) -> None:
    first = program.play_now(track(1))
    program.hear(wire.Started(first.voice))
    second = program.queue(track(2))
    assert program.lose_engine(61.5, crashed=True) == []
    orders = program.taken_up(61.5)
    assert [(order.voice, order.start_s, order.now) for order in orders] == [
        (first.voice, 61.5, True), (second.voice, 1.5, False),
    ]  # fmt: skip
    assert program.hear(wire.Started(first.voice)) == []


def test_what_was_heard_before_the_process_was_lost_counts(program: Program) -> None:
    """The new process knows only what it played itself; the track was no shorter for that."""
    order = program.play_now(track(1))  # 195.5 s without its silences
    program.hear(wire.Started(order.voice))
    program.lose_engine(101.5, crashed=False)
    program.taken_up(101.5)
    events = program.hear(wire.Ended(order.voice, "finished", 93.0, ""))
    assert isinstance(events[0], TrackEnded)
    assert events[0].played_s == 193.0
    assert events[0].message == program.trouble == ""


def test_a_file_that_crashes_the_decoder_is_named_and_left_out(program: Program) -> None:
    order = program.play_now(track(1))
    events = program.lose_engine(0.0, crashed=True)
    assert isinstance(events[0], TrackEnded)
    assert "/music/1.mp3" in events[0].message
    assert program.taken_up(0.0) == []
    assert order.voice not in [one.voice for one in program.taken_up(0.0)]


def test_two_deaths_with_one_file_are_enough(program: Program) -> None:
    order = program.play_now(track(1))
    program.hear(wire.Started(order.voice))
    assert program.lose_engine(50.0, crashed=False) == []
    assert isinstance(program.lose_engine(51.0, crashed=False)[0], TrackEnded)
