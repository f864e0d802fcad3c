"""The visit when disks are full, fingers are fast, cameras are blind and houses meddle."""

from __future__ import annotations

import os
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest

from device import readings as r
from device.phrases import PHRASES
from device.playback.messages import (
    PlayNow,
    QueueNext,
    ResumePlayback,
    StopPlayback,
    TrackEnded,
    TrackStarted,
    WantsNext,
)
from device.readings import Strategy
from device.readings import VisitState as V
from tests.fakes.desk import HAPPY, SAD, Stage
from tests.fakes.synthetic_library import make_library


def fill_disk(folder: Path, table: str) -> None:
    """Let SQLite refuse what is written to ``table``, as it does when the disk is full."""
    base = sqlite3.connect(folder / "state" / "kiosk.sqlite")
    base.execute(
        f"CREATE TRIGGER full_{table} BEFORE INSERT ON {table}"
        " BEGIN SELECT RAISE(FAIL, 'database or disk is full'); END"
    )
    base.close()


# --- a disk that is full ----------------------------------------------------------------


@pytest.mark.parametrize("source", ["screen", "nobody there"])
def test_a_visit_whose_history_cannot_be_written_ends(folder: Path, source: str) -> None:
    with Stage(folder, history={"keep": True}) as stage:
        stage.to_playing()
        fill_disk(folder, "visits")
        if source == "screen":
            stage.do(r.Stop(source="screen"))
        else:
            stage.pass_time(31)
        assert stage.state.visit is V.FAREWELL
        assert stage.state.message == PHRASES["en"].not_kept
        assert stage.state.mood is None
        assert not stage.wires.camera_allowed.is_set()


@pytest.mark.parametrize("command", [r.Skip(source="screen"), r.Dislike(source="screen")])
def test_the_music_goes_on_though_nothing_can_be_remembered(
    stage: Stage, folder: Path, command: r.Command, caplog: pytest.LogCaptureFixture
) -> None:
    stage.to_playing()
    fill_disk(folder, "feedback")
    state = stage.do(command)
    assert any(isinstance(order, PlayNow) for order in stage.play_along())
    assert state.message == PHRASES["en"].not_kept
    assert "disk is full" in caplog.text


# --- fast fingers -----------------------------------------------------------------------


def feedback(stage: Stage) -> list[str]:
    base = sqlite3.connect(stage.settings.kiosk.state_dir / "kiosk.sqlite")
    kinds = [kind for (kind,) in base.execute("SELECT kind FROM feedback ORDER BY said_at")]
    base.close()
    return kinds


@pytest.mark.parametrize(
    ("command", "kinds"),
    [
        (r.Skip(source="screen"), ["skip"]),
        (r.Dislike(source="screen"), ["dislike"]),
        (r.Like(source="screen"), ["like"]),
    ],
)
def test_a_track_is_judged_once_however_often_the_finger_taps(
    stage: Stage, command: r.Command, kinds: list[str]
) -> None:
    stage.to_playing()
    for _ in range(3):
        stage.do(command)
    assert feedback(stage) == kinds


def press_in_vain(stage: Stage, command: r.Command) -> None:
    """The track that is ordered then cannot be played."""
    stage.do(command)
    order = stage.orders.get(0)
    assert isinstance(order, PlayNow)
    stage.report(TrackEnded(order.track.track_id, stage.now, "failed", 0.0, "gone"))
    stage.conductor.turn()


@pytest.mark.parametrize("why", ["finished", "failed"])
def test_who_wants_music_again_has_nothing_against_what_played_last(
    folder: Path, why: Literal["finished", "failed"]
) -> None:
    """Nothing can follow: the presses are for music, not against a track that was liked."""
    with Stage(folder) as stage:
        playing = stage.to_playing().choice
        assert playing is not None
        stage.do(r.Like(source="screen"))
        stage.report(TrackEnded(playing.track.track_id, stage.now, why, 30.0, ""))
        stage.conductor.turn()
        for _ in range(3):
            press_in_vain(stage, r.Skip(source="screen"))
        assert feedback(stage) == ["like"]
        for _ in range(3):
            press_in_vain(stage, r.Dislike(source="screen"))
        assert feedback(stage) == ["like", "dislike"], "it counts once"


