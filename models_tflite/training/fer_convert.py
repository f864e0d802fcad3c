"""Turn a checkpoint into a calibrated full-int8 .tflite with its sidecar and pictures.

    python -m models_tflite.training.fer_convert --data FER2013_DIR --checkpoint DIR/best.pt \
        --out models_tflite/fer48.tflite
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from models_tflite.evaluation import (
    confusion_matrix,
    expected_calibration_error,
    macro_recall,
)
from models_tflite.expression import seen_both_ways, softmax
from models_tflite.labels import EXPRESSIONS
from models_tflite.runtime import TfliteModel
from models_tflite.training.fer_data import (
    SIDE,
    DataError,
    FerSplit,
    calibration_rows,
    deduplicated,
    load_split,
)
from models_tflite.training.fer_net import PIXEL_OFFSET, PIXEL_SCALE, ConvBn, FerNet
from models_tflite.training.fer_plot import plot_confusion
from models_tflite.training.fer_train import CALIBRATION_COUNT, load_net, load_plan, views_of

REPRESENTATIVE_COUNT = 512
# Chosen on the public test among 0, 0.2, ... 0.7, after training with balance 0.25: up to here
# accuracy stays within half a point while macro recall rises by three; at 0.7 it falls by a point.
RARE_BOOST = 0.5


def rare_shift(labels: NDArray[np.int64], strength: float) -> NDArray[np.float32]:
    """What lifts rare expressions' logits (7,): -strength * log(share of each), mean 0.

    Post-hoc logit adjustment, Menon et al. 2021 (arXiv 2007.07314), section 4.1.
    """
    shares = np.bincount(labels, minlength=len(EXPRESSIONS)) / len(labels)
    shift = -strength * np.log(np.maximum(shares, 1e-6))
    return np.asarray(shift - shift.mean(), np.float32)


def keras_twin(net: FerNet) -> Any:
    """Rebuild the network in Keras, batch norm folded; input (N, 48, 48, 1), logits (N, 7)."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow as tf

    layers = tf.keras.layers
    pending: list[tuple[Any, list[NDArray[np.float32]]]] = []

    def convolve(x: Any, part: ConvBn, activation: str | None) -> Any:
        layer = layers.Conv2D(
            part.conv.out_channels, 3, part.stride, padding="same", activation=activation
        )
        pending.append((layer, list(part.folded())))
        return layer(x)

    entry = layers.Input((SIDE, SIDE, 1))
    x = convolve(entry, net.stem, "relu")
    for down, stage in zip(net.downs, net.stages, strict=True):
        x = convolve(x, down, "relu")
        for block in stage:
            inner = convolve(convolve(x, block.first, "relu"), block.second, None)
            x = layers.ReLU()(layers.Add()([x, inner]))
    head = layers.Dense(len(EXPRESSIONS))
    twin = tf.keras.Model(entry, head(layers.GlobalAveragePooling2D()(x)))
    pending.append((head, [net.head.weight.detach().numpy().T, net.head.bias.detach().numpy()]))
    for layer, weights in pending:
        layer.set_weights(weights)
    return twin


