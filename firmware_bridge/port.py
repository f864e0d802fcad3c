"""Serial ports: which there are, and how one is opened and lost with a clear word."""

from __future__ import annotations

import errno
import os
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
CHUNK_BYTES = 4096
BY_ID = Path("/dev/serial/by-id")


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
    stable = {os.path.realpath(link): str(link) for link in sorted(BY_ID.glob("*"))}
    ports = []
    for port in sorted(pyserial_ports.comports()):
        if port.vid is None and port.device not in stable:
            continue
        name = " ".join(part for part in (port.manufacturer, port.product) if part)
        path = stable.get(os.path.realpath(port.device), port.device)
        ports.append(SerialPort(name or port.description or port.device, path))
    return ports


class SensorPort:
    """An open serial line; every way of losing it is a :class:`PortError`."""

    def __init__(self, path: str, line: Line) -> None:
        self.path = path
        try:
            self._serial = serial.Serial(
                path, line.baud, parity=line.parity, timeout=READ_TIMEOUT_S, exclusive=True
            )
        except (serial.SerialException, OSError, ValueError) as error:
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

    def read(self) -> bytes:
        """Return what has come, waiting at most 0.1 s; empty when nothing came."""

        def take() -> bytes:
            waiting = min(self._serial.in_waiting, CHUNK_BYTES)
            return bytes(self._serial.read(max(1, waiting)))

        return self._guard(take)

    def write(self, data: bytes) -> None:
        """Send ``data`` to the sensor."""
        if data:
            self._guard(lambda: self._serial.write(data))

    def _guard(self, action: Callable[[], T]) -> T:
        try:
            return action()
        except (serial.SerialException, OSError, TypeError) as error:
            # pyserial raises TypeError when the port vanishes between its own two calls.
            raise PortError(f"{self.path}: the sensor was unplugged ({error})") from error


def _advice(error: Exception) -> str:
    number = getattr(error, "errno", None)
    if number == errno.EACCES:
        return "no permission: add the user to the group 'dialout' and log in again"
    if number == errno.ENOENT:
        return "no such port: is the sensor plugged in? `attune devices` lists the ports"
    if number in (errno.EBUSY, errno.EAGAIN) or "exclusively lock" in str(error):
        return "another program uses the port: close it (Arduino's serial monitor?)"
    return f"cannot be opened: {error}"
