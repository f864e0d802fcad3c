"""The sensor's worker on real pseudo-terminals."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from device.channels import BoundedQueue, LatestSlot
from device.config import SensorSettings
from device.readings import PpgBlock, SensorStatus
from device.sensing import sensor as room
from device.sensing.sensor import SensorWorker
from firmware_bridge.port import PortError, SensorPort
from firmware_bridge.protocols import Line
from firmware_bridge.simulator import SimulatedSensor


class Running:
    def __init__(self, port: str, protocol: str = "auto") -> None:
        self.blocks: BoundedQueue[PpgBlock] = BoundedQueue(1000, drop="oldest")
        self.status: LatestSlot[SensorStatus] = LatestSlot()
        settings = SensorSettings.model_validate({"port": port, "protocol": protocol})
        self.worker = SensorWorker(settings, self.blocks, self.status)
        self.stop = threading.Event()
        self._thread = threading.Thread(
            target=self.worker.run, args=(self.stop, lambda: None), daemon=True
        )

    def __enter__(self) -> Running:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self._thread.join(5)
        assert not self._thread.is_alive()

    def take(self, count: int, timeout_s: float = 10) -> list[PpgBlock]:
        blocks = []
        for _ in range(count):
            block = self.blocks.get(timeout_s)
            assert block is not None, self.status.latest()
            blocks.append(block)
        return blocks


def until(condition: Callable[[], bool], timeout_s: float = 10) -> None:
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.02)


def test_samples_arrive_in_order_with_the_sensors_clock() -> None:
    ramp = np.arange(1000)
    with SimulatedSensor(ramp, 100, speed=5) as sensor, Running(sensor.path, "attune") as running:
        blocks = running.take(20)
    samples = np.concatenate([block.samples for block in blocks])
    assert (np.diff(samples) == 1).all()
    assert blocks[0].gap_before
    assert not any(block.gap_before for block in blocks[1:])
    times = [block.device_time_s for block in blocks]
    assert np.allclose(np.diff(times), 0.2, atol=1e-5)  # type: ignore[arg-type]
    assert all(block.sample_rate_hz == 100 and block.finger_on for block in blocks)
    assert [block.seq for block in blocks] == list(range(20))


def test_a_rate_that_is_not_stated_is_measured() -> None:
    with (
        SimulatedSensor(protocol="pulsesensor") as sensor,
        Running(sensor.path, "pulsesensor") as running,
    ):
        block = running.take(10)[-1]
    assert block.sample_rate_hz == pytest.approx(50, rel=0.15)


def test_a_sensor_that_was_away_is_taken_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "SILENCE_S", 0.3)
    monkeypatch.setattr(room, "LOOK_AGAIN_S", 0.1)
    with SimulatedSensor() as sensor, Running(sensor.path, "attune") as running:
        running.take(3)
        sensor.mute(True)
        until(lambda: "sends nothing" in running.worker.note)
        sensor.mute(False)
        until(lambda: running.worker.note == "")
        running.blocks.clear()
        assert running.take(2)


def test_an_unplugged_sensor_is_said_and_found_by_its_name_when_it_is_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "LOOK_AGAIN_S", 0.1)
    stable = tmp_path / "usb-finger"
    with SimulatedSensor() as first:
        stable.symlink_to(first.path)
        with Running(str(stable), "attune") as running:
            running.take(2)
            first.unplug()
            stable.unlink()
            until(lambda: running.worker.note != "")
            assert str(stable) in running.worker.note
            with SimulatedSensor() as second:
                stable.symlink_to(second.path)
                running.blocks.clear()
                assert running.take(1)[0].gap_before


def test_a_port_that_is_not_there_is_named_with_advice() -> None:
    with pytest.raises(PortError, match=r"/dev/no-such-finger: no such port.*attune devices"):
        SensorPort("/dev/no-such-finger", Line(115_200))
    with Running("/dev/no-such-finger", "attune") as running:
        until(lambda: "no such port" in running.worker.note)
        status = running.status.latest()
        assert status is not None
        assert not status.connected


def test_the_simulated_finger_needs_no_port() -> None:
    with Running("simulated") as running:
        running.take(3)
        status = running.status.latest()
    assert status is not None
    assert status.connected
    assert status.message == "a simulated finger"
