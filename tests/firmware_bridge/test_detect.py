"""Which sensor is it? On real pseudo-terminals."""

from __future__ import annotations

import os
import pty
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from firmware_bridge.detect import FIRST_LISTEN_S, LISTEN_S, detect
from firmware_bridge.protocols import PROTOCOLS
from firmware_bridge.simulated_senders import SENDERS
from firmware_bridge.simulator import SimulatedSensor


def hasty() -> float:
    """A clock that runs six times too fast: nothing new comes by waiting longer."""
    return 6 * time.monotonic()


@contextmanager
def speaker(data: bytes) -> Iterator[str]:
    """Say ``data`` again and again on a pseudo-terminal."""
    master, slave = pty.openpty()
    stop = threading.Event()

    def speak() -> None:
        while data and not stop.wait(0.01):
            os.write(master, data)

    thread = threading.Thread(target=speak)
    thread.start()
    try:
        yield os.ttyname(slave)
    finally:
        stop.set()
        thread.join()
        os.close(master)
        os.close(slave)


def test_listening_to_all_line_settings_takes_less_than_five_seconds() -> None:
    lines = {protocol.line for protocol in PROTOCOLS.values()}
    assert FIRST_LISTEN_S + (len(lines) - 1) * LISTEN_S < 4.8


@pytest.mark.parametrize("name", SENDERS)
def test_each_sensor_is_recognised(name: str) -> None:
    with SimulatedSensor(protocol=name) as sensor:
        found = detect(sensor.path)
    assert found.protocol is PROTOCOLS[SENDERS[name].protocol], found.message


def test_bare_numbers_without_a_finger_are_a_pulsesensors_and_the_doubt_is_told() -> None:
    with SimulatedSensor(protocol="sparkfun_4") as sensor:
        sensor.lift_finger(True)
        found = detect(sensor.path)
        assert found.protocol is PROTOCOLS["pulsesensor"]
        assert found.message == (
            f"{sensor.path}: PulseSensor; or, if no finger is on it, SparkFun MAX3010x example"
        )


def test_a_finger_that_comes_while_it_is_listened_decides() -> None:
    with SimulatedSensor(protocol="sparkfun_4") as sensor:
        sensor.lift_finger(True)
        threading.Timer(1, lambda: sensor.lift_finger(False)).start()
        assert detect(sensor.path).protocol is PROTOCOLS["sparkfun"]


def test_a_silent_port_is_called_silent() -> None:
    with speaker(b"") as path:
        found = detect(path, hasty)
    assert found.protocol is None
    assert (
        found.message == f"{path}: nothing is sent: is the sensor switched on and its cable whole?"
    )


def test_an_unknown_speaker_is_told_with_what_was_heard() -> None:
    with speaker(b"\xb3\x1c\x07?!x") as path:
        found = detect(path, hasty)
    assert found.protocol is None
    assert "bytes at 115200 8N1" in found.message
    assert "another baud rate or an unknown sensor" in found.message


def test_a_board_without_its_sensor_says_so_itself() -> None:
    with speaker(b"MAX30105 was not found. Please check wiring/power.\r\n") as path:
        found = detect(path, hasty)
    assert found.protocol is None
    assert "MAX30105 was not found" in found.message


def test_a_board_that_takes_too_long_to_start_is_named() -> None:
    """Example 4 as SparkFun ships it; looking again would reset it again."""
    with speaker(b"Initializing...\r\n") as path:
        found = detect(path, hasty)
    assert found.protocol is None
    assert "SparkFun's example 4 needs sampleAverage = 1" in found.message


def test_a_simulated_pulse_is_no_finger() -> None:
    line = b"PSWS,1,SIM,42,12345,2840,72,833,1,12,QUALIFIED\r\n"
    with speaker(line) as path:
        found = detect(path, hasty)
    assert found.protocol is None
    assert "switch it to LIVE" in found.message


def test_detection_can_be_given_up() -> None:
    with speaker(b"") as path:
        began = time.monotonic()
        assert detect(path, cancelled=lambda: True).protocol is None
        assert time.monotonic() - began < 1
