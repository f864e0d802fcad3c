"""Second looks: faces too small for one glance at the whole picture are looked at close up.

The detector shrinks a 640x480 picture to 192 pixels, so a face 35 px high is left with ten: it
is found on some frames, missed on others, and its eyes are off by pixels. Each small face is
therefore looked for again in a square around it. Where nobody is seen at all, overlapping parts
of the picture are searched; a face found there counts only when the second look confirms it.
"""

from __future__ import annotations

import itertools
import math

import numpy as np
from numpy.typing import NDArray

from device.readings import Box, frozen
from device.sensing.face.detector import SIDE_PX, Detection, FaceDetector, overlap

SMALL_PX = 24.0
"""Faces below this many of the detector's own pixels are looked at again: on the portrait scaled
down, boxes of such faces are off by more than a tenth of their height."""
AROUND = 3.5
"""Side of the square looked at, over the face: it then fills the share the detector likes best."""
PART_SHARE = 0.62
"""Side of a searched part over the longer side of the picture: 4 parts of a 640x480 picture, each
showing faces 1.6 times as large, and overlapping by more than a far face."""
MOST_LOOKS = 4
"""Small faces that get a second look in one frame; the surest first."""
FINER_SEARCHES = 3
"""How often a thorough search goes on with smaller parts, each 0.62 of the last."""
SAME_FACE = 0.2


class CloserLook:
    """A detector that looks again; remembers where small faces were, one frame long.

    ``thorough`` is for single pictures: all parts are searched, down to small ones, and every
    small face is looked at.
    """

    def __init__(self, detector: FaceDetector, *, thorough: bool = False) -> None:
        self._detector = detector
        self._thorough = thorough
        self._far: list[Box] = []

    def detect(self, picture: NDArray[np.uint8]) -> list[Detection]:
        """Return the faces, the surest first."""
        smallest = SMALL_PX * max(picture.shape[:2]) / SIDE_PX
        seen = self._detector.detect(picture)
        faces = [face for face in seen if _side(face.box) >= smallest]
        guesses = [face.box for face in seen if _side(face.box) < smallest] + self._far
        far = self._confirmed(picture, guesses, faces)
        if self._thorough or not (faces or far):
            guesses = [face.box for face in self._search(picture)]
            far += self._confirmed(picture, guesses, faces + far)
        self._far = [face.box for face in far if _side(face.box) < smallest]
        return sorted(faces + far, key=lambda face: -face.score)

    def close(self) -> None:
        """Give the detector back."""
        self._detector.close()

    def _confirmed(
        self, picture: NDArray[np.uint8], guesses: list[Box], known: list[Detection]
    ) -> list[Detection]:
        """Return what a second look finds at the guessed places and is not known yet."""
        found: list[Detection] = []
        looks = 0
        for guess in guesses:
            if looks == MOST_LOOKS and not self._thorough:
                break
            if any(overlap(guess, face.box) > SAME_FACE for face in (*known, *found)):
                continue
            looks += 1
            for face in self._look(picture, _around(guess, picture.shape)):
                is_new = all(
                    overlap(face.box, other.box) <= SAME_FACE for other in (*known, *found)
                )
                if is_new and overlap(face.box, guess) > SAME_FACE:
                    found.append(face)
        return found

    def _search(self, picture: NDArray[np.uint8]) -> list[Detection]:
        """Return the faces in overlapping parts of the picture, the surest first."""
        height, width = picture.shape[:2]
        side = math.ceil(PART_SHARE * max(height, width))
        found = self._in_parts(picture, side)
        for _ in range(FINER_SEARCHES if self._thorough else 0):
            side = math.ceil(PART_SHARE * side)
            if side < SIDE_PX:
                break
            found += self._in_parts(picture, side)
        return sorted(found, key=lambda face: -face.score)

    def _in_parts(self, picture: NDArray[np.uint8], side: int) -> list[Detection]:
        height, width = picture.shape[:2]
        return [
            face
            for top, left in itertools.product(_steps(height, side), _steps(width, side))
            for face in self._look(picture, (left, top, min(side, width), min(side, height)))
        ]

    def _look(self, picture: NDArray[np.uint8], part: tuple[int, int, int, int]) -> list[Detection]:
        left, top, width, height = part
        view = np.ascontiguousarray(picture[top : top + height, left : left + width])
        return [_moved(face, left, top) for face in self._detector.detect(view)]


def _steps(length: int, side: int) -> list[int]:
    """Return where parts of this side begin, so that they cover the length evenly."""
    if side >= length:
        return [0]
    count = math.ceil((length - side / 3) / (side * 2 / 3))
    return [round(at) for at in np.linspace(0, length - side, max(2, count))]


def _around(face: Box, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    """Return left, top, width, height of the square around a face, as far as the picture goes."""
    height, width = shape[:2]
    side = min(math.ceil(AROUND * _side(face)), width, height)
    left = round(face.x_px + face.width_px / 2 - side / 2)
    top = round(face.y_px + face.height_px / 2 - side / 2)
    return max(0, min(left, width - side)), max(0, min(top, height - side)), side, side


def _moved(face: Detection, left: int, top: int) -> Detection:
    box = face.box
    moved = Box(box.x_px + left, box.y_px + top, box.width_px, box.height_px)
    marks = np.asarray(face.keypoints + np.array([left, top], np.float32), np.float32)
    return Detection(moved, frozen(marks), face.score)


def _side(box: Box) -> float:
    return max(box.width_px, box.height_px)
