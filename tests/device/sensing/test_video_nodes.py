"""Which of a machine's video nodes are cameras."""

from __future__ import annotations

import fcntl
import struct
from pathlib import Path

import pytest

from device.sensing import video_nodes
from device.sensing.video_nodes import find_cameras


def test_the_cameras_of_this_machine_are_nodes_or_on_a_ribbon() -> None:
    assert all(one.path.startswith(("/dev/video", "csi")) for one in find_cameras())


M2M, MULTI_M2M, CAPTURE, MULTI_CAPTURE, OUTPUT, METADATA, STREAMING, WIRED_BY_HAND = (
    0x8000, 0x4000, 0x1, 0x1000, 0x2, 0x800000, 0x4000000, 1 << 29,
)  # fmt: skip


class Nodes:
    """Video nodes of a machine: their names in sysfs, and drivers that answer VIDIOC_QUERYCAP."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._class, self._devices = folder / "class", folder / "dev"
        self._devices.mkdir()
        self._told: dict[str, int] = {}
        monkeypatch.setattr(video_nodes, "VIDEO_CLASS", self._class)
        monkeypatch.setattr(video_nodes, "DEVICES", self._devices)
        monkeypatch.setattr(fcntl, "ioctl", self._answer)

    def add(self, number: int, name: str, index: int = 0, told: int | None = None) -> None:
        """``told``: what the driver says of the node; None: it has no driver that could."""
        node = self._class / f"video{number}"
        node.mkdir(parents=True)
        (node / "name").write_text(f"{name}\n")
        (node / "index").write_text(f"{index}\n")
        if told is not None:
            (self._devices / node.name).touch()
            self._told[node.name] = told

    def found(self) -> list[str]:
        return [Path(camera.path).name for camera in find_cameras()]

    def _answer(self, handle: int, request: int, room_for_it: bytes) -> bytes:
        """As videodev2.h: driver, card, bus, version; abilities of device and node; reserved."""
        assert (request, len(room_for_it)) == (0x80685600, 104)
        told = self._told[Path(f"/proc/self/fd/{handle}").readlink().name]
        of_device = 1 << 31 | CAPTURE | METADATA | STREAMING
        return struct.pack("=16s32s32s3I12x", b"uvc", b"eye", b"usb", 6, of_device, told)


@pytest.fixture
def nodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Nodes:
    return Nodes(tmp_path, monkeypatch)


PI_4 = (
    ("bcm2835-codec-decode", 0, MULTI_M2M), ("bcm2835-codec-encode", 0, MULTI_M2M),
    ("bcm2835-codec-isp", 0, MULTI_M2M), ("bcm2835-isp-output0", 0, OUTPUT),
    ("bcm2835-isp-capture0", 1, CAPTURE), ("bcm2835-isp-capture1", 2, CAPTURE),
    ("bcm2835-isp-stats0", 3, METADATA), ("bcm2835-codec-image_fx", 0, MULTI_M2M),
    ("rpi-hevc-dec", 0, MULTI_M2M), ("bcm2835-codec-encode_image", 0, MULTI_M2M),
)  # fmt: skip
PI_5 = (
    ("rpi-hevc-dec", 0, MULTI_M2M), ("pispbe-input", 0, OUTPUT),
    ("pispbe-output0", 0, MULTI_CAPTURE), ("rpivid", 0, MULTI_M2M),
)  # fmt: skip


@pytest.mark.parametrize("answers", [True, False])
def test_the_codecs_of_a_raspberry_pi_are_no_cameras(nodes: Nodes, answers: bool) -> None:
    for number, (name, index, told) in enumerate(PI_4 + PI_5, 10):
        nodes.add(number, name, index, told if answers else None)
    assert nodes.found() == []
    nodes.add(0, "HD Webcam", 0, CAPTURE | STREAMING)
    nodes.add(1, "HD Webcam", 1, METADATA | STREAMING)
    assert nodes.found() == ["video0"]


def test_the_drivers_word_counts_for_more_than_the_place(nodes: Nodes) -> None:
    nodes.add(0, "some-decoder", 0, M2M | STREAMING)
    nodes.add(1, "unicam", 0, CAPTURE | WIRED_BY_HAND)
    nodes.add(2, "depth camera", 0, METADATA)
    nodes.add(3, "depth camera", 1, CAPTURE)
    nodes.add(4, "a phone's camera", 0, MULTI_CAPTURE)
    assert nodes.found() == ["video3", "video4"]


def test_where_the_driver_cannot_be_asked_the_first_node_is_the_camera(nodes: Nodes) -> None:
    nodes.add(0, "HD Webcam", 0)
    nodes.add(1, "HD Webcam", 1)
    assert nodes.found() == ["video0"]


@pytest.mark.parametrize("answers", [True, False])
def test_ribbon_cameras_are_found_and_come_after_those_on_usb(nodes: Nodes, answers: bool) -> None:
    wired = CAPTURE | WIRED_BY_HAND
    parts = (
        ("rp1-cfe-csi2_ch0", 0, wired), ("rp1-cfe-embedded", 1, METADATA),
        ("rp1-cfe-csi2_ch1", 2, wired), ("rp1-cfe-fe_image0", 3, wired),
        ("rp1-cfe-csi2_ch0", 0, wired),
    )  # fmt: skip
    for number, (name, index, told) in enumerate(parts):
        nodes.add(number, name, index, told if answers else None)
    assert nodes.found() == ["csi", "csi:1"]
    nodes.add(8, "HD Webcam", 0, CAPTURE | STREAMING)
    assert nodes.found() == ["video8", "csi", "csi:1"]


def test_the_ribbon_camera_of_a_pi_4_is_found(nodes: Nodes) -> None:
    for number, (name, index, told) in enumerate(PI_4, 10):
        nodes.add(number, name, index, told)
    nodes.add(0, "unicam-image", 0, CAPTURE | WIRED_BY_HAND)
    nodes.add(1, "unicam-embedded", 1, METADATA | WIRED_BY_HAND)
    assert nodes.found() == ["csi"]
