"""The judge of the stress formula: it must not look ahead, read a clock, or see who is left out."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import models_tflite
from models_tflite.training import stress_features, stress_models, stress_sets
from models_tflite.training.stress_models import Judge
from models_tflite.training.stress_rate import Values, follow
from models_tflite.training.stress_sets import Labels, Rows, Series
from tests.data_folder import data_folder


def intervals(seconds: int, rr_s: float, wrong_every: int = 0) -> Values:
    ends_s = np.arange(1, seconds, rr_s)
    table = np.stack(
        (np.ceil(ends_s / 5) * 5, np.full(len(ends_s), rr_s), *np.ones((2, len(ends_s))),
         np.full(len(ends_s), 9.0)), axis=1,
    )  # fmt: skip
    if wrong_every:
        table[::wrong_every, 1] *= 2
        table[::wrong_every, 4] = 1
    return table


def series(length: int = 400, seed: int = 0) -> Series:
    rng = np.random.default_rng(seed)
    stressed = np.zeros(length, np.bool_)
    stressed[120:190] = stressed[250:330] = True
    rate = np.log(70) + 0.1 * stressed + 0.02 * rng.standard_normal(length)
    return Series(rate, stressed, np.ones(length, np.bool_))


@settings(max_examples=25)
@given(rr_s=st.floats(0.45, 1.3), wrong=st.sampled_from((0, 4, 3)))
def test_the_rate_is_followed_through_missed_beats(rr_s: float, wrong: int) -> None:
    rate, readable = follow(intervals(180, rr_s, wrong), 180)
    assert np.exp(rate[-1]) == pytest.approx(60 / rr_s, rel=0.03)
    assert readable[-1]


def test_where_nothing_is_known_nothing_is_readable() -> None:
    rate, readable = follow(np.zeros((0, 5)), 120)
    assert not readable.any()
    assert np.isfinite(rate).all()


@settings(max_examples=8)
@given(cut=st.integers(40, 390), seed=st.integers(0, 99))
def test_no_feature_knows_the_future(cut: int, seed: int) -> None:
    whole = series(seed=seed).rate
    changed = whole.copy()
    changed[cut:] += 0.5
    before, after = stress_features.features(whole), stress_features.features(changed)
    assert np.allclose(before[:cut], after[:cut])


@given(seed=st.integers(0, 9999))
def test_another_order_keeps_what_belongs_together(seed: int) -> None:
    held = series()
    mixed = stress_sets.shuffled(held, np.random.default_rng(seed))
    assert np.array_equal(mixed.rate[:36], held.rate[:36])
    assert np.array_equal(np.sort(mixed.rate), np.sort(held.rate))
    assert np.median(mixed.rate[mixed.stressed]) > np.median(mixed.rate[~mixed.stressed]) + 0.05


def people(count: int = 5) -> dict[str, list[Rows]]:
    rng = np.random.default_rng(3)
    held = {}
    for number in range(count):
        truth = np.arange(40) % 2
        inputs = np.stack((truth + 0.3 * rng.standard_normal(40), np.full(40, number)), axis=1)
        held[str(number)] = [Rows(inputs, truth)]
    return held


def test_nobody_is_judged_by_what_was_learnt_from_them() -> None:
    def suspicious(inputs: Values, truth: Labels, weight: Values) -> Judge:
        known = set(inputs[:, 1])

        def judge(new: Values) -> NDArray[np.int64]:
            assert known.isdisjoint(new[:, 1])
            return np.zeros(len(new), np.int64)

        return judge

    everybody = people()
    assert (stress_models.left_out(suspicious, everybody, everybody) == 0.5).all()
    stress_models.nested({"one": (suspicious, everybody), "two": (suspicious, everybody)})


def test_the_inner_choice_takes_the_better_model() -> None:
    everybody = people()
    menu = {
        "useless": (stress_models.fixed(1, 99.0), everybody),
        "useful": (stress_models.logistic(1e-3), everybody),
    }
    scores, chosen = stress_models.nested(menu)
    assert set(chosen) == {"useful"}
    assert scores.mean() > 0.85


def test_a_person_with_many_rows_weighs_no_more() -> None:
    few = Rows(np.array([[0.0], [1.0]]), np.array([0, 1]))
    many = Rows(np.repeat([[2.0], [3.0]], 500, axis=0), np.repeat([0, 1], 500))
    say = stress_models.trained(stress_models.threshold(0), [few, many])
    # Classes overlap between the two: the cut lies in the middle of all four, 1.5.
    assert say(np.array([[1.2], [1.8]])).tolist() == [0, 1]


def test_three_classes_are_told_apart() -> None:
    rng = np.random.default_rng(0)
    truth = np.repeat([0, 1, 2], 50)
    centres = np.array([[0, 0], [3, 0], [0, 3]])
    rows = Rows(centres[truth] + rng.standard_normal((150, 2)) / 2, truth)
    say = stress_models.trained(stress_models.logistic(1e-3), [rows])
    assert stress_models.balanced(truth, say(rows.inputs)) > 0.95


def test_wesad_windows_do_not_know_their_place() -> None:
    data = data_folder("wesad_hrv").parent
    pair = stress_sets.wesad_pair(data)
    assert len(pair) == 11
    values, label, _ = stress_sets.wesad(data)["2"]
    own = values[label != stress_sets.AMUSED]
    assert np.allclose(pair["2"].inputs, own[2:] - own[:2].mean(axis=0))


def test_swell_is_read_without_its_holes() -> None:
    held = stress_sets.swell(data_folder("swell_hrv").parent)
    assert 20 <= len(held) <= 25
    assert all(np.isfinite(rows.inputs).all() for rows in held.values())


def test_the_card_says_what_the_numbers_say() -> None:
    home = Path(models_tflite.__file__).parent
    numbers = json.loads((home / "stress.json").read_text())["balanced accuracy"]
    card = (home / "STRESS.md").read_text()
    for place in ("wesad_hrv, stress or baseline", "stress_predict", "swell_hrv"):
        said = numbers[place]["formula of the box"]["mean"]
        assert f"{said:.3f}".lstrip("0") in card
