"""The camera's worker on stills and videos."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2
import numpy as np
import pytest

from device.channels import LatestSlot, Permission
from device.config import CameraSettings
from device.readings import CameraStatus, Frame
from device.sensing import camera_sources
from device.sensing.camera import CameraWorker, _Watch
from device.sensing.camera_sources import CaptureSource, open_source
from device.sensing.pictures import (
    BUILTIN,
    CATCH_UP_S,
    CameraError,
    builtin_picture,
    read_picture,
)


class Running:
    """A CameraWorker in its thread; remembers every status."""

    def __init__(self, source: str, **settings: object) -> None:
        self.frames: LatestSlot[Frame] = LatestSlot()
        self.status: LatestSlot[CameraStatus] = LatestSlot()
        self.allowed = Permission()
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


def test_a_camera_that_is_seldom_looked_at_closes_at_once_too() -> None:
    with Running("builtin", frame_interval_s=5) as camera:
        camera.allowed.set()
        camera.frame()
        camera.allowed.clear()
        camera.until(lambda: not camera.is_open, 0.5)


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


class SlowFilm:
    """A film on a machine that takes as long for each picture as it is shown."""

    def __init__(self, source: CaptureSource) -> None:
        self.grabs = 0
        self._frame_s = source._frame_s

    def grab(self) -> bool:
        self.grabs += 1
        time.sleep(self._frame_s)
        return True

    def read(self) -> tuple[bool, np.ndarray]:
        return self.grab(), np.zeros((4, 4, 3), np.uint8)


def test_a_film_that_is_too_much_for_the_machine_is_given_its_time(video: Path) -> None:
    source = CaptureSource(str(video), CameraSettings(source=str(video)))
    source._capture = slow = SlowFilm(source)  # type: ignore[assignment]
    source._began -= 3
    began = time.monotonic()
    source.read()
    assert time.monotonic() - began < CATCH_UP_S + 0.3
    before = slow.grabs
    source.read()
    assert slow.grabs - before <= 3, "what it could not catch up with is let go"


class NetworkCamera:
    """MJPEG over HTTP; a picture's grey level tells its number, modulo 32."""

    def __init__(
        self, rate_hz: float, stalls_after: int | None = None, snapshots: bool = False
    ) -> None:
        self.sent = 0
        self._stop = threading.Event()
        eye = self

        class Stream(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                if snapshots:
                    self.send_header("Content-Type", "image/jpeg")
                    self.end_headers()
                    self.wfile.write(BUILTIN.read_bytes())
                    return
                self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=next")
                self.end_headers()
                while eye.sent != stalls_after and not eye._stop.wait(1 / rate_hz):
                    picture = np.full((120, 160, 3), 16 + 7 * (eye.sent % 32), np.uint8)
                    eye.sent += 1
                    jpeg = cv2.imencode(".jpg", picture)[1].tobytes()
                    head = f"--next\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}"
                    try:
                        self.wfile.write(head.encode() + b"\r\n\r\n" + jpeg + b"\r\n")
                    except OSError:
                        return
                eye._stop.wait()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Stream)
        self.url = f"http://127.0.0.1:{self._server.server_port}/eye.mjpg"

    def __enter__(self) -> NetworkCamera:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._server.shutdown()
        self._server.server_close()


def test_a_slow_network_camera_closes_with_the_permission() -> None:
    """MJPEG states no rate, and FFmpeg calls it 25: that pace is not to be caught up with."""
    with NetworkCamera(5) as eye, Running(eye.url) as camera:
        camera.allowed.set()
        first = camera.frame()
        time.sleep(3)
        latest = camera.frame()
        assert latest.seq - first.seq > 8
        camera.allowed.clear()
        camera.until(lambda: not camera.is_open, 1)


def test_who_comes_while_the_camera_is_silent_is_not_seen_by_the_permission_of_who_left() -> None:
    with NetworkCamera(2) as eye, Running(eye.url) as camera:
        camera.allowed.set()
        first = camera.frame()
        camera.allowed.clear()
        camera.allowed.set()
        camera.until(lambda: camera.frame().opening == first.opening + 1, 20)


