"""The intervals of a poor recording, as they become known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks import stress_beats
from benchmarks.stress_beats import causal_intervals

RATE_HZ = 64.0


def wave(seconds: float, period_s: float = 0.8) -> NDArray[np.float64]:
    time_s = np.arange(0, seconds, 1 / RATE_HZ)
    beat = np.exp(-((((time_s % period_s) - 0.3) / 0.09) ** 2))
    return beat + 0.02 * np.random.default_rng(0).standard_normal(len(time_s))


def test_every_interval_comes_once() -> None:
    table = causal_intervals(wave(90), RATE_HZ)
    known_s, rr_s = table[:, 0], table[:, 1]
    assert (np.diff(known_s) >= 0).all()
    assert np.median(rr_s) == pytest.approx(0.8, abs=0.005)
    # The first 13 s and the last 2 s are never new.
    assert rr_s.sum() == pytest.approx(75, abs=2)
    assert (table[:, 4] >= 10).mean() > 0.9


def test_nothing_comes_from_the_future() -> None:
    whole = wave(60)
    whole[int(40 * RATE_HZ) :] *= -30
    early = causal_intervals(whole[: int(40 * RATE_HZ)], RATE_HZ)
    assert len(early) > 20
    late = causal_intervals(whole, RATE_HZ)
    assert np.array_equal(late[late[:, 0] <= 40], early)


def test_noise_has_hardly_any_intervals_alike() -> None:
    noise = np.random.default_rng(1).standard_normal(int(120 * RATE_HZ))
    table = causal_intervals(noise, RATE_HZ)
    assert (table[:, 4] >= 10).sum() <= 3


def test_a_folder_becomes_a_table_each(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out.npz"
    assert stress_beats.main([str(tmp_path), str(out)]) == 1
    assert str(tmp_path) in capsys.readouterr().err
    np.savez(tmp_path / "S1.npz", bvp=wave(40), fs_hz=RATE_HZ)
    assert stress_beats.main([str(tmp_path), str(out)]) == 0
    with np.load(out) as held:
        assert held["S1"].shape[1] == len(stress_beats.COLUMNS)
    assert stress_beats.main([]) == 2
