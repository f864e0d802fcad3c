"""Faces in frames -> expression readings with their quality."""

from device.sensing.face.detector import Detection, FaceDetector, make_detector
from device.sensing.face.reader import FaceReader, PooledFaces, area_weighted
from device.sensing.face.worker import FaceWorker

__all__ = [
    "Detection",
    "FaceDetector",
    "FaceReader",
    "FaceWorker",
    "PooledFaces",
    "area_weighted",
    "make_detector",
]
