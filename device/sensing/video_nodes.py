"""Which of Linux's video nodes are cameras: their drivers are asked, else the names tell."""

from __future__ import annotations

import fcntl
import os
import re
import struct
from pathlib import Path

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


def is_camera(node: Path, name: str, first_of_device: bool) -> bool:
    """Return whether the video node gives pictures; a webcam's metadata node gives none."""
    if _PROCESSOR.match(name):
        return False
    abilities = _abilities(node)
    if abilities is None:
        return first_of_device
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
