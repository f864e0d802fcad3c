"""The expression network as the rest of the house uses it, on the bundled file."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from models_tflite.expression import (
    DEFAULT_MODEL,
    EXPRESSIONS,
    ExpressionNet,
    seen_both_ways,
    softmax,
    sure,
)
from models_tflite.runtime import ModelError

NET = ExpressionNet.load()


@settings(max_examples=30, deadline=None)
@given(hnp.arrays(np.uint8, st.tuples(st.integers(1, 4), st.just(48), st.just(48))))
def test_any_picture_gets_probabilities(crops: np.ndarray[Any, np.dtype[np.uint8]]) -> None:
    shares = NET.probabilities(crops)
    assert shares.shape == (len(crops), len(EXPRESSIONS))
    assert shares.dtype == np.float32
    assert (shares >= 0).all()
    np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-5)
    assert not shares.flags.writeable


def test_logits_are_calibrated_and_read_only() -> None:
    crops = np.random.default_rng(0).integers(0, 256, (3, 48, 48), dtype=np.uint8)
    logits = NET.logits(crops)
    np.testing.assert_allclose(softmax(logits), NET.probabilities(crops), atol=1e-6)
    assert not logits.flags.writeable


def test_a_face_that_is_open_has_one_answer_with_its_mirror_image() -> None:
    crops = np.random.default_rng(1).integers(0, 256, (12, 48, 48), dtype=np.uint8)
    together, mirrored = NET.logits(crops), NET.logits(crops[:, :, ::-1])
    one_by_one = np.concatenate([NET.logits(crop[np.newaxis]) for crop in crops])
    np.testing.assert_allclose(together, one_by_one, atol=1e-6)
    assert np.ptp(one_by_one, axis=0).max() > 0.1, "different pictures, different answers"
    is_open = ~sure(together) & ~sure(mirrored)
    assert is_open.sum() > 3
    np.testing.assert_allclose(together[is_open], mirrored[is_open], atol=1e-6)


def test_only_where_the_face_is_open_its_mirror_image_counts() -> None:
    alone = np.array([[3, 0, 0], [0.5, 0, 0]], np.float32)
    mirrored = np.array([[0, 3, 0], [0, 1.5, 0]], np.float32)
    answer = seen_both_ways(alone, mirrored)
    np.testing.assert_allclose(answer, [[3.0, 0.0, 0.0], [0.25, 0.75, 0.0]])


def test_bad_crops_are_named() -> None:
    good = np.zeros((1, 48, 48), dtype=np.uint8)
    for crops, words in [
        (np.zeros((1, 64, 64), dtype=np.uint8), r"\(N, 48, 48\)"),
        (good[0], r"\(N, 48, 48\)"),
        (np.zeros((1, 48, 48, 3), dtype=np.uint8), "3 colour channels"),
        (np.full((1, 48, 48), np.nan, dtype=np.float32), "NaN"),
        (good.astype(np.float32), "uint8"),
        (good[:0], "no face crops"),
        ("face.png", "str"),
    ]:
        with pytest.raises(ModelError, match=words):
            NET.probabilities(crops)


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    shutil.copy(DEFAULT_MODEL, tmp_path / "fer48.tflite")
    shutil.copy(DEFAULT_MODEL.with_suffix(".json"), tmp_path / "fer48.json")
    return tmp_path / "fer48.tflite"


def test_a_copy_beside_its_sidecar_loads(copied: Path) -> None:
    ExpressionNet.load(copied)


def test_missing_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such model file"):
        ExpressionNet.load(tmp_path / "gone.tflite")


def test_missing_sidecar_is_named(copied: Path) -> None:
    copied.with_suffix(".json").unlink()
    with pytest.raises(ModelError, match=r"fer48\.json"):
        ExpressionNet.load(copied)


@pytest.mark.parametrize(
    "change",
    [
        {"labels": list(reversed(EXPRESSIONS))},
        {"temperature": 0},
        {"temperature": "warm"},
        {"input": {}},
        {"sha256": "0" * 64},
        {"labels": None},
    ],
)
def test_wrong_sidecar_is_refused(copied: Path, change: dict[str, Any]) -> None:
    sidecar = copied.with_suffix(".json")
    sidecar.write_text(json.dumps(json.loads(sidecar.read_text()) | change))
    with pytest.raises(ModelError, match="fer48"):
        ExpressionNet.load(copied)


def test_broken_sidecar_is_refused(copied: Path) -> None:
    copied.with_suffix(".json").write_text("[1, 2")
    with pytest.raises(ModelError, match="damaged"):
        ExpressionNet.load(copied)


def test_a_model_of_another_kind_is_refused(copied: Path) -> None:
    other = Path(__file__).parent / "tiny" / "two.tflite"
    sidecar = json.loads(copied.with_suffix(".json").read_text())
    copied.write_bytes(other.read_bytes())
    with pytest.raises(ModelError, match="SHA-256"):
        ExpressionNet.load(copied)
    import hashlib

    sidecar["sha256"] = hashlib.sha256(other.read_bytes()).hexdigest()
    copied.with_suffix(".json").write_text(json.dumps(sidecar))
    with pytest.raises(ModelError, match="another kind of model"):
        ExpressionNet.load(copied)
