"""Whole recordings with known answers: beats, measures, quality, and when to say nothing."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device.commands.pulse import analyse_file
from device.sensing.pulse import analyse
from device.sensing.pulse.analysis import PulseAnalysis, judge
from device.sensing.pulse.beats import Beats
from device.sensing.pulse.doubt import holds_second_waves
from device.sensing.pulse.hrv import Hrv
from device.sensing.pulse.intervals import artefacts, intervals_of
from firmware_bridge.simulated_finger import Phase, beat_times, simulated_finger
from tests.data_folder import data_folder
from tests.fakes.pulse_waves import (
    Pulse,
    fibrillating,
    pairs_of_beats,
    pulse,
    with_second_waves,
)


def timing_errors_ms(true: Pulse, found_s: np.ndarray) -> np.ndarray:
    """Errors after a constant lag is removed; every found beat belongs to a true one."""
    nearest = true.peaks_s[np.abs(found_s[:, None] - true.peaks_s).argmin(axis=1)]
    lag = found_s - nearest
    return np.asarray(1e3 * (lag - np.median(lag)))


@pytest.mark.parametrize("every", [1, 2, 4])
@pytest.mark.parametrize("rate_bpm", [45, 60, 80, 110, 150])
def test_known_beats_are_found_to_the_millisecond(rate_bpm: int, every: int) -> None:
    true = pulse(60, rate_bpm, seed=100 + rate_bpm, noise=0.002, every=every)
    found = analyse(true.samples, true.rate_hz)
    assert found.accepted
    good = found.beats.times_s[found.beats.good]
    assert len(good) >= 0.93 * len(true.peaks_s)
    # Of a racing pulse each beat rides on the one before.
    assert np.abs(timing_errors_ms(true, good)).max() < (5 if rate_bpm < 130 else 14)
    assert found.hrv.heart_rate_bpm == pytest.approx(true.heart_rate_bpm, abs=0.3)
    assert found.hrv.rmssd_ms == pytest.approx(true.rmssd_ms, abs=1.5)
    assert found.hrv.sdnn_ms == pytest.approx(true.sdnn_ms, abs=1.5)


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(100, 10_000),
    rate_bpm=st.floats(42, 165),
    breath_ms=st.floats(2, 40),
    noise=st.floats(0, 0.06),
)
def test_the_rate_is_never_half_or_double(
    seed: int, rate_bpm: float, breath_ms: float, noise: float
) -> None:
    true = pulse(40, rate_bpm, seed, breath_ms=breath_ms, wave_ms=breath_ms / 2, noise=noise)
    rate = analyse(true.samples, true.rate_hz).hrv.heart_rate_bpm
    assert rate is not None
    assert rate == pytest.approx(true.heart_rate_bpm, abs=1)


@pytest.mark.parametrize("rate_bpm", [192, 195, 198, 205, 210, 220, 235, 250])
def test_a_racing_heart_is_counted_or_not_told_but_never_a_third_of_itself(rate_bpm: int) -> None:
    true = pulse(40, rate_bpm, breath_ms=3, wave_ms=2)
    rate = analyse(true.samples, true.rate_hz).hrv.heart_rate_bpm
    told = rate is not None
    assert told or rate_bpm > 200
    assert not told or rate == pytest.approx(true.heart_rate_bpm, abs=2)


@pytest.mark.parametrize("depth", [0.1, 0.2, 0.3])
@pytest.mark.parametrize("beats_a_breath", [2, 3, 4])
def test_beats_that_wax_and_wane_with_the_breath_are_all_counted(
    depth: float, beats_a_breath: int
) -> None:
    """At two beats a breath, every second one is smaller: the pulse is not half as fast."""
    at_s = np.arange(0.4, 59.5, 0.5)
    height = 1 + depth * np.cos(2 * np.pi * np.arange(len(at_s)) / beats_a_breath)
    time_s = np.arange(0, 60, 0.01)
    beats = np.exp(-0.5 * ((time_s[:, None] - at_s) / 0.06) ** 2) * height
    found = analyse(beats.sum(axis=1), 100)
    assert found.hrv.heart_rate_bpm == pytest.approx(120, abs=0.5)


@pytest.mark.parametrize("early_s", [0.55, 0.65])
@pytest.mark.parametrize("strength", [0.2, 0.25, 0.3, 0.5, 0.75, 1.0])
def test_every_second_beat_early_is_never_half_the_rate(strength: float, early_s: float) -> None:
    """Such a wave repeats itself only every two beats: no rate is told rather than 37."""
    rate = analyse(pairs_of_beats(strength, early_s)[:6000], 100).hrv.heart_rate_bpm
    assert rate is None or rate == pytest.approx(75, abs=1)


@pytest.mark.parametrize(
    ("rate_bpm", "second", "delay_s"), [(75, 0.7, 0.32), (70, 0.5, 0.36), (40, 0.6, 0.35)]
)
def test_a_strong_late_second_wave_is_no_beat(
    rate_bpm: float, second: float, delay_s: float
) -> None:
    true = with_second_waves(rate_bpm, second, delay_s)
    rate = analyse(true.samples, 100).hrv.heart_rate_bpm
    assert rate == pytest.approx(true.heart_rate_bpm, abs=0.5)


@pytest.mark.parametrize("rate_bpm", [70, 75, 80, 85, 90])
@pytest.mark.parametrize("second", [0.5, 0.6, 0.7])
@pytest.mark.parametrize("delay_s", [0.35, 0.38])
def test_second_waves_half_a_period_late_are_not_counted(
    rate_bpm: float, second: float, delay_s: float
) -> None:
    """Where it cannot be told whether they are beats, no rate is."""
    true = with_second_waves(rate_bpm, second, delay_s)
    rate = analyse(true.samples, 100).hrv.heart_rate_bpm
    assert rate is None or rate == pytest.approx(true.heart_rate_bpm, abs=2)


class TestWhatIsOpen:
    def test_beats_that_alternate_in_height_alone_are_beats(self) -> None:
        """As a failing heart's do (pulsus alternans): they come when the heart beats."""
        times_s = np.cumsum(0.42 + 0.012 * np.random.default_rng(1).standard_normal(140))
        heights = np.tile([1.3, 0.7], 70)
        assert not holds_second_waves(times_s, heights)
        uneven_s = times_s - np.tile([0.0, 0.03], 70)
        assert holds_second_waves(uneven_s, heights)

    def test_early_weak_beats_with_a_pause_after_them_are_beats(self) -> None:
        heights, rr_s = np.ones(80), np.full(80, 0.85)
        heights[5::9], rr_s[5::9], rr_s[6::9] = 0.5, 0.4, 1.3
        assert not holds_second_waves(np.cumsum(rr_s), heights)

    def test_a_few_second_waves_do_not_matter_and_some_do(self) -> None:
        times_s, heights = np.arange(80) * 0.8, np.ones(80)
        for count, are_held in ((0, False), (2, False), (4, True)):
            at_s = np.concatenate((times_s, times_s[10 : 10 + count] + 0.35))
            order = np.argsort(at_s)
            high = np.concatenate((heights, np.full(count, 0.5)))
            assert holds_second_waves(at_s[order], high[order]) == are_held

    @pytest.mark.parametrize("rate_bpm", [34, 40, 48])
    @pytest.mark.parametrize("noise", [0.012, 0.1, 0.2])
    def test_in_the_long_wave_of_a_slow_heart_no_beat_is_seen(
        self, rate_bpm: int, noise: float
    ) -> None:
        for seed in range(4):
            true = pulse(60, rate_bpm, seed, noise=noise)
            rate = analyse(true.samples, true.rate_hz).hrv.heart_rate_bpm
            assert rate == pytest.approx(true.heart_rate_bpm, abs=0.5)


