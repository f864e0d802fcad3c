"""The sensor's own firmware, compiled for this machine and driven byte by byte."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from pathlib import Path

import pytest

import firmware_bridge

SOURCE = Path(firmware_bridge.__file__).parent / "firmware"
WARNINGS = ("-std=c11", "-O1", "-Wall", "-Wextra", "-Werror")
COMMON = ("frame.c", "sensor.c", "host/hal_host.c")
PROBES = {"samples": "host/probe_host.c", "max30102": "probe_max30102.c"}


def compile_host(out: Path, probe: str, *options: str) -> Path:
    """Compile the firmware with one probe; skips by name where there is no gcc."""
    if shutil.which("gcc") is None:
        pytest.skip("gcc is not installed")
    sources = [str(SOURCE / name) for name in (*COMMON, PROBES[probe])]
    done = subprocess.run(
        ["gcc", *WARNINGS, *options, *sources, "-o", str(out)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return out


class Board:
    """One board: its own copy of the firmware, with a clock that a test moves."""

    def __init__(self, library: Path, copy: Path) -> None:
        shutil.copy(library, copy)  # The loader would give the same one twice.
        self._lib = ctypes.CDLL(str(copy))
        self.now_us = 0

    def start(self, at_us: int = 0) -> None:
        self.pass_to(at_us)
        self._lib.sensor_init()

    def pass_to(self, now_us: int) -> None:
        self.now_us = now_us
        self._lib.host_set_time(ctypes.c_uint32(now_us & 0xFFFFFFFF))

    def step(self, times: int = 1) -> None:
        for _ in range(times):
            self._lib.sensor_step()

    def say(self, data: bytes) -> None:
        self._lib.host_say(data, len(data))

    def take(self) -> bytes:
        room = ctypes.create_string_buffer(65535)
        count = self._lib.host_take(room, 65535)
        return room.raw[: count & 0xFFFF]

    def sample(self, value: int, flags: int = 0) -> None:
        """Put a sample into the probe of tests and let the board see it."""
        self._lib.host_sample(value, ctypes.c_uint32(self.now_us & 0xFFFFFFFF), flags)
        self.step()

    def reading(self, count: int) -> None:
        """Let the simulated MAX30102 take a reading."""
        self._lib.host_chip_reading(count)

    def wire(self, wired: bool) -> None:
        self._lib.host_chip_wired(int(wired))

    def register(self, number: int) -> int:
        return int(self._lib.host_chip_register(number)) & 0xFF
