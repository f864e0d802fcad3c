"""Trains the sound network: two frozen musicnn backbones under a kernel ridge head.

    python -m catalog.sound.extract EMOTIFY/audio patches.npz 16
    python -m models_tflite.training.sound_train patches.npz EMOTIFY/ratings.csv \
        CHECKPOINTS models_tflite/sound_mood.tflite

CHECKPOINTS is a folder with the weights of the PyPI package musicnn 0.1.0 (see
`sound_backbone`). Prints the numbers of the card: whole tracks left out, five folds, five
shuffles. TensorFlow is needed here, never on the box.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models_tflite.training.sound_backbone import Backbone
from models_tflite.training.sound_ratings import GEMS, GENRES, Ratings, read_ratings

CHECKPOINTS: Final = ("MSD", "MTT")
FOLDS, SHUFFLES = 5, 5
HEARD_PATCHES: Final = 8
"""Patches of a one-minute clip that the product listens to; the tracks left out are measured
with these, the tracks trained on with all that were extracted."""

RIDGES: Final = np.logspace(-3.5, 1, 10)
"""Penalties tried, by leave-one-out error inside the training tracks, per output."""

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Head:
    """Kernel ridge regression: exp(-distance / width) to the training tracks."""

    mean: Array
    scale: Array
    width: float
    support: Array
    coefficients: Array
    offset: Array

    def kernel(self, features: Array) -> Array:
        """Return the likeness (n, supports), 0..1."""
        z = (features - self.mean) / self.scale
        likeness: Array = np.exp(-_distances(z, self.support) / self.width)
        return likeness

    def __call__(self, features: Array) -> Array:
        """Return the outputs (n, 9 + 4)."""
        return self.kernel(features) @ self.coefficients + self.offset


def _distances(a: Array, b: Array) -> Array:
    squared = (a**2).sum(1)[:, None] + (b**2).sum(1) - 2 * a @ b.T
    distances: Array = np.sqrt(np.maximum(squared, 1e-6))
    return distances


def fit(features: Array, targets: Array) -> Head:
    """Fit the head; each output has the ridge that errs least on tracks left out one by one."""
    mean, scale = features.mean(0), features.std(0) + 1e-6
    support = (features - mean) / scale
    distances = _distances(support, support)
    width = float(np.median(distances))
    values, vectors = np.linalg.eigh(np.exp(-distances / width))
    offset = targets.mean(0)
    turned = vectors.T @ (targets - offset)
    solutions, errors = [], []
    for ridge in RIDGES:
        inverse = 1 / (values + ridge)
        solution = vectors @ (inverse[:, None] * turned)
        solutions.append(solution)
        errors.append(((solution / (vectors**2 @ inverse)[:, None]) ** 2).mean(0))
    best = np.argmin(errors, axis=0)
    chosen = [solutions[best[column]][:, column] for column in range(targets.shape[1])]
    return Head(mean, scale, width, support, np.stack(chosen, 1), offset)


def folds(genre: NDArray[np.int64], seed: int) -> Iterator[NDArray[np.int64]]:
    """Yield the tracks left out of each fold, every genre alike."""
    random = np.random.default_rng(seed)
    place = np.empty(len(genre), int)
    for one in np.unique(genre):
        members = random.permutation(np.flatnonzero(genre == one))
        place[members] = np.arange(len(members)) % FOLDS
    for fold in range(FOLDS):
        yield np.flatnonzero(place == fold)


def cross_validate(trained: Array, heard: Array, ratings: Ratings) -> dict[str, Any]:
    """Return the numbers of tracks left out: means over the shuffles."""
    targets = targets_of(ratings)
    correlations, accuracies, confusion, nearest = [], [], np.zeros((4, 4)), []
    predicted = np.zeros_like(targets)
    for seed in range(SHUFFLES):
        for out in folds(ratings.genre, seed):
            kept = np.setdiff1d(np.arange(len(targets)), out)
            head = fit(trained[kept], targets[kept])
            predicted[out] = head(heard[out])
            nearest.extend(head.kernel(heard[out]).max(1))
        correlations.append(
            [np.corrcoef(predicted[:, e], ratings.gems[:, e])[0, 1] for e in range(len(GEMS))]
        )
        guessed = predicted[:, len(GEMS) :].argmax(1)
        accuracies.append(np.mean(guessed == ratings.genre))
        np.add.at(confusion, (ratings.genre, guessed), 1 / SHUFFLES)
    each = np.mean(correlations, axis=0)
    return {
        "correlation": dict(zip(GEMS, each.round(3).tolist(), strict=True)),
        "correlation_mean": round(float(each.mean()), 3),
        "correlation_sd_of_shuffles": round(float(np.mean(correlations, axis=1).std()), 3),
        "ceiling": dict(zip(GEMS, ratings.ceiling.round(3).tolist(), strict=True)),
        "ceiling_mean": round(float(ratings.ceiling.mean()), 3),
        "genre_accuracy": round(float(np.mean(accuracies)), 3),
        "genre_confusion": confusion.round(1).tolist(),
        "likeness_quantiles_5_50": np.quantile(nearest, (0.05, 0.5)).round(4).tolist(),
        "last_shuffle": predicted,
    }


def targets_of(ratings: Ratings) -> Array:
    return np.concatenate([ratings.gems, np.eye(len(GENRES))[ratings.genre]], axis=1)


def _sharpness(outputs: Array, genre: NDArray[np.int64]) -> float:
    """Return the softmax factor under which the left-out genres are likeliest."""

    def surprise(factor: float) -> float:
        logits = factor * outputs
        log_sum = np.log(np.exp(logits).sum(1))
        return float((log_sum - logits[np.arange(len(genre)), genre]).mean())

    factors: list[float] = np.arange(1.0, 12.0, 0.5).tolist()
    return min(factors, key=surprise)


def graph(backbones: list[Backbone], head: Head) -> Any:
    """Return the whole network as a TensorFlow function: patches of one track -> (1, 14).

    Nine emotions, four genres, and the likeness 0..1 to the most similar training track.
    """
    import tensorflow as tf

    support = head.support.astype(np.float32)
    support_squared = (support**2).sum(1)

    signature = [tf.TensorSpec([None, 187, 96], tf.float32, name="patches")]

    @tf.function(input_signature=signature)  # type: ignore[untyped-decorator]
    def listen(patches: Any) -> Any:
        features = tf.reduce_mean(_features(backbones, patches), 0, keepdims=True)
        z = (features - head.mean.astype(np.float32)) / head.scale.astype(np.float32)
        squared = tf.reduce_sum(z * z, 1, keepdims=True) + support_squared
        squared -= 2 * tf.matmul(z, support, transpose_b=True)
        kernel = tf.exp(-tf.sqrt(tf.maximum(squared, 1e-6)) / np.float32(head.width))
        outputs = tf.matmul(kernel, head.coefficients.astype(np.float32))
        outputs += head.offset.astype(np.float32)
        return tf.concat([outputs, tf.reduce_max(kernel, 1, keepdims=True)], 1)

    return listen


def _features(backbones: list[Backbone], patches: Any) -> Any:
    import tensorflow as tf

    parts = []
    for backbone in backbones:
        heard = backbone(patches)
        parts += [heard.penultimate, heard.tags]
    return tf.concat(parts, 1)


def listen_to(backbones: list[Backbone], patches: NDArray[np.float16]) -> Array:
    """Return the features (tracks, patches, 500) of (tracks, patches, 187, 96)."""
    import tensorflow as tf

    @tf.function(input_signature=[tf.TensorSpec([None, 187, 96], tf.float32)])  # type: ignore[untyped-decorator]
    def run(batch: Any) -> Any:
        return _features(backbones, batch)

    found = []
    for number, track in enumerate(patches):
        found.append(run(track.astype(np.float32)).numpy())
        print(f"\rlistening {number + 1}/{len(patches)}", end="", file=sys.stderr)
    return np.array(found, np.float64)


def convert(function: Any) -> bytes:
    """Return the .tflite: weights kept as float16, computed in float32."""
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function()])
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_types = [tf.float16]
    return bytes(converter.convert())


def main() -> int:
    """Train, measure and write the model and its sidecar; exit code 2 for wrong arguments."""
    if len(sys.argv) != 5:
        print(__doc__, file=sys.stderr)
        return 2
    archive_path, ratings_path, checkpoints, output = map(Path, sys.argv[1:])
    archive = np.load(archive_path)
    ratings = read_ratings(ratings_path, archive["names"].tolist())
    backbones = [Backbone(str(checkpoints / name)) for name in CHECKPOINTS]
    kept_features = archive_path.with_name("sound_features.npy")
    if kept_features.exists():
        features = np.load(kept_features)
    else:
        features = listen_to(backbones, archive["patches"])
        np.save(kept_features, features)
    picked = np.linspace(0, features.shape[1] - 1, HEARD_PATCHES).round().astype(int)
    trained, heard = features.mean(1), features[:, picked].mean(1)
    measured = cross_validate(trained, heard, ratings)
    predicted = measured.pop("last_shuffle")
    model = convert(graph(backbones, fit(trained, targets_of(ratings))))
    output.write_bytes(model)
    sidecar = {
        "sha256": hashlib.sha256(model).hexdigest(),
        "gems": GEMS,
        "genres": GENRES,
        "base_rate": ratings.gems.mean(0).round(4).tolist(),
        "predicted_left_out": {
            "mean": predicted[:, : len(GEMS)].mean(0).round(4).tolist(),
            "covariance": np.cov(predicted[:, : len(GEMS)].T).round(6).tolist(),
        },
        "rating_sd": ratings.gems.std(0).round(4).tolist(),
        "genre_sharpness": _sharpness(predicted[:, len(GEMS) :], ratings.genre),
        "tracks": len(trained),
        "patches_heard": HEARD_PATCHES,
        **measured,
    }
    output.with_suffix(".json").write_text(json.dumps(sidecar, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(sidecar, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
