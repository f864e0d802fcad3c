"""The band-pass: exact in time, flat in the band, nothing outside it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device.sensing.pulse.waveform import band_pass, even_out


def middle(values: np.ndarray, share: float = 0.6) -> np.ndarray:
    cut = int(len(values) * (1 - share) / 2)
    return values[cut : len(values) - cut]


@pytest.mark.parametrize("rate_hz", [25.0, 30.3, 60.0, 100.0, 250.0, 500.0])
@pytest.mark.parametrize("tone_hz", [0.8, 2.0, 6.0])
def test_a_tone_of_the_band_passes_unchanged_and_unshifted(rate_hz: float, tone_hz: float) -> None:
    time_s = np.arange(0, 30, 1 / rate_hz)
    wave = band_pass(np.sin(2 * np.pi * tone_hz * time_s), rate_hz)
    fine_s = np.arange(len(wave.fine)) / wave.rate_hz
    assert fine_s[-1] == pytest.approx(time_s[-1], abs=1.5 / wave.rate_hz)
    error = wave.fine - np.sin(2 * np.pi * tone_hz * fine_s)
    assert np.abs(middle(error)).max() < 0.02


@pytest.mark.parametrize("tone_hz", [0.05, 0.25, 12.0, 30.0])
def test_breathing_drift_and_hum_are_taken_out(tone_hz: float) -> None:
    time_s = np.arange(0, 60, 0.01)
    wave = band_pass(1000 + np.sin(2 * np.pi * tone_hz * time_s), 100)
    assert np.abs(middle(wave.fine)).max() < 0.01


@settings(max_examples=25, deadline=None)
@given(
    offset=st.floats(-1e5, 1e5), slope=st.floats(-50, 50), scale=st.floats(0.01, 1e4),
    rate_hz=st.floats(20, 400),
)  # fmt: skip
def test_level_and_slope_do_not_matter_and_scale_is_linear(
    offset: float, slope: float, scale: float, rate_hz: float
) -> None:
    time_s = np.arange(0, 12, 1 / rate_hz)
    tone = np.sin(2 * np.pi * 1.3 * time_s)
    plain = band_pass(tone, rate_hz).fine
    moved = band_pass(scale * tone + offset + slope * time_s, rate_hz).fine / scale
    largest = (1 + abs(offset) + 12 * abs(slope)) / scale
    assert np.abs(plain - moved).max() < 1e-9 * (1 + largest)


@pytest.mark.parametrize(
    ("samples", "rate_hz", "message"),
    [
        (np.zeros(100), 5.0, "sample rate 5 Hz"),
        (np.zeros(100), 1e5, "sample rate"),
        (np.zeros(20), 100.0, "less than a second"),
        (np.array([0.0] * 200 + [np.nan]), 100.0, "not numbers"),
    ],
)
def test_what_cannot_be_filtered_is_said(samples: np.ndarray, rate_hz: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        band_pass(samples, rate_hz)


def test_jittered_times_are_made_even() -> None:
    rng = np.random.default_rng(100)
    times_s = np.cumsum(rng.normal(1 / 30, 0.004, 900).clip(0.01))
    even, rate_hz = even_out(times_s, np.sin(2 * np.pi * times_s))
    grid_s = times_s[0] + np.arange(len(even)) / rate_hz
    assert rate_hz == pytest.approx(30, rel=0.03)
    assert np.abs(even - np.sin(2 * np.pi * grid_s)).max() < 0.03


def test_times_that_go_back_are_refused() -> None:
    with pytest.raises(ValueError, match="do not go forward"):
        even_out([0.0, 0.1, 0.05], [1, 2, 3])
