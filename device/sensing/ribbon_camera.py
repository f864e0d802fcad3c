"""Frames from a Raspberry Pi's ribbon camera (CSI), which libcamera alone can open.

OpenCV has no way to libcamera (opencv#21653). ``rpicam-vid``, a part of Raspberry Pi OS, has: it
writes raw pictures into a pipe for as long as it is left running, and no file.
"""

from __future__ import annotations

import fcntl
import os
import re
import select
import shutil
import subprocess
import time
from contextlib import suppress

import cv2
import numpy as np
from numpy.typing import NDArray

from device.config import CameraSettings
from device.sensing.pictures import CATCH_UP_S, CameraError, Picture

SOURCE = re.compile(r"csi(?::(\d))?")
"""How the settings name one: ``csi``, or ``csi:1`` for the second."""
PROGRAMS = ("rpicam-vid", "libcamera-vid")
"""The second is its name before 2024."""
ROW_PX = 64
"""The image processor pads rows to a multiple of this; asked for one, it leaves nothing to pad."""
INSTALL = "sudo apt install rpicam-apps-lite"
OPENING_S, SILENCE_S = 10.0, 5.0
"""The first picture comes after about a second, each other one at the rate that was asked for."""
CLOSING_S = 2.0
PIPE_BYTES = 1 << 20
"""Holds a picture of 640 x 480, so that the program need not wait for every 64 kB of it; the most
that Linux gives without being asked for more."""
_COMPLAINT = re.compile(r"ERROR: \*\*\* (.+) \*\*\*")


def source_name(number: int) -> str:
    """Return how the settings name the ribbon camera of that number, from 0."""
    return f"csi:{number}" if number else "csi"


def find_program() -> str | None:
    """Return where the program is that reads ribbon cameras; None where it is not installed."""
    return next(filter(None, map(shutil.which, PROGRAMS)), None)


class RibbonSource:
    """A ribbon camera, open while the program that reads it runs."""

    is_live = True

    def __init__(self, number: int, settings: CameraSettings) -> None:
        self._name = source_name(number)
        self._width, self._height = settings.width_px, settings.height_px
        self._row, self._rows = _up(self._width, ROW_PX), _up(self._height, 2)
        self._frame = bytearray(self._row * self._rows * 3 // 2)
        self._patience_s = OPENING_S
        program = find_program()
        if program is None:
            raise CameraError(f"{self._name}: {PROGRAMS[0]} is not there: {INSTALL}")
        command = [
            program, "--camera", str(number), "--nopreview", "--verbose", "0", "--timeout", "0",
            "--width", str(self._row), "--height", str(self._rows),
            "--framerate", f"{1 / settings.frame_interval_s:.4g}",
            "--codec", "yuv420", "--flush", "--output", "-",
        ]  # fmt: skip
        try:
            # In a session of its own: Ctrl-C is for the kiosk, which closes its camera itself.
            self._program = subprocess.Popen(  # noqa: S603 - fixed arguments, no shell
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.PIPE, start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            raise CameraError(f"{program}: cannot be started: {error.strerror}") from error
        assert self._program.stdout is not None
        self._pipe = self._program.stdout.fileno()
        with suppress(OSError):  # Many open pipes of this user: it only takes longer.
            fcntl.fcntl(self._pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)

    def read(self) -> Picture:
        """Return the newest picture; raises CameraError when none comes any more."""
        end = time.monotonic() + CATCH_UP_S
        self._fill(self._patience_s)
        self._patience_s = SILENCE_S
        while time.monotonic() < end and self._has_more(0):
            self._fill(SILENCE_S)
        picture = to_colours(np.frombuffer(self._frame, np.uint8), self._row, self._rows)
        left, top = (self._row - self._width) // 2, (self._rows - self._height) // 2
        return picture[top : top + self._height, left : left + self._width]

    def close(self) -> None:
        """End the program, and with it the camera."""
        self._end()
        for pipe in (self._program.stdout, self._program.stderr):
            if pipe is not None:
                pipe.close()

    def _end(self) -> None:
        self._program.terminate()
        try:
            self._program.wait(CLOSING_S)
        except subprocess.TimeoutExpired:
            self._program.kill()
            self._program.wait()

    def _fill(self, patience_s: float) -> None:
        """Take the next picture out of the pipe."""
        rest, end = memoryview(self._frame), time.monotonic() + patience_s
        while rest:
            if not self._has_more(max(0.0, end - time.monotonic())):
                raise CameraError(f"{self._name}: no more pictures come: is its cable seated?")
            count = os.readv(self._pipe, [rest])
            if not count:
                raise CameraError(f"{self._name}: {self._why_ended()}")
            rest = rest[count:]

    def _has_more(self, within_s: float) -> bool:
        return bool(select.select([self._pipe], [], [], within_s)[0])

    def _why_ended(self) -> str:
        """Return what the program has said last."""
        self._end()
        assert self._program.stderr is not None
        said = self._program.stderr.read().decode("utf-8", "replace").strip()
        found = _COMPLAINT.findall(said)
        why = found[-1] if found else said.rpartition("\n")[2] or "the camera has stopped"
        return f"{why} (rpicam-hello --list-cameras shows what is connected)"


def to_colours(planes: NDArray[np.uint8], row: int, rows: int) -> Picture:
    """Return full-range YCbCr 4:2:0 planes, as JPEG has them, in blue, green and red.

    OpenCV's own conversion of 4:2:0 expects 16 to 235, as in video: it would clip light and dark.
    """
    grey = planes[: row * rows].reshape(rows, row)
    colour = planes[row * rows :].reshape(2, rows // 2, row // 2)
    blue, red = (cv2.resize(plane, (row, rows)) for plane in colour)
    return np.asarray(cv2.cvtColor(cv2.merge((grey, red, blue)), cv2.COLOR_YCrCb2BGR), np.uint8)


def _up(length: int, step: int) -> int:
    return -(-length // step) * step
