from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.emotions import point_from_va
from device.config import MoodSettings
from device.mood.fusion import MoodTracker, SaidMood, fuse
from device.readings import Box, FaceReading, FacesInView, PulseReading, frozen
from device.sensing.stress import StressGauge

SETTINGS = MoodSettings()
HAPPY, SAD = 3, 4


def face(
    expression: int, at: float = 0.0, width_px: float = 100, quality: float = 1.0
) -> FaceReading:
    probabilities = np.full(7, 0.02, np.float32)
    probabilities[expression] = 0.88
    return FaceReading(
        at, Box(0, 0, width_px, width_px), frozen(np.zeros((6, 2), np.float32)),
        frozen(probabilities), quality,
    )  # fmt: skip


def view(*faces: FaceReading) -> FacesInView:
    return FacesInView(faces[0].captured_at if faces else 0.0, faces, 640, 480)


def pulse(stress: float | None, confidence: float = 0.8, at: float = 0.0) -> PulseReading:
    return PulseReading(at, True, 0.9, 60.0, stress=stress, stress_confidence=confidence)


def test_nothing_sensed_is_no_confidence_and_never_a_guess() -> None:
    for faces, beats in [(None, None), (view(), None), (None, pulse(None))]:
        mood = fuse(faces, beats, None, 0.0, SETTINGS)
        assert mood.confidence == 0
        assert mood.sources == ()


def test_a_happy_face_is_a_pleasant_mood_and_says_so() -> None:
    mood = fuse(view(face(HAPPY)), None, None, 0.0, SETTINGS)
    assert mood.point.valence > 0.4
    assert mood.confidence > 0.4
    assert [source.name for source in mood.sources] == ["face"]


def test_the_larger_face_weighs_more() -> None:
    happy_in_front = fuse(
        view(face(HAPPY, width_px=200), face(SAD, width_px=60)), None, None, 0.0, SETTINGS
    )
    sad_in_front = fuse(
        view(face(SAD, width_px=200), face(HAPPY, width_px=60)), None, None, 0.0, SETTINGS
    )
    assert happy_in_front.point.valence > 0.3
    assert sad_in_front.point.valence < -0.2


def test_stress_moves_arousal_up_and_valence_down_in_proportion_to_its_confidence() -> None:
    calm = fuse(view(face(HAPPY)), None, None, 0.0, SETTINGS)
    unsure = fuse(view(face(HAPPY)), pulse(0.95, 0.3), None, 0.0, SETTINGS)
    sure = fuse(view(face(HAPPY)), pulse(0.95, 0.9), None, 0.0, SETTINGS)
    assert calm.point.arousal < unsure.point.arousal < sure.point.arousal
    assert calm.point.valence > unsure.point.valence > sure.point.valence
    at_ease = fuse(view(face(HAPPY)), pulse(0.05, 0.9), None, 0.0, SETTINGS)
    assert at_ease.point.arousal < calm.point.arousal


def test_the_quality_of_the_signal_counts_once() -> None:
    """It is in the confidence of the stress already."""
    good, poor = StressGauge().read(90, 1.0), StressGauge().read(90, 0.5)
    for stress, quality in ((good, 1.0), (poor, 0.5)):
        beats = PulseReading(
            0.0, True, quality, 60.0, stress=stress.value, stress_confidence=stress.confidence
        )
        assert fuse(None, beats, None, 0.0, SETTINGS).confidence == pytest.approx(stress.confidence)


def test_the_pulse_alone_gives_a_mood() -> None:
    tense = fuse(None, pulse(0.9), None, 0.0, SETTINGS)
    assert tense.point.arousal > 0.2 > -0.1 > tense.point.valence
    assert [source.name for source in tense.sources] == ["pulse"]


def test_what_a_person_says_outweighs_what_the_face_shows() -> None:
    said = SaidMood(point_from_va(-0.7, -0.4), 0.0, "words")
    mood = fuse(view(face(HAPPY)), None, said, 0.0, SETTINGS)
    assert mood.point.valence < 0
    assert mood.sources[0].name in ("face", "words")
    assert max(mood.sources, key=lambda source: source.weight).name == "words"


def test_old_readings_have_no_voice() -> None:
    now = 1000.0
    said = SaidMood(point_from_va(-0.7, -0.4), now - SETTINGS.words_hold_s - 1, "touch")
    mood = fuse(view(face(HAPPY)), pulse(0.9), said, now, SETTINGS)
    assert mood.confidence == 0


@given(
    st.one_of(st.none(), st.integers(0, 6)),
    st.one_of(st.none(), st.floats(0, 1)),
    st.floats(0, 1),
    st.one_of(st.none(), st.tuples(st.floats(-1, 1), st.floats(-1, 1))),
    st.floats(0, 400),
)
def test_a_mood_always_lies_in_the_space(
    expression: int | None,
    stress: float | None,
    confidence: float,
    said: tuple[float, float] | None,
    now: float,
) -> None:
    mood = fuse(
        view(face(expression, quality=confidence)) if expression is not None else None,
        pulse(stress, confidence),
        SaidMood(point_from_va(*said), 0.0, "touch") if said else None,
        now,
        SETTINGS,
    )
    assert mood.point.emotions.sum() == pytest.approx(1, abs=1e-4)
    assert (mood.point.emotions >= 0).all()
    assert not mood.point.emotions.flags.writeable
    assert abs(mood.point.valence) <= 1
    assert abs(mood.point.arousal) <= 1
    assert 0 <= mood.confidence <= 1
    assert sum(source.weight for source in mood.sources) == pytest.approx(1 if mood.sources else 0)


def test_a_mood_does_not_flicker_and_yet_arrives() -> None:
    tracker = MoodTracker(SETTINGS)
    for step in range(40):
        tracker.update(view(face(HAPPY, step / 10)), None, None, step / 10)
    blink = tracker.update(view(face(SAD, 4.0)), None, None, 4.0)
    assert blink.point.valence > 0.3
    for step in range(41, 300):
        last = tracker.update(view(face(SAD, step / 10)), None, None, step / 10)
    assert last.point.valence < -0.3


def test_what_is_not_sensed_any_more_fades_and_does_not_turn_neutral() -> None:
    tracker = MoodTracker(SETTINGS)
    for step in range(100):
        mood = tracker.update(view(face(SAD, step / 10)), None, None, step / 10)
    felt = mood.point.valence
    assert felt < -0.3
    for step in range(100, 1000):
        mood = tracker.update(None, None, None, step / 10)
    assert mood.confidence < 0.01
    assert mood.point.valence == pytest.approx(felt, abs=0.02)


def test_what_was_just_said_counts_at_once() -> None:
    tracker = MoodTracker(SETTINGS)
    for step in range(40):
        tracker.update(view(face(HAPPY, step / 10)), None, None, step / 10)
    said = SaidMood(point_from_va(-0.7, -0.4), 4.0, "words")
    assert tracker.update(view(face(HAPPY, 4.0)), None, said, 4.0).point.valence < 0


def test_a_forgotten_person_leaves_nothing() -> None:
    tracker = MoodTracker(SETTINGS)
    tracker.update(view(face(HAPPY)), None, None, 0.0)
    tracker.forget()
    assert tracker.update(None, None, None, 0.1).confidence == 0
