"""The one boundary to LiteRT: a quantised .tflite in, float arrays out, clear errors between."""

from __future__ import annotations

import hashlib
import importlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models_tflite.native_log import without_chatter

_ENGINES = ("ai_edge_litert.interpreter", "tflite_runtime.interpreter")
_MAGIC = b"TFL3"  # FlatBuffer file identifier of the TFLite schema, at bytes 4..8
_DTYPES = (np.int8, np.uint8, np.float32)


class ModelError(Exception):
    """A model cannot be used, or was asked wrongly; the message names file, fault and remedy."""


class TfliteModel:
    """One loaded network with its first input; float32 in, float32 out, whatever it is inside.

    An instance belongs to the thread that made it: the interpreter underneath keeps state
    between calls and takes no lock. Each worker loads its own.
    """

    def __init__(self, path: Path, interpreter: Any, input_shape: tuple[int | None, ...]) -> None:
        """Wrap an interpreter with allocated tensors; callers use `load`."""
        self.path = path
        self._interpreter = interpreter
        self._input_shape = input_shape
        self._rows = int(interpreter.get_input_details()[0]["shape"][0])

    @classmethod
    def load(
        cls,
        path: Path | str,
        *,
        input_shape: tuple[int | None, ...],
        num_threads: int = 1,
        sha256: str | None = None,
    ) -> TfliteModel:
        """Load a file whose first input must have `input_shape` (None: any); raises ModelError.

        The leading dimension is the batch and is free whatever `input_shape` says of it.
        `sha256` is the expected hex digest; None skips that check.
        """
        path = Path(path)
        content = read_model(path, sha256)
        engine = _engine()
        try:
            with without_chatter():
                interpreter = engine.Interpreter(model_content=content, num_threads=num_threads)
                interpreter.allocate_tensors()
            inputs = interpreter.get_input_details()
            outputs = interpreter.get_output_details()
        except (ValueError, RuntimeError, SystemError) as error:
            reason = str(error).strip().splitlines()[:1]
            raise ModelError(
                f"{path}: LiteRT cannot load it ({reason[0] if reason else 'no reason given'}); "
                "replace the file with a fresh copy"
            ) from error
        _check_input(path, inputs[0], input_shape)
        for detail in (inputs[0], *outputs):
            _check_numbers(path, detail)
        return cls(path, interpreter, (None, *input_shape[1:]))

    def __call__(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Answer float32 (N, ...) with the first output, float32 (N, ...), in one inference."""
        return self.run(batch)[0]

    def run(self, batch: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """Answer float32 (N, ...) with every output, float32, in the model's order."""
        self._check_batch(batch)
        if len(batch) != self._rows:
            self._resize(batch.shape)
        detail = self._interpreter.get_input_details()[0]
        self._interpreter.set_tensor(detail["index"], _quantised(batch, detail))
        try:
            self._interpreter.invoke()
        except (ValueError, RuntimeError) as error:
            raise ModelError(f"{self.path}: inference failed ({error})") from error
        outputs = self._interpreter.get_output_details()
        return [_dequantised(self._interpreter.get_tensor(d["index"]), d) for d in outputs]

    def _resize(self, shape: tuple[int, ...]) -> None:
        index = self._interpreter.get_input_details()[0]["index"]
        try:
            self._interpreter.resize_tensor_input(index, shape)
            self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise ModelError(
                f"{self.path}: does not take a batch of {shape[0]} ({error}); "
                "convert it again with a free batch dimension"
            ) from error
        self._rows = shape[0]

    def _check_batch(self, batch: NDArray[np.float32]) -> None:
        if not isinstance(batch, np.ndarray) or batch.dtype != np.float32:
            found = getattr(batch, "dtype", type(batch).__name__)
            raise ModelError(f"{self.path.name}: input must be a float32 array, found {found}")
        if not _fits(batch.shape, self._input_shape):
            raise ModelError(
                f"{self.path.name}: input must have shape {_spell(self._input_shape)}, "
                f"found {_spell(batch.shape)}"
            )
        if len(batch) == 0:
            raise ModelError(f"{self.path.name}: input batch is empty; pass at least one row")
        if not np.isfinite(batch).all():
            raise ModelError(f"{self.path.name}: input holds NaN or infinity")


def _engine() -> Any:
    for name in _ENGINES:
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    raise ModelError(f"no LiteRT interpreter found ({' or '.join(_ENGINES)}): run `make setup`")


def read_model(path: Path, sha256: str | None) -> bytes:
    """Return a .tflite file's bytes; raises ModelError where it is missing, damaged or no model."""
    try:
        content = path.read_bytes()
    except OSError as error:
        reason = error.strerror or "unreadable"
        raise ModelError(f"{path}: cannot read the model ({reason}); restore the file") from error
    if sha256 is not None and hashlib.sha256(content).hexdigest() != sha256.lower():
        raise ModelError(
            f"{path}: SHA-256 differs from the expected {sha256[:12]}...; "
            "the file is damaged or another version, restore it"
        )
    # LiteRT verifies the structure itself, but calls every stranger a bad buffer. Damage inside
    # the weights it cannot see: only the digest above does.
    if content[4:8] != _MAGIC:
        raise ModelError(f"{path}: not a TFLite file; restore it from the release")
    return content


def _check_input(path: Path, detail: dict[str, Any], wanted: tuple[int | None, ...]) -> None:
    found = tuple(int(size) for size in detail["shape"])
    if not _fits(found[1:], wanted[1:]) or len(found) != len(wanted):
        raise ModelError(
            f"{path}: takes input {_spell((None, *found[1:]))} where {_spell(wanted)} is needed; "
            "it is another kind of model"
        )


def _check_numbers(path: Path, detail: dict[str, Any]) -> None:
    dtype = detail["dtype"]
    if dtype not in _DTYPES:
        raise ModelError(
            f"{path}: tensor {detail['name']!r} has dtype {np.dtype(dtype).name}; "
            "int8, uint8 or float32 is needed"
        )
    scale, _ = detail["quantization"]
    if dtype != np.float32 and not scale > 0:
        raise ModelError(
            f"{path}: tensor {detail['name']!r} has no quantisation scale; convert it again"
        )


def _fits(found: tuple[int, ...], wanted: tuple[int | None, ...]) -> bool:
    return len(found) == len(wanted) and all(
        w is None or f == w for f, w in zip(found, wanted, strict=True)
    )


def _spell(shape: tuple[int | None, ...]) -> str:
    return "(" + ", ".join("N" if size is None else str(size) for size in shape) + ")"


def _quantised(batch: NDArray[np.float32], detail: dict[str, Any]) -> NDArray[Any]:
    dtype = detail["dtype"]
    if dtype == np.float32:
        return batch
    scale, zero = detail["quantization"]
    limits = np.iinfo(dtype)
    steps = np.rint(batch / np.float32(scale)) + zero
    quantised: NDArray[Any] = np.clip(steps, limits.min, limits.max).astype(dtype)
    return quantised


def _dequantised(values: NDArray[Any], detail: dict[str, Any]) -> NDArray[np.float32]:
    if detail["dtype"] == np.float32:
        return values.astype(np.float32, copy=False)
    scale, zero = detail["quantization"]
    return (values.astype(np.float32) - np.float32(zero)) * np.float32(scale)