def test_a_second_skip_takes_another_track(stage: Stage) -> None:
    first = stage.to_playing().choice
    stage.do(r.Skip(source="screen"))
    stage.do(r.Skip(source="screen"))
    orders = [o for o in iter(lambda: stage.orders.get(0), None) if isinstance(o, PlayNow)]
    assert first is not None
    assert len({first.track.track_id, *(order.track.track_id for order in orders)}) == 3


def test_a_skip_that_a_later_wish_overtook_is_over_when_that_begins(stage: Stage) -> None:
    """The audio process hung meanwhile: what was skipped to never begins."""
    stage.to_playing()
    stage.do(r.Skip(source="screen"))
    stage.do(r.SetStrategy(source="mqtt", strategy=Strategy.LIFT))
    orders = list(iter(lambda: stage.orders.get(0), None))
    last = orders[-1]
    assert isinstance(orders[0], PlayNow)
    assert isinstance(last, QueueNext)
    stage.report(TrackStarted(last.track.track_id, stage.now))
    stage.conductor.turn()
    stage.do(r.Skip(source="screen"))
    assert feedback(stage) == ["skip", "skip"]


def test_a_mood_and_a_strategy_at_once_as_a_scene_of_the_house_sends_them(stage: Stage) -> None:
    stage.do(r.SayMood(source="mqtt", text="I am tense"))
    stage.do(r.SetStrategy(source="mqtt", strategy=Strategy.LIFT))
    orders = list(iter(lambda: stage.orders.get(0), None))
    now = [order.track for order in orders if isinstance(order, PlayNow)]
    then = [order.track for order in orders if isinstance(order, QueueNext)]
    assert len(now) == len(then) == 1
    for track in (now[0], then[0]):
        stage.report(TrackStarted(track.track_id, stage.now))
        stage.conductor.turn()
        assert stage.state.choice is not None
        assert stage.state.choice.track == track
    stage.do(r.Like(source="screen"))
    assert stage.state.liked is True


def test_a_track_that_begins_while_another_is_ordered_in_its_place_is_the_one_that_is_liked(
    stage: Stage,
) -> None:
    stage.to_playing()
    for face in (HAPPY, SAD):
        stage.pass_time(20, face=face)
        stage.report(WantsNext(stage.now))
        stage.conductor.turn()
    orders = [o for o in iter(lambda: stage.orders.get(0), None) if isinstance(o, QueueNext)]
    numbers = [order.track.track_id for order in orders]
    assert len(set(numbers)) == 2
    for number in numbers:  # The first began before the player heard of the second.
        stage.report(TrackStarted(number, stage.now))
        stage.conductor.turn()
        assert stage.state.choice is not None
        assert stage.state.choice.track.track_id == number


def test_a_track_that_could_not_start_is_judged_by_nobody(stage: Stage) -> None:
    first = stage.to_playing().choice
    stage.do(r.Skip(source="screen"))
    broken = next(o for o in iter(lambda: stage.orders.get(0), None) if isinstance(o, PlayNow))
    stage.report(TrackEnded(broken.track.track_id, stage.now, "failed", 0.0, "cannot be read"))
    stage.conductor.turn()
    assert stage.state.choice == first
    assert stage.state.message == PHRASES["en"].left_out
    stage.do(r.Skip(source="screen"))
    stage.play_along()
    assert stage.state.choice is not None
    assert stage.state.choice.track != broken.track


def test_stop_between_visits_silences_what_still_sounds(stage: Stage) -> None:
    assert stage.state.visit is V.IDLE
    stage.do(r.Stop(source="mqtt"))
    assert isinstance(stage.orders.get(0), StopPlayback)
    assert stage.state.visit is V.IDLE


def test_play_begins_anew_where_the_music_has_ended(stage: Stage) -> None:
    stage.to_playing()
    stage.play_along()
    stage.wires.player.put(r.PlayerState("paused"))
    stage.do(r.Play(source="screen"))
    assert stage.play_along() == [ResumePlayback()]
    stage.wires.player.put(r.PlayerState("idle"))  # Such as after five broken files.
    stage.do(r.Play(source="screen"))
    assert any(isinstance(order, PlayNow) for order in stage.play_along())


