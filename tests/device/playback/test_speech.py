from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from device.playback.speech import Stretch, levels_dbfs, stretches
from tests.fakes.spoken import RATE_HZ, quiet, speech


def found(sound: NDArray[np.float32]) -> list[Stretch]:
    blocks = (sound[at : at + 3000] for at in range(0, len(sound), 3000))
    return stretches(levels_dbfs(blocks, RATE_HZ))


def test_short_pauses_are_bridged_and_long_ones_are_not() -> None:
    sound = np.concatenate([
        quiet(0.5), speech(2.0), quiet(0.6), speech(1.0), quiet(3.0), speech(1.5), quiet(0.5),
    ])  # fmt: skip
    first, second = found(sound)
    assert (first.start_s, first.end_s) == pytest.approx((0.5, 4.1), abs=0.15)
    assert (second.start_s, second.end_s) == pytest.approx((7.1, 8.6), abs=0.15)


@pytest.mark.parametrize("level_db", [-20.0, 0.0, 12.0])
def test_the_level_of_the_recording_does_not_matter(level_db: float) -> None:
    gain = np.float32(10 ** (level_db / 20))
    sound = np.concatenate([quiet(1.0), speech(2.0), quiet(2.0), speech(1.0)]) * gain
    assert len(found(sound)) == 2


def test_hum_and_clicks_are_no_speech() -> None:
    time_s = np.arange(4 * RATE_HZ) / RATE_HZ
    hum = (0.1 * np.sin(2 * np.pi * 50 * time_s)).astype(np.float32)[:, None].repeat(2, axis=1)
    hum[RATE_HZ // 2 : RATE_HZ // 2 + 100] += 0.3
    sound = hum.copy()
    sound[2 * RATE_HZ : 3 * RATE_HZ] += speech(1.0)
    (only,) = found(sound)
    assert (only.start_s, only.end_s) == pytest.approx((2.0, 3.0), abs=0.15)


def test_a_voice_without_a_pause_is_all_speech() -> None:
    rng = np.random.default_rng(0)
    steady = (rng.standard_normal((RATE_HZ, 2)) * 0.1).astype(np.float32)
    (only,) = found(steady)
    assert only.end_s - only.start_s == pytest.approx(1.0, abs=0.1)


def test_nobody_speaks_in_silence() -> None:
    assert found(np.zeros((RATE_HZ, 2), np.float32)) == []
    assert found(quiet(1.0)) == []
    assert found(np.zeros((0, 2), np.float32)) == []
