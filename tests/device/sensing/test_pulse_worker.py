"""The pulse's thread: blocks in, readings out five times a second."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from device.channels import BoundedQueue, LatestSlot
from device.config import PulseSettings
from device.readings import PpgBlock, PulseReading
from device.sensing.pulse import PulseStream, PulseWorker
from tests.fakes.pulse_waves import blocks, pulse


class Clock:
    """Runs with the blocks that are sent, faster than the wall's."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Running:
    """A worker in its thread."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.blocks: BoundedQueue[PpgBlock] = BoundedQueue(1000, drop="oldest")
        self.readings: LatestSlot[PulseReading] = LatestSlot()
        self.worker = PulseWorker(PulseSettings(), self.blocks, self.readings, self.clock)
        self.stop = threading.Event()
        self.beats = 0
        self.thread = self.make_thread()

    def make_thread(self) -> threading.Thread:
        return threading.Thread(target=self.worker.run, args=(self.stop, self._beat), daemon=True)

    def _beat(self) -> None:
        self.beats += 1

    def __enter__(self) -> Running:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self.thread.join(1.0)
        assert not self.thread.is_alive(), "the worker did not stop"

    def send(self, samples: np.ndarray, finger_on: bool | None = True) -> None:
        start_s = self.clock.now
        for block in blocks(samples, finger_on=finger_on, start_s=start_s):
            self.clock.now = block.received_at
            self.blocks.put(block)
            until(lambda: len(self.blocks) == 0)

    def until(self, condition: Callable[[PulseReading], bool]) -> PulseReading:
        def holds() -> bool:
            self.clock.now += 0.05
            latest = self.readings.latest()
            return latest is not None and condition(latest)

        until(holds)
        latest = self.readings.latest()
        assert latest is not None
        return latest


def until(condition: Callable[[], bool], timeout_s: float = 10) -> None:
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.002)


def test_a_finger_is_read_and_its_leaving_told() -> None:
    true = pulse(35, 72)
    with Running() as running:
        running.send(true.samples)
        reading = running.until(lambda r: r.heart_rate_bpm is not None)
        assert reading.finger_on
        assert reading.rmssd_ms == pytest.approx(true.rmssd_ms, abs=3)
        assert running.beats > 10
        gone = running.until(lambda r: not r.finger_on)
        assert gone.heart_rate_bpm is None
        assert gone.reason == "put a finger on the sensor"


def test_readings_come_without_any_block() -> None:
    with Running() as running:
        first = running.until(lambda r: not r.finger_on)
        assert running.until(lambda r: r.measured_at > first.measured_at + 1)


def test_what_was_measured_is_forgotten_on_demand() -> None:
    with Running() as running:
        running.send(pulse(20).samples)
        running.until(lambda r: r.heart_rate_bpm is not None)
        running.worker.forget()
        running.send(pulse(3).samples)
        assert running.until(lambda r: r.window_s <= 3.5).heart_rate_bpm is None


def test_what_is_told_with_a_time_after_the_forgetting_holds_nothing_of_before() -> None:
    """The worker waits for the next block most of the time: the yes mostly comes then."""
    with Running() as running:
        running.send(pulse(20).samples)
        running.until(lambda r: r.heart_rate_bpm is not None)
        running.clock.now += 0.3
        until(lambda: running.readings.latest().measured_at == running.clock.now)  # type: ignore[union-attr]
        beats = running.beats
        until(lambda: running.beats > beats)  # It has looked, and waits for a block.
        running.worker.forget()
        since = running.clock.now
        running.clock.now += 0.3
        running.blocks.put(next(blocks(pulse(1).samples, start_s=since)))
        until(lambda: running.readings.latest().measured_at > since)  # type: ignore[union-attr]
        told = running.readings.latest()
    assert told is not None
    assert told.heart_rate_bpm is None
    assert told.window_s < 1


class HeldQueue(BoundedQueue[PpgBlock]):
    """Gives nothing while it is held, as to a thread that gets no time."""

    held = False

    def get(self, timeout_s: float) -> PpgBlock | None:
        if self.held:
            time.sleep(0.01)
            return None
        return super().get(timeout_s)


def test_blocks_lost_to_the_bound_are_a_hole(monkeypatch: pytest.MonkeyPatch) -> None:
    fed: list[bool] = []
    feed = PulseStream.feed

    def spy(stream: PulseStream, block: PpgBlock) -> None:
        fed.append(block.gap_before)
        feed(stream, block)

    monkeypatch.setattr(PulseStream, "feed", spy)
    running = Running()
    queue = running.blocks = HeldQueue(5, drop="oldest")
    running.worker = PulseWorker(PulseSettings(), queue, running.readings, running.clock)
    running.thread = running.make_thread()
    sent = list(blocks(pulse(4).samples))
    with running:
        for block in sent[:10]:
            queue.put(block)
            until(lambda: len(queue) == 0)
        queue.held = True
        time.sleep(0.15)
        for block in sent[10:]:
            queue.put(block)
        queue.held = False
        until(lambda: len(fed) == 15)
    assert fed == [True] + 9 * [False] + [True] + 4 * [False]


def test_the_workers_place_in_the_house() -> None:
    worker = Running().worker
    assert (worker.name, worker.critical) == ("pulse", False)


def test_the_daemons_path_imports_nothing_heavy() -> None:
    code = (
        "import sys, device.sensing.pulse;"
        "heavy = {'scipy', 'sklearn', 'matplotlib', 'pandas', 'torch'} & set(sys.modules);"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
