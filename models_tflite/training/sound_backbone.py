"""Rebuilds the listening layers of musicnn from a checkpoint of the PyPI package (ISC licence).

musicnn 0.1.0 (Pons & Serra 2019, Universitat Pompeu Fabra) ships networks that were trained
to tag music. Only the weights are taken; the layers are written down here again, in the form
that converts to TFLite. The wheel names the files ``.index`` and ``.data-00000-of-00001``:
copy them as ``MSD.index`` and ``MSD.data-00000-of-00001`` and pass the prefix ``.../MSD``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

EPSILON = 1e-3  # of the batch normalisations in the checkpoint


@dataclass(frozen=True, slots=True)
class Heard:
    """What the backbone makes of a batch of patches."""

    pooled: Any
    """(N, 1506) maximum and mean over time of all layers, interleaved, normalised."""
    penultimate: Any
    """(N, 200)"""
    tags: Any
    """(N, 50) logits of the tags it was trained on."""


class Backbone:
    """The frozen layers; call it with float32 (N, 187, 96) log-mel patches."""

    def __init__(self, prefix: str) -> None:
        """Read a checkpoint; raises what TensorFlow raises when it is not there."""
        import tensorflow as tf

        reader = tf.train.load_checkpoint(prefix)
        names = reader.get_variable_to_shape_map()
        self._values: dict[str, NDArray[np.float32]] = {
            name: reader.get_tensor(name) for name in names if "Adam" not in name
        }
        self._tf = tf

    def __call__(self, patches: Any) -> Heard:
        """Return what is heard in patches, as tensors."""
        tf = self._tf
        image = self._normalised(tf.expand_dims(patches, 3), "")
        padded = tf.pad(image, [[0, 0], [3, 3], [0, 0], [0, 0]])
        front = [self._block(padded, n, "VALID") for n in (0, 1)]
        front += [self._block(image, n, "SAME") for n in (2, 3, 4)]
        layers = [tf.concat(front, 2)]
        layers.append(self._mid(layers[0], 5))
        layers.append(self._mid(layers[1], 6) + layers[1])
        layers.append(self._mid(layers[2], 7) + layers[2])
        features = tf.concat(layers, 2)
        both = tf.stack([tf.reduce_max(features, 1), tf.reduce_mean(features, 1)], 2)
        pooled = self._normalised(tf.reshape(both, [-1, 1506]), "_9")
        penultimate = self._normalised(tf.nn.relu(self._dense(pooled, "dense")), "_10")
        return Heard(pooled, penultimate, self._dense(penultimate, "dense_1"))

    def _scale(self, suffix: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        of = f"batch_normalization{suffix}/"
        value = self._values
        gain = value[of + "gamma"] / np.sqrt(value[of + "moving_variance"] + EPSILON)
        return gain, value[of + "beta"] - gain * value[of + "moving_mean"]

    def _normalised(self, x: Any, suffix: str) -> Any:
        gain, offset = self._scale(suffix)
        return x * gain + offset

    def _convolved(self, x: Any, number: int, padding: str) -> Any:
        name = f"conv2d_{number}" if number else "conv2d"
        kernel, bias = self._values[f"{name}/kernel"], self._values[f"{name}/bias"]
        return self._tf.nn.relu(self._tf.nn.conv2d(x, kernel, 1, padding) + bias)

    def _block(self, image: Any, number: int, padding: str) -> Any:
        """Convolve, then keep the strongest answer over all bands: (N, frames, filters).

        The normalisation comes after the maximum, on a 59th of the values; a negative gain
        would turn a maximum into a minimum, so its sign goes before.
        """
        gain, offset = self._scale(f"_{number + 1}")
        answers = self._convolved(image, number, padding)
        if (gain < 0).any():
            answers = answers * np.sign(gain)
        return self._tf.reduce_max(answers, 2) * np.abs(gain) + offset

    def _mid(self, features: Any, number: int) -> Any:
        padded = self._tf.pad(features, [[0, 0], [3, 3], [0, 0]])
        name = f"conv2d_{number}"
        kernel = self._values[f"{name}/kernel"][:, :, 0, :]
        answers = self._tf.nn.conv1d(padded, kernel, 1, "VALID") + self._values[f"{name}/bias"]
        return self._normalised(self._tf.nn.relu(answers), f"_{number + 1}")

    def _dense(self, x: Any, name: str) -> Any:
        return self._tf.matmul(x, self._values[f"{name}/kernel"]) + self._values[f"{name}/bias"]