def pixels_in(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """uint8 (N, 48, 48) -> float32 (N, 48, 48, 1) as the network wants it."""
    scaled = (images.astype(np.float32) - PIXEL_OFFSET) / PIXEL_SCALE
    return scaled[..., np.newaxis].astype(np.float32)


def to_int8(twin: Any, images: NDArray[np.uint8]) -> bytes:
    """Quantise input, output, weights and activations; ranges come from `images` (N, 48, 48)."""
    import tensorflow as tf

    # Black and white together pin the input range, hence scale 1/64 and zero point 0.
    edges = np.zeros((1, SIDE, SIDE), dtype=np.uint8)
    edges[:, :, SIDE // 2 :] = 255

    def samples() -> Iterator[list[NDArray[np.float32]]]:
        for image in np.concatenate([images, edges]):
            yield [pixels_in(image[np.newaxis])]

    converter = tf.lite.TFLiteConverter.from_keras_model(twin)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = samples
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = tf.int8
    converter.inference_output_type = tf.int8
    return bytes(converter.convert())


def fitted_temperature(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    """Find the temperature with the least negative log likelihood (Guo et al. 2017)."""
    x, y = torch.from_numpy(logits.copy()), torch.from_numpy(labels)
    log_t = torch.zeros((), requires_grad=True)
    optimiser = torch.optim.LBFGS([log_t], max_iter=60, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimiser.zero_grad()
        value = torch.nn.functional.cross_entropy(x / log_t.exp(), y)
        value.backward()
        return value

    optimiser.step(loss)
    return float(log_t.detach().exp())


def quantised_logits(model: TfliteModel, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Logits (N, 7) of the .tflite before the temperature."""
    parts = np.split(images, range(128, len(images), 128))
    return np.concatenate([model(pixels_in(part)) for part in parts])


def scores(
    calibrated: NDArray[np.float32], labels: NDArray[np.int64], temperature: float
) -> dict[str, float]:
    """Accuracy, macro recall, and calibration error before and after the temperature."""
    confusion = confusion_matrix(labels, calibrated.argmax(axis=1))
    uncalibrated = softmax(calibrated * np.float32(temperature))
    return {
        "accuracy": round(float(np.trace(confusion) / len(labels)), 5),
        "macro_recall": round(macro_recall(confusion), 5),
        "ece_uncalibrated": round(expected_calibration_error(uncalibrated, labels), 5),
        "ece": round(expected_calibration_error(softmax(calibrated), labels), 5),
    }


def sidecar(content: bytes, temperature: float, report: dict[str, Any]) -> dict[str, Any]:
    """What the runtime and the reader need to know about a converted file."""
    return {
        "name": "fer48",
        "labels": list(EXPRESSIONS),
        "neutral": EXPRESSIONS.index("neutral"),
        "input": {
            "shape": [None, SIDE, SIDE, 1],
            "offset": PIXEL_OFFSET,
            "scale": PIXEL_SCALE,
            "meaning": "(grey level 0..255 - offset) / scale; a tight, upright face crop",
            "views": "the mean of the logits of crop and mirror image where the crop is not sure",
        },
        "temperature": temperature,
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
        "training_data": (
            "FER-2013 training split (ICML 2013 challenge) with FER+ votes as soft labels; "
            "research use, the pictures are not redistributed. Selected on the public test "
            "split, temperature fitted on held-out training rows, private split never read."
        ),
        "public_test": report,
    }


def convert(
    data: Path, checkpoints: Sequence[Path], out: Path, rare_boost: float = RARE_BOOST
) -> dict[str, Any]:
    """Write out, its .json and its confusion picture; returns the sidecar's content."""
    judge = load_split(data, "public_test")
    train, _ = deduplicated(load_split(data, "train"), judge)
    held = calibration_rows(train.labels, CALIBRATION_COUNT, seed=0)
    seen = np.setdiff1d(np.arange(len(train)), held)
    rows = np.random.default_rng(0).choice(seen, REPRESENTATIVE_COUNT, replace=False)
    net = load_net(*checkpoints)
    shift = rare_shift(train.labels[seen], rare_boost)
    with torch.no_grad():
        net.head.bias += torch.from_numpy(shift)
    content = to_int8(keras_twin(net), train.images[rows])
    scratch = out.with_suffix(".part")
    scratch.write_bytes(content)
    scratch.replace(out)
    model = TfliteModel.load(out, input_shape=(None, SIDE, SIDE, 1))
    calibration = train.take(held)
    # How sure the network is: without the lift, which is meant to be wrong about what is usual.
    mirrored = calibration.images[:, :, ::-1]
    logits = quantised_logits(model, calibration.images) + quantised_logits(model, mirrored)
    # Rounded as the card has it: what is sure by a hair stays so.
    temperature = round(fitted_temperature(logits / np.float32(2) - shift, calibration.labels), 4)
    report = _report(net, model, judge, temperature, out)
    card = sidecar(content, temperature, report)
    card |= {"rare_boost": rare_boost, "training_plan": asdict(load_plan(checkpoints[0]))}
    out.with_suffix(".json").write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
    return card


def _report(
    net: FerNet, model: TfliteModel, judge: FerSplit, temperature: float, out: Path
) -> dict[str, Any]:
    by_file = (
        quantised_logits(model, images) for images in (judge.images, judge.images[:, :, ::-1])
    )
    in_float = (view.numpy() for view in views_of(net, judge, torch.device("cpu")))
    logits, float_logits = (
        seen_both_ways(*(np.asarray(view / temperature, np.float32) for view in views))
        for views in (by_file, in_float)
    )
    confusion = confusion_matrix(judge.labels, logits.argmax(axis=1))
    plot_confusion(confusion, out.with_name(f"{out.stem}_confusion.png"))
    return {
        "n": len(judge),
        "int8": scores(logits, judge.labels, temperature),
        "float": scores(float_logits, judge.labels, temperature),
        "confusion": confusion.tolist(),
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Convert one checkpoint; returns the exit code."""
    parser = argparse.ArgumentParser(description="Checkpoint to calibrated int8 .tflite.")
    parser.add_argument("--data", type=Path, required=True, help="folder of FER-2013")
    parser.add_argument(
        "--checkpoint", type=Path, nargs="+", required=True,
        help="best.pt of a run; of several of one run the mean of the weights",
    )  # fmt: skip
    parser.add_argument("--out", type=Path, required=True, help="the .tflite to write")
    parser.add_argument(
        "--rare-boost", type=float, default=RARE_BOOST, help="0: none, 1: as if equally common"
    )
    arguments = parser.parse_args(argv)
    try:
        card = convert(arguments.data, arguments.checkpoint, arguments.out, arguments.rare_boost)
    except (DataError, OSError) as error:
        print(f"error: {error}")
        return 2
    shown = {**card["public_test"], "confusion": "(in the sidecar)"}
    print(json.dumps({"temperature": card["temperature"], "bytes": card["bytes"], **shown}))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
