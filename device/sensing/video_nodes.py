"""Which cameras there are: the drivers of Linux's video nodes are asked, else their names tell."""

from __future__ import annotations

import fcntl
import os
import re
import struct
from dataclasses import dataclass
from pathlib import Path

from device.sensing.ribbon_camera import source_name

VIDEO_CLASS = Path("/sys/class/video4linux")
DEVICES = Path("/dev")

_QUERYCAP = 0x80685600
_CAPABILITY = struct.Struct("=84xII12x")
"""VIDIOC_QUERYCAP and its v4l2_capability: what the device can do, and what this node of it."""
_NODE_IS_TOLD = 1 << 31
_CAPTURES = 0x1 | 0x1000
"""V4L2_CAP_VIDEO_CAPTURE, of one plane and of several."""
_NO_CAMERA = 0x8000 | 0x4000 | 1 << 29
"""V4L2_CAP_VIDEO_M2M, of one plane and of several: a codec; and V4L2_CAP_IO_MC: it streams only
after another program has wired its parts, as a Raspberry Pi's ribbon camera (opencv#22820)."""
_PROCESSOR = re.compile(r"bcm2835-(codec|isp)|rpi-hevc|rpivid|pispbe")
"""Codecs and picture processors of a Raspberry Pi; the latter say that they capture."""
_RIBBON = re.compile(r"unicam-image|rp1-cfe-csi2[_-]ch0")
"""What receives the pictures of a Raspberry Pi's ribbon camera, up to Pi 4 and on Pi 5; it is there
only with a camera that answers."""


@dataclass(frozen=True, slots=True)
class CameraDevice:
    """A camera that the system offers."""

    name: str
    path: str
    """As the settings name it."""


def find_cameras() -> list[CameraDevice]:
    """Return the cameras that can capture (a webcam's metadata node and a codec cannot), those on
    a ribbon last."""
    cameras, ribbons = [], 0
    for node in sorted(VIDEO_CLASS.glob("video*"), key=lambda n: int(n.name[5:] or 0)):
        try:
            first_of_device = (node / "index").read_text().strip() == "0"
            name = (node / "name").read_text().strip()
        except OSError:
            continue
        path = DEVICES / node.name
        if is_camera(path, name, first_of_device):
            cameras.append(CameraDevice(name, str(path)))
        elif _RIBBON.fullmatch(name):
            ribbons += 1
    on_ribbons = (CameraDevice("Raspberry Pi camera", source_name(n)) for n in range(ribbons))
    return [*cameras, *on_ribbons]


def is_camera(node: Path, name: str, first_of_device: bool) -> bool:
    """Return whether the video node gives pictures; a webcam's metadata node gives none."""
    if _PROCESSOR.match(name):
        return False
    abilities = _abilities(node)
    if abilities is None:
        return first_of_device and not _RIBBON.fullmatch(name)
    return bool(abilities & _CAPTURES) and not abilities & _NO_CAMERA


def _abilities(node: Path) -> int | None:
    """Return the V4L2_CAP bits of a video node; None where it cannot be asked."""
    try:
        # A light goes on with the first stream, and none is started here; the driver answers
        # from memory, so nothing waits for the device.
        handle = os.open(node, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        told = fcntl.ioctl(handle, _QUERYCAP, bytes(_CAPABILITY.size))
    except OSError:
        return None
    finally:
        os.close(handle)
    of_device, of_node = _CAPABILITY.unpack(told)
    return int(of_node if of_device & _NODE_IS_TOLD else of_device)
