"""Stress from the heart rate against the person's own first minute."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import models_tflite
from device.sensing import stress
from device.sensing.stress import StressGauge
from models_tflite.training import stress_train
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
    people = stress_train.wesad(data_folder("wesad_hrv").parent)
    assert len(people) == 11
    terms = (stress.SLOPE, -stress.SLOPE * stress.HALF)
    assert stress_train.scores(people, "first", terms).mean() > 0.85


def test_a_separable_set_is_fitted() -> None:
    rows = [(0.01 * n, 0.01 * n, n > 5) for n in range(-10, 20)]
    people = [stress_train._person(str(n), rows) for n in range(3)]
    slope, offset = stress_train.fit(people, "rise")
    assert slope > 0
    assert -offset / slope == pytest.approx(0.055, abs=0.02)
