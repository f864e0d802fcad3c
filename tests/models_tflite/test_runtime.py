"""The boundary to LiteRT: good files answer, bad files and bad input say what is wrong."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models_tflite.expression import DEFAULT_MODEL
from models_tflite.runtime import ModelError, TfliteModel

TINY = Path(__file__).parent / "tiny"
FACE_SHAPE = (None, 48, 48, 1)


@pytest.fixture(scope="module")
def faces_model() -> TfliteModel:
    return TfliteModel.load(DEFAULT_MODEL, input_shape=FACE_SHAPE)


@pytest.fixture(scope="module")
def two_outputs() -> TfliteModel:
    return TfliteModel.load(TINY / "two.tflite", input_shape=(None, 3))


def _faces(count: int, seed: int = 0) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    pixels = np.random.default_rng(seed).integers(0, 256, (count, 48, 48, 1))
    return ((pixels - 128) / 64).astype(np.float32)


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"gone\.tflite.*No such file"):
        TfliteModel.load(tmp_path / "gone.tflite", input_shape=FACE_SHAPE)


@pytest.mark.parametrize("length", [0, 7, 8, 100, 5000, -1])
def test_truncated_file_is_refused(tmp_path: Path, length: int) -> None:
    path = tmp_path / "short.tflite"
    path.write_bytes(DEFAULT_MODEL.read_bytes()[:length])
    with pytest.raises(ModelError, match=r"short\.tflite"):
        TfliteModel.load(path, input_shape=FACE_SHAPE)


@settings(max_examples=40, deadline=None)
@given(junk=st.binary(max_size=400), magic=st.booleans())
def test_random_bytes_are_refused(
    tmp_path_factory: pytest.TempPathFactory, junk: bytes, magic: bool
) -> None:
    path = tmp_path_factory.mktemp("junk") / "junk.tflite"
    path.write_bytes(b"\x1c\x00\x00\x00TFL3" + junk if magic else junk)
    with pytest.raises(ModelError, match=r"junk\.tflite"):
        TfliteModel.load(path, input_shape=FACE_SHAPE)


def test_one_flipped_bit_is_found_by_the_digest(tmp_path: Path) -> None:
    content = bytearray(DEFAULT_MODEL.read_bytes())
    digest = hashlib.sha256(content).hexdigest()
    path = tmp_path / "flipped.tflite"
    path.write_bytes(content)
    TfliteModel.load(path, input_shape=FACE_SHAPE, sha256=digest)
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(ModelError, match="SHA-256"):
        TfliteModel.load(path, input_shape=FACE_SHAPE, sha256=digest)


def test_other_input_shape_is_refused() -> None:
    with pytest.raises(ModelError, match=r"\(N, 48, 48, 1\) where \(N, 64, 64, 1\)"):
        TfliteModel.load(DEFAULT_MODEL, input_shape=(None, 64, 64, 1))
    with pytest.raises(ModelError, match="another kind of model"):
        TfliteModel.load(DEFAULT_MODEL, input_shape=(None, 48, 48))


def test_other_dtype_is_refused() -> None:
    with pytest.raises(ModelError, match="dtype int32"):
        TfliteModel.load(TINY / "int32.tflite", input_shape=(None, 3))


def test_several_float_outputs(two_outputs: TfliteModel) -> None:
    doubled, summed = two_outputs.run(np.array([[1, 2, 3], [4, 5, 6]], dtype=np.float32))
    np.testing.assert_array_equal(doubled, [[2, 4, 6], [8, 10, 12]])
    np.testing.assert_array_equal(summed, [[6], [15]])


def test_answers_outlive_the_next_call(two_outputs: TfliteModel) -> None:
    first = two_outputs(np.ones((1, 3), dtype=np.float32))
    two_outputs(np.zeros((1, 3), dtype=np.float32))
    np.testing.assert_array_equal(first, [[2, 2, 2]])


@pytest.mark.parametrize("count", [2, 5, 1, 3])
def test_a_batch_answers_as_single_calls_do(faces_model: TfliteModel, count: int) -> None:
    faces = _faces(count, seed=count)
    single = np.concatenate([faces_model(face[np.newaxis]) for face in faces])
    together = faces_model(faces)
    assert together.dtype == np.float32
    np.testing.assert_array_equal(together, single)


def test_bad_batches_are_named(faces_model: TfliteModel) -> None:
    spoilt = _faces(2)
    spoilt[1, 3, 3] = np.nan
    for batch, words in [
        (spoilt, "NaN"),
        (_faces(0), "empty"),
        (_faces(1).astype(np.float64), "float32"),
        (_faces(1)[:, :47], r"\(N, 48, 48, 1\), found \(1, 47, 48, 1\)"),
        (_faces(1)[0], "shape"),
        ([[1.0]], "list"),
    ]:
        with pytest.raises(ModelError, match=words):
            faces_model(batch)


def test_the_bundled_input_loses_no_grey_level() -> None:
    """All 256 levels keep a step of their own: scale 1/64, zero point 0."""
    model = TfliteModel.load(DEFAULT_MODEL, input_shape=FACE_SHAPE)
    detail = model._interpreter.get_input_details()[0]
    scale, zero = detail["quantization"]
    assert detail["dtype"] == np.int8
    assert model._interpreter.get_output_details()[0]["dtype"] == np.int8
    assert zero == 0
    assert scale == pytest.approx(1 / 64)
