"""Beats that are followed second by second are those of the window analysed as a whole."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from device.commands.pulse import analyse_file
from device.config import PulseSettings
from device.readings import PpgBlock, frozen
from device.sensing.pulse import PulseAnalysis, PulseStream, analyse
from device.sensing.pulse.analysis import judge
from device.sensing.pulse.follow import TAIL_S, BeatFollower
from tests.data_folder import data_folder
from tests.fakes.pulse_waves import pairs_of_beats, pulse, with_second_waves

Samples = NDArray[np.float64]


def both_ways(
    samples: Samples, rate_hz: float, window_s: float = 60, step_s: float = 1
) -> Iterator[tuple[PulseAnalysis, PulseAnalysis]]:
    """Yield the last window analysed as a whole and by following, step by step."""
    follower = BeatFollower(rate_hz)
    for end_s in np.arange(TAIL_S, len(samples) / rate_hz + 1e-6, step_s):
        end = int(end_s * rate_hz)
        part = samples[max(0, end - int(window_s * rate_hz)) : end].astype(np.float32)
        followed = judge(follower.follow(part, end), len(part) / rate_hz)
        yield analyse(part, rate_hz), followed


def shaken(samples: Samples, seed: int, jerks: int) -> Samples:
    """Add what a moving hand does: bursts many times as high as a beat."""
    rng = np.random.default_rng(seed)
    moved = samples.copy()
    for start in rng.integers(0, len(samples) - 250, jerks):
        burst = np.hanning(250) * np.cumsum(rng.standard_normal(250)) / 10
        moved[start : start + 250] += 3 * samples.std() * burst
    return moved


def apart(pairs: list[tuple[PulseAnalysis, PulseAnalysis]], name: str) -> Samples:
    """Return how far a measure is apart where both ways have it."""
    values = [(getattr(a.hrv, name), getattr(b.hrv, name)) for a, b in pairs]
    return np.array([abs(a - b) for a, b in values if a is not None and b is not None])


@settings(max_examples=5, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    rate_bpm=st.floats(48, 120),
    every=st.sampled_from([1, 2, 4]),
    noise=st.sampled_from([0.002, 0.012, 0.1]),
    jerks=st.integers(0, 3),
)
def test_following_says_what_the_whole_window_says(
    seed: int, rate_bpm: float, every: int, noise: float, jerks: int
) -> None:
    true = pulse(75, rate_bpm, seed, noise=noise)
    samples = shaken(true.samples, seed, jerks)[::every]
    pairs = list(both_ways(samples, 100 / every, step_s=3))
    disagree = sum(a.accepted != b.accepted for a, b in pairs)
    assert disagree <= 1
    rates, changes = apart(pairs, "heart_rate_bpm"), apart(pairs, "rmssd_ms")
    assert np.median(rates) < 0.01
    assert rates.max() < 1
    assert np.median(changes) < (0.05 if noise < 0.1 else 0.3)
    assert changes.max() < 4  # One beat more or less at the end of the window.


def test_the_beats_are_the_same_to_a_tenth_of_a_millisecond() -> None:
    for whole, followed in both_ways(pulse(80, 68).samples, 100.0):
        ours, theirs = followed.beats.times_s, whole.beats.times_s
        # The filter's edge reaches into the oldest second of a window that is cut out anew.
        ours, theirs = ours[(ours > 3) & followed.beats.good], theirs[theirs > 3 - 0.01]
        nearest = np.abs(ours[:, None] - theirs).argmin(axis=1)
        away_s = ours - theirs[nearest]
        away_s -= np.median(away_s)
        assert np.percentile(np.abs(away_s), 95) < 1e-4
        assert len(followed.beats) == pytest.approx(len(whole.beats), abs=1)


def test_long_after_the_beginning_nothing_has_drifted() -> None:
    """The mean beat is made of what was aligned with the mean beat of before."""
    samples = np.tile(pulse(120, 66, 7, noise=0.1).samples, 3).astype(np.float32)
    follower = BeatFollower(100.0)
    for end in range(2000, len(samples) + 1, 100):
        window = samples[max(0, end - 6000) : end]
        followed = follower.follow(window, end)
    whole = analyse(window, 100.0).beats
    away_s = np.abs(followed.times_s[:, None] - whole.times_s).min(axis=1)
    assert np.median(away_s) < 0.0015


def test_a_recorded_finger_is_read_alike_both_ways() -> None:
    verdicts, rates, changes = [], [], []
    for subject in ("subject_02", "subject_06", "subject_13"):
        channel, _ = analyse_file(data_folder("welltory_ppg") / subject / "PPG.csv")
        pairs = list(both_ways(channel.samples, channel.rate_hz, step_s=4))
        verdicts += [a.accepted == b.accepted for a, b in pairs]
        rates.append(apart(pairs, "heart_rate_bpm"))
        changes.append(apart(pairs, "rmssd_ms"))
    assert np.mean(verdicts) >= 0.95
    assert np.percentile(np.concatenate(rates), 95) < 0.5
    assert np.median(np.concatenate(changes)) < 0.5


@pytest.mark.parametrize("strength", [0.25, 0.5])
def test_early_beats_are_never_half_the_rate_while_they_are_followed(strength: float) -> None:
    for whole, followed in both_ways(pairs_of_beats(strength), 100.0, step_s=3):
        assert followed.hrv.heart_rate_bpm is None
        assert whole.hrv.heart_rate_bpm is None


@pytest.mark.parametrize(("rate_bpm", "delay_s"), [(75, 0.35), (75, 0.38), (80, 0.38), (40, 0.35)])
def test_second_waves_are_never_counted_while_they_are_followed(
    rate_bpm: float, delay_s: float
) -> None:
    true = with_second_waves(rate_bpm, 0.6, delay_s)
    pairs = list(both_ways(true.samples, 100.0, step_s=3))
    assert sum(a.accepted != b.accepted for a, b in pairs) <= 2
    for rate in [b.hrv.heart_rate_bpm for _, b in pairs]:
        assert rate is None or rate == pytest.approx(true.heart_rate_bpm, abs=4)


class TestStarts:
    def test_nothing_regular_has_no_beats(self) -> None:
        noise = np.random.default_rng(1).normal(size=4000)
        assert not any(b.accepted for _, b in both_ways(noise, 100.0))

    def test_a_line_without_any_signal_has_no_beats(self) -> None:
        pairs = list(both_ways(np.full(3000, 512.0), 100.0))
        assert not any(len(b.beats) for _, b in pairs)

    def test_a_pulse_after_nothing_is_found(self) -> None:
        rng = np.random.default_rng(2)
        samples = np.concatenate((rng.normal(size=3000), pulse(70, 72).samples))
        *_, (whole, followed) = both_ways(samples, 100.0)
        assert whole.accepted
        assert followed.accepted
        assert followed.hrv.rmssd_ms == pytest.approx(whole.hrv.rmssd_ms, abs=0.5)

    def test_samples_that_come_all_at_once_are_caught_up_with(self) -> None:
        samples = pulse(100, 64).samples.astype(np.float32)
        follower, whole = BeatFollower(100.0), analyse(samples[4000:], 100.0)
        follower.follow(samples[:2000], 2000)
        followed = judge(follower.follow(samples[4000:], 10_000), 60.0)
        assert followed.hrv.rmssd_ms == pytest.approx(whole.hrv.rmssd_ms, abs=0.5)

    @pytest.mark.parametrize("step_s", [0.3, 1.7, 2.0])
    def test_any_step_will_do(self, step_s: float) -> None:
        *_, (whole, followed) = both_ways(pulse(66, 75).samples, 100.0, step_s=step_s)
        assert followed.hrv.rmssd_ms == pytest.approx(whole.hrv.rmssd_ms, abs=0.5)

    def test_a_longer_window_is_followed_too(self) -> None:
        *_, (whole, followed) = both_ways(pulse(150, 70).samples, 100.0, window_s=130, step_s=2)
        assert followed.hrv.rmssd_ms == pytest.approx(whole.hrv.rmssd_ms, abs=0.5)
        assert followed.hrv.hf_ms2 == pytest.approx(whole.hrv.hf_ms2, rel=0.05)


def test_a_rate_that_is_learnt_better_keeps_what_was_measured() -> None:
    """The sensor's rate is corrected while it is followed: no second is without numbers."""
    true = pulse(60, 70)
    stream = PulseStream(PulseSettings())
    readings = []
    for number, first in enumerate(range(0, len(true.samples), 20)):
        rate_hz = 99.2 if first < 3000 else 100.0
        part = frozen(true.samples[first : first + 20].astype(np.float32))
        now = (first + 20) / 100
        stream.feed(PpgBlock(number, now, rate_hz, part, True, number == 0, first / 100))
        readings.append(stream.reading(now))
    later = [reading for reading in readings if reading.measured_at > 32]
    assert all(reading.rmssd_ms is not None for reading in later)
    assert later[-1].rmssd_ms == pytest.approx(true.rmssd_ms, abs=1.5)
    assert later[-1].heart_rate_bpm == pytest.approx(true.heart_rate_bpm, abs=2)


def test_the_memory_of_a_follower_is_bounded_by_its_window() -> None:
    follower, samples = BeatFollower(100.0), pulse(60, 70).samples.astype(np.float32)
    sizes = []
    for end in range(2000, 30_000, 100):
        window = np.take(samples, np.arange(end - 2000, end), mode="wrap")
        follower.follow(window, end)
        strips = follower._strips
        assert strips is not None
        sizes.append(strips.wave.nbytes)
        assert len(follower._likeness._parts) <= 20
    assert max(sizes[150:]) <= 1.3 * max(sizes[:100])
