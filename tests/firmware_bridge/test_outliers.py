"""Single damaged samples go and leave a hole; a real wave passes whole."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.outliers import PlausibleRuns
from firmware_bridge.samples import SampleRun
from firmware_bridge.simulated_finger import RATE_HZ, simulated_finger
from tests.fakes.sensor_lines import values


def passed(samples: list[float]) -> tuple[list[SampleRun], int]:
    gate = PlausibleRuns()
    for sample in samples:
        gate.add(sample, None, lost=False)
    return gate.take(100.0), gate.damaged


@pytest.mark.parametrize("rate_hz", [25, 50, 100])
@pytest.mark.parametrize("noise", [0.0, 3.0, 15.0])
def test_a_pulse_wave_passes_whole(rate_hz: int, noise: float) -> None:
    wave = simulated_finger()[:: RATE_HZ // rate_hz].astype(float)
    wave += noise * np.random.default_rng(2).standard_normal(len(wave))
    runs, damaged = passed(list(wave))
    assert damaged == 0
    assert len(runs) == 1
    assert len(values(runs)) == len(wave) - 1


@given(st.integers(200, 5000), st.sampled_from([0.1, 10.0, 0.3, 3.0]))
def test_a_lost_digit_is_found_and_leaves_a_hole(place: int, factor: float) -> None:
    wave = [float(value) for value in simulated_finger()[::2]]
    wave[place] = float(int(wave[place] * factor))
    runs, damaged = passed(wave)
    assert damaged == 1
    assert [run.lost for run in runs] == [False, True]
    assert values(runs) == wave[:place] + wave[place + 1 : -1]


def test_a_needle_before_a_hole_is_not_believed() -> None:
    gate = PlausibleRuns()
    for sample in (500.0, 505.0) * 10:
        gate.add(sample, None, lost=False)
    gate.add(40.0, None, lost=False)
    gate.add(503.0, None, lost=True)
    gate.add(504.0, None, lost=False)
    first, second = gate.take(50.0)
    assert 40.0 not in values([first, second])
    assert (first.lost, second.lost) == (False, True)


def test_a_finger_put_on_is_a_step_and_no_damage() -> None:
    runs, damaged = passed([1000.0] * 50 + [90_000.0 + k for k in range(50)])
    assert damaged == 0
    assert len(values(runs)) == 99


def test_a_flat_line_may_flicker() -> None:
    assert passed([500.0, 505.0] * 100)[1] == 0
