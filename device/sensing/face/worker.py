"""The face worker: the newest frame in, the faces in view out."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import closing

from device.channels import LatestSlot
from device.config import FaceSettings
from device.readings import Clock, FacesInView, Frame
from device.sensing.face.detector import make_detector
from device.sensing.face.reader import FaceReader

WAIT_S = 0.5


class FaceWorker:
    """Reads frames as fast as it can; those it has no time for are overwritten and counted."""

    name = "face"
    critical = False

    def __init__(
        self,
        settings: FaceSettings,
        frames: LatestSlot[Frame],
        readings: LatestSlot[FacesInView],
        clock: Clock = time.monotonic,
    ) -> None:
        self._settings = settings
        self._frames = frames
        self._readings = readings
        self._clock = clock
        self._forget = threading.Event()

    def forget(self) -> None:
        """Drop all that was learnt about the person (called from another thread)."""
        self._forget.set()

    def run(self, stop: threading.Event, beat: Callable[[], None]) -> None:
        """Read until stopped; raises ModelError when a model cannot be used."""
        with closing(make_detector(self._settings)) as detector:
            self._read(FaceReader(self._settings, detector), stop, beat)

    def _read(self, reader: FaceReader, stop: threading.Event, beat: Callable[[], None]) -> None:
        version = 0
        while not stop.is_set():
            beat()
            newer, frame = self._frames.wait_newer(version, WAIT_S)
            if self._forget.is_set():
                self._forget.clear()
                reader.forget()
            if newer > version and frame is not None:
                self._readings.put(reader.read(frame))
                if self._forget.is_set():  # Who that is has left; see Conductor._set_camera.
                    self._readings.clear()
            version = newer
