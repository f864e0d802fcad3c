"""A Raspberry Pi's ribbon camera through ``rpicam-vid``, by a program that behaves as it does."""

from __future__ import annotations

import os
import threading
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from device.channels import LatestSlot, Permission
from device.config import CameraSettings
from device.readings import Frame
from device.sensing import ribbon_camera
from device.sensing.camera import CameraWorker
from device.sensing.camera_sources import open_source
from device.sensing.pictures import CameraError
from device.sensing.ribbon_camera import RibbonSource, to_colours
from tests.fakes import rpicam_vid


@pytest.fixture(autouse=True)
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    rpicam_vid.install(tmp_path)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    return tmp_path


def settings(**values: object) -> CameraSettings:
    return CameraSettings.model_validate({"source": "csi", "frame_interval_s": 0.05, **values})


def opened(**values: object) -> RibbonSource:
    source = open_source(settings(**values))
    assert isinstance(source, RibbonSource)
    return source


@pytest.mark.parametrize("size", [(640, 480), (320, 240), (500, 301)])
def test_pictures_have_the_size_that_is_asked_for_and_their_colour(size: tuple[int, int]) -> None:
    with closing(opened(width_px=size[0], height_px=size[1])) as source:
        first, second = source.read(), source.read()
    assert first.shape == second.shape == (size[1], size[0], 3)
    assert (first == first[0, 0]).all()
    cb, cr = rpicam_vid.CB - 128, rpicam_vid.CR - 128
    blue, green, red = (int(value) for value in first[0, 0])
    # JFIF 1.02: R = Y + 1.402 Cr, G = Y - 0.34414 Cb - 0.71414 Cr, B = Y + 1.772 Cb.
    assert red - green == pytest.approx(0.34414 * cb + 2.11614 * cr, abs=1.1)
    assert blue - green == pytest.approx(2.11614 * cb + 0.71414 * cr, abs=1.1)
    assert (second[..., 2] > first[..., 2]).all()


def test_light_and_dark_are_not_clipped() -> None:
    """Full range: 8 and 245 would be black and white in video's range."""
    planes = np.full(64 * 2 * 3 // 2, 128, np.uint8)
    planes[:64], planes[64:128] = 8, 245
    picture = to_colours(planes, 64, 2)
    assert (picture[0] == 8).all()
    assert (picture[1] == 245).all()


def test_after_a_pause_the_newest_picture_is_read() -> None:
    with closing(opened()) as source:
        before = int(source.read()[0, 0, 2])
        time.sleep(1.0)
        after = int(source.read()[0, 0, 2])
    # The program writes until the pipe is full, as the true one does; what it holds is skipped.
    assert after - before >= 2 * rpicam_vid.Y_STEP


def test_closing_ends_the_program_at_once(programs: Path) -> None:
    source = opened()
    source.read()
    assert len(rpicam_vid.running(programs)) == 1
    time.sleep(0.5)  # It waits for the pipe to be read.
    began = time.monotonic()
    source.close()
    assert time.monotonic() - began < ribbon_camera.CLOSING_S
    assert rpicam_vid.running(programs) == []


def test_it_is_open_only_while_it_may_be(programs: Path) -> None:
    frames: LatestSlot[Frame] = LatestSlot()
    allowed, stop = Permission(), threading.Event()
    worker = CameraWorker(settings(), frames, LatestSlot(), allowed)
    thread = threading.Thread(target=worker.run, args=(stop, lambda: None))
    thread.start()
    try:
        for _ in range(2):
            assert rpicam_vid.running(programs) == []
            version = frames.wait_newer(0, 0)[0]
            allowed.set()
            _, frame = frames.wait_newer(version, 5)
            assert frame is not None and frame.pixels.shape == (480, 640, 3)
            allowed.clear()
            end = time.monotonic() + 2
            while rpicam_vid.running(programs) and time.monotonic() < end:
                time.sleep(0.02)
            assert frames.latest() is None, "no frame outlives the permission"
    finally:
        stop.set()
        thread.join(5)
    assert rpicam_vid.running(programs) == []


@pytest.mark.parametrize(
    ("camera", "source", "said"),
    [
        ("none", "csi", "csi: no cameras available (rpicam-hello --list-cameras"),
        ("good", "csi:1", "csi:1: selected camera is not available (rpicam-hello"),
        ("deaf", "csi", "csi: no more pictures come: is its cable seated?"),
    ],
)
def test_a_camera_that_is_not_there_is_said_in_its_words(
    monkeypatch: pytest.MonkeyPatch, programs: Path, camera: str, source: str, said: str
) -> None:
    monkeypatch.setenv(rpicam_vid.CAMERA, camera)
    monkeypatch.setattr(ribbon_camera, "OPENING_S", 3.0)
    with closing(opened(source=source)) as found, pytest.raises(CameraError) as raised:
        found.read()
    assert str(raised.value).startswith(said)
    assert rpicam_vid.running(programs) == []


def test_the_second_camera_is_the_second(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(rpicam_vid.CAMERA, "two")
    with closing(opened(source="csi:1")) as source:
        assert source.read().shape == (480, 640, 3)


def test_one_that_stops_in_mid_visit_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(rpicam_vid.CAMERA, "breaks")
    with closing(opened()) as source, pytest.raises(CameraError, match="frontend has timed out"):
        for _ in range(5):
            source.read()


def test_without_the_program_its_package_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    with pytest.raises(CameraError, match="rpicam-vid is not there: sudo apt install rpicam-apps"):
        open_source(settings())


def test_a_program_that_cannot_be_started_is_named(programs: Path) -> None:
    (programs / "rpicam-vid").write_text("#!/nowhere/python\n")
    with pytest.raises(CameraError, match="rpicam-vid: cannot be started: No such file"):
        open_source(settings())
