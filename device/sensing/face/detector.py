"""Where the faces are: the full-range BlazeFace, by MediaPipe or straight by LiteRT.

Both drive the same model file (Bazarevsky et al. 2019, full-range sparse variant); which one is
the default, and why, stands in models_tflite/face_detection.md with the numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

import models_tflite
from device.config import FaceSettings
from device.readings import Box, frozen
from models_tflite.native_log import without_chatter
from models_tflite.runtime import ModelError, TfliteModel, read_model

MODEL = (
    Path(models_tflite.__file__).parent / "downloads" / "face_detection_full_range_sparse.tflite"
)
MODEL_SHA256 = "2c3728e6da56f21e21a320433396fb06d40d9088f2247c05e5635a688d45dfe1"
SIDE_PX = 192
GRID = 48
"""The model's one layer has stride 4: 48 x 48 cells with one anchor each."""
KEYPOINTS = 6
OVERLAP = 0.3
"""Boxes that overlap more are one face (MediaPipe's min_suppression_threshold)."""


@dataclass(frozen=True, slots=True, eq=False)
class Detection:
    """A face as the detector sees it."""

    box: Box
    keypoints: NDArray[np.float32]
    """(6, 2) px: right eye, left eye, nose, mouth, right ear, left ear."""
    score: float


class FaceDetector(Protocol):
    """Finds faces in a picture uint8 (height, width, 3) BGR; belongs to the thread that made it.

    Whoever makes one closes it: MediaPipe's, left to the garbage collector, can wait for ever.
    """

    def detect(self, picture: NDArray[np.uint8]) -> list[Detection]: ...

    def close(self) -> None: ...


def make_detector(
    settings: FaceSettings, model: Path = MODEL, *, thorough: bool = False
) -> FaceDetector:
    """Return the configured detector; raises ModelError when the model is missing or damaged.

    A ``thorough`` one takes its time over a single picture (see CloserLook).
    """
    if not model.is_file():
        raise ModelError(f"{model}: the face detection model is missing; run `make setup`")
    # Imported here: it knows this module's types.
    from device.sensing.face.closer import CloserLook

    if settings.detector == "mediapipe":
        return CloserLook(MediaPipeDetector(settings.min_score, model), thorough=thorough)
    return CloserLook(LiteRtDetector(settings.min_score, model), thorough=thorough)


class LiteRtDetector:
    """Drives the model itself: letterbox, decode, weighted suppression."""

    def __init__(self, min_score: float, model: Path = MODEL) -> None:
        self._model = TfliteModel.load(
            model, input_shape=(None, SIDE_PX, SIDE_PX, 3), sha256=MODEL_SHA256
        )
        self._min_score = min_score
        # A score below the threshold is sorted out before the sigmoid is taken.
        self._min_logit = float(np.log(min_score / max(1e-9, 1 - min_score)))

    def detect(self, picture: NDArray[np.uint8]) -> list[Detection]:
        """Return the faces, the surest first."""
        square, scale, left, top = _letterbox(picture)
        batch = (square[None, :, :, ::-1].astype(np.float32) - 127.5) / 127.5
        outputs = self._model.run(batch)
        raw = next(out for out in outputs if out.shape[-1] == 4 + 2 * KEYPOINTS)[0]
        logits = next(out for out in outputs if out.shape[-1] == 1)[0, :, 0]
        good = np.flatnonzero(logits >= self._min_logit)
        if not len(good):
            return []
        corners, points = _decoded(raw[good], good)
        scores = (1 / (1 + np.exp(-np.clip(logits[good], -100, 100)))).astype(np.float32)
        offset = np.array([left, top], np.float32)
        return [
            _detection((box * SIDE_PX - np.tile(offset, 2)) / scale,
                       (marks * SIDE_PX - offset) / scale, score)
            for box, marks, score in _suppressed(corners, points, scores)
        ]  # fmt: skip

    def close(self) -> None:
        """Nothing to give back."""


