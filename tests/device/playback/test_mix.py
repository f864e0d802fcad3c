from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from device.playback.limiter import SUB_BLOCK, Limiter
from device.playback.mix import (
    MUTE_DB,
    DecibelRamp,
    EqualPowerFade,
    amplitude,
    loudness_gain_db,
    volume_db,
)
from tests.device.playback.offline_deck import loudness_lufs

MOVES = st.lists(
    st.tuples(st.floats(-90, 0), st.integers(2000, 20_000), st.integers(1, 30)), max_size=8
)


def stretched(gains: NDArray[np.float32] | float, frames: int) -> NDArray[np.float64]:
    return np.broadcast_to(np.asarray(gains, np.float64).reshape(-1), (frames,))


def test_volume_is_monotonic_from_silence_to_full() -> None:
    gains = [amplitude(volume_db(percent)) for percent in range(101)]
    assert gains[0] == 0.0
    assert gains[-1] == 1.0
    assert all(np.diff(gains) >= 0)
    assert volume_db(50) == pytest.approx(-18.06, abs=0.01)


@given(MOVES)
def test_a_ramp_never_steps_whatever_interrupts_it(
    moves: list[tuple[float, int, int]],
) -> None:
    ramp = DecibelRamp(0.0)
    path = [np.ones(1)]
    for gain_db, frames, blocks in moves:
        ramp.to(gain_db, frames)
        path += [stretched(ramp.gains(256), 256) for _ in range(blocks)]
    steps = np.abs(np.diff(np.concatenate(path)))
    # From 0 dB to -90 within 2000 frames is the steepest that is asked for.
    assert steps.max(initial=0.0) < 0.006


@given(st.floats(MUTE_DB, 0), st.integers(1, 5000))
def test_a_ramp_arrives(gain_db: float, frames: int) -> None:
    ramp = DecibelRamp(-6.0)
    ramp.to(gain_db, frames)
    for _ in range(frames // 512 + 1):
        ramp.gains(512)
    assert ramp.gains(512) == amplitude(gain_db)


def test_two_fades_keep_the_power() -> None:
    rising, falling = EqualPowerFade(0.0), EqualPowerFade(1.0)
    rising.to(1.0, 4096)
    falling.to(0.0, 4096)
    up, down = stretched(rising.gains(4096), 4096), stretched(falling.gains(4096), 4096)
    np.testing.assert_allclose(up**2 + down**2, 1.0, atol=1e-5)
    assert falling.silent
    assert rising.gains(64) == 1.0


def test_loudness_gain_is_bounded_by_the_peak_only_upwards() -> None:
    assert loudness_gain_db(-10.0, 0.0, -16.0, -1.0) == -6.0
    assert loudness_gain_db(-20.0, -6.0, -16.0, -1.0) == 4.0
    assert loudness_gain_db(-30.0, -1.0, -16.0, -1.0) == 8.0
    assert loudness_gain_db(-30.0, 9.0, -16.0, -1.0) == 0.0
    assert loudness_gain_db(None, None, -16.0, -1.0) == 0.0


@given(st.integers(0, 2**32 - 1), st.floats(0.1, 4.0))
def test_the_limiter_holds_true_peaks(seed: int, level: float) -> None:
    rng = np.random.default_rng(seed)
    sound = (rng.standard_normal((16_384, 2)) * 0.05).astype(np.float32)
    for at in rng.integers(0, 16_000, 12):
        sound[at : at + 40] += level * rng.standard_normal((40, 2)).astype(np.float32)
    limiter = Limiter(-1.0, 44_100)
    limited = np.concatenate([limiter.process(part) for part in np.split(sound, 16)])
    assert np.abs(limited).max() <= 10 ** (-1 / 20)
    assert loudness_lufs(limited)[1] < -1.0 + 0.1


def test_the_limiter_passes_what_is_quiet_unchanged() -> None:
    sound = (np.random.default_rng(1).standard_normal((8192, 2)) * 0.05).astype(np.float32)
    limiter = Limiter(-1.0, 44_100)
    passed = np.concatenate([limiter.process(part) for part in np.split(sound, 4)])
    np.testing.assert_array_equal(passed[limiter.delay_frames :], sound[: -limiter.delay_frames])


def test_the_limiter_lets_go_without_a_step() -> None:
    time_s = np.arange(44_100 // SUB_BLOCK * SUB_BLOCK) / 44_100
    tone = np.sin(2 * np.pi * 100 * time_s) * np.where((time_s > 0.3) & (time_s < 0.5), 3.0, 0.5)
    # The tone itself jumps only where it crosses zero.
    sound = np.repeat(tone[:, None], 2, axis=1).astype(np.float32)
    limited = Limiter(-1.0, 44_100).process(sound)
    steepest = 2 * np.pi * 100 / 44_100
    assert np.abs(np.diff(limited[:, 0])).max() < 1.5 * steepest
