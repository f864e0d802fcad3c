from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from catalog.emotions import neutral_point
from catalog.track import Track
from device.config import PlaybackSettings
from device.playback import wire
from device.playback.messages import PlayerEvent, TrackEnded, TrackStarted, WantsNext
from device.playback.program import CRASHED_AT_ONCE_S, MOST_FAILURES, Program


def track(number: int) -> Track:
    return Track(
        number, Path(f"/music/{number}.mp3"), "title", "artist", "album", "genre", 200.0,
        neutral_point(), -20.0, -6.0, lead_silence_s=1.5, tail_silence_s=3.0,
    )  # fmt: skip


class Clock:
    now_s = 12.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def program(clock: Clock) -> Program:
    return Program(PlaybackSettings(), clock)


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


def test_a_lost_process_goes_on_where_it_was(program: Program, clock: Clock) -> None:
    first = program.play_now(track(1))
    program.hear(wire.Started(first.voice))
    second = program.queue(track(2))
    clock.now_s += CRASHED_AT_ONCE_S
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


def ends(events: list[PlayerEvent]) -> list[tuple[int, str, float]]:
    return [(e.track_id, e.why, e.played_s) for e in events if isinstance(e, TrackEnded)]


def taken_up(program: Program, position_s: float = 0.0) -> list[tuple[int, float, bool]]:
    return [(one.voice, one.start_s, one.now) for one in program.taken_up(position_s)]


def test_music_that_was_stopped_does_not_come_back(program: Program) -> None:
    """The process hung when the order to stop came: its end is all that can be told."""
    first = program.play_now(track(1))
    program.hear(wire.Started(first.voice))
    program.queue(track(2))
    program.forget()
    assert ends(program.lose_engine(61.5, crashed=False)) == [(1, "stopped", 60.0)]
    assert taken_up(program, 61.5) == []
    assert program.lose_engine(0.0, crashed=True) == []


def test_the_end_of_music_that_was_stopped_is_told_once(program: Program) -> None:
    first = program.play_now(track(1))
    program.hear(wire.Started(first.voice))
    queued = program.queue(track(2))
    program.forget()
    assert program.hear(wire.Ended(queued.voice, "stopped", 0.0, "")) == []
    assert ends(program.hear(wire.Ended(first.voice, "stopped", 60.0, ""))) == [(1, "stopped", 60)]
    assert program.lose_engine(61.5, crashed=False) == []


def test_a_start_that_is_told_after_the_stop_brings_nothing_back(program: Program) -> None:
    first = program.play_now(track(1))
    program.forget()
    assert program.hear(wire.Started(first.voice)) == [TrackStarted(1, 12.0)]
    assert ends(program.lose_engine(1.5, crashed=False)) == [(1, "stopped", 0.0)]
    assert taken_up(program) == []
    wanted = program.play_now(track(2))
    assert program.hear(wire.Started(wanted.voice)) == [TrackStarted(2, 12.0)]
    program.lose_engine(61.5, crashed=False)
    assert taken_up(program, 61.5) == [(wanted.voice, 61.5, True)]


def test_a_skip_outlasts_a_lost_process(program: Program) -> None:
    first = program.play_now(track(1))
    program.hear(wire.Started(first.voice))
    wanted = program.play_now(track(2))
    assert ends(program.lose_engine(61.5, crashed=False)) == [(1, "replaced", 60.0)]
    assert taken_up(program, 61.5) == [(wanted.voice, 1.5, True)]
    assert program.hear(wire.Started(wanted.voice)) == [TrackStarted(2, 12.0)]


def test_a_skip_and_another_wish_after_it_outlast_a_lost_process(program: Program) -> None:
    """The process hung: it never began the one that was wanted before the last."""
    first = program.play_now(track(1))
    program.hear(wire.Started(first.voice))
    program.play_now(track(2))
    last = program.queue(track(3))
    assert ends(program.lose_engine(61.5, crashed=False)) == [(1, "replaced", 60.0)]
    assert taken_up(program, 61.5) == [(last.voice, 1.5, True)]
    assert program.hear(wire.Started(last.voice)) == [TrackStarted(3, 12.0)]
    following = program.queue(track(4))
    assert program.lose_engine(30.0, crashed=False) == []
    assert taken_up(program, 30.0) == [(last.voice, 30.0, True), (following.voice, 1.5, False)]


def test_of_two_tracks_the_one_just_opened_crashed_the_decoder(program: Program) -> None:
    first = program.play_now(track(1))
    program.hear(wire.Started(first.voice))
    program.queue(track(2))
    events = program.lose_engine(180.0, crashed=True)
    assert ends(events) == [(2, "failed", 0.0)]
    assert events[1:] == [WantsNext(12.0)]
    assert "/music/2.mp3" in program.trouble
    assert taken_up(program, 180.0) == [(first.voice, 180.0, True)]
    # The one that went on has not been suspected yet.
    assert program.lose_engine(190.0, crashed=False) == []


def test_what_waits_is_opened_anew_by_a_new_process(program: Program, clock: Clock) -> None:
    first = program.play_now(track(1))
    program.hear(wire.Started(first.voice))
    program.queue(track(2))
    clock.now_s += 60.0
    assert program.lose_engine(100.0, crashed=True) == []
    assert len(taken_up(program, 100.0)) == 2
    clock.now_s += 1.0
    assert ends(program.lose_engine(100.0, crashed=True)) == [(2, "failed", 0.0)]
    assert taken_up(program, 100.0) == [(first.voice, 100.0, True)]


def test_what_was_heard_is_counted_once_when_the_process_is_lost_again(program: Program) -> None:
    first = program.play_now(track(1))
    program.hear(wire.Started(first.voice))
    program.lose_engine(61.5, crashed=False)
    program.taken_up(61.5)
    assert ends(program.lose_engine(71.5, crashed=False)) == [(1, "failed", 70.0)]


def test_a_track_with_which_every_follower_crashes_is_the_culprit(program: Program) -> None:
    """Its own end crashes the decoder, just when the next one is queued."""
    left_out = []
    program.hear(wire.Started(program.play_now(track(1)).voice))
    for number in range(2, 9):
        program.queue(track(number))
        left_out += ends(program.lose_engine(180.0, crashed=True))
        if (1, "failed", 178.5) in left_out:
            break
        program.taken_up(180.0)
    assert [one[0] for one in left_out] == [2, 1]
    assert number == 4