def _letterbox(picture: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], float, int, int]:
    """Return the picture in a black square, with its scale and the bars at left and top."""
    height, width = picture.shape[:2]
    scale = SIDE_PX / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small: Any = picture
    # Halving by area is nearly free; area averaging by odd factors costs a third of an inference.
    while min(small.shape[:2]) > 1 and max(small.shape[:2]) >= 3 * SIDE_PX:
        small = cv2.resize(small, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    small = cv2.resize(small, size, interpolation=cv2.INTER_LINEAR)
    left, top = (SIDE_PX - size[0]) // 2, (SIDE_PX - size[1]) // 2
    square = np.zeros((SIDE_PX, SIDE_PX, 3), np.uint8)
    square[top : top + size[1], left : left + size[0]] = small
    return square, scale, left, top


def _decoded(
    raw: NDArray[np.float32], cells: NDArray[np.intp]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return corners (n, 4) and keypoints (n, 6, 2) in 0..1 of the square."""
    anchors = np.stack([(cells % GRID + 0.5) / GRID, (cells // GRID + 0.5) / GRID], axis=1)
    centre = raw[:, 0:2] / SIDE_PX + anchors
    half = raw[:, 2:4] / SIDE_PX / 2
    points = raw[:, 4:].reshape(-1, KEYPOINTS, 2) / SIDE_PX + anchors[:, None, :]
    corners = np.concatenate([centre - half, centre + half], axis=1)
    return corners.astype(np.float32), points.astype(np.float32)


def _suppressed(
    corners: NDArray[np.float32], points: NDArray[np.float32], scores: NDArray[np.float32]
) -> list[tuple[NDArray[np.float32], NDArray[np.float32], float]]:
    """Weighted suppression: each face is the mean of its boxes, weighted by their scores."""
    order = np.argsort(-scores)
    faces = []
    while len(order):
        best = order[0]
        same = order[_overlaps(corners[best], corners[order]) > OVERLAP]
        weights = scores[same] / scores[same].sum()
        faces.append(
            (
                (corners[same] * weights[:, None]).sum(axis=0),
                (points[same] * weights[:, None, None]).sum(axis=0),
                float(scores[best]),
            )
        )
        order = order[~np.isin(order, same)]
    return faces


def _overlaps(box: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the intersection over union of one box with each other; itself counts as 1."""
    low = np.maximum(box[:2], others[:, :2])
    high = np.minimum(box[2:], others[:, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=1)
    areas = (others[:, 2:] - others[:, :2]).prod(axis=1) + (box[2:] - box[:2]).prod() - shared
    found: NDArray[np.float32] = np.where(areas > 0, shared / np.maximum(areas, 1e-12), 1.0)
    return found


def _detection(
    corners: NDArray[np.float32], points: NDArray[np.float32], score: float
) -> Detection:
    left, top, right, bottom = (float(value) for value in corners)
    box = Box(left, top, max(0.0, right - left), max(0.0, bottom - top))
    return Detection(box, frozen(points.astype(np.float32)), score)


class MediaPipeDetector:
    """The same model behind MediaPipe's Tasks API."""

    def __init__(self, min_score: float, model: Path = MODEL) -> None:
        # Imported here: it costs most of a second and 100 MB, which LiteRT alone does not.
        import mediapipe as mp
        from mediapipe.tasks.python import vision
        from mediapipe.tasks.python.core.base_options import BaseOptions

        read_model(model, MODEL_SHA256)
        self._mp: Any = mp
        options = vision.FaceDetectorOptions(
            base_options=BaseOptions(model_asset_path=str(model)),
            min_detection_confidence=min_score,
            min_suppression_threshold=OVERLAP,
        )
        try:
            with without_chatter():
                self._detector = vision.FaceDetector.create_from_options(options)
                # The first picture makes it speak once more.
                self.detect(np.zeros((SIDE_PX, SIDE_PX, 3), np.uint8))
        except (RuntimeError, ValueError, OSError) as error:
            raise ModelError(
                f"{model}: MediaPipe cannot load the face detection model: {error};"
                " run `make setup` again"
            ) from error

    def detect(self, picture: NDArray[np.uint8]) -> list[Detection]:
        """Return the faces, the surest first."""
        height, width = picture.shape[:2]
        rgb = cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
        image = self._mp.Image(image_format=self._mp.ImageFormat.SRGB, data=rgb)
        found = []
        for face in self._detector.detect(image).detections:
            area = face.bounding_box
            points = np.array(
                [(point.x * width, point.y * height) for point in face.keypoints], np.float32
            )
            box = Box(area.origin_x, area.origin_y, area.width, area.height)
            found.append(Detection(box, frozen(points), float(face.categories[0].score)))
        return sorted(found, key=lambda face: -face.score)

    def close(self) -> None:
        """End MediaPipe's own thread."""
        with without_chatter():
            self._detector.close()


def overlap(a: Box, b: Box) -> float:
    """Return the intersection over union 0..1 of two boxes."""
    width = min(a.x_px + a.width_px, b.x_px + b.width_px) - max(a.x_px, b.x_px)
    height = min(a.y_px + a.height_px, b.y_px + b.height_px) - max(a.y_px, b.y_px)
    shared = max(0.0, width) * max(0.0, height)
    union = a.area_px + b.area_px - shared
    return shared / union if union > 0 else 0.0
