"""attune devices: what hangs on the ports, told to people and machines."""

from __future__ import annotations

import argparse
import json

import pytest

from device.commands import devices
from device.commands.errors import CommandError
from firmware_bridge import port as ports
from firmware_bridge.port import SerialPort
from firmware_bridge.simulator import SimulatedSensor


def run(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    devices.register(parser.add_subparsers())
    args = parser.parse_args(["devices", *arguments])
    return int(args.run(args))


def test_a_sensor_is_named_for_machines(capsys: pytest.CaptureFixture[str]) -> None:
    with SimulatedSensor(protocol="sparkfun_4") as sensor:
        assert run("--port", sensor.path, "--json") == 0
    assert json.loads(capsys.readouterr().out) == {
        "serial": [
            {
                "name": "",
                "path": sensor.path,
                "protocol": "sparkfun",
                "message": "SparkFun MAX3010x example",
            }
        ]
    }


def test_all_ports_are_listened_to_and_a_broken_one_spoils_nothing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        SimulatedSensor(protocol="attune") as first,
        SimulatedSensor(protocol="pulsesensor") as two,
    ):
        found = [
            SerialPort("\x1b[2JUno", first.path),
            SerialPort("gone", "/dev/no-such-finger"),
            SerialPort("Nano", two.path),
        ]
        monkeypatch.setattr(ports, "list_ports", lambda: found)
        assert run() == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out  # A device says itself what it is called.
    assert f"Uno  {first.path}  attune  Attune's own firmware" in out
    assert "gone  /dev/no-such-finger  no such port" in out
    assert f"Nano  {two.path}  pulsesensor" in out
    assert "cameras:" in out
    assert "sound outputs:" in out


def test_a_port_that_cannot_be_opened_is_one_clear_line() -> None:
    with pytest.raises(CommandError, match=r"^/dev/no-such-finger: no such port"):
        run("--port", "/dev/no-such-finger")
