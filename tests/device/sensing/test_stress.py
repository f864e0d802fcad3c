"""Stress from the heart rate against the person's own first minute."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import models_tflite
from device.sensing import stress
from device.sensing.stress import StressGauge
from models_tflite.training import stress_sets, stress_train
from models_tflite.training.stress_models import balanced
from tests.data_folder import data_folder


def knowing(at_rest_bpm: float) -> StressGauge:
    gauge = StressGauge()
    gauge.learn(at_rest_bpm, 60)
    return gauge


@given(rest=st.floats(45, 110), rate=st.floats(40, 190), quality=st.floats(0, 1))
def test_value_and_confidence_stay_in_range(rest: float, rate: float, quality: float) -> None:
    for gauge in (StressGauge(), knowing(rest)):
        said = gauge.read(rate, quality)
        assert 0 <= said.value <= 1
        assert 0 <= said.confidence <= quality


@given(rest=st.floats(45, 110), rate=st.floats(40, 180), more=st.floats(0.5, 10))
def test_a_faster_heart_is_never_calmer(rest: float, rate: float, more: float) -> None:
    for gauge in (StressGauge(), knowing(rest)):
        assert gauge.read(rate + more, 1).value > gauge.read(rate, 1).value


def test_each_person_has_an_own_measure() -> None:
    """90 is a racing heart for one and rest for another."""
    assert knowing(62).read(90, 1).level == "high"
    assert knowing(95).read(90, 1).level == "low"
    assert knowing(90).read(90, 1).level == "medium"


def test_without_the_first_minute_it_is_hardly_believed() -> None:
    gauge = StressGauge()
    unsure = gauge.read(100, 1)
    assert unsure.confidence <= 0.2
    gauge.learn(100, 40)
    assert gauge.read(100, 1) == unsure
    gauge.learn(70, 60)
    assert gauge.read(100, 1).confidence > 2 * unsure.confidence


def test_the_first_minute_stays_the_measure_until_it_is_forgotten() -> None:
    gauge = knowing(60)
    gauge.learn(100, 120)
    assert gauge.read(100, 1).level == "high"
    gauge.forget()
    assert gauge.read(100, 1) == StressGauge().read(100, 1)


def test_the_card_is_about_this_formula() -> None:
    card = json.loads((Path(models_tflite.__file__).parent / "stress.json").read_text())
    for slope, half in ((card["slope"], card["half"]), (stress_train.SLOPE, stress_train.HALF)):
        assert (slope, half) == (stress.SLOPE, stress.HALF)


def test_it_tells_stress_from_rest_in_people_it_has_not_seen() -> None:
    people = stress_sets.wesad_rate(data_folder("wesad_hrv").parent)
    assert len(people) == 11
    first = [person.inputs[:, 0] for person in people.values()]
    gauge = knowing(60)
    found = [
        balanced(
            person.truth,
            np.array([int(gauge.read(60 * np.exp(rise), 1).value > 0.5) for rise in rises]),
        )
        for person, rises in zip(people.values(), first, strict=True)
    ]
    assert np.mean(found) > 0.85
