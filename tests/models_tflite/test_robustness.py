"""The changes of the robustness table do what they are called."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from models_tflite.robustness import CONDITIONS, as_table, main, robustness

FACE = np.random.default_rng(5).integers(0, 256, (48, 48), dtype=np.uint8)


@pytest.mark.parametrize("name", list(CONDITIONS))
def test_every_change_keeps_shape_and_dtype(name: str) -> None:
    before = FACE.copy()
    changed = CONDITIONS[name](FACE)
    assert changed.shape == (48, 48)
    assert changed.dtype == np.uint8
    np.testing.assert_array_equal(FACE, before)
    assert (name == "as it is") == bool((changed == FACE).all())


def test_cover_hides_half() -> None:
    covered = CONDITIONS["lower half covered"](FACE)
    assert (covered[24:] == 128).all()
    np.testing.assert_array_equal(covered[:24], FACE[:24])


def test_table_has_a_row_per_condition() -> None:
    faces = np.stack([FACE, FACE])
    results = robustness(
        {"always angry": lambda crops: np.eye(7, dtype=np.float32)[np.zeros(len(crops), int)]},
        faces,
        np.array([0, 1]),
    )
    assert all(row == {"always angry": 0.5} for row in results.values())
    assert len(as_table(results).splitlines()) == 2 + len(CONDITIONS)


def test_missing_file_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--npz", str(tmp_path / "gone.npz")]) == 1
    assert "gone.npz" in capsys.readouterr().err
