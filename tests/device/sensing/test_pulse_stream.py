"""One finger followed block by block: as a whole recording reads, in bounded memory."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from device.config import PulseSettings
from device.readings import PpgBlock, PulseAdvice, PulseReading, frozen
from device.sensing.pulse import PulseStream, analyse
from tests.fakes.pulse_waves import Pulse, blocks, fibrillating, pulse


def follow(
    stream: PulseStream, sent: list[PpgBlock], *, silent_s: float = 0.0
) -> list[PulseReading]:
    """Feed every block, reading after each; then read on for a while without any."""
    readings = []
    for block in sent:
        stream.feed(block)
        readings.append(stream.reading(block.received_at))
    end_s = sent[-1].received_at
    return readings + [stream.reading(end_s + 0.2 * n) for n in range(1, int(silent_s / 0.2) + 1)]


def with_gap(sent: list[PpgBlock], first: int, count: int) -> list[PpgBlock]:
    """Lose ``count`` blocks; the next one says so."""
    return [
        *sent[:first],
        replace(sent[first + count], gap_before=True),
        *sent[first + count + 1 :],
    ]


@pytest.mark.parametrize("every", [1, 4])
def test_the_stream_says_what_the_whole_recording_says(every: int) -> None:
    true = pulse(60, 68, every=every)
    stream = PulseStream(PulseSettings())
    last = follow(stream, list(blocks(true.samples, true.rate_hz, size=20 // every)))[-1]
    whole = analyse(true.samples, true.rate_hz).hrv
    assert last.finger_on
    assert last.reason == ""
    assert last.rmssd_ms == pytest.approx(whole.rmssd_ms, abs=0.5)
    assert last.sdnn_ms == pytest.approx(whole.sdnn_ms, abs=0.5)
    assert last.rr_mean_ms == pytest.approx(whole.rr_mean_ms, abs=1)
    assert last.heart_rate_bpm == pytest.approx(true.heart_rate_bpm, abs=2)


@settings(max_examples=5, deadline=None)
@given(size=st.integers(1, 300))
def test_how_the_samples_are_cut_into_blocks_does_not_matter(size: int) -> None:
    true = pulse(32, 72)
    last = follow(PulseStream(PulseSettings()), list(blocks(true.samples, size=size)))[-1]
    assert last.heart_rate_bpm == pytest.approx(true.heart_rate_bpm, abs=3)
    assert last.rmssd_ms == pytest.approx(true.rmssd_ms, abs=4)


def test_numbers_come_when_there_is_enough_and_not_before() -> None:
    readings = follow(PulseStream(PulseSettings()), list(blocks(pulse(40).samples)))
    for reading in readings:
        assert reading.finger_on
        if reading.window_s < 15:
            assert reading.heart_rate_bpm is None
            assert reading.reason == "a few seconds more"
        if reading.window_s < 30:
            assert reading.rmssd_ms is None
    rate_from_s = next(r.window_s for r in readings if r.heart_rate_bpm is not None)
    variability_from_s = next(r.window_s for r in readings if r.rmssd_ms is not None)
    assert 15 <= rate_from_s < 17
    assert 30 <= variability_from_s < 32


def test_the_rate_follows_the_heart() -> None:
    calm, tense = pulse(60, 60, seed=101), pulse(40, 95, seed=102)
    joined = np.concatenate((calm.samples, tense.samples))
    last = follow(PulseStream(PulseSettings()), list(blocks(joined)))[-1]
    assert last.heart_rate_bpm == pytest.approx(95, abs=2)
    assert last.stress is not None
    assert last.stress > 0.8


def test_nobody_is_asked_to_sit_for_the_next_ones_numbers() -> None:
    stream = PulseStream(PulseSettings())
    follow(stream, list(blocks(pulse(70, 60).samples)))
    stream.forget()
    first = follow(stream, list(blocks(pulse(5).samples, start_s=70)))[-1]
    assert first.finger_on
    assert first.window_s <= 5
    assert first.heart_rate_bpm is None
    assert first.stress is None


class TestFinger:
    def test_what_the_sensor_says_counts_at_once(self) -> None:
        stream = PulseStream(PulseSettings())
        on = list(blocks(pulse(20).samples))
        assert follow(stream, on)[-1].finger_on
        off = next(iter(blocks(np.zeros(20), finger_on=False, start_s=20)))
        (gone,) = follow(stream, [off])
        assert not gone.finger_on
        assert gone.reason == "put a finger on the sensor"
        assert gone.heart_rate_bpm is None
        assert len(gone.wave) == 0

    def test_a_finger_that_is_there_is_not_asked_for(self) -> None:
        """The sensor feels it, but its wave has no rhythm: a hand that moves, a heart that does."""
        wild = np.random.default_rng(3).uniform(0, 1023, 3000)
        readings = follow(PulseStream(PulseSettings()), list(blocks(wild)))
        assert all(reading.finger_on for reading in readings)
        assert {reading.reason for reading in readings[100:]} <= {
            PulseAdvice.STILL, PulseAdvice.WARM,
        }  # fmt: skip

    def test_silence_means_gone_after_two_seconds(self) -> None:
        sent = list(blocks(pulse(20).samples))
        readings = follow(PulseStream(PulseSettings()), sent, silent_s=4)[len(sent) :]
        since_s = [reading.measured_at - 20 for reading in readings if reading.finger_on is None]
        assert 1.9 <= since_s[0] <= 2.5
        assert len(since_s) == sum(reading.measured_at - 20 >= since_s[0] for reading in readings)

    @pytest.mark.parametrize("seed", (100, 102))
    @pytest.mark.parametrize("left", ["still", "noisy", "step"])
    def test_a_finger_is_told_from_its_absence_by_the_signal(self, seed: int, left: str) -> None:
        rng = np.random.default_rng(seed)
        nothing = 30 + (4 * rng.standard_normal(1200) if left != "still" else np.zeros(1200))
        if left == "step":
            nothing += 900
        finger = pulse(20, 55 + 10 * (seed - 100), seed).samples
        sent = list(blocks(np.concatenate((nothing, finger, nothing)), finger_on=None))
        readings = follow(PulseStream(PulseSettings()), sent)
        before = [r for r in readings if r.measured_at <= 12]
        there = [r for r in readings if 18 <= r.measured_at <= 32]
        after = [r for r in readings if r.measured_at > 32 + 3]
        assert not any(reading.finger_on for reading in before)
        assert all(reading.finger_on for reading in there)
        assert not any(reading.finger_on for reading in after)

    @pytest.mark.parametrize("seed", [3, 11])
    def test_a_sensor_that_stands_still_has_no_finger(self, seed: int) -> None:
        """Of one that cannot tell: nothing moves any more, not by one count."""
        finger = pulse(60, 70, seed).samples
        sent = list(blocks(np.concatenate((finger, np.full(800, finger[-1]))), finger_on=None))
        readings = follow(PulseStream(PulseSettings()), sent)
        assert readings[295].finger_on
        assert not any(r.finger_on for r in readings if r.measured_at > 63)

    @pytest.mark.parametrize("breath_ms", [20, 60])
    @pytest.mark.parametrize("rate_bpm", [34, 36, 40, 42, 45])
    def test_a_slow_heart_is_not_lost(self, rate_bpm: float, breath_ms: float) -> None:
        """Of a sensor that cannot tell: three seconds do not hold two of its beats."""
        true = pulse(40, rate_bpm, breath_ms=breath_ms)
        sent = list(blocks(np.concatenate((true.samples, np.full(800, 30.0))), finger_on=None))
        readings = follow(PulseStream(PulseSettings()), sent)
        found_at = next(r.measured_at for r in readings if r.finger_on)
        assert found_at < 6
        assert all(r.finger_on for r in readings if found_at < r.measured_at <= 40)
        told = [r.heart_rate_bpm for r in readings if 24 < r.measured_at <= 40]
        assert all(rate == pytest.approx(true.heart_rate_bpm, abs=2) for rate in told)
        assert not any(r.finger_on for r in readings if r.measured_at > 45.5)

    @pytest.mark.parametrize("seed", [1, 2, 3])
    @pytest.mark.parametrize("kind", ["deep breaths", "fibrillating"])
    def test_a_heart_without_a_steady_rhythm_is_not_lost(self, seed: int, kind: str) -> None:
        """Of a sensor that cannot tell: that it beats on shows in its beats."""
        deep = kind == "deep breaths"
        true = pulse(60, 66, seed, breath_ms=150) if deep else fibrillating(seed, 85, 0.22)
        nothing = np.full(800, true.samples[-1])
        sent = list(blocks(np.concatenate((true.samples, nothing)), finger_on=None))
        readings = follow(PulseStream(PulseSettings()), sent)
        found_at = next(r.measured_at for r in readings if r.finger_on)
        assert found_at < 25
        held = [r for r in readings if found_at + 10 < r.measured_at <= 60]
        assert sum(r.finger_on is True for r in held) > 0.9 * len(held)
        assert any(r.heart_rate_bpm for r in held)
        assert not any(r.finger_on for r in readings if r.measured_at > 63)

    def test_a_slow_heart_is_not_lost_when_what_was_measured_is_forgotten(self) -> None:
        stream, true = PulseStream(PulseSettings()), pulse(40, 38)
        sent = list(blocks(true.samples, finger_on=None))
        follow(stream, sent[:100])
        stream.forget()
        assert all(r.finger_on for r in follow(stream, sent[100:]))

    @pytest.mark.parametrize("rate_bpm", [36, 40, 45, 50, 75, 100, 120])
    def test_a_finger_is_beyond_doubt_when_it_was_held_for_a_yes(self, rate_bpm: float) -> None:
        """Also where the sensor cannot tell: before greeting and holding are over."""
        nothing = 512 + 4 * np.random.default_rng(8).standard_normal(800)
        finger = pulse(20, rate_bpm, seed=8).samples
        sent = list(blocks(np.concatenate((nothing, finger)), finger_on=None))
        readings = follow(PulseStream(PulseSettings()), sent)
        found_at = next(r.measured_at for r in readings if r.finger_on)
        assert not any(r.finger_sure for r in readings if r.measured_at < found_at)
        assert all(r.finger_sure for r in readings if r.measured_at > found_at + 6.2)
        felt = follow(PulseStream(PulseSettings()), list(blocks(pulse(5, rate_bpm).samples)))
        assert all(r.finger_sure for r in felt)

    @pytest.mark.parametrize("flicker_hz", [0.8, 1.2, 2.0, 3.0])
    @pytest.mark.parametrize("shape", [np.sin, lambda turn: np.abs(np.sin(turn / 2))])
    def test_a_lamp_is_never_a_finger_beyond_doubt(
        self, flicker_hz: float, shape: Callable[[NDArray[np.float64]], NDArray[np.float64]]
    ) -> None:
        """Its flicker, slowed by the rate of the sensor, is as regular as a heart."""
        rng, turn = np.random.default_rng(4), 2 * np.pi * flicker_hz * np.arange(6000) / 100
        nothing = 4 * rng.standard_normal(800)
        lamp = 200 * shape(turn) + 4 * rng.standard_normal(len(turn))
        sent = list(blocks(512 + np.concatenate((nothing, lamp)), finger_on=None))
        readings = follow(PulseStream(PulseSettings()), sent)
        assert any(reading.finger_on for reading in readings), "it is taken for one, but"
        assert not any(reading.finger_sure for reading in readings)

    def test_nothing_is_claimed_of_a_finger_before_there_is_something_to_go_by(self) -> None:
        """A sensor that cannot tell: absence is seen after four seconds, and never of a finger."""
        assert PulseStream(PulseSettings()).reading(0.0).finger_on is None
        nothing = 512 + 4 * np.random.default_rng(5).standard_normal(1200)
        readings = follow(PulseStream(PulseSettings()), list(blocks(nothing, finger_on=None)))
        unknown = [r.measured_at for r in readings if r.finger_on is None]
        assert 3.8 <= max(unknown) <= 4.5
        assert {r.finger_on for r in readings if r.measured_at > max(unknown)} == {False}
        for seed in range(20):
            stream = PulseStream(PulseSettings())
            rests = list(blocks(pulse(20, 50 + 4 * seed, seed).samples, finger_on=None))
            said = [reading.finger_on for reading in follow(stream, rests, silent_s=3)]
            assert False not in said
            assert said[-1] is None, "the sensor is silent"
            assert True in said
            away = list(blocks(np.zeros(300), finger_on=None, start_s=23))
            assert [r.finger_on for r in follow(stream, away)][10] is None, "silent a moment ago"

    @pytest.mark.parametrize(("away_s", "goes_on"), [(0.2, True), (0.8, True), (1.6, False)])
    def test_a_finger_that_is_back_at_once_is_the_same_one(
        self, away_s: float, goes_on: bool
    ) -> None:
        true = pulse(60, 68)
        sent = [
            replace(block, finger_on=not 40 < block.received_at <= 40 + away_s)
            for block in blocks(true.samples)
        ]
        readings = follow(PulseStream(PulseSettings()), sent)
        away = [r for r in readings if 40.1 < r.measured_at < 40 + away_s]
        assert not any(r.finger_on or r.heart_rate_bpm or len(r.wave) for r in away)
        soon = next(r for r in readings if r.measured_at > 42 + away_s)
        assert (soon.heart_rate_bpm is not None) == goes_on
        last = readings[-1]
        assert last.window_s == pytest.approx(60 - away_s if goes_on else 20 - away_s, abs=0.3)
        assert last.heart_rate_bpm == pytest.approx(true.heart_rate_bpm, abs=2)
        if goes_on:
            assert last.rmssd_ms == pytest.approx(true.rmssd_ms, abs=3)

    def test_a_finger_lifted_again_and_again_is_followed(self) -> None:
        """A light touch at the threshold of the sensor: gone for a moment every five seconds."""
        true = pulse(60, 68)
        sent = [
            replace(block, finger_on=block.received_at % 5 > 0.3) for block in blocks(true.samples)
        ]
        *_, last, gone = follow(PulseStream(PulseSettings()), sent)
        assert last.heart_rate_bpm == pytest.approx(true.heart_rate_bpm, abs=2)
        assert gone.heart_rate_bpm is None

    def test_a_finger_that_left_is_forgotten_though_no_block_comes_any_more(self) -> None:
        stream = PulseStream(PulseSettings())
        sent = list(blocks(pulse(20).samples))
        sent.append(next(iter(blocks(np.zeros(20), finger_on=False, start_s=20))))
        assert not any(r.finger_on for r in follow(stream, sent, silent_s=3)[len(sent) - 1 :])
        (back,) = follow(stream, [next(iter(blocks(pulse(5).samples, start_s=24)))])
        assert back.window_s < 1

    def test_a_new_finger_begins_anew(self) -> None:
        first, second = pulse(40, 60, seed=101), pulse(20, 90, seed=102)
        away = list(blocks(np.zeros(300), finger_on=False, start_s=40))
        stream = PulseStream(PulseSettings())
        follow(stream, list(blocks(first.samples)) + away)
        last = follow(stream, list(blocks(second.samples, start_s=43)))[-1]
        assert last.window_s == pytest.approx(20)
        assert last.heart_rate_bpm == pytest.approx(second.heart_rate_bpm, abs=1)


class TestHoles:
    def test_a_hole_costs_its_intervals_and_no_more(self) -> None:
        true = pulse(60, 68)
        sent = with_gap(list(blocks(true.samples)), 150, 13)
        last = follow(PulseStream(PulseSettings()), sent)[-1]
        assert last.heart_rate_bpm == pytest.approx(true.heart_rate_bpm, abs=2)
        assert last.rmssd_ms == pytest.approx(true.rmssd_ms, abs=3)
        assert last.beats_rejected >= 1

    def test_a_line_full_of_holes_gives_no_number(self) -> None:
        true = pulse(60, 68)
        sent = [block for number, block in enumerate(blocks(true.samples)) if number % 6]
        sent = [replace(b, gap_before=b.seq % 6 == 1) for b in sent]
        readings = follow(PulseStream(PulseSettings()), sent)
        assert all(reading.rmssd_ms is None for reading in readings)
        assert readings[-1].reason

    def test_another_rate_begins_anew(self) -> None:
        stream = PulseStream(PulseSettings())
        follow(stream, list(blocks(pulse(20).samples)))
        slow: Pulse = pulse(20, 80, every=2)
        last = follow(stream, list(blocks(slow.samples, 50, size=10, start_s=20)))[-1]
        assert last.window_s == pytest.approx(20)
        assert last.heart_rate_bpm == pytest.approx(slow.heart_rate_bpm, abs=1)


@pytest.mark.parametrize("rate_hz", [100.0, 49.73])
def test_a_window_just_as_long_as_a_measure_needs_gives_it(rate_hz: float) -> None:
    """Cut to whole samples it would be a part of a sample too short for ever."""
    steady: Pulse = pulse(135, 72, every=round(100 / rate_hz))
    sent = list(blocks(steady.samples, rate_hz, size=round(rate_hz / 5)))
    settings = PulseSettings(window_s=120, min_window_s=120)
    readings = follow(PulseStream(settings), sent)[-30:]
    assert all(r.window_s == 120 for r in readings)
    assert all(r.heart_rate_bpm and r.lf_ms2 and r.hf_ms2 for r in readings)


def test_the_wave_is_there_for_the_screen() -> None:
    readings = follow(PulseStream(PulseSettings()), list(blocks(pulse(20, 66).samples)))
    wave, rate_hz = readings[-1].wave, readings[-1].wave_rate_hz
    assert len(wave) / rate_hz == pytest.approx(5, abs=0.1)
    assert rate_hz == pytest.approx(50, abs=2)
    assert wave.dtype == np.float32
    assert 0.9 <= np.abs(wave).max() <= 1
    assert not wave.flags.writeable
    peaks = np.flatnonzero((wave[1:-1] > 0.6) & (wave[1:-1] > wave[:-2]) & (wave[1:-1] >= wave[2:]))
    assert len(peaks) == pytest.approx(5 * 66 / 60, abs=1)


def test_memory_does_not_grow() -> None:
    stream = PulseStream(PulseSettings(window_s=30))
    samples = pulse(60).samples
    for turn in range(5):
        for block in blocks(samples, start_s=60 * turn):
            stream.feed(replace(block, gap_before=block.seq % 7 == 0))
        assert stream._samples.nbytes <= 1.01 * 30 * 100 * 4
        assert len(stream._breaks) <= 30 * 100 / 20
        assert sys.getsizeof(stream._breaks) < 4000


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.lists(st.floats(width=32), max_size=40),
            st.sampled_from([100.0, 25.0, 99.0, 5.0, 0.0, -1.0, 1e6, float("nan")]),
            st.sampled_from([True, False, None]),
            st.booleans(),
        ),
        max_size=60,
    )
)
def test_no_block_however_strange_breaks_it(
    strange: list[tuple[list[float], float, bool | None, bool]],
) -> None:
    stream = PulseStream(PulseSettings(window_s=15, min_window_s=8))
    for number, (samples, rate_hz, finger_on, gap) in enumerate(strange):
        values = frozen(np.array(samples * 5, np.float32))
        stream.feed(PpgBlock(number, 0.1 * number, rate_hz, values, finger_on, gap))
        reading = stream.reading(0.1 * number)
        assert 0 <= reading.quality <= 1
        numbers = (reading.heart_rate_bpm, reading.rmssd_ms, reading.sdnn_ms, reading.stress)
        assert all(value is None or np.isfinite(value) for value in numbers)
        assert np.isfinite(reading.wave).all()
