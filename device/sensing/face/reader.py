"""Frames -> readings: detect, crop, classify, compare with the person's own neutral, smooth."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from device.config import FaceSettings
from device.readings import Box, FaceReading, FacesInView, Frame, frozen
from device.sensing.face.crop import grey_crop, quality
from device.sensing.face.detector import Detection, FaceDetector, overlap
from models_tflite.expression import ExpressionNet, softmax
from models_tflite.labels import EXPRESSIONS

NEUTRAL = EXPRESSIONS.index("neutral")
NEUTRAL_SHARE = 0.5
"""How much of a person's resting bias is taken away. All of it would turn somebody who arrives
sad into the measure of neutral; half keeps the mood and halves the bias."""
GONE_S = 2.0
"""A face not seen for so long is somebody new when it comes back."""
SAME_FACE_OVERLAP = 0.2


@dataclass(frozen=True, slots=True, eq=False)
class PooledFaces:
    """All faces of a view as one, weighted by their area (and their quality)."""

    probabilities: NDArray[np.float32]
    """(7,), sum 1."""
    confidence: float
    """0..1."""


def area_weighted(faces: FacesInView) -> PooledFaces | None:
    """Return the pooled reading, or None where nobody is in view."""
    if not faces.faces:
        return None
    areas = np.array([face.box.area_px for face in faces.faces])
    qualities = np.array([face.quality for face in faces.faces])
    weights = areas * qualities
    if weights.sum() <= 0:
        return None
    shares = weights / weights.sum()
    pooled = sum(
        share * face.probabilities for share, face in zip(shares, faces.faces, strict=True)
    )
    confidence = float((areas / areas.sum()) @ qualities)
    return PooledFaces(frozen(np.asarray(pooled, np.float32)), confidence)


@dataclass
class _Person:
    """A face followed from frame to frame."""

    box: Box
    seen_at: float
    first_at: float
    logits: NDArray[np.float32]
    """Smoothed."""
    resting_sum: NDArray[np.float32]
    resting_weight: float = 0.0


class FaceReader:
    """Reads one frame after the other; belongs to one thread."""

    def __init__(
        self, settings: FaceSettings, detector: FaceDetector, net: ExpressionNet | None = None
    ) -> None:
        self._settings = settings
        self._detector = detector
        self._net = net or ExpressionNet.load()
        self._people: list[_Person] = []
        self._opening: int | None = None

    def forget(self) -> None:
        """Drop all that was learnt about anybody."""
        self._people = []

    def read(self, frame: Frame) -> FacesInView:
        """Return the faces of a frame, the largest first."""
        if frame.opening != self._opening:
            self.forget()
            self._opening = frame.opening
        found = [
            face for face in self._detector.detect(frame.pixels)
            if max(face.box.width_px, face.box.height_px) >= self._settings.min_face_px
        ]  # fmt: skip
        now = frame.captured_at
        self._people = [person for person in self._people if now - person.seen_at <= GONE_S]
        faces = self._classify(frame, found) if found else []
        faces.sort(key=lambda face: -face.box.area_px)
        height, width = frame.pixels.shape[:2]
        return FacesInView(now, tuple(faces), width, height)

    def _classify(self, frame: Frame, found: list[Detection]) -> list[FaceReading]:
        crops = np.stack([grey_crop(frame.pixels, face) for face in found])
        fresh = self._net.logits(crops)
        qualities = [quality(crop, face) for crop, face in zip(crops, found, strict=True)]
        smoothed = np.stack(
            [
                self._follow(face, logits, good, frame.captured_at)
                for face, logits, good in zip(found, fresh, qualities, strict=True)
            ]
        )
        return [
            FaceReading(frame.captured_at, face.box, face.keypoints, frozen(shares), good)
            for face, shares, good in zip(found, softmax(smoothed), qualities, strict=True)
        ]

    def _follow(
        self, face: Detection, logits: NDArray[np.float32], good: float, now: float
    ) -> NDArray[np.float32]:
        """Return the person's smoothed logits, their resting bias taken off in part."""
        centred = (logits - logits.mean()).astype(np.float32)
        person = self._recognise(face.box, now)
        if person is None:
            person = _Person(face.box, now, now, centred, np.zeros_like(centred))
            self._people.append(person)
        else:
            passed_s = max(0.0, now - person.seen_at)
            keep = math.exp(-passed_s / max(1e-6, self._settings.smoothing_s))
            # A blurred or half-hidden face says little against what was seen before.
            weight = (1 - keep) * good
            person.logits = ((1 - weight) * person.logits + weight * centred).astype(np.float32)
            person.box, person.seen_at = face.box, now
        if now - person.first_at <= self._settings.neutral_s:
            person.resting_sum += good * centred
            person.resting_weight += good
        return (person.logits - self._resting_bias(person)).astype(np.float32)

    def _resting_bias(self, person: _Person) -> NDArray[np.float32]:
        """Return what to take off: half of how much each expression leads over neutral at rest."""
        if person.resting_weight <= 0 or self._settings.neutral_s == 0:
            return np.zeros_like(person.resting_sum)
        resting = person.resting_sum / person.resting_weight
        lead = np.maximum(0.0, resting - resting[NEUTRAL])
        bias: NDArray[np.float32] = NEUTRAL_SHARE * lead
        return bias

    def _recognise(self, box: Box, now: float) -> _Person | None:
        """Return who is followed at this place (by place alone: nobody is identified).

        Not whom this frame has shown already: cheek to cheek two faces overlap.
        """
        waiting = [person for person in self._people if person.seen_at != now]
        best = max(waiting, key=lambda person: overlap(person.box, box), default=None)
        return best if best and overlap(best.box, box) >= SAME_FACE_OVERLAP else None