# --- what is asked and promised ---------------------------------------------------------


def test_who_is_to_name_the_mood_is_asked_for_it(folder: Path) -> None:
    with Stage(folder, strategy={"default": "manual"}) as stage:
        stage.to_playing(face=HAPPY)
        assert stage.state.visit is V.SENSING
        assert stage.state.asks_for_mood
        stage.do(r.PickMood(source="screen", valence=-0.4, arousal=-0.5))
        stage.play_along()
        assert stage.state.choice is not None
        assert "You asked for" in stage.state.choice.reason


def test_nothing_is_called_asked_for_that_nobody_asked_for(stage: Stage) -> None:
    stage.to_playing()
    state = stage.do(r.SetStrategy(source="screen", strategy=Strategy.MANUAL))
    assert state.asks_for_mood
    stage.next_track()
    assert stage.state.choice is not None
    assert "You asked for" not in stage.state.choice.reason
    state = stage.do(r.SetStrategy(source="screen", strategy=Strategy.LIFT))
    assert not state.asks_for_mood


def test_a_question_that_hardly_sounds_like_a_mood_starts_no_music(stage: Stage) -> None:
    state = stage.do(r.SayMood(source="mqtt", text="what time is it"))
    assert "what time is it" in state.message
    assert state.visit is V.IDLE
    assert stage.play_along() == []


def test_the_reason_of_a_step_names_where_the_path_began(stage: Stage) -> None:
    """That is what the target is counted from, whatever the face shows by then."""
    stage.to_playing(face=SAD)
    stage.do(r.SetStrategy(source="screen", strategy=Strategy.LIFT))
    for face in (SAD, HAPPY, HAPPY):
        stage.pass_time(30, face=face)
        stage.next_track()
        assert stage.state.choice is not None
        assert stage.state.choice.reason.startswith("From “sad”, a step to lift you.")


def test_words_that_say_nothing_are_answered_for_a_while(stage: Stage) -> None:
    words = "a sentence without any mood in it at all, and much too long"
    message = stage.do(r.SayMood(source="mqtt", text=words)).message
    assert "…" in message
    assert words not in message
    assert stage.pass_time(21).message == ""


def test_a_finger_says_no_more_than_the_notice_offers(stage: Stage) -> None:
    stage.do(r.SetCameraAllowed(source="mqtt", allowed=False))
    stage.pass_time(0.5, finger=True)
    stage.pass_time(7, finger=True)
    assert stage.state.visit is V.SENSING
    stage.do(r.SetCameraAllowed(source="mqtt", allowed=True))
    assert not stage.wires.camera_allowed.is_set(), "nobody was asked for the camera"


def test_a_finger_of_which_nothing_is_heard_any_more_is_no_yes(stage: Stage) -> None:
    stage.pass_time(0.5, finger=True)
    stage.pass_time(2.5, finger=False)
    assert stage.pass_time(0.5, finger=True).visit is V.CONSENT
    for _ in range(20):  # The pulse worker has died with the finger on the sensor.
        stage.now += 0.25
        stage.conductor.turn()
    assert stage.state.visit is V.CONSENT


def test_a_finger_that_was_there_before_the_question_is_no_yes(stage: Stage) -> None:
    """It rests there since the last visit, and the house asks for the next one."""
    stage.to_playing()
    stage.pass_time(1, finger=True)
    stage.do(r.Stop(source="mqtt"))
    stage.pass_time(20, finger=True)
    stage.do(r.Start(source="mqtt"))
    state = stage.pass_time(10, finger=True)
    assert (state.visit, state.finger_on, state.finger_speaks) == (V.CONSENT, True, False)
    stage.pass_time(0.5, finger=False)
    assert stage.pass_time(1, finger=True).finger_speaks
    assert stage.pass_time(4, finger=True).visit is V.SENSING


def test_what_may_be_a_lamp_says_no_yes(stage: Stage) -> None:
    """It flickers on a sensor that cannot tell, as regular as a heart."""
    stage.pass_time(0.5, finger=False)
    state = stage.pass_time(7, finger=True, sure=False)
    assert (state.visit, state.finger_speaks, state.finger_doubted) == (V.CONSENT, True, False)
    state = stage.pass_time(3, finger=True, sure=False)
    assert (state.visit, state.finger_doubted) == (V.CONSENT, True)
    assert not stage.wires.camera_allowed.is_set()
    state = stage.pass_time(0.25, finger=True)
    assert (state.visit, state.finger_doubted) == (V.SENSING, False), "it was a finger"


