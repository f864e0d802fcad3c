"""Make the tiny networks of these tests; needs tensorflow, run once: python make.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tensorflow as tf

HERE = Path(__file__).parent


def save(function: Any, dtype: Any, name: str) -> None:
    """Convert one function of a (1, 3) tensor into a .tflite."""
    concrete = tf.function(function).get_concrete_function(tf.TensorSpec([None, 3], dtype))
    content = tf.lite.TFLiteConverter.from_concrete_functions([concrete]).convert()
    (HERE / name).write_bytes(content)


save(lambda x: (x * 2.0, tf.reduce_sum(x, axis=1, keepdims=True)), tf.float32, "two.tflite")
save(lambda x: x + 1, tf.int32, "int32.tflite")
