"""The sensor's worker on real pseudo-terminals."""

from __future__ import annotations

import os
import pty
import threading
import time
import tty
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from device.channels import BoundedQueue, LatestSlot
from device.config import SensorSettings
from device.readings import PpgBlock, SensorStatus
from device.sensing import sensor as room
from device.sensing.sensor import SensorWorker, resolve_sensor
from firmware_bridge.port import SensorPort, SerialPort
from firmware_bridge.protocols import PROTOCOLS
from firmware_bridge.simulator import Faults, SimulatedSensor


class Running:
    """A worker in its thread, with what it puts out."""

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
        self._thread.join(1.5)
        assert not self._thread.is_alive(), "the worker did not stop"

    def take(self, count: int, timeout_s: float = 10) -> list[PpgBlock]:
        blocks = []
        for _ in range(count):
            block = self.blocks.get(timeout_s)
            assert block is not None, self.status.latest()
            blocks.append(block)
        return blocks

    def now(self) -> SensorStatus:
        status = self.status.latest()
        assert status is not None
        return status


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
    times = np.array([block.device_time_s for block in blocks], np.float64)
    lengths_s = np.array([len(block.samples) for block in blocks]) / 100
    assert np.allclose(np.diff(times), lengths_s[:-1], atol=1e-5)
    assert all(0.1 <= length_s <= 0.25 for length_s in lengths_s)
    assert all(block.sample_rate_hz == 100 and block.finger_on for block in blocks)
    assert [block.seq for block in blocks] == list(range(20))


@pytest.mark.parametrize("name", ["sparkfun_4", "cms50d_old"])
def test_the_protocol_is_found_out_and_read(name: str) -> None:
    with SimulatedSensor(protocol=name, speed=2) as sensor, Running(sensor.path) as running:
        running.take(1)
        assert running.now() == SensorStatus(True, sensor.path, name.removesuffix("_4"), "")


def test_bare_numbers_are_a_pulsesensor_until_a_finger_shows_that_they_count_light() -> None:
    with SimulatedSensor(protocol="sparkfun_4") as sensor:
        sensor.lift_finger(True)
        with Running(sensor.path) as running:
            assert running.take(1)[0].finger_on is None
            assert running.now().protocol == "pulsesensor"
            sensor.lift_finger(False)
            until(lambda: running.now().protocol == "sparkfun", 2)
            assert running.now().connected
            running.blocks.clear()
            block = running.take(1)[0]
            assert block.finger_on
            assert block.samples.max() < -50_000
            assert running.worker.note == ""


def test_a_protocol_that_is_named_is_not_doubted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "SILENCE_S", 0.5)
    with SimulatedSensor(protocol="sparkfun_4") as sensor:
        with Running(sensor.path, "pulsesensor") as running:
            until(lambda: "none of them as PulseSensor sends" in running.worker.note)
        sensor.lift_finger(True)
        with Running(sensor.path, "sparkfun") as running:
            assert running.take(1)[0].finger_on is False


@pytest.mark.parametrize("is_busy", [False, True])
def test_a_named_protocol_is_looked_for_on_every_port(
    monkeypatch: pytest.MonkeyPatch, is_busy: bool
) -> None:
    monkeypatch.setattr(room, "SILENCE_S", 0.5)
    master, slave = pty.openpty()
    tty.setraw(slave)
    stick = os.ttyname(slave)
    with SimulatedSensor(protocol="nonin") as sensor, ExitStack() as taken:
        if is_busy:
            taken.enter_context(SensorPort(stick, PROTOCOLS["nonin"].line))
        ports = [SerialPort("Zigbee stick", stick), SerialPort("finger", sensor.path)]
        monkeypatch.setattr(room, "list_ports", lambda: ports)
        with Running("auto", "nonin") as running:
            running.take(1)
            assert running.now() == SensorStatus(True, sensor.path, "nonin", "")
    os.close(master)
    os.close(slave)


def test_a_rate_that_is_not_stated_is_measured() -> None:
    with (
        SimulatedSensor(protocol="pulsesensor", speed=3) as sensor,
        Running(sensor.path, "pulsesensor") as running,
    ):
        block = running.take(10)[-1]
    assert block.sample_rate_hz == pytest.approx(150, rel=0.1)


def test_too_few_samples_for_a_pulse_are_said() -> None:
    """SparkFun's example 4 as it comes: the kiosk would ask for a finger for ever."""
    with (
        SimulatedSensor(protocol="sparkfun", speed=0.125) as sensor,
        Running(sensor.path, "sparkfun") as running,
    ):
        until(lambda: "a pulse needs 18 to 2000" in running.worker.note)
        assert running.now().connected


