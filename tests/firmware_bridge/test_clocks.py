"""The sensor's clock over wraps and jumps; rates that are measured, held and followed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.clocks import DeviceClock, RateEstimate


@given(st.lists(st.floats(0, 9.9), min_size=1, max_size=50), st.integers(0, 2**32 - 1))
def test_steps_below_ten_seconds_are_followed_over_any_wrap(steps: list[float], at: int) -> None:
    clock = DeviceClock(1e-6, 1 << 32)
    begin, _ = clock.note(at)
    total = 0
    for step_s in steps:
        total += int(step_s * 1e6)
        time_s, jumped = clock.note((at + total) % (1 << 32))
        assert not jumped
        assert time_s - begin == pytest.approx(total / 1e6, abs=1e-6)


@given(st.lists(st.integers(0, 2**32 - 1), min_size=2, max_size=50))
def test_time_never_runs_back(ticks: list[int]) -> None:
    clock = DeviceClock(1e-6, 1 << 32)
    times = [clock.note(tick)[0] for tick in ticks]
    assert times == sorted(times)


def test_a_counter_without_a_wrap_that_steps_back_has_jumped() -> None:
    clock = DeviceClock(1e-3, None)
    assert clock.note(5000) == (5.0, False)
    assert clock.note(4000) == (5.0, True)
    time_s, jumped = clock.note(4020)
    assert (round(time_s, 6), jumped) == (5.02, False)


def arrivals(
    rate: RateEstimate, rate_hz: float, from_s: float, to_s: float, late_s: float = 0.02
) -> None:
    rng = np.random.default_rng(3)
    for at_s in np.arange(from_s, to_s, 0.1):
        rate.note(float(at_s + rng.uniform(0, late_s)), round(rate_hz * 0.1))


def test_a_rate_is_measured_from_late_reads() -> None:
    rate = RateEstimate()
    arrivals(rate, 50, 0, 1.9)
    assert rate.hz is None
    arrivals(rate, 50, 1.9, 15)
    assert rate.hz == pytest.approx(50, rel=0.002)


def test_a_stated_rate_is_kept_where_it_is_about_right() -> None:
    rate = RateEstimate(60.0)
    arrivals(rate, 60, 0, 60)
    assert rate.hz == 60.0


def test_a_rate_that_drifts_is_followed() -> None:
    rate = RateEstimate(100.0)
    at_s = 0.0
    for step in range(1500):
        true_hz = 100 * (1 + 0.04 * step / 1500)
        rate.note(at_s, 10)
        at_s += 10 / true_hz
    assert rate.hz == pytest.approx(104, rel=0.006)


def test_nonsense_is_no_rate() -> None:
    rate = RateEstimate()
    for second in range(60):
        rate.note(float(second), 1)
    assert rate.hz is None
