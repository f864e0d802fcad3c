"""Serial ports: which there are, and how one is opened and lost with a clear word."""

from __future__ import annotations

import errno
import os
import termios
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import serial
from serial.tools import list_ports as pyserial_ports

from firmware_bridge.protocols import Line

T = TypeVar("T")

READ_TIMEOUT_S = 0.1
GATHER_S = 0.02
"""After the first byte so long is waited for more: 50 wake-ups a second instead of thousands.
At 115200 baud 230 bytes come in that time; the kernel keeps 4096."""
WRITE_TIMEOUT_S = 1.0
CHUNK_BYTES = 4096
BY_ID = Path("/dev/serial/by-id")
LINE_ERRORS = (serial.SerialException, OSError, termios.error)
"""pyserial lets the error of a refused setting through as it is."""


class PortError(Exception):
    """The port cannot be used; the message names it, the cause and what to do."""


@dataclass(frozen=True, slots=True)
class SerialPort:
    """A port that a sensor may hang on."""

    name: str
    """For people: the product's own words."""
    path: str
    """Stable below /dev/serial/by-id where the system gives one."""


def list_ports() -> list[SerialPort]:
    """Return the USB serial ports, by their stable names where there are any.

    Ports of the mainboard (ttyS) are left out: they exist without a device on them; name one
    in the configuration to use it.
    """
    ports = []
    for port in sorted(pyserial_ports.comports()):
        path = stable_path(port.device)
        if port.vid is None and path == port.device:
            continue
        name = " ".join(part for part in (port.manufacturer, port.product) if part)
        ports.append(SerialPort(name or port.description or port.device, path))
    return ports


def stable_path(path: str) -> str:
    """Return the name below /dev/serial/by-id of the port that ``path`` is now, else ``path``.

    A sensor that was plugged in again may come back as another ttyUSB; this name stays.
    """
    real = os.path.realpath(path)
    for link in sorted(BY_ID.glob("*")):
        if os.path.realpath(link) == real:
            return str(link)
    return path


class SensorPort:
    """An open serial line; every way of losing it is a :class:`PortError`."""

    def __init__(self, path: str, line: Line) -> None:
        self.path = path
        try:
            self._serial = serial.Serial(
                path,
                line.baud,
                parity=self._parity(line),
                timeout=READ_TIMEOUT_S,
                write_timeout=WRITE_TIMEOUT_S,
                exclusive=True,
            )
        except (*LINE_ERRORS, ValueError) as error:
            raise PortError(f"{path}: {_advice(error)}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._serial.close()

    def set_line(self, line: Line) -> None:
        """Change baud and parity and drop what came before.

        The port stays open: opening it anew would reset an Arduino once more.
        """

        def change() -> None:
            self._serial.apply_settings({"baudrate": line.baud, "parity": self._parity(line)})
            self._serial.reset_input_buffer()

        self._guard(change)

    def read(self) -> bytes:
        """Return what has come, waiting at most 0.1 s; empty when nothing came."""

        def take() -> bytes:
            first = bytes(self._serial.read(1))
            if not first:
                return b""
            if self._serial.in_waiting < CHUNK_BYTES // 2:
                time.sleep(GATHER_S)
            return first + bytes(self._serial.read(min(self._serial.in_waiting, CHUNK_BYTES)))

        return self._guard(take)

    def write(self, data: bytes) -> None:
        """Send ``data`` to the sensor."""
        if data:
            self._guard(lambda: self._serial.write(data))

    def _parity(self, line: Line) -> str:
        """Return the parity to set: a pseudo-terminal has none and refuses it."""
        on_terminal = os.path.realpath(self.path).startswith("/dev/pts/")
        return serial.PARITY_NONE if on_terminal else line.parity

    def _guard(self, action: Callable[[], T]) -> T:
        try:
            return action()
        except serial.SerialTimeoutException as error:
            raise PortError(f"{self.path}: the port takes no bytes; unplug the sensor") from error
        except (*LINE_ERRORS, TypeError) as error:
            # pyserial raises TypeError when the port vanishes between its own two calls. Its words
            # differ each time and tell nothing that a hand at the cable could use.
            raise PortError(
                f"{self.path}: the sensor was unplugged, or another program reads its port"
            ) from error


def _advice(error: Exception) -> str:
    number = getattr(error, "errno", None)
    if number == errno.EACCES:
        return "no permission: add the user to the group dialout and log in again"
    if number == errno.ENOENT:
        return "no such port: is the sensor plugged in? `attune devices` lists the ports"
    if number in (errno.EBUSY, errno.EAGAIN) or "exclusively lock" in str(error):
        return "another program uses the port (the kiosk? Arduino's serial monitor?): close it"
    if number == errno.EISDIR or "Could not configure port" in str(error):
        return "this is no serial port; `attune devices` lists the ports"
    return f"cannot be opened: {error}"
