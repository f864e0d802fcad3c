"""A sensor's bytes -> samples -> beats, where its clock drifts, wraps or begins again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from device.channels import BoundedQueue
from device.config import PulseSettings
from device.readings import PpgBlock, PulseReading
from device.sensing.ppg_blocks import PpgBlocks
from device.sensing.pulse import PulseStream
from device.sensing.pulse.sensor_time import SensorTime
from firmware_bridge import attune_frames as wire
from firmware_bridge.attune_frames import CLOCK_SPAN_US
from firmware_bridge.attune_stream import AttuneParser
from firmware_bridge.protocols import PROTOCOLS
from firmware_bridge.samples import Parser
from firmware_bridge.simulated_senders import SENDERS
from tests.fakes.pulse_waves import Pulse, pulse

Times = NDArray[np.float64]
HELLO = wire.hello_payload(
    wire.Hello((1, 0), wire.SensorModel.ANALOG, 10, 100, wire.ResetCause.POWER, b"ABCDEFGH")
)
BATCH = 15


def taken_at(duration_s: float, rate_hz: Callable[[float], float]) -> Times:
    """Return when a sensor takes its samples whose rate changes with time."""
    fine_s = np.arange(0, duration_s, 0.01)
    count = np.concatenate(([0.0], np.cumsum([rate_hz(t) * 0.01 for t in fine_s[:-1]])))
    return np.asarray(np.interp(np.arange(int(count[-1])), count, fine_s))


@dataclass
class Line:
    """All from the bytes to the reading, in a simulated time."""

    parser: Parser = field(default_factory=AttuneParser)
    stream: PulseStream = field(default_factory=lambda: PulseStream(PulseSettings()))
    queue: BoundedQueue[PpgBlock] = field(default_factory=lambda: BoundedQueue(64, drop="oldest"))
    readings: list[PulseReading] = field(default_factory=list)
    holes: int = 0
    due_s: float = 0.0

    def __post_init__(self) -> None:
        self.blocks = PpgBlocks(self.queue)
        self.blocks.connect()

    def hear(self, data: bytes, now_s: float) -> None:
        for run in self.parser.feed(data):
            self.blocks.add(run, now_s)
        while (block := self.queue.get(0)) is not None:
            self.holes += block.gap_before
            self.stream.feed(block)
        if now_s >= self.due_s:
            self.due_s = now_s + 0.9
            self.readings.append(self.stream.reading(now_s))

    @property
    def last(self) -> PulseReading:
        return self.readings[-1]


def frames(
    true: Pulse, at_s: Times, clock_us: Callable[[float], int], first_seq: int = 0
) -> Iterator[tuple[bytes, float]]:
    """Yield what our own firmware sends, and when: first its HELLO."""
    values = np.interp(at_s, np.arange(len(true.samples)) / true.rate_hz, true.samples)
    start_us = clock_us(float(at_s[0]))
    yield wire.encode(wire.Frame(wire.FrameType.HELLO, first_seq, start_us, HELLO)), float(at_s[0])
    flags = wire.SampleFlag.FINGER_KNOWN | wire.SampleFlag.FINGER_ON
    for number, first in enumerate(range(0, len(at_s) - BATCH + 1, BATCH)):
        part = [round(float(v) * 8) for v in values[first : first + BATCH]]
        seq = (first_seq + 1 + number) & 0xFFFF
        t_us = clock_us(float(at_s[first]))
        body = wire.samples_payload(part, flags | wire.SampleFlag.WIDE)
        yield (
            wire.encode(wire.Frame(wire.FrameType.SAMPLES, seq, t_us, body)),
            float(at_s[first + BATCH - 1]),
        )


def truth(true: Pulse, from_s: float, to_s: float) -> tuple[float, float]:
    """Return heart rate and RMSSD of the beats in a stretch."""
    beats_s = true.peaks_s[(true.peaks_s > from_s) & (true.peaks_s < to_s)]
    return (
        60 / float(np.diff(beats_s).mean()),
        1e3 * float(np.sqrt(np.mean(np.diff(beats_s, 2) ** 2))),
    )


@pytest.mark.parametrize("change", [-0.04, 0.04])
def test_a_rate_that_drifts_is_followed_to_the_beat(change: float) -> None:
    true, line = pulse(120, 66, noise=0.004), Line()
    at_s = taken_at(119, lambda t: 100 * (1 + change * t / 120))
    for data, now_s in frames(true, at_s, lambda t: int(1e6 * t)):
        line.hear(data, now_s)
    rate_bpm, rmssd_ms = truth(true, 59, 119)
    assert line.last.rr_mean_ms == pytest.approx(60_000 / rate_bpm, abs=1)
    assert line.last.rmssd_ms == pytest.approx(rmssd_ms, abs=0.5)
    later = [reading for reading in line.readings if reading.measured_at > 32]
    assert all(reading.rmssd_ms is not None for reading in later)
    assert line.holes == 1


def test_a_clock_that_wraps_is_not_noticed() -> None:
    true = pulse(70, 72)
    at_s = taken_at(69, lambda _: 100.0)
    whole, wraps = Line(), Line()
    begin_us = CLOCK_SPAN_US - 40_000_000
    for data, now_s in frames(true, at_s, lambda t: int(1e6 * t)):
        whole.hear(data, now_s)
    for data, now_s in frames(true, at_s, lambda t: (begin_us + int(1e6 * t)) % CLOCK_SPAN_US):
        wraps.hear(data, now_s)
    assert wraps.holes == 1
    assert wraps.last.rmssd_ms == pytest.approx(whole.last.rmssd_ms, abs=0.01)
    assert wraps.last.rr_mean_ms == pytest.approx(whole.last.rr_mean_ms, abs=0.01)
    assert all(r.heart_rate_bpm is not None for r in wraps.readings if r.measured_at > 17)


@pytest.mark.parametrize("off_s", [0.0, 1.3])
def test_a_sensor_that_begins_again_costs_the_beats_around_it(off_s: float) -> None:
    true, line = pulse(100, 70), Line()
    before = taken_at(50, lambda _: 100.0)
    after = 50 + off_s + taken_at(49 - off_s, lambda _: 100.0)
    for data, now_s in frames(true, before, lambda t: int(1e6 * t)):
        line.hear(data, now_s)
    for data, now_s in frames(true, after, lambda t: int(1e6 * (t - 50 - off_s))):
        line.hear(data, now_s)
    rate_bpm, rmssd_ms = truth(true, 40, 99)
    assert line.holes == 2
    assert line.last.finger_on
    assert line.last.rr_mean_ms == pytest.approx(60_000 / rate_bpm, abs=8)
    assert line.last.rmssd_ms == pytest.approx(rmssd_ms, abs=2)
    assert 1 <= line.last.beats_rejected <= 6


@pytest.mark.parametrize("name", ["cms50d_old", "cms50d_new", "nonin", "pulsesensor_psws"])
def test_a_sensor_without_a_clock_is_followed_by_how_its_samples_come(name: str) -> None:
    """One with a clock, too: 50 lines a second that are 51."""
    kind, true = SENDERS[name], pulse(90, 68)
    line = Line(parser=PROTOCOLS[kind.protocol].parser())
    at_s = taken_at(89, lambda _: 1.02 * kind.rate_hz)
    values = np.interp(at_s, np.arange(len(true.samples)) / 100, true.samples)
    jitter_s = np.random.default_rng(1).uniform(0, 0.02, len(at_s))
    for first in range(0, len(at_s) - 5, 5):
        part = [int(v) for v in values[first : first + 5]]
        data = kind.encode(part, first, float(at_s[first]), True)
        line.hear(data, float(at_s[first + 4] + jitter_s[first]))
    rate_bpm, rmssd_ms = truth(true, 29, 89)
    assert line.last.rr_mean_ms == pytest.approx(60_000 / rate_bpm, rel=0.006)
    assert line.last.rmssd_ms == pytest.approx(rmssd_ms, abs=3)


class TestSensorTime:
    def test_between_points_time_goes_as_the_clock_says(self) -> None:
        clock = SensorTime()
        for number in range(0, 6000, 20):
            clock.note(number, 7 + number / 98, 100, lost=False)
        seconds = clock.seconds(np.array([1000.0, 1098.0, 5999.5]), 100)
        assert np.diff(seconds) == pytest.approx([1, (5999.5 - 1098) / 98])

    def test_whole_milliseconds_do_not_shake_the_beats(self) -> None:
        clock, rng = SensorTime(), np.random.default_rng(3)
        for number in range(0, 3000, 10):
            clock.note(number, round(number / 50.3 + rng.uniform(0, 1e-3), 3), 50, lost=False)
        seconds = clock.seconds(np.arange(0, 2990, 40.0), 50)
        assert np.abs(np.diff(seconds) - 40 / 50.3).max() < 2e-4

    def test_without_a_clock_the_rate_counts(self) -> None:
        clock = SensorTime()
        clock.note(0, None, 60, lost=False)
        assert clock.seconds(np.array([0.0, 90.0]), 60) == pytest.approx([0, 1.5])

    @given(
        st.lists(
            st.tuples(
                st.integers(1, 400),
                st.none() | st.floats(-1e6, 1e6),
                st.booleans(),
            ),
            max_size=60,
        )
    )
    def test_whatever_a_clock_says_time_goes_forward(
        self, noted: list[tuple[int, float | None, bool]]
    ) -> None:
        clock, number = SensorTime(), 0
        for step, time_s, lost in noted:
            clock.note(number, time_s, 100, lost)
            number += step
            clock.forget_before(number - 6000)
            seconds = clock.seconds(np.arange(max(0, number - 6000), number, 7.0), 100)
            assert (np.diff(seconds) > 0).all()
            assert np.diff(seconds).max(initial=0.07) < 1
            assert len(clock._points) <= 16