def test_a_lost_batch_a_reset_and_an_absent_finger_are_marked() -> None:
    faults = Faults(drop_every_s=4, reset_after_s=7, finger_off_s=((1, 3),))
    with (
        SimulatedSensor(speed=8, faults=faults) as sensor,
        Running(sensor.path, "attune") as running,
    ):
        blocks = running.take(50)
    ends = [b.received_at for b in blocks]
    assert ends == sorted(ends)
    gaps = [b for b in blocks[1:] if b.gap_before]
    assert len(gaps) == pytest.approx(len(blocks) * 0.2 / 4 + 1, abs=1.1)
    off_s = sum(len(b.samples) for b in blocks if b.finger_on is False) / 100
    assert off_s == pytest.approx(2, abs=0.2)


def test_an_overflow_is_a_gap() -> None:
    with SimulatedSensor(speed=20) as sensor, Running(sensor.path, "attune") as running:
        small: BoundedQueue[PpgBlock] = BoundedQueue(2, drop="oldest")
        running.worker._blocks._queue = small
        until(lambda: small.dropped > 3)
        first, second = small.get(1), small.get(1)
    assert first is not None
    assert second is not None
    assert second.gap_before


def test_a_sensor_that_was_away_is_taken_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "SILENCE_S", 0.3)
    with SimulatedSensor() as sensor, Running(sensor.path, "attune") as running:
        running.take(3)
        sensor.mute(True)
        until(lambda: "sends nothing" in running.worker.note)
        assert not running.now().connected
        sensor.mute(False)
        until(lambda: running.worker.note == "")
        running.blocks.clear()
        assert running.take(2)


def test_a_replugged_sensor_is_taken_again_without_detection(tmp_path: Path) -> None:
    stable = tmp_path / "usb-finger"
    with SimulatedSensor() as first:
        stable.symlink_to(first.path)
        with Running(str(stable)) as running:
            running.take(2)
            first.unplug()
            stable.unlink()
            until(lambda: running.worker.note != "")
            assert str(stable) in running.worker.note
            with SimulatedSensor() as second:
                running.blocks.clear()
                stable.symlink_to(second.path)
                assert running.take(1, timeout_s=2)[0].gap_before
                assert running.now().connected


def test_another_sensor_may_take_its_place_in_auto(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "PATIENCE_S", 0.2)
    monkeypatch.setattr(room, "SILENCE_S", 0.5)
    ports: list[SerialPort] = []
    monkeypatch.setattr(room, "list_ports", lambda: list(ports))
    with Running("auto") as running:
        until(lambda: running.worker.note == "no finger sensor found: plug one in")
        with SimulatedSensor() as first:
            ports.append(SerialPort("finger", first.path))
            running.take(1)
            assert running.now().protocol == "attune"
        ports.clear()
        until(lambda: not running.now().connected)
        with SimulatedSensor(protocol="pulsesensor", speed=4) as second:
            ports.append(SerialPort("finger", second.path))
            until(lambda: running.now().protocol == "pulsesensor")


def test_a_port_that_is_not_there_is_named_with_advice() -> None:
    with Running("/dev/no-such-finger", "attune") as running:
        until(lambda: "no such port" in running.worker.note)
        assert not running.now().connected


def test_a_wrong_protocol_is_said_to_be_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "SILENCE_S", 0.3)
    with SimulatedSensor(protocol="nonin") as sensor, Running(sensor.path, "attune") as running:
        until(lambda: "wrong protocol or baud rate" in running.worker.note)
        assert len(running.blocks) == 0


def test_the_simulated_finger_needs_no_port() -> None:
    with Running("simulated") as running:
        running.take(3)
        assert running.now().connected
        assert running.now().message == "a simulated finger"


def test_no_sensor_wanted_is_no_fault() -> None:
    with Running("none") as running:
        until(lambda: "no finger sensor wanted" in running.worker.note)
        assert not running.now().connected


class TestResolving:
    def choice(self, port: str, protocol: str = "auto") -> room.SensorChoice:
        return resolve_sensor(SensorSettings.model_validate({"port": port, "protocol": protocol}))

    def test_what_each_setting_means(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(room, "list_ports", list)
        assert self.choice("simulated").simulated
        assert self.choice("none").ports == ()
        assert self.choice("/dev/x", "nonin") == room.SensorChoice(
            ("/dev/x",), "nonin", "finger sensor /dev/x"
        )
        assert self.choice("auto").message == "no finger sensor found: plug one in"

    def test_the_ports_that_are_there_are_looked_at(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(room, "list_ports", lambda: [SerialPort("Uno", "/dev/a")])
        choice = self.choice("auto")
        assert (choice.ports, choice.message) == (("/dev/a",), "Uno (/dev/a)")
        assert not choice.simulated