@pytest.mark.parametrize(("rate_bpm", "spread"), [(65, 0.2), (85, 0.2), (105, 0.2), (105, 0.15)])
def test_a_fibrillating_heart_is_counted_to_within_two_beats(
    rate_bpm: float, spread: float
) -> None:
    """No interval is like the one before it, yet every wave is seen."""
    errors = []
    for seed in range(8):
        true = fibrillating(seed, rate_bpm, spread)
        found = analyse(true.samples, true.rate_hz).hrv.heart_rate_bpm
        errors += [] if found is None else [found - true.heart_rate_bpm]
    assert len(errors) >= 5
    assert np.abs(errors).max() < 2
    assert abs(np.mean(errors)) < 0.5, "on the whole neither fast nor slow"


def test_noise_makes_variability_larger_in_no_direction() -> None:
    """The error of measurement is taken out: a noisy minute reads like a clean one."""
    differences = []
    for seed in range(100, 110):
        true = pulse(60, 70, seed, noise=0.05)
        found = analyse(true.samples, true.rate_hz)
        assert found.hrv.rmssd_ms is not None
        differences.append(found.hrv.rmssd_ms - true.rmssd_ms)
    assert abs(np.mean(differences)) < 1
    assert np.abs(differences).max() < 4


def test_variability_that_is_all_error_is_not_told() -> None:
    """Beats as regular as a clock in a noisy wave: the rate is sure, the rest is not known."""
    rng = np.random.default_rng(100)
    time_s = np.arange(0, 60, 0.01)
    clock = np.exp(-0.5 * (((time_s % 0.8) - 0.4) / 0.07) ** 2)
    assert analyse(clock, 100).hrv.rmssd_ms == pytest.approx(0, abs=0.2)
    for _ in range(6):
        hrv = analyse(clock + 0.12 * rng.standard_normal(len(clock)), 100).hrv
        assert hrv.heart_rate_bpm == pytest.approx(75, abs=0.2)
        assert hrv.rmssd_ms is None or 0 < hrv.rmssd_ms < 6


