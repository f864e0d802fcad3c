"""Frames from a USB camera, a video file or a still picture; open only while allowed."""

from __future__ import annotations

import logging
import os
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from device.channels import LatestSlot
from device.config import CameraSettings
from device.readings import CameraStatus, Clock, Frame, frozen
from device.sensing.video_nodes import is_camera
from models_tflite.native_log import caught_lines

log = logging.getLogger(__name__)

Picture = NDArray[np.uint8]
"""(height, width, 3), blue-green-red."""

BUILTIN = Path(__file__).resolve().parent.parent / "assets" / "astronaut.jpg"
VIDEO_CLASS = Path("/sys/class/video4linux")
DEVICES = Path("/dev")
PICTURES = {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"}
_PICTURE_STARTS = (b"\xff\xd8", b"\x89PNG", b"RIFF", b"BM", b"II*\0", b"MM\0*")
_DECODER_COMPLAINT = re.compile(
    rb"Corrupt JPEG data|Premature end of JPEG|libpng error|JPEG datastr"
)
"""What libjpeg and libpng print about a file that they decode all the same, in part."""
_FFMPEG_FATAL = "8"
"""AV_LOG_FATAL of libavutil/log.h."""
_VIDEO_MAJOR = 81
"""Device number of cameras in Linux (Documentation/admin-guide/devices.txt)."""
FROZEN_S = 3.0
"""A live sensor has noise: identical pictures for so long mean that it hangs."""
CATCH_UP_S = 0.5
"""So long at most old pictures are skipped: meanwhile nobody sees that the permission is gone."""
WAITED_S = 0.015
"""To take a picture out of a buffer and decode it is quicker; streams have up to 60 a second."""
OPENING_S, STREAM_SILENCE_S = 10.0, 5.0
"""FFmpeg would wait 30 s for a network camera to answer, and as long for each of its pictures:
so long it would count as in use when the visit is over. The first includes a look at its stream."""
DARK_LEVEL = 8.0
"""Mean grey level 0..255 below which a lens is covered or the room is dark."""
NOT_ALLOWED_POLL_S = 0.1
_LOGIN = re.compile(r"(?<=:/)(/?)[^/?]*@")
"""Name and password in the address of a network camera; a path has lost one of the slashes."""


class CameraError(Exception):
    """A camera or picture cannot be used; the message names it and what to do."""


@dataclass(frozen=True, slots=True)
class CameraDevice:
    """A camera that the system offers."""

    name: str
    path: str


class Source(Protocol):
    """Something that gives pictures; each ``read`` is the newest one."""

    is_live: bool
    """A live source has noise; the same picture again and again means that it hangs."""

    def read(self) -> Picture: ...

    def close(self) -> None: ...


def find_cameras() -> list[CameraDevice]:
    """Return the cameras that can capture (a webcam's metadata node and a codec cannot)."""
    cameras = []
    for node in sorted(VIDEO_CLASS.glob("video*"), key=lambda n: int(n.name[5:] or 0)):
        try:
            first_of_device = (node / "index").read_text().strip() == "0"
            name = (node / "name").read_text().strip()
        except OSError:
            continue
        path = DEVICES / node.name
        if is_camera(path, name, first_of_device):
            cameras.append(CameraDevice(name, str(path)))
    return cameras


def without_login(source: str) -> str:
    """Return ``source`` as log, screen and house may have it: what opens the camera is left out.

    Some cameras take name and password as a query.
    """
    address, _, query = _LOGIN.sub(r"\1***@", source).partition("?" if ":/" in source else "\0")
    return f"{address}?***" if query else address


def read_picture(path: Path) -> Picture:
    """Return the picture in a file; raises CameraError naming it."""
    try:
        data = path.read_bytes()
    except OSError as error:
        name = without_login(str(path))
        raise CameraError(f"{name}: cannot be read: {error.strerror}") from error
    if not data.startswith(_PICTURE_STARTS):
        raise CameraError(f"{path}: is no picture (JPEG, PNG, WebP, BMP or TIFF is needed)")
    try:
        with caught_lines(_DECODER_COMPLAINT) as complaints:
            picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except (cv2.error, MemoryError) as error:
        raise CameraError(f"{path}: is too large a picture to be read") from error
    if picture is None or complaints:
        raise CameraError(f"{path}: is a damaged or unfinished picture; copy it again")
    return np.asarray(picture, np.uint8)


def builtin_picture(width_px: int, height_px: int) -> Picture:
    """Return the built-in portrait as a camera of this size would show it."""
    return fit(read_picture(BUILTIN), width_px, height_px)


def fit(picture: Picture, width_px: int, height_px: int) -> Picture:
    """Scale a picture into the given size, with bars of its own mean grey."""
    height, width = picture.shape[:2]
    scale = min(width_px / width, height_px / height)
    small = cv2.resize(picture, (round(width * scale), round(height * scale)),
                       interpolation=cv2.INTER_AREA)  # fmt: skip
    canvas = np.full((height_px, width_px, 3), int(picture.mean()), np.uint8)
    top, left = (height_px - small.shape[0]) // 2, (width_px - small.shape[1]) // 2
    canvas[top : top + small.shape[0], left : left + small.shape[1]] = small
    return canvas


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
            if time.monotonic() - began > WAITED_S:
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
            raise CameraError("no camera found: plug in a USB camera")
        source = cameras[0].path
    if source == "builtin":
        return StillSource(BUILTIN, settings)
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


class CameraWorker:
    """Holds the camera open exactly while it may be, and hands on its frames."""

    name = "camera"
    critical = False

    def __init__(
        self,
        settings: CameraSettings,
        frames: LatestSlot[Frame],
        status: LatestSlot[CameraStatus],
        allowed: threading.Event,
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
            if not self._allowed.wait(NOT_ALLOWED_POLL_S):
                continue
            self._opening += 1
            try:
                with _Opened(self._settings, self._tell) as source:
                    self._capture(source, stop, beat)
            except CameraError as error:
                self._note(str(error))
                self._tell(False, str(error))
                # Not a death: the camera may be plugged in again at any moment.
                stop.wait(1.0)

    def _capture(self, source: Source, stop: threading.Event, beat: Callable[[], None]) -> None:
        log.info("camera open: %s", without_login(self._settings.source))
        watch = _Watch(source.is_live)
        next_at = self._clock()
        while self._allowed.is_set() and not stop.is_set():
            beat()
            picture = source.read()
            now = self._clock()
            if not self._allowed.is_set():
                break
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
            stop.wait(next_at - now)
        self._frames.clear()
        log.info("camera closed")

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
