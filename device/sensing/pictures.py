"""Pictures: from files, the built-in one, and fitted as a camera would give them."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from models_tflite.native_log import caught_lines

Picture = NDArray[np.uint8]
"""(height, width, 3), blue-green-red."""

BUILTIN = Path(__file__).resolve().parent.parent / "assets" / "astronaut.jpg"
PICTURES = {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"}
_PICTURE_STARTS = (b"\xff\xd8", b"\x89PNG", b"RIFF", b"BM", b"II*\0", b"MM\0*")
CATCH_UP_S = 0.5
"""So long at most old pictures are skipped: meanwhile nobody sees that the permission is gone."""
_DECODER_COMPLAINT = re.compile(
    rb"Corrupt JPEG data|Premature end of JPEG|libpng error|JPEG datastr"
)
"""What libjpeg and libpng print about a file that they decode all the same, in part."""
_LOGIN = re.compile(r"(?<=:/)(/?)[^/?]*@")
"""Name and password in the address of a network camera; a path has lost one of the slashes."""


class CameraError(Exception):
    """A camera or picture cannot be used; the message names it and what to do."""


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
