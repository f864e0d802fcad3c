"""What gives pictures: a camera, a network camera, a video file, a still picture."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from device.config import CameraSettings
from device.sensing.pictures import (
    BUILTIN,
    CATCH_UP_S,
    PICTURES,
    CameraError,
    Picture,
    fit,
    read_picture,
    without_login,
)
from device.sensing.ribbon_camera import SOURCE, RibbonSource
from device.sensing.video_nodes import find_cameras

WAITED_S = 0.015
"""To take a picture out of a buffer and decode it is quicker; streams have up to 60 a second."""
OPENING_S, STREAM_SILENCE_S = 10.0, 5.0
"""FFmpeg would wait 30 s for a network camera to answer, and as long for each of its pictures:
so long it would count as in use when the visit is over. The first includes a look at its stream."""
_FFMPEG_FATAL = "8"
"""AV_LOG_FATAL of libavutil/log.h."""
_VIDEO_MAJOR = 81
"""Device number of cameras in Linux (Documentation/admin-guide/devices.txt)."""


class Source(Protocol):
    """Something that gives pictures; each ``read`` is the newest one."""

    is_live: bool
    """A live source has noise; the same picture again and again means that it hangs."""

    def read(self) -> Picture: ...

    def close(self) -> None: ...


class StillSource:
    """The same picture again and again."""

    is_live = False

    def __init__(self, path: Path, settings: CameraSettings) -> None:
        self._picture = fit(read_picture(path), settings.width_px, settings.height_px)

    def read(self) -> Picture:
        return self._picture.copy()

    def close(self) -> None:
        """Nothing to close."""


class CaptureSource:
    """A camera (V4L2), a network camera or a video file (both FFmpeg) through OpenCV."""

    def __init__(self, source: str, settings: CameraSettings) -> None:
        self._name = without_login(source)
        # Their warnings come once a second where a camera is missing; `_why_not` says it better.
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)
        os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", _FFMPEG_FATAL)
        self.is_live = source.isdigit() or source.startswith("/dev/")
        if self.is_live:
            index = int(source) if source.isdigit() else source
            self._capture = cv2.VideoCapture(index, cv2.CAP_V4L2)
            self._capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
            self._capture.set(cv2.CAP_PROP_FRAME_WIDTH, settings.width_px)
            self._capture.set(cv2.CAP_PROP_FRAME_HEIGHT, settings.height_px)
            self._capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        else:
            patience = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, int(1000 * OPENING_S),
                        cv2.CAP_PROP_READ_TIMEOUT_MSEC, int(1000 * STREAM_SILENCE_S)]  # fmt: skip
            self._capture = cv2.VideoCapture(source, cv2.CAP_FFMPEG, patience)
        if not self._capture.isOpened():
            self._capture.release()
            raise CameraError(_why_not(source, self.is_live))
        # What has an end is a film, wherever it lies; of one picture it is a camera's snapshot.
        pictures = self._capture.get(cv2.CAP_PROP_FRAME_COUNT)
        self._is_snapshot = pictures == 1
        self._is_stream = "://" in source and pictures <= 1
        self._frame_s = 1 / (self._capture.get(cv2.CAP_PROP_FPS) or 25)
        self._began = time.monotonic()
        self._shown = 0

    def read(self) -> Picture:
        """Return the newest picture; a video keeps its own pace and begins again at its end."""
        good, picture = self._newest() if self._is_stream else self._next()
        if not good:
            raise CameraError(f"{self._name}: {self._why_no_more()}")
        return np.asarray(picture, np.uint8)

    def _why_no_more(self) -> str:
        if self.is_live:
            return "the camera was unplugged"
        if not self._is_stream:
            return "the video cannot be read on"
        if self._is_snapshot or self._shown == 1:
            return "gives one picture and no more: name the address of the camera's video stream"
        return "no more pictures come: is the network camera on, is the network there?"

    def _newest(self) -> tuple[bool, NDArray[Any]]:
        """Skip what waited in a stream's buffers: a picture that had to be waited for is new.

        The rate it states is no pace to keep: MJPEG over HTTP has none, and FFmpeg says 25.
        """
        end = time.monotonic() + CATCH_UP_S
        while (began := time.monotonic()) < end:
            if not self._capture.grab():
                return False, np.empty(0)
            self._shown += 1
            # Not the first: if there is no second, this is no stream.
            if self._shown > 1 and time.monotonic() - began > WAITED_S:
                break
        return self._capture.retrieve()

    def _next(self) -> tuple[bool, NDArray[Any]]:
        if self.is_live:
            return self._capture.read()
        self._keep_pace()
        good, picture = self._capture.read()
        if not good:
            self._capture.set(cv2.CAP_PROP_POS_FRAMES, 0)
            self._began, self._shown = time.monotonic(), 0
            good, picture = self._capture.read()
        self._shown += 1
        return good, picture

    def _keep_pace(self) -> None:
        now = time.monotonic()
        due = int((now - self._began) / self._frame_s)
        while self._shown < due and time.monotonic() < now + CATCH_UP_S and self._capture.grab():
            self._shown += 1
        if self._shown < due:  # Too slow a machine: it would have more to skip each time.
            self._began, self._shown = time.monotonic(), 0

    def close(self) -> None:
        self._capture.release()


def open_source(settings: CameraSettings) -> Source:
    """Open what ``settings.source`` names; raises CameraError."""
    source = settings.source
    if source == "auto":
        cameras = find_cameras()
        if not cameras:
            raise CameraError("no camera found: plug one in (USB, or a Raspberry Pi's own)")
        source = cameras[0].path
    if source == "builtin":
        return StillSource(BUILTIN, settings)
    if ribbon := SOURCE.fullmatch(source):
        return RibbonSource(int(ribbon[1] or 0), settings)
    path = Path(source)
    if path.suffix.lower() in PICTURES and "://" not in source:
        return StillSource(path, settings)
    return CaptureSource(source, settings)


def _why_not(source: str, is_live: bool) -> str:
    if "://" in source:
        name = without_login(source)
        return f"{name}: cannot be reached: is the address right, is the network there?"
    path = Path(f"/dev/video{source}" if source.isdigit() else source)
    if not is_live and path.exists():
        return f"{path}: is no video that can be read"
    if not is_live:
        return f"{path}: no such file or camera; `attune devices` lists the cameras"
    if not path.exists():
        return f"{path}: no such camera; `attune devices` lists those that are there"
    return f"{path}: {_why_closed(path)}"


def _why_closed(path: Path) -> str:
    if os.major(path.stat().st_rdev) != _VIDEO_MAJOR:
        return "is no camera; `attune devices` lists those that are there"
    try:
        path.open("rb").close()
    except PermissionError:
        return "no permission: add the user to the group 'video' and log in again"
    except OSError as error:
        return f"cannot be opened: {error.strerror}"
    return "cannot be opened; does another program use it?"