def test_a_finger_that_rests_there_when_the_kiosk_starts_wakes_nobody(folder: Path) -> None:
    with Stage(folder) as stage:
        for finger in (None, True, None, True):  # None: a sensor that was unplugged, say.
            assert stage.pass_time(5, finger=finger).visit is V.IDLE
        stage.pass_time(0.5, finger=False)
        assert stage.pass_time(0.5, finger=True).visit is V.GREETING


def test_a_pulse_from_before_a_late_yes_has_no_voice(stage: Stage) -> None:
    stage.do(r.SayMood(source="screen", text="I am happy"))
    stage.pass_time(2, finger=True, stress=0.9)
    before = stage.forgotten
    stage.do(r.Consent(source="screen", camera=False))
    assert stage.forgotten == before + 1
    stage.do(r.Consent(source="screen", camera=True))
    assert stage.forgotten == before + 1, "the camera alone is no new beginning"


def test_a_pulse_that_was_worked_out_while_the_yes_was_given_has_no_voice(
    stage: Stage,
) -> None:
    """Until the worker is told to forget, it tells what was measured before."""
    forget = stage.wires.forget

    def forget_a_moment_later() -> None:
        stage.now += 0.01
        stage.wires.pulse.put(r.PulseReading(stage.now, True, 0.9, 60.0, heart_rate_bpm=70.0))
        stage.now += 0.01
        forget()

    stage.do(r.Start(source="screen"))
    stage.pass_time(stage.settings.visit.greeting_s + 0.5)
    stage.conductor._wires = replace(stage.wires, forget=forget_a_moment_later)
    assert stage.do(r.Consent(source="screen", camera=False)).pulse is None
    assert stage.pass_time(0.25, finger=True).pulse is not None


def test_a_face_that_was_being_read_when_the_last_visit_ended_is_not_shown_in_the_next(
    stage: Stage,
) -> None:
    stage.to_playing()
    last = stage.wires.faces.latest()
    assert last is not None
    stage.do(r.Stop(source="screen"))
    stage.wires.faces.put(last)  # The worker of faces was at it.
    stage.pass_time(stage.settings.visit.farewell_s + 1)
    stage.do(r.Start(source="screen"))
    stage.pass_time(stage.settings.visit.greeting_s + 0.5)
    assert stage.do(r.Consent(source="screen", camera=True)).faces is None


# --- who is there -----------------------------------------------------------------------


def without_pictures(stage: Stage, seconds: int) -> V:
    for _ in range(seconds):
        stage.now += 1
        stage.conductor.turn()
    return stage.state.visit


def test_a_camera_that_is_lost_does_not_send_anybody_away(stage: Stage) -> None:
    stage.to_playing()
    stage.wires.camera.put(r.CameraStatus(False, "0", "camera 0: unplugged"))
    assert without_pictures(stage, 120) is V.PLAYING
    assert without_pictures(stage, 900) is V.IDLE


def test_a_camera_in_the_dark_does_not_send_anybody_away(stage: Stage) -> None:
    stage.to_playing()
    stage.wires.camera.put(r.CameraStatus(True, "0", "camera 0: its pictures are black"))
    assert stage.pass_time(120).visit is V.PLAYING
    stage.wires.camera.put(r.CameraStatus(True, "0"))
    assert stage.pass_time(28).visit is V.PLAYING, "who lit the lamp is on the way back"
    assert stage.pass_time(4).visit is V.FAREWELL


def test_a_conductor_that_died_begins_with_nobody(stage: Stage) -> None:
    stage.to_playing()
    stage.pass_time(1, finger=True)
    stage.conductor.__exit__(RuntimeError, RuntimeError("a fault"), None)
    with stage.conductor:
        stage.conductor.turn()
        assert stage.state.visit is V.IDLE
        assert (stage.state.mood, stage.state.pulse, stage.state.choice) == (None, None, None)
        assert stage.pass_time(1, finger=True).visit is V.IDLE, "the finger never left"
    stage.conductor.__enter__()


