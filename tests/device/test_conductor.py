"""The visit from the first touch to the farewell, on a real catalogue and memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from device import readings as r
from device.phrases import PHRASES
from device.playback.messages import (
    PausePlayback,
    PlayNow,
    ResumePlayback,
    SetDucking,
    SetPlaybackVolume,
    StopPlayback,
    TrackEnded,
)
from device.readings import VisitState as V
from tests.fakes.desk import HAPPY, SAD, Stage, a_face
from tests.fakes.synthetic_library import make_library


def test_a_visit_goes_its_whole_way(stage: Stage) -> None:
    assert stage.state.visit is V.IDLE
    assert stage.do(r.Start(source="screen")).visit is V.GREETING
    assert stage.pass_time(3).visit is V.CONSENT
    assert not stage.wires.camera_allowed.is_set()
    assert stage.do(r.Consent(source="screen", camera=True)).visit is V.SENSING
    assert stage.wires.camera_allowed.is_set()
    playing = stage.pass_time(5, face=HAPPY)
    assert playing.visit is V.PLAYING
    stage.play_along()
    choice = stage.state.choice
    assert choice is not None
    assert choice.track.point.valence > 0
    assert "face" in choice.reason
    farewell = stage.do(r.Stop(source="screen"))
    assert farewell.visit is V.FAREWELL
    assert not stage.wires.camera_allowed.is_set()
    assert len(farewell.chart) > 2
    assert stage.pass_time(9).visit is V.IDLE
    assert stage.state.chart == ()


def test_a_second_touch_shortens_the_greeting(stage: Stage) -> None:
    stage.do(r.Start(source="screen"))
    assert stage.do(r.Start(source="screen")).visit is V.CONSENT
    assert stage.do(r.Start(source="screen")).visit is V.CONSENT


def test_nothing_measured_outlives_the_visit(stage: Stage) -> None:
    stage.to_playing()
    stage.pass_time(2, face=HAPPY, finger=True, stress=0.5)
    assert stage.state.pulse is not None
    assert stage.state.mood is not None
    before = stage.forgotten
    state = stage.do(r.Stop(source="mqtt"))
    assert (state.pulse, state.faces, state.mood, state.target, state.choice) == (None,) * 5
    assert stage.forgotten > before
    assert stage.wires.faces.latest() is None


def test_a_face_that_was_being_read_when_the_visit_ended_is_not_shown_in_the_next(
    stage: Stage,
) -> None:
    stage.to_playing()
    stage.do(r.Stop(source="screen"))
    stage.wires.faces.put(r.FacesInView(stage.now, (a_face(HAPPY, stage.now),), 640, 480))
    stage.conductor.turn()
    assert stage.wires.faces.latest() is None, "it would be kept until somebody else comes"
    stage.pass_time(60)
    stage.do(r.Start(source="screen"))
    stage.do(r.Consent(source="screen", camera=True))
    stage.conductor.turn()
    assert stage.state.visit is V.SENSING
    assert stage.state.faces is None


def test_before_consent_nothing_is_measured_or_shown(stage: Stage) -> None:
    stage.do(r.Start(source="screen"))
    state = stage.pass_time(1, finger=False, stress=0.9)
    assert state.pulse is None
    assert state.mood is None
    assert not stage.wires.camera_allowed.is_set()


def test_nobody_can_consent_over_the_network(stage: Stage) -> None:
    stage.do(r.Start(source="mqtt"))
    stage.pass_time(3)
    stage.do(r.Consent(source="mqtt", camera=True))
    stage.do(r.SetCameraAllowed(source="mqtt", allowed=True))
    assert stage.state.visit is V.CONSENT
    assert not stage.wires.camera_allowed.is_set()


def test_a_finger_held_under_the_notice_is_a_yes_and_a_short_touch_is_not(stage: Stage) -> None:
    assert stage.pass_time(0.5, finger=True).visit is V.GREETING
    assert stage.pass_time(3, finger=False).visit is V.CONSENT
    assert stage.pass_time(2, finger=True).visit is V.CONSENT
    assert stage.pass_time(1, finger=False).visit is V.CONSENT
    assert stage.pass_time(4, finger=True).visit is V.SENSING


def test_no_answer_is_a_no(stage: Stage) -> None:
    stage.do(r.Start(source="screen"))
    assert stage.pass_time(60).visit is V.IDLE
    assert not stage.wires.camera_allowed.is_set()


def test_without_the_camera_the_pulse_speaks_alone(stage: Stage) -> None:
    stage.do(r.Start(source="screen"))
    stage.pass_time(3)
    stage.do(r.Consent(source="screen", camera=False))
    state = stage.pass_time(13, finger=True, stress=0.9)
    assert not stage.wires.camera_allowed.is_set()
    assert state.visit is V.PLAYING
    assert state.mood is not None
    assert [source.name for source in state.mood.sources] == ["pulse"]


def test_the_owners_switch_closes_the_camera_in_mid_visit(stage: Stage) -> None:
    stage.to_playing()
    stage.do(r.SetCameraAllowed(source="mqtt", allowed=False))
    assert not stage.wires.camera_allowed.is_set()
    assert stage.state.faces is None
    stage.do(r.SetCameraAllowed(source="mqtt", allowed=True))
    assert stage.wires.camera_allowed.is_set(), "the person's own consent still stands"


def test_nothing_sure_makes_the_kiosk_ask_instead_of_guess(stage: Stage) -> None:
    stage.do(r.Start(source="screen"))
    stage.pass_time(3)
    stage.do(r.Consent(source="screen", camera=False))
    state = stage.pass_time(14)
    assert state.visit is V.SENSING
    assert state.asks_for_mood
    state = stage.do(r.PickMood(source="screen", valence=0.4, arousal=-0.6))
    assert state.visit is V.PLAYING
    assert not state.asks_for_mood
    stage.play_along()
    assert stage.state.choice is not None
    assert stage.state.choice.track.point.arousal < 0


@pytest.mark.parametrize(("text", "sign"), [("I am so happy today", 1), ("我很难过", -1)])
def test_words_start_music_without_any_measurement(stage: Stage, text: str, sign: int) -> None:
    state = stage.do(r.SayMood(source="mqtt", text=text))
    assert state.visit is V.PLAYING
    stage.play_along()
    assert stage.state.choice is not None
    assert stage.state.choice.track.point.valence * sign > 0
    stage.pass_time(2, finger=True, stress=0.9)
    assert stage.state.pulse is None, "nobody agreed to be measured"
    assert not stage.state.may_measure


def test_words_that_say_nothing_get_an_answer(stage: Stage) -> None:
    state = stage.do(r.SayMood(source="screen", text="qwxz 123"))
    assert state.visit is V.IDLE
    assert "qwxz 123" in state.message


def test_a_long_text_is_quoted_without_cutting_a_character(stage: Stage) -> None:
    family = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
    state = stage.do(r.SayMood(source="screen", text="q" * 36 + family))
    assert "q" * 36 + "…" in state.message


def test_no_love_songs_is_asked_about_and_no_sad_songs_is_not_sad(stage: Stage) -> None:
    assert stage.do(r.SayMood(source="screen", text="no love songs")).visit is V.IDLE
    assert stage.do(r.SayMood(source="screen", text="I hate sad songs")).visit is V.PLAYING
    stage.play_along()
    assert stage.state.choice is not None
    assert stage.state.choice.track.point.valence > 0


def test_leaving_ends_the_visit(stage: Stage) -> None:
    stage.to_playing()
    assert stage.pass_time(20, face=HAPPY).visit is V.PLAYING
    assert stage.state.may_measure
    assert stage.pass_time(29).visit is V.PLAYING
    assert stage.pass_time(3).visit is V.FAREWELL
    assert any(isinstance(order, StopPlayback) for order in stage.play_along())


def test_a_resting_finger_does_not_begin_the_next_visit(stage: Stage) -> None:
    stage.to_playing()
    stage.pass_time(2, finger=True)
    stage.do(r.Stop(source="mqtt"))
    assert stage.pass_time(20, finger=True).visit is V.IDLE
    stage.pass_time(1, finger=False)
    assert stage.pass_time(0.5, finger=True).visit is V.GREETING


def test_each_next_track_follows_the_strategy_step_by_step(stage: Stage) -> None:
    stage.to_playing(face=SAD)
    stage.do(r.SetStrategy(source="screen", strategy=r.Strategy.LIFT))
    valences = []
    for _ in range(6):
        stage.pass_time(1, face=SAD)
        stage.next_track()
        assert stage.state.choice is not None
        valences.append(stage.state.choice.target.valence)
    assert valences[0] < -0.1
    assert valences[-1] > 0.5
    assert valences == sorted(valences)


def test_no_track_comes_twice_in_a_row_and_a_disliked_one_goes(stage: Stage) -> None:
    first = stage.to_playing().choice
    stage.do(r.Dislike(source="screen"))
    stage.play_along()
    second = stage.state.choice
    assert first is not None
    assert second is not None
    assert first.track.track_id != second.track.track_id
    heard = {first.track.track_id, second.track.track_id}
    for _ in range(10):
        stage.pass_time(1, face=HAPPY)
        stage.next_track()
        assert stage.state.choice is not None
        heard.add(stage.state.choice.track.track_id)
    assert len(heard) == 12


def test_a_liked_track_is_said_and_comes_nearer(stage: Stage) -> None:
    state = stage.to_playing()
    assert state.liked is None
    assert stage.do(r.Like(source="screen")).liked is True
    stage.do(r.Skip(source="screen"))
    stage.play_along()
    assert stage.state.liked is None


def test_the_player_is_told(stage: Stage) -> None:
    stage.to_playing()
    stage.play_along()
    for command in (
        r.Pause(), r.Play(), r.SetVolume(percent=250), r.Duck(on=True),
    ):  # fmt: skip
        stage.do(command)
    assert stage.play_along() == [
        PausePlayback(), ResumePlayback(), SetPlaybackVolume(100.0), SetDucking(True),
    ]  # fmt: skip


def test_a_track_that_cannot_be_played_is_left_out_and_named_in_the_log(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    choice = stage.to_playing().choice
    assert choice is not None
    stage.report(
        TrackEnded(choice.track.track_id, stage.now, "failed", 0.0, "song.mp3 cannot be read")
    )
    stage.pass_time(0.5, face=HAPPY)
    assert stage.state.message == PHRASES["en"].left_out
    assert "song.mp3 cannot be read" in caplog.text
    stage.do(r.Skip(source="screen"))
    for order in stage.play_along():
        assert not isinstance(order, PlayNow) or order.track.track_id != choice.track.track_id


def test_without_a_catalogue_the_kiosk_says_what_to_do(tmp_path: Path) -> None:
    with Stage(tmp_path) as stage:
        stage.do(r.SayMood(source="screen", text="happy"))
        assert "attune catalog build" in stage.state.message
        assert stage.state.visit is not V.PLAYING


def test_a_catalogue_built_meanwhile_is_taken(tmp_path: Path) -> None:
    with Stage(tmp_path) as stage:
        stage.pass_time(1)
        assert stage.state.catalogue_tracks == 0
        make_library(tmp_path / "catalogue", 50)
        stage.pass_time(6)
        assert stage.do(r.SayMood(source="screen", text="happy")).visit is V.PLAYING
        assert stage.state.catalogue_tracks == 50


@pytest.mark.parametrize("keep", [False, True])
def test_a_history_is_kept_only_if_the_owner_wants_it(
    shelf: Path, tmp_path: Path, keep: bool
) -> None:
    (tmp_path / "catalogue").symlink_to(shelf / "catalogue")
    with Stage(tmp_path, history={"keep": keep}) as stage:
        stage.to_playing()
        stage.do(r.Stop(source="screen"))
        visits = stage.conductor._store.visits()
    assert len(visits) == (1 if keep else 0)


@pytest.mark.parametrize("jump_s", [50 * 365 * 86_400.0, -86_400.0])
def test_a_visit_in_which_the_box_hears_the_time_is_kept_as_long_as_it_was(
    shelf: Path, tmp_path: Path, jump_s: float
) -> None:
    (tmp_path / "catalogue").symlink_to(shelf / "catalogue")
    with Stage(tmp_path, history={"keep": True}) as stage:
        began_at, began_wall = stage.now, stage.wall
        stage.to_playing()
        stage.wall += jump_s
        stage.do(r.Stop(source="screen"))
        (visit,) = stage.conductor._store.visits()
        assert 0 < visit.ended_at - visit.started_at <= stage.now - began_at
    assert visit.started_at >= began_wall + jump_s