class TestNothingToRead:
    def says(self, samples: np.ndarray, rate_hz: float = 100) -> str:
        found = analyse(samples, rate_hz)
        assert not found.accepted
        assert all(value is None for value in dataclasses.asdict(found.hrv).values())
        return found.reason

    def test_a_flat_line_is_no_finger(self) -> None:
        assert self.says(np.full(6000, 512.0)) == "put a finger on the sensor"

    @pytest.mark.parametrize("seed", range(100, 106))
    def test_noise_is_no_pulse(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        assert self.says(rng.standard_normal(6000))
        assert self.says(np.cumsum(rng.standard_normal(6000)))

    def test_hum_is_no_pulse(self) -> None:
        assert self.says(np.sin(2 * np.pi * 50.3 * np.arange(6000) / 100))

    def test_too_short_asks_for_more(self) -> None:
        assert self.says(pulse(60).samples[:1000]) == "a few seconds more"
        assert self.says(pulse(60).samples[:50]) == "a few seconds more"
        assert self.says(np.zeros(0)) == "a few seconds more"

    def test_a_hand_that_shakes_all_the_time_is_not_read(self) -> None:
        rng = np.random.default_rng(100)
        for strength in (50, 150, 500):
            shaking = np.convolve(rng.standard_normal(6000), np.hanning(20), "same") * strength
            assert self.says(pulse(60).samples + shaking)

    def test_half_a_minute_of_shaking_is_told_to_hold_still(self) -> None:
        rng = np.random.default_rng(100)
        shaking = np.convolve(rng.standard_normal(6000), np.hanning(40), "same") * 300
        shaking[:2400] = 0
        assert self.says(pulse(60).samples + shaking) == "hold still"


def test_one_movement_does_not_cost_the_minute() -> None:
    true = pulse(60, 66)
    moved = true.samples.copy()
    moved[2000:2200] += 2500 * np.hanning(200) * np.sin(np.arange(200) / 9)
    found = analyse(moved, 100)
    assert found.accepted
    assert found.hrv.heart_rate_bpm == pytest.approx(true.heart_rate_bpm, abs=0.7)
    assert found.hrv.rmssd_ms == pytest.approx(true.rmssd_ms, abs=4)
    during = (found.beats.times_s > 20.2) & (found.beats.times_s < 21.8)
    assert not found.beats.good[during].any()


def test_no_interval_spans_lost_samples() -> None:
    true = pulse(60, 66)
    lost = np.delete(true.samples, slice(3000, 3460))
    spanned, cut = analyse(lost, 100), analyse(lost, 100, breaks=[3000])
    over = (cut.intervals.ends_s > 30) & (cut.intervals.ends_s - cut.intervals.rr_s <= 30)
    assert over.sum() == 1
    assert not cut.intervals.valid[over].any()
    assert cut.intervals.valid.sum() < spanned.intervals.valid.sum() + 1
    assert cut.hrv.rmssd_ms == pytest.approx(true.rmssd_ms, abs=3)


def test_an_early_beat_and_its_pause_are_left_out() -> None:
    at_s = np.arange(0.5, 59, 0.85) + 0.01 * np.sin(np.arange(69))
    at_s[30] -= 0.25
    time_s = np.arange(0, 60, 0.01)
    wave = np.exp(-0.5 * ((time_s[:, None] - at_s) / 0.06) ** 2).sum(axis=1)
    found = analyse(wave, 100)
    truth = 1e3 * np.sqrt(np.mean(np.diff(at_s[:29], 2) ** 2))
    assert found.hrv.rmssd_ms == pytest.approx(truth, abs=1.5)
    assert found.intervals.artefacts >= 2


@pytest.mark.parametrize("missed", [0, 1, 20, -2, -1])
def test_an_interval_with_a_beat_missed_in_it_is_left_out(missed: int) -> None:
    """Also at the ends, and where a breath makes the intervals as unequal as a young heart's."""
    rr_s = 0.8 + 0.09 * np.sin(np.arange(45) * 2 * np.pi / 5)
    rr_s[missed] *= 2
    found = artefacts(rr_s)
    assert found[missed]
    assert found.sum() <= 3


@pytest.mark.parametrize("seed", [9, 10, 11])
def test_a_short_interval_among_restless_ones_counts(seed: int) -> None:
    """The threshold is taken from deviations of which the short ones count twice, too."""
    rr_s = 0.8 + 0.05 * np.random.default_rng(seed).standard_normal(93)
    rr_s[40] = 0.55
    assert not artefacts(rr_s)[40]


@pytest.mark.parametrize("seed", range(5))
def test_a_restless_start_counts_in_the_rate(seed: int) -> None:
    """The heart slows down as one settles: to leave out the start would say too slow a heart."""
    rng = np.random.default_rng(seed)
    phases = (Phase(0, 92, 30, 20), Phase(15, 68, 30, 20), Phase(60, 68, 30, 20))
    samples = simulated_finger(phases, seed).astype(np.float64)
    spread = samples.std()
    for start in rng.integers(100, 1100, 5):
        samples[start : start + 120] += 1.5 * spread * np.hanning(120) * rng.standard_normal()
    beats_s = np.array(beat_times(phases, seed))
    true_bpm = 60 / float(np.diff(beats_s[(beats_s > 0.3) & (beats_s < 59.5)]).mean())
    found = analyse(samples, 100)
    assert (~found.intervals.valid).sum() >= 2
    assert found.hrv.heart_rate_bpm == pytest.approx(true_bpm, abs=0.5)


class TestRateAlone:
    """What is timed badly can still be counted."""

    def judged(self, believed: float, seen: float = 1.0, duration_s: float = 60) -> PulseAnalysis:
        rng = np.random.default_rng(1)
        times_s = np.cumsum(0.85 + 0.03 * np.sin(np.arange(int(duration_s / 0.86))))
        good = np.arange(len(times_s)) < believed * len(times_s)
        is_seen = np.arange(len(times_s)) < seen * len(times_s)
        times_s = times_s + np.where(good, 0, 0.03) * rng.standard_normal(len(times_s))
        match = np.where(is_seen, 0.95, 0.2)
        return judge(Beats(times_s, np.full(len(times_s), 1e-3), match, good), duration_s)

    def test_a_minute_too_restless_for_variability_has_its_rate(self) -> None:
        found = self.judged(believed=0.42)
        assert not found.accepted
        assert found.reason == "hold still"
        assert found.hrv.heart_rate_bpm == pytest.approx(60 / 0.85, abs=0.5)
        assert found.hrv.rr_mean_ms == pytest.approx(850, abs=6)
        assert found.hrv.rmssd_ms is None

    @pytest.mark.parametrize(("believed", "seen"), [(0.42, 0.7), (0.2, 1.0), (0.0, 1.0)])
    def test_what_cannot_be_counted_has_no_number(self, believed: float, seen: float) -> None:
        found = self.judged(believed, seen)
        assert not found.accepted
        assert found.hrv == Hrv()

    def test_a_few_seconds_have_no_rate_either(self) -> None:
        assert self.judged(believed=0.42, duration_s=12).hrv == Hrv()


@pytest.mark.parametrize("kind", ["white", "wander", "smooth", "wobble"])
def test_what_is_no_pulse_has_no_rate(kind: str) -> None:
    for seed in range(8):
        rng = np.random.default_rng(seed)
        noise = rng.standard_normal(6040)
        wobble = np.sin(np.cumsum(0.02 * np.pi * (1 + 0.3 * np.cumsum(noise) / 80)))
        samples = {
            "white": noise,
            "wander": np.cumsum(noise),
            "smooth": np.convolve(noise, np.hanning(41), "same"),
            "wobble": wobble + 0.3 * rng.standard_normal(6040),
        }[kind]
        assert analyse(samples[:6000], 100).hrv.heart_rate_bpm is None


class TestHowOftenTheHeartHasBeaten:
    def stands_for(self, times_s: np.ndarray, good: np.ndarray, **how: object) -> np.ndarray:
        match = np.where(good, 0.99, 0.1)
        beats = Beats(times_s, np.full(len(times_s), 1e-3), match, good)
        return intervals_of(beats, **how).stands_for  # type: ignore[arg-type]

    def test_between_believed_beats_missed_ones_are_counted(self) -> None:
        times_s = np.delete(np.arange(40) * 0.8, [11, 20, 21])
        counts = self.stands_for(times_s, np.ones(len(times_s), np.bool_))
        assert counts.sum() == pytest.approx(39)
        assert counts[10] == pytest.approx(2)
        assert counts[18] == pytest.approx(3)

    def test_a_beat_that_is_not_believed_and_misplaced_makes_no_difference(self) -> None:
        times_s = np.arange(40) * 0.8
        good = np.ones(40, np.bool_)
        times_s[[12, 25]] += 0.25
        good[[12, 25]] = False
        counts = self.stands_for(times_s, good)
        assert counts.sum() == pytest.approx(39)
        assert counts[11] + counts[12] == pytest.approx(2)

    def test_where_it_is_not_plain_nothing_is_counted(self) -> None:
        times_s = np.concatenate((np.arange(20) * 0.8, 19 * 0.8 + 1.2 + np.arange(20) * 0.8))
        counts = self.stands_for(times_s, np.ones(40, np.bool_))
        assert counts[19] == 0
        assert counts.sum() == pytest.approx(38)

    def test_nothing_is_counted_over_lost_samples(self) -> None:
        times_s = np.delete(np.arange(40) * 0.8, [20])
        counts = self.stands_for(times_s, np.ones(39, np.bool_), breaks_s=[16.2])
        assert counts[19] == 0

    @given(
        missed=st.lists(st.integers(2, 57), max_size=12),
        misplaced=st.lists(st.integers(2, 57), max_size=12),
        breath_s=st.floats(0, 0.08),
        slowing=st.floats(-0.003, 0.003),
    )
    def test_the_rate_is_that_of_the_heart(
        self, missed: list[int], misplaced: list[int], breath_s: float, slowing: float
    ) -> None:
        beat = np.arange(60)
        rr_s = 0.8 + slowing * beat + breath_s * np.sin(beat * 2 * np.pi / 5)
        times_s, good = np.cumsum(rr_s), np.ones(60, np.bool_)
        times_s[misplaced] += 0.2
        good[misplaced] = False
        kept = np.setdiff1d(beat, missed)
        beats = Beats(times_s[kept], np.full(len(kept), 1e-3), np.where(good, 0.99, 0.1)[kept],
                      good[kept])  # fmt: skip
        mean_s = intervals_of(beats).mean_s()
        assert mean_s == pytest.approx(rr_s[1:].mean(), rel=0.03)


def test_short_recordings_carry_the_rate_alone() -> None:
    hrv = analyse(pulse(20).samples, 100).hrv
    assert hrv.heart_rate_bpm is not None
    assert hrv.rmssd_ms is None
    assert hrv.sdnn_ms is None


def test_the_spectrum_waits_for_two_minutes_and_finds_breath_and_wave() -> None:
    assert analyse(pulse(100).samples, 100).hrv.lf_ms2 is None
    breathing = analyse(pulse(180, breath_ms=40, wave_ms=0).samples, 100).hrv
    waving = analyse(pulse(180, breath_ms=0, wave_ms=40).samples, 100).hrv
    assert breathing.hf_ms2 is not None
    assert breathing.lf_ms2 is not None
    assert waving.lf_ms2 is not None
    assert waving.hf_ms2 is not None
    assert breathing.hf_ms2 == pytest.approx(40**2 / 2, rel=0.25)
    assert waving.lf_ms2 == pytest.approx(40**2 / 2, rel=0.25)
    assert breathing.lf_ms2 < 0.1 * breathing.hf_ms2
    assert waving.hf_ms2 < 0.1 * waving.lf_ms2
    assert breathing.vlf_ms2 is None


def test_the_measures_agree_with_each_other() -> None:
    hrv = analyse(pulse(60).samples, 100).hrv
    assert hrv.rmssd_ms is not None
    assert hrv.sdnn_ms is not None
    assert hrv.sd1_ms == pytest.approx(hrv.rmssd_ms / np.sqrt(2))
    assert hrv.sd2_ms == pytest.approx(np.sqrt(2 * hrv.sdnn_ms**2 - hrv.rmssd_ms**2 / 2))
    assert hrv.rr_mean_ms == pytest.approx(60_000 / (hrv.heart_rate_bpm or 0))
    assert 0 <= (hrv.pnn50 or 0) <= 1


class TestRealRecordings:
    def test_a_phones_camera_against_the_chest_strap(self) -> None:
        errors_bpm, errors_ms, files = [], [], sorted(data_folder("welltory_ppg").glob("*/PPG.csv"))
        for file in files:
            rr_ms = np.array((file.parent / "RR.txt").read_text().split(), float)
            hrv = analyse_file(file)[1].hrv
            if hrv.heart_rate_bpm is not None and hrv.rmssd_ms is not None:
                errors_bpm.append(abs(hrv.heart_rate_bpm - 60_000 / rr_ms.mean()))
                errors_ms.append(abs(hrv.rmssd_ms - np.sqrt(np.mean(np.diff(rr_ms) ** 2))))
        assert len(errors_bpm) >= 0.85 * len(files)
        assert max(errors_bpm) <= 2
        assert np.median(errors_ms) <= 8

    @pytest.mark.parametrize(("record", "ecg_bpm"), [("a103l", 126.6), ("v102s", 104.0)])
    def test_a_finger_clip_against_the_ecg(self, record: str, ecg_bpm: float) -> None:
        found = analyse_file(data_folder("wfdb_sample") / f"{record}.hea")[1]
        assert found.hrv.heart_rate_bpm == pytest.approx(ecg_bpm, abs=2)