@pytest.mark.parametrize("language", sorted(PHRASES))
def test_a_library_without_music_is_said_in_the_language_of_the_kiosk(
    tmp_path: Path, language: str
) -> None:
    make_library(tmp_path / "catalogue", 0)
    kiosk = {"state_dir": str(tmp_path / "state"), "language": language}
    with Stage(tmp_path, kiosk=kiosk) as stage:
        stage.do(r.SayMood(source="screen", text="I am happy"))
        assert stage.state.message == PHRASES[language].no_music
        assert "`attune doctor`" in stage.state.message


@pytest.mark.parametrize("language", sorted(PHRASES))
def test_a_kiosk_without_a_catalogue_says_so_in_its_language(tmp_path: Path, language: str) -> None:
    kiosk = {"state_dir": str(tmp_path / "state"), "language": language}
    with Stage(tmp_path, kiosk=kiosk) as stage:
        said = stage.do(r.SayMood(source="screen", text="I am happy")).message
    english = "no catalogue in" in said
    assert english if language == "en" else said == PHRASES[language].no_music


def test_words_that_are_long_past_are_asked_for_anew(stage: Stage) -> None:
    """In the dark, without a finger: nothing else is left to go by."""
    stage.wires.camera.put(r.CameraStatus(True, "0", "camera 0: its pictures are black"))
    stage.do(r.SayMood(source="screen", text="I am sad"))
    stage.play_along()
    state = stage.pass_time(60)
    assert (state.visit, state.asks_for_mood) == (V.PLAYING, False)
    state = stage.pass_time(400)
    assert (state.visit, state.asks_for_mood) == (V.PLAYING, True)
    assert state.mood is not None
    assert state.mood.point.valence < -0.3, "less sure, and never a neutral guess"
    stage.do(r.SayMood(source="screen", text="I am happy"))
    assert not stage.pass_time(1).asks_for_mood


# --- what the house sets ----------------------------------------------------------------


def test_what_a_visitor_chose_goes_with_the_visitor(stage: Stage) -> None:
    stage.to_playing()
    stage.do(r.SetStrategy(source="screen", strategy=Strategy.ENERGISE))
    stage.do(r.Stop(source="screen"))
    assert stage.do(r.Start(source="screen")).strategy is Strategy.MATCH


def test_what_the_house_chose_stays_for_those_who_come(stage: Stage) -> None:
    stage.do(r.SetStrategy(source="mqtt", strategy=Strategy.CALM))
    for _ in range(2):
        assert stage.to_playing().strategy is Strategy.CALM
        stage.do(r.Stop(source="screen"))
        assert stage.pass_time(9).strategy is Strategy.CALM


def test_a_camera_that_was_switched_off_stays_off_over_a_restart(folder: Path) -> None:
    with Stage(folder) as stage:
        stage.do(r.SetCameraAllowed(source="mqtt", allowed=False))
    for allowed in (False, True):
        with Stage(folder) as stage:
            stage.pass_time(0.25)
            assert stage.state.camera_allowed is allowed
            stage.do(r.SetCameraAllowed(source="mqtt", allowed=True))


def test_a_camera_that_was_switched_off_stays_off_though_the_plug_is_pulled_at_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that was made is on the disk when its folder was written out, and not before."""
    kept: list[list[str]] = []

    def write_out(folder: int) -> None:
        kept.append(os.listdir(folder))

    monkeypatch.setattr(os, "fsync", write_out)
    with Stage(folder) as stage:
        stage.do(r.SetCameraAllowed(source="mqtt", allowed=False))
        assert "camera-off" in kept[-1]
        stage.do(r.SetCameraAllowed(source="mqtt", allowed=True))
        assert "camera-off" not in kept[-1]


def test_a_switch_that_cannot_be_kept_is_said_and_holds(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (folder / "state").write_text("a file where a folder should be")
    with Stage(folder) as stage:
        state = stage.do(r.SetCameraAllowed(source="mqtt", allowed=False))
        assert not state.camera_allowed
    assert "camera-off: the camera's switch holds only until a restart" in caplog.text