def test_a_fast_network_camera_shows_what_is_now() -> None:
    with NetworkCamera(40) as eye, Running(eye.url, frame_interval_s=0.1) as camera:
        camera.allowed.set()
        camera.frame()
        time.sleep(2)
        camera.frames.clear()
        level = float(camera.frame().pixels.mean())
        late = (eye.sent - 1 - round((level - 16) / 7)) % 32
    assert late <= 8, "80 were sent in that time, and 20 shown"


def test_a_network_camera_that_falls_silent_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(camera_sources, "STREAM_SILENCE_S", 0.5)
    with NetworkCamera(20, stalls_after=30) as eye, Running(eye.url) as camera:
        camera.allowed.set()
        camera.frame()
        camera.until(lambda: "no more pictures come" in camera.worker.note)
        camera.allowed.clear()
        assert camera.frames.latest() is None, "no frame outlives a camera that was lost"


def test_a_network_camera_that_does_not_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(camera_sources, "OPENING_S", 0.5)
    silent = socket.create_server(("127.0.0.1", 0))
    with silent, Running(f"http://127.0.0.1:{silent.getsockname()[1]}/eye") as camera:
        camera.allowed.set()
        camera.until(lambda: camera.is_open)
        camera.allowed.clear()
        camera.until(lambda: not camera.is_open)
        assert "cannot be reached" in camera.worker.note


@pytest.mark.parametrize("is_slow", [False, True])
@pytest.mark.parametrize("name", ["snapshot", "snapshot.jpg", "snapshot.jpg?channel=1"])
def test_an_address_of_single_pictures_is_said_to_be_no_stream(
    name: str, is_slow: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if is_slow:  # Its picture had to be waited for.
        monkeypatch.setattr(camera_sources, "WAITED_S", 0.0)
    with NetworkCamera(20, snapshots=True) as eye:
        source = open_source(CameraSettings(source=eye.url.replace("eye.mjpg", name)))
        with pytest.raises(CameraError, match="one picture and no more: name the address of"):
            source.read()
        source.close()


def test_a_camera_that_opens_and_gives_nothing_is_one_line_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    with NetworkCamera(20, snapshots=True) as eye, Running(eye.url) as camera:
        camera.allowed.set()
        camera.until(lambda: camera.worker._opening == 3)
    assert len(caplog.records) == 1
    assert "one picture and no more" in caplog.text


@pytest.mark.parametrize("login", [("eva:hunter2@", ""), ("", "?user=eva&pwd=hunter2")])
def test_what_opens_a_network_camera_is_told_to_nobody(
    login: tuple[str, str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The note goes to the house, which keeps it, and the log into archives for helpers."""
    monkeypatch.setattr(camera_sources, "STREAM_SILENCE_S", 0.5)
    caplog.set_level("INFO")
    with NetworkCamera(20, stalls_after=10) as eye:
        url = eye.url.replace("://", f"://{login[0]}") + login[1]
        with Running(url) as camera:
            camera.allowed.set()
            camera.frame()
            camera.until(lambda: "no more pictures come" in camera.worker.note)
            camera.allowed.clear()
            told = camera.worker.note + str(camera.status.latest()) + caplog.text
    assert eye.url.split("://")[1] in told
    assert "hunter2" not in told


def test_the_address_of_a_picture_is_told_without_what_opens_it() -> None:
    with pytest.raises(CameraError) as fault:
        open_source(CameraSettings(source="http://eva:hunter2@127.0.0.1:1/snapshot.jpg"))
    assert "127.0.0.1:1/snapshot.jpg" in str(fault.value)
    assert "hunter2" not in str(fault.value)


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


def test_the_portrait_is_as_large_as_it_is_asked_for() -> None:
    assert builtin_picture(320, 240).shape == (240, 320, 3)
