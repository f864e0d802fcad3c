"""How good the expression network is on a labelled file: accuracy, calibration, speed."""

from __future__ import annotations

import time
import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models_tflite.expression import CROP_SIDE, DEFAULT_MODEL, EXPRESSIONS, ExpressionNet

BINS: Final = 15
_BATCH: Final = 64
_TIMED_CALLS: Final = 300


class EvaluationError(Exception):
    """The labelled file cannot be used; the message is one line naming it."""


@dataclass(frozen=True, slots=True)
class EvaluationReport:
    """Results over n faces; shares 0..1, times in ms, confusion rows true, columns answered."""

    accuracy: float
    macro_recall: float
    ece: float
    ms_per_face_mean: float
    ms_per_face_p50: float
    confusion: NDArray[np.int64]
    n: int
    model_bytes: int

    def as_json(self) -> dict[str, Any]:
        """Return plain values with the documented keys."""
        return {**asdict(self), "confusion": self.confusion.tolist()}


def evaluate(npz_path: Path | str, model_path: Path | str = DEFAULT_MODEL) -> EvaluationReport:
    """Measure a model on a file in the FER npz layout; raises EvaluationError or ModelError."""
    images, labels = read_labelled(Path(npz_path))
    net = ExpressionNet.load(model_path)
    parts = [net.probabilities(images[at : at + _BATCH]) for at in range(0, len(images), _BATCH)]
    probabilities = np.concatenate(parts)
    confusion = confusion_matrix(labels, probabilities.argmax(axis=1))
    confusion.flags.writeable = False
    times_ms = _single_face_ms(net, images)
    return EvaluationReport(
        accuracy=float(np.trace(confusion) / len(labels)),
        macro_recall=macro_recall(confusion),
        ece=expected_calibration_error(probabilities, labels),
        ms_per_face_mean=float(times_ms.mean()),
        ms_per_face_p50=float(np.median(times_ms)),
        confusion=confusion,
        n=len(labels),
        model_bytes=Path(model_path).stat().st_size,
    )


def read_labelled(path: Path) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Read images uint8 (N, 48, 48) and labels (N,) 0..6; raises EvaluationError."""
    if not path.is_file():
        raise EvaluationError(f"{path}: no such file; give an npz with images and labels")
    try:
        with np.load(path, allow_pickle=False) as data:
            images, labels = data["images"], data["labels"]
    except KeyError as error:
        raise EvaluationError(f"{path}: lacks an array ({error.args[0]})") from error
    except MemoryError as error:  # Also of a damaged one, which asks for more than there is.
        raise EvaluationError(f"{path}: too large for the memory of this machine") from error
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, AttributeError, TypeError) as error:
        reason = " ".join(str(error).split()) or "unreadable"
        if not isinstance(error, OSError | EOFError) and not zipfile.is_zipfile(path):
            reason = "it is no archive of arrays"  # numpy speaks of pickles, and how to trust them.
        raise EvaluationError(f"{path}: not a readable npz file ({reason})") from error
    if images.dtype != np.uint8 or images.ndim != 3 or images.shape[1:] != (CROP_SIDE, CROP_SIDE):
        raise EvaluationError(
            f"{path}: images must be uint8 (N, {CROP_SIDE}, {CROP_SIDE}), "
            f"found {images.dtype} {images.shape}"
        )
    if len(images) == 0 or labels.shape != (len(images),):
        raise EvaluationError(f"{path}: {len(images)} images, labels of shape {labels.shape}")
    if not np.issubdtype(labels.dtype, np.integer):
        raise EvaluationError(f"{path}: labels must be whole numbers, found {labels.dtype}")
    if labels.min() < 0 or labels.max() >= len(EXPRESSIONS):
        raise EvaluationError(f"{path}: labels must lie in 0..{len(EXPRESSIONS) - 1}")
    return images, labels.astype(np.int64)


def confusion_matrix(labels: NDArray[np.int64], answers: NDArray[np.int64]) -> NDArray[np.int64]:
    """Count (true, answered) pairs into int64 (7, 7)."""
    counts = np.zeros((len(EXPRESSIONS), len(EXPRESSIONS)), dtype=np.int64)
    np.add.at(counts, (labels, answers), 1)
    return counts


def macro_recall(confusion: NDArray[np.int64]) -> float:
    """Mean recall 0..1 over the expressions that occur."""
    totals = confusion.sum(axis=1)
    present = totals > 0
    return float((np.diag(confusion)[present] / totals[present]).mean())


def expected_calibration_error(
    probabilities: NDArray[np.float32], labels: NDArray[np.int64], bins: int = BINS
) -> float:
    """Mean gap 0..1 between top confidence and accuracy, equal-width bins weighted by count.

    Guo et al. 2017, "On Calibration of Modern Neural Networks", eq. 3.
    """
    confidence = probabilities.max(axis=1)
    hit = probabilities.argmax(axis=1) == labels
    slot = np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)
    gap = np.bincount(slot, weights=hit - confidence.astype(np.float64), minlength=bins)
    return float(np.abs(gap).sum() / len(labels))


def _single_face_ms(net: ExpressionNet, images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Times in ms of one-face calls on one thread, warmed up, for faces from all of the file."""
    places = np.arange(_TIMED_CALLS) * len(images) // _TIMED_CALLS
    faces = [images[place][np.newaxis] for place in places]
    for face in faces[:20]:
        net.probabilities(face)
    times = []
    for face in faces:
        started = time.perf_counter()
        net.probabilities(face)
        times.append(time.perf_counter() - started)
    return 1000 * np.array(times)
