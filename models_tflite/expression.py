"""Seven expression probabilities from 48x48 grey face crops."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models_tflite.labels import EXPRESSIONS
from models_tflite.runtime import ModelError, TfliteModel

__all__ = [
    "CROP_SIDE", "DEFAULT_MODEL", "EXPRESSIONS", "ExpressionNet", "ModelError", "seen_both_ways",
    "softmax", "sure",
]  # fmt: skip

CROP_SIDE: Final = 48
DEFAULT_MODEL: Final = Path(__file__).with_name("fer48.tflite")

SURE: Final = 0.7
"""A face that gives one expression so much is not looked at in the mirror: that would change one
answer in a thousand (FER48.md), and takes as long again."""


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What the JSON file beside a model says that the run needs; temperature divides logits."""

    temperature: float
    pixel_offset: float
    pixel_scale: float
    sha256: str

    @classmethod
    def read(cls, path: Path) -> ModelCard:
        """Read and check the sidecar; raises ModelError."""
        try:
            raw: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            pixels = raw["input"]
            card = cls(
                float(raw["temperature"]), float(pixels["offset"]), float(pixels["scale"]),
                str(raw["sha256"]),
            )  # fmt: skip
            labels = tuple(raw["labels"])
        except OSError as error:
            raise ModelError(
                f"{path}: cannot read the model's sidecar ({error.strerror}); "
                "keep the .json beside the .tflite"
            ) from error
        except (ValueError, KeyError, TypeError) as error:
            raise ModelError(f"{path}: damaged model sidecar ({error}); restore it") from error
        if labels != EXPRESSIONS:
            raise ModelError(f"{path}: labels are {labels}, needed {EXPRESSIONS}")
        if not (card.temperature > 0 and card.pixel_scale > 0):
            raise ModelError(f"{path}: temperature and input scale must be positive; restore it")
        return card


class ExpressionNet:
    """The expression network with its calibration.

    An instance belongs to the thread that made it (see `TfliteModel`).
    """

    def __init__(self, model: TfliteModel, card: ModelCard) -> None:
        """Join a loaded network and its card; callers use `load`."""
        self._model = model
        self._card = card

    @classmethod
    def load(cls, path: Path | str = DEFAULT_MODEL, *, num_threads: int = 1) -> ExpressionNet:
        """Load a .tflite and the .json beside it, checked by its digest; raises ModelError."""
        path = Path(path)
        if not path.is_file():
            raise ModelError(f"{path}: no such model file; restore it or name another")
        card = ModelCard.read(path.with_suffix(".json"))
        model = TfliteModel.load(
            path,
            input_shape=(None, CROP_SIDE, CROP_SIDE, 1),
            num_threads=num_threads,
            sha256=card.sha256,
        )
        net = cls(model, card)
        answer = net.logits(np.zeros((1, CROP_SIDE, CROP_SIDE), dtype=np.uint8))
        if answer.shape != (1, len(EXPRESSIONS)):
            raise ModelError(f"{path}: answers {answer.shape[1:]}, needed ({len(EXPRESSIONS)},)")
        return net

    def logits(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Answer grey crops uint8 (N, 48, 48) with calibrated logits float32 (N, 7), read-only.

        Divided by the temperature, so that their softmax is `probabilities`. All crops go through
        one inference; where it leaves one of them open, all go through another, mirrored.
        """
        _check_crops(crops)
        calibrated = self._calibrated(crops)
        if not sure(calibrated).all():
            calibrated = seen_both_ways(calibrated, self._calibrated(crops[:, :, ::-1]))
        calibrated.flags.writeable = False
        return calibrated

    def _calibrated(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        scaled = crops.astype(np.float32)
        scaled -= np.float32(self._card.pixel_offset)
        scaled /= np.float32(self._card.pixel_scale)
        return self._model(scaled[..., np.newaxis]) / np.float32(self._card.temperature)

    def probabilities(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Answer grey crops uint8 (N, 48, 48) with float32 (N, 7), rows sum to 1, read-only.

        Columns follow `EXPRESSIONS`.
        """
        shares = softmax(self.logits(crops))
        shares.flags.writeable = False
        return shares


def sure(calibrated: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Say of each row of calibrated logits (N, C) whether the face needs no mirror image."""
    is_sure: NDArray[np.bool_] = softmax(calibrated).max(axis=1) >= SURE
    return is_sure


def seen_both_ways(
    alone: NDArray[np.float32], mirrored: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Calibrated logits (N, C) of faces and of their mirror images -> (N, C), what is answered:
    the mean of both where the face alone is not sure."""
    mean = (alone + mirrored) / np.float32(2)
    return np.where(sure(alone)[:, np.newaxis], alone, mean)


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Turn logits (N, C) into shares (N, C) whose rows sum to 1."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: NDArray[np.float32] = powers / powers.sum(axis=1, keepdims=True)
    return shares


def _check_crops(crops: NDArray[np.uint8]) -> None:
    if not isinstance(crops, np.ndarray):
        raise ModelError(f"face crops must be a numpy array, found {type(crops).__name__}")
    if np.issubdtype(crops.dtype, np.floating) and not np.isfinite(crops).all():
        raise ModelError("face crops hold NaN or infinity; pass uint8 grey levels")
    if crops.dtype != np.uint8:
        raise ModelError(f"face crops must be uint8 grey levels 0..255, found {crops.dtype}")
    if crops.ndim == 4:
        raise ModelError(
            f"face crops must be grey (N, {CROP_SIDE}, {CROP_SIDE}), found {crops.shape[3]} "
            "colour channels; convert to grey first"
        )
    if crops.ndim != 3 or crops.shape[1:] != (CROP_SIDE, CROP_SIDE):
        raise ModelError(
            f"face crops must have shape (N, {CROP_SIDE}, {CROP_SIDE}), found {crops.shape}"
        )
    if len(crops) == 0:
        raise ModelError("no face crops given; pass at least one")
