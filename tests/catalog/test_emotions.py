"""The emotion space: distributions stay distributions, names and neighbours make sense."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from catalog.emotions import (
    ANCHORS_VAD,
    CODES,
    FAMILIES,
    FEELINGS,
    LANGUAGES,
    NAMES,
    EmotionPoint,
    blend,
    describe,
    make_point,
    neutral_point,
    point_from_emotions,
    point_from_va,
)
from catalog.space import SPACES, distance, embed, embed_all
from catalog.vocabularies import SPOTIFY_FEATURES, VOCABULARIES, to_point

UNIT = st.floats(-1, 1)
WEIGHTS = arrays(np.float64, len(CODES), elements=st.floats(0, 1e6)).filter(lambda w: w.max() > 0)


def check(point: EmotionPoint) -> None:
    assert point.emotions.shape == (21,)
    assert point.emotions.dtype == np.float32
    assert not point.emotions.flags.writeable
    assert np.isfinite(point.emotions).all()
    assert point.emotions.min() >= 0
    assert point.emotions.sum() == pytest.approx(1, abs=1e-5)
    for axis in (point.valence, point.arousal, point.dominance):
        assert -1 <= axis <= 1


@given(WEIGHTS)
def test_any_weights_make_a_distribution(weights: np.ndarray) -> None:
    check(point_from_emotions(weights))


@given(st.floats(-5, 5), st.floats(-5, 5), st.none() | UNIT)
def test_any_place_makes_a_distribution(valence: float, arousal: float, d: float | None) -> None:
    point = point_from_va(valence, arousal, d)
    check(point)
    assert point.valence == pytest.approx(np.clip(valence, -1, 1))
    for language in LANGUAGES:
        assert describe(point, language)


@given(st.lists(st.tuples(UNIT, UNIT, st.floats(0.01, 100)), min_size=1, max_size=5))
def test_a_blend_lies_between(parts: list[tuple[float, float, float]]) -> None:
    mixed = blend([point_from_va(v, a) for v, a, _ in parts], [w for _, _, w in parts])
    check(mixed)
    valences = [v for v, _, _ in parts]
    assert min(valences) - 1e-6 <= mixed.valence <= max(valences) + 1e-6


@pytest.mark.parametrize("bad", [np.zeros(21), np.full(21, np.nan), -np.ones(21), np.ones(20)])
def test_impossible_weights_are_refused(bad: np.ndarray) -> None:
    with pytest.raises(ValueError, match="weights"):
        point_from_emotions(bad)


def test_every_code_has_its_names_family_and_anchor() -> None:
    assert sorted(sum(FAMILIES.values(), ())) == sorted(CODES)
    assert tuple(NAMES) == CODES
    for language in LANGUAGES:
        assert len({NAMES[code][language] for code in CODES}) == len(CODES)
    assert ANCHORS_VAD.shape == (21, 3)
    assert np.abs(ANCHORS_VAD).max() <= 1


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_feeling_can_be_felt_a_little(language: str) -> None:
    """A label may say "a little" of it; "ein wenig voller Bewunderung" is no German."""
    told = [FEELINGS[code][language] for code in CODES]
    assert not [one for one in told if one.startswith(("full ", "voller ", "с ", "充满"))]
    assert len(set(told)) == len(CODES)


@pytest.mark.parametrize(
    ("place", "code"), [((0.9, 0.4), "PA"), ((0.7, -0.6), "PE"), ((-0.8, 0.75), "NA"),
                        ((-0.8, -0.15), "NB")],
)  # fmt: skip
def test_a_corner_of_the_plane_is_led_by_its_emotion(place: tuple[float, float], code: str) -> None:
    assert CODES[int(point_from_va(*place).emotions.argmax())] in {code, "NJ"}


def test_the_middle_is_neutral() -> None:
    assert describe(neutral_point()) == "neutral"
    np.testing.assert_allclose(point_from_va(0, 0).emotions, 1 / 21, atol=1e-6)


def test_a_longing_tense_person_is_called_so() -> None:
    weights = np.zeros(21)
    weights[CODES.index("PF")], weights[CODES.index("NI")] = 0.6, 0.4
    assert describe(point_from_emotions(weights)) == "wistful, a little flustered"


def test_a_person_who_is_happy_and_sad_is_called_both() -> None:
    weights = np.zeros(21)
    weights[CODES.index("PA")], weights[CODES.index("NB")] = 0.5, 0.5
    assert describe(point_from_emotions(weights)) == "joyful, a little sad"
    assert describe(point_from_emotions(weights), "de") == "fröhlich, ein wenig traurig"


@pytest.mark.parametrize("name", VOCABULARIES)
@given(st.data())
def test_every_vocabulary_lands_in_the_space(name: str, data: st.DataObject) -> None:
    count = len(VOCABULARIES[name].terms)
    check(to_point(name, data.draw(arrays(np.float64, count, elements=st.floats(0, 10)))))


def test_vocabularies_mean_what_they_say() -> None:
    happy = to_point("face7", [0, 0, 0, 1, 0, 0, 0])
    assert happy.valence > 0.8
    assert describe(happy) == "joyful"
    neutral = to_point("face7", [0, 0, 0, 0, 0, 0, 1])
    assert (neutral.valence, neutral.arousal) == (0, 0)
    calm = to_point("gems9", [0, 0, 0, 0, 1, 0, 0, 0, 0])
    assert calm.arousal < -0.5
    assert len(VOCABULARIES["emotic26"].terms) == 26
    with pytest.raises(KeyError):
        to_point("tarot", [1])
    with pytest.raises(ValueError, match="terms"):
        to_point("face7", [1])


def test_spotify_features_with_holes() -> None:
    unknown = [np.nan] * (len(SPOTIFY_FEATURES) - 2)
    assert to_point("spotify", [0.9, 0.9, *unknown]).arousal > 0.3
    assert to_point("spotify", [0.1, 0.1, *unknown]).valence < -0.3
    with pytest.raises(ValueError, match="valence and energy"):
        to_point("spotify", [np.nan] * len(SPOTIFY_FEATURES))


@pytest.mark.parametrize("space", SPACES)
def test_distances_are_a_metric_on_moods(space: str) -> None:
    glad, calm, angry = point_from_va(0.9, 0.4), point_from_va(0.6, -0.6), point_from_va(-0.8, 0.7)
    assert embed(glad, space).shape == (SPACES[space].dimension,)
    assert distance(glad, glad, space) == 0
    assert distance(glad, calm, space) > 0
    if SPACES[space].dimension == 24:
        assert distance(glad, calm, space) < distance(glad, angry, space)
    rows = embed_all([glad, angry], space)
    assert np.linalg.norm(rows[0] - rows[1]) == pytest.approx(distance(glad, angry, space), 1e-5)
    assert embed_all([], space).shape == (0, SPACES[space].dimension)


def test_a_whole_change_of_emotions_weighs_as_much_as_of_valence() -> None:
    joy, fear = np.eye(len(CODES))[[CODES.index("PA"), CODES.index("NC")]]
    emotions = distance(make_point(joy, np.zeros(3)), make_point(fear, np.zeros(3)))
    valence = distance(make_point(joy, (-1, 0, 0)), make_point(joy, (1, 0, 0)))
    assert emotions == pytest.approx(valence, rel=0.02)
