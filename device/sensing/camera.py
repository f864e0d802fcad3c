"""Holds the camera open while it may be, and no longer; hands on its frames."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from types import TracebackType

import numpy as np

from device.channels import LatestSlot, Permission
from device.config import CameraSettings
from device.readings import CameraStatus, Clock, Frame, frozen
from device.sensing.camera_sources import Source, open_source
from device.sensing.pictures import CameraError, Picture, without_login

log = logging.getLogger(__name__)

FROZEN_S = 3.0
"""A live sensor has noise: identical pictures for so long mean that it hangs."""
DARK_LEVEL = 8.0
"""Mean grey level 0..255 below which a lens is covered or the room is dark."""
NOT_ALLOWED_POLL_S = 0.1


class CameraWorker:
    """Holds the camera open exactly while it may be, and hands on its frames."""

    name = "camera"
    critical = False

    def __init__(
        self,
        settings: CameraSettings,
        frames: LatestSlot[Frame],
        status: LatestSlot[CameraStatus],
        allowed: Permission,
        clock: Clock = time.monotonic,
    ) -> None:
        self._settings = settings
        self._frames = frames
        self._status = status
        self._allowed = allowed
        self._clock = clock
        self._seq = 0
        self._opening = 0
        self.note = ""

    def run(self, stop: threading.Event, beat: Callable[[], None]) -> None:
        """Wait for the permission, capture while it lasts; raises when the camera is lost."""
        self._tell(False, "")
        while not stop.is_set():
            beat()
            permission = self._allowed.number
            if permission is None:
                self._allowed.wait(NOT_ALLOWED_POLL_S)
                continue
            self._opening += 1
            try:
                with _Opened(self._settings, self._tell) as source:
                    self._capture(source, permission, stop, beat)
            except CameraError as error:
                self._note(str(error))
                self._tell(False, str(error))
                # Not a death: the camera may be plugged in again at any moment.
                stop.wait(1.0)

    def _capture(
        self, source: Source, permission: int, stop: threading.Event, beat: Callable[[], None]
    ) -> None:
        watch = _Watch(source.is_live)
        next_at, is_told = self._clock(), False
        try:
            while self._allowed.number == permission and not stop.is_set():
                beat()
                picture = source.read()
                now = self._clock()
                if not is_told:  # One that opens and gives nothing is tried again every second.
                    log.info("camera open: %s", without_login(self._settings.source))
                    is_told = True
                if self._allowed.number != permission:
                    break  # Whoever gave it may have left while the camera was silent.
                complaint = watch.look(picture, now)
                if complaint != self.note:
                    self._note(complaint)
                    self._tell(True, complaint)
                # Whoever is in a picture that stands still may have left long ago.
                if not complaint:
                    self._seq += 1
                    pixels = frozen(self._turned(picture))
                    self._frames.put(Frame(self._seq, now, pixels, self._opening))
                next_at = max(now, next_at + self._settings.frame_interval_s)
                self._wait_until(next_at, permission, stop)
        finally:  # Also where the camera is lost: whoever was in its last picture may leave.
            self._frames.clear()
        if is_told:
            log.info("camera closed")

    def _wait_until(self, at: float, permission: int, stop: threading.Event) -> None:
        """Wait in short steps: a permission that is withdrawn counts at once."""
        while self._allowed.number == permission and (left_s := at - self._clock()) > 0:
            if stop.wait(min(left_s, NOT_ALLOWED_POLL_S)):
                return

    def _turned(self, picture: Picture) -> Picture:
        turns = self._settings.rotate_deg // 90
        turned = np.rot90(picture, -turns) if turns else picture
        if self._settings.mirror:
            turned = turned[:, ::-1]
        return np.ascontiguousarray(turned)

    def _note(self, complaint: str) -> None:
        """Keep what is wrong (an empty string: nothing any more) and log it once."""
        if complaint and complaint != self.note:
            log.warning("camera: %s", complaint)
        elif self.note and not complaint:
            log.info("camera: its pictures are good again")
        self.note = complaint

    def _tell(self, is_open: bool, message: str) -> None:
        self._status.put(CameraStatus(is_open, without_login(self._settings.source), message))


class _Opened:
    """The open device; the indicator goes on before it opens and off after it has closed."""

    def __init__(self, settings: CameraSettings, tell: Callable[[bool, str], None]) -> None:
        self._settings = settings
        self._tell = tell

    def __enter__(self) -> Source:
        self._tell(True, "")
        try:
            self._source = open_source(self._settings)
        except CameraError:
            self._tell(False, "")
            raise
        return self._source

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._source.close()
        self._tell(False, "")


class _Watch:
    """Notices pictures that tell nothing: frozen ones and black ones."""

    def __init__(self, is_live: bool) -> None:
        self._is_live = is_live
        self._last: Picture | None = None
        self._changed_at: float | None = None

    def look(self, picture: Picture, now: float) -> str:
        """Return what is wrong with the pictures, or an empty string."""
        sample = picture[::16, ::16].copy()
        if self._last is None or not np.array_equal(sample, self._last):
            self._last, self._changed_at = sample, now
        if sample.mean() < DARK_LEVEL:
            return "the picture is black: is the lens covered, is there light?"
        if self._is_live and self._changed_at is not None and now - self._changed_at > FROZEN_S:
            return "the picture stands still: unplug the camera and plug it in again"
        return ""
