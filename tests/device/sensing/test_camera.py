"""The camera's worker on stills and videos."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from device.channels import LatestSlot
from device.config import CameraSettings
from device.readings import CameraStatus, Frame
from device.sensing.camera import (
    BUILTIN,
    CameraError,
    CameraWorker,
    _Watch,
    builtin_picture,
    find_cameras,
    open_source,
    read_picture,
)


class Running:
    """A CameraWorker in its thread; remembers every status."""

    def __init__(self, source: str, **settings: object) -> None:
        self.frames: LatestSlot[Frame] = LatestSlot()
        self.status: LatestSlot[CameraStatus] = LatestSlot()
        self.allowed = threading.Event()
        values = {"source": source, "frame_interval_s": 0.02, **settings}
        self.worker = CameraWorker(
            CameraSettings.model_validate(values), self.frames, self.status, self.allowed
        )
        self._stop = threading.Event()
        self._thread = threading.Thread(
            target=self.worker.run, args=(self._stop, lambda: None), daemon=True
        )

    def __enter__(self) -> Running:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(5)
        assert not self._thread.is_alive()

    def frame(self) -> Frame:
        self.until(lambda: self.frames.latest() is not None)
        frame = self.frames.latest()
        assert frame is not None
        return frame

    @property
    def is_open(self) -> bool:
        status = self.status.latest()
        return status is not None and status.is_open

    @staticmethod
    def until(condition: Callable[[], bool], timeout_s: float = 5) -> None:
        end = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < end, "it did not come to pass"
            time.sleep(0.01)


@pytest.fixture(scope="module", name="video")
def _video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten pictures that get brighter, at 20 a second."""
    path = tmp_path_factory.mktemp("video") / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 20, (320, 240))
    for level in range(10):
        writer.write(np.full((240, 320, 3), 40 + 20 * level, np.uint8))
    writer.release()
    return path


def test_the_camera_is_open_only_while_it_may_be() -> None:
    with Running("builtin") as camera:
        time.sleep(0.3)
        assert camera.frames.latest() is None
        assert not camera.is_open
        camera.allowed.set()
        first = camera.frame()
        assert camera.is_open
        assert first.pixels.shape == (480, 640, 3)
        assert not first.pixels.flags.writeable
        camera.allowed.clear()
        camera.until(lambda: not camera.is_open, 0.5)
        assert camera.frames.latest() is None, "no frame outlives the permission"
        camera.allowed.set()
        assert camera.frame().opening == first.opening + 1


def test_stopping_closes_the_camera() -> None:
    with Running("builtin") as camera:
        camera.allowed.set()
        camera.frame()
    assert not camera.is_open


def test_a_video_plays_at_its_own_pace_and_begins_again(video: Path) -> None:
    with Running(str(video)) as camera:
        camera.allowed.set()
        levels, version = [], 0
        began = time.monotonic()
        while time.monotonic() - began < 1.2:
            version, frame = camera.frames.wait_newer(version, 1)
            if frame is not None:
                levels.append(float(frame.pixels.mean()))
    steps = np.diff(levels)
    assert (steps < -100).sum() >= 1, "it began again"
    assert max(levels) > 180
    assert min(levels) < 80


def test_a_picture_can_be_turned_and_mirrored(tmp_path: Path) -> None:
    picture = np.zeros((48, 64, 3), np.uint8)
    picture[:24, :32] = 255
    path = tmp_path / "corner.png"
    cv2.imwrite(str(path), picture)
    with Running(str(path), width_px=160, height_px=120, rotate_deg=90) as camera:
        camera.allowed.set()
        pixels = camera.frame().pixels
    assert pixels.shape == (160, 120, 3)
    assert pixels[10, -10].mean() > 200
    with Running(str(path), width_px=160, height_px=120, mirror=True) as camera:
        camera.allowed.set()
        assert camera.frame().pixels[10, -10].mean() > 200


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("/dev/video97", "/dev/video97: no such camera"),
        ("/dev/null", "/dev/null: is no camera"),
        ("http://127.0.0.1:1/eye", "cannot be reached"),
        ("no-such-file.mp4", "no such file or camera"),
        ("{bad}/bad.jpg", "is no picture"),
        ("{bad}/cut.jpg", "damaged or unfinished"),
        ("{bad}/bad.mp4", "is no video"),
        ("{bad}/none.png", "cannot be read"),
    ],
)
def test_what_cannot_be_opened_is_named(tmp_path: Path, source: str, message: str) -> None:
    (tmp_path / "bad.jpg").write_bytes(b"no picture")
    (tmp_path / "cut.jpg").write_bytes(BUILTIN.read_bytes()[:9000])
    (tmp_path / "bad.mp4").write_bytes(b"no video" * 100)
    settings = CameraSettings(source=source.format(bad=tmp_path))
    with pytest.raises(CameraError, match=message):
        open_source(settings)


def test_a_missing_camera_is_said_and_no_end() -> None:
    with Running("/dev/video97") as camera:
        camera.allowed.set()
        camera.until(lambda: "no such camera" in camera.worker.note)
        assert not camera.is_open


def test_a_missing_camera_does_not_fill_the_log(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(CameraError):
        open_source(CameraSettings(source="/dev/video97"))
    assert capfd.readouterr().err == ""


def test_a_video_of_darkness_is_said(tmp_path: Path) -> None:
    path = tmp_path / "night.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 20, (320, 240))
    for _ in range(5):
        writer.write(np.zeros((240, 320, 3), np.uint8))
    writer.release()
    with Running(str(path)) as camera:
        camera.allowed.set()
        camera.until(lambda: "picture is black" in camera.worker.note)
        assert camera.is_open
        assert camera.frames.latest() is None  # There is nothing to read in it.


def test_a_camera_that_comes_later_is_used(tmp_path: Path) -> None:
    path = tmp_path / "late.png"
    with Running(str(path)) as camera:
        camera.allowed.set()
        camera.until(lambda: "cannot be read" in camera.worker.note)
        cv2.imwrite(str(path), np.full((48, 64, 3), 200, np.uint8))
        camera.until(lambda: camera.is_open and camera.worker.note == "")
        assert camera.frame().pixels.mean() > 150


def test_an_empty_file_is_no_picture(tmp_path: Path) -> None:
    path = tmp_path / "empty.png"
    path.touch()
    with pytest.raises(CameraError, match="is no picture"):
        read_picture(path)


def test_frozen_and_black_pictures_are_noticed() -> None:
    rng = np.random.default_rng(1)
    watch = _Watch(is_live=True)
    noisy = [rng.integers(60, 200, (48, 64, 3)).astype(np.uint8) for _ in range(5)]
    assert [watch.look(picture, float(n)) for n, picture in enumerate(noisy)] == [""] * 5
    assert watch.look(noisy[-1], 6.9) == ""
    assert "stands still" in watch.look(noisy[-1], 7.1)
    assert "black" in watch.look(np.zeros((48, 64, 3), np.uint8), 8.0)
    still = _Watch(is_live=False)
    assert [still.look(noisy[0], float(t)) for t in (0, 10)] == ["", ""]


def test_the_portrait_and_the_list_of_cameras() -> None:
    assert builtin_picture(320, 240).shape == (240, 320, 3)
    assert all(camera.path.startswith("/dev/video") for camera in find_cameras())
