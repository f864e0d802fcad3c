"""Ports: what exists, how one is opened, and the clear word when it cannot be."""

from __future__ import annotations

import os
import pty
import termios
import tty
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import serial
import serial.tools.list_ports

from firmware_bridge import port as room
from firmware_bridge.port import PortError, SensorPort, SerialPort, list_ports, stable_path
from firmware_bridge.protocols import Line

LINE = Line(115_200)


@dataclass(order=True)
class Known:
    """What pyserial tells of a port."""

    device: str
    vid: int | None = None
    manufacturer: str | None = None
    product: str | None = None
    description: str = ""


@pytest.fixture
def pair() -> Iterator[tuple[int, str]]:
    master, slave = pty.openpty()
    tty.setraw(slave)
    yield master, os.ttyname(slave)
    os.close(slave)
    os.close(master)


def test_what_comes_is_read_and_what_is_said_goes_out(pair: tuple[int, str]) -> None:
    master, path = pair
    with SensorPort(path, LINE) as port:
        assert port.read() == b""
        os.write(master, b"hello")
        assert port.read() == b"hello"
        port.write(b"you")
        assert os.read(master, 10) == b"you"


def test_the_line_changes_while_the_port_is_open(pair: tuple[int, str]) -> None:
    _, path = pair
    with SensorPort(path, LINE) as port:
        port.set_line(Line(19_200, "O"))
        assert port._serial.baudrate == 19_200


def test_a_pseudo_terminal_without_parity_opens_again_and_again(pair: tuple[int, str]) -> None:
    _, path = pair
    for _ in range(3):
        with SensorPort(path, Line(19_200, "O")) as port:
            assert port.read() == b""


def test_odd_parity_is_asked_of_a_real_line(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, object] = {}

    def remember(path: str, baud: int, **settings: object) -> None:
        asked.update(settings, path=path, baud=baud)

    monkeypatch.setattr(serial, "Serial", remember)
    SensorPort("/dev/ttyUSB0", Line(19_200, "O"))
    assert (asked["baud"], asked["parity"]) == (19_200, serial.PARITY_ODD)
    assert asked["exclusive"] is True


def test_a_setting_that_the_line_refuses_is_a_clear_word(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise termios.error(22, "Invalid argument")

    monkeypatch.setattr(serial, "Serial", refuse)
    with pytest.raises(PortError, match="/dev/ttyUSB0: cannot be opened"):
        SensorPort("/dev/ttyUSB0", LINE)


def test_a_port_in_use_is_said_to_be_in_use(pair: tuple[int, str]) -> None:
    _, path = pair
    with SensorPort(path, LINE), pytest.raises(PortError, match=r"uses the port \(the kiosk"):
        SensorPort(path, LINE)


def test_a_port_that_is_not_there_is_named_with_advice() -> None:
    with pytest.raises(PortError, match=r"/dev/no-such-finger: no such port.*attune devices"):
        SensorPort("/dev/no-such-finger", LINE)


def test_a_file_is_no_port(tmp_path: Path) -> None:
    file = tmp_path / "recording.csv"
    file.write_text("1\n")
    with pytest.raises(PortError, match="no serial port"):
        SensorPort(str(file), LINE)


def test_without_permission_the_group_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise serial.SerialException(13, "could not open port: permission denied")

    monkeypatch.setattr(serial, "Serial", refuse)
    with pytest.raises(PortError, match="add the user to the group dialout"):
        SensorPort("/dev/ttyUSB0", LINE)


def test_a_port_that_goes_away_is_said_to_be_unplugged() -> None:
    master, slave = pty.openpty()
    with SensorPort(os.ttyname(slave), LINE) as port:
        os.close(master)
        with pytest.raises(PortError, match="unplugged"):
            port.read()
    os.close(slave)


def test_usb_ports_are_listed_by_their_stable_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = tmp_path / "ttyUSB0"
    device.touch()
    stable = tmp_path / "by-id" / "usb-Arduino-if00"
    stable.parent.mkdir()
    stable.symlink_to(device)
    known = [
        Known(str(device), 0x2341, "Arduino", "Uno"),
        Known("/dev/ttyACM7", 0x1234, None, None, "CDC"),
        Known("/dev/ttyS0", None, description="mainboard"),
    ]
    monkeypatch.setattr(room, "BY_ID", stable.parent)
    monkeypatch.setattr(serial.tools.list_ports, "comports", lambda: known)
    assert list_ports() == [
        SerialPort("CDC", "/dev/ttyACM7"),
        SerialPort("Arduino Uno", str(stable)),
    ]
    assert stable_path(str(device)) == str(stable)
    assert stable_path("/dev/ttyS0") == "/dev/ttyS0"
