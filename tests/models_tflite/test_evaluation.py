"""The measurements themselves, the command that prints them, and the bundled model's bars."""

from __future__ import annotations

import argparse
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from device.commands.errors import CommandError
from device.commands.models import register
from models_tflite.evaluation import (
    EvaluationError,
    confusion_matrix,
    evaluate,
    expected_calibration_error,
    macro_recall,
)
from models_tflite.expression import DEFAULT_MODEL
from tests.data_folder import data_folder

# A point under what the card states for the public test (calibration: half a point over).
ACCURACY_BAR = 0.699
MACRO_RECALL_BAR = 0.684
ECE_BAR = 0.027
KEYS = {
    "accuracy", "macro_recall", "ece", "ms_per_face_mean", "ms_per_face_p50", "confusion", "n",
    "model_bytes",
}  # fmt: skip


@pytest.fixture
def small_npz(tmp_path: Path) -> Path:
    rng = np.random.default_rng(1)
    path = tmp_path / "faces.npz"
    np.savez(
        path,
        images=rng.integers(0, 256, (21, 48, 48), dtype=np.uint8),
        labels=np.arange(21, dtype=np.uint8) % 7,
    )
    return path


def _attune_models(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    register(parser.add_subparsers())
    parsed = parser.parse_args(["models", "evaluate", *arguments])
    return int(parsed.run(parsed))


def test_confusion_rows_are_true() -> None:
    counts = confusion_matrix(np.array([0, 0, 6]), np.array([0, 3, 6]))
    assert counts[0, 0] == counts[0, 3] == counts[6, 6] == 1
    assert counts.sum() == 3
    assert macro_recall(counts) == pytest.approx(0.75)


def test_calibration_error_of_known_cases() -> None:
    sure = np.tile(np.array([[1, 0, 0, 0, 0, 0, 0]], dtype=np.float32), (4, 1))
    assert expected_calibration_error(sure, np.zeros(4, dtype=np.int64)) == 0
    assert expected_calibration_error(sure, np.array([0, 0, 0, 1])) == pytest.approx(0.25)
    # Too sure in one bin (.5 of .9), not sure enough in another (1 of .5): gaps do not cancel.
    mixed = np.array([[0.9, 0.1], [0.9, 0.1], [0.5, 0.5], [0.5, 0.5]], dtype=np.float32)
    assert expected_calibration_error(mixed, np.array([0, 1, 0, 0])) == pytest.approx(0.45)


def test_report_of_a_small_file(small_npz: Path) -> None:
    report = evaluate(small_npz)
    assert report.n == report.confusion.sum() == 21
    assert report.accuracy == pytest.approx(np.trace(report.confusion) / 21)
    assert (report.confusion.sum(axis=1) == 3).all()
    assert report.ms_per_face_p50 > 0
    assert 0 < report.model_bytes <= 1_048_576


def test_command_prints_json_and_text(small_npz: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _attune_models("--npz", str(small_npz), "--json") == 0
    printed = json.loads(capsys.readouterr().out)
    assert set(printed) == KEYS
    assert np.array(printed["confusion"]).shape == (7, 7)
    assert _attune_models("--npz", str(small_npz)) == 0
    assert "macro recall" in capsys.readouterr().out


def _npz(path: Path, **arrays: Any) -> Path:
    np.savez(path, **arrays)
    return path


def test_bad_files_give_one_line(tmp_path: Path, small_npz: Path) -> None:
    images = np.zeros((2, 48, 48), dtype=np.uint8)
    short = tmp_path / "short.npz"
    short.write_bytes(small_npz.read_bytes()[:900])
    junk = tmp_path / "junk.npz"
    junk.write_bytes(b"not an archive")
    plain = tmp_path / "plain.npz"
    with plain.open("wb") as file:
        np.save(file, images)
    bad = [
        tmp_path / "gone.npz",
        tmp_path,
        short,
        junk,
        plain,
        _npz(tmp_path / "a.npz", images=images),
        _npz(tmp_path / "b.npz", images=images, labels=np.array([0, 7])),
        _npz(tmp_path / "c.npz", images=images, labels=np.array([0.5, 1])),
        _npz(tmp_path / "d.npz", images=images[:, :40], labels=np.array([0, 1])),
        _npz(tmp_path / "e.npz", images=images[:0], labels=np.zeros(0, dtype=int)),
        _npz(tmp_path / "f.npz", images=images.astype(float), labels=np.array([0, 1])),
        _npz(tmp_path / "g.npz", images=images, labels=np.array([object(), 1])),
    ]
    for path in bad:
        with pytest.raises(EvaluationError) as caught:
            evaluate(path)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)


def test_nobody_is_told_to_trust_a_file_that_is_no_archive(tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_text("no arrays here\n")
    with pytest.raises(EvaluationError, match="it is no archive of arrays") as caught:
        evaluate(tmp_path / "notes.md")
    assert "pickle" not in str(caught.value)
    with (tmp_path / "images.npy").open("wb") as file:
        np.save(file, np.zeros((2, 48, 48), np.uint8))
    with pytest.raises(EvaluationError, match="it is no archive of arrays"):
        evaluate(tmp_path / "images.npy")


def test_a_file_that_asks_for_more_memory_than_there_is_is_named(tmp_path: Path) -> None:
    head = io.BytesIO()
    shape = (10**10, 48, 48)
    np.lib.format.write_array_header_1_0(
        head, {"descr": "|u1", "fortran_order": False, "shape": shape}
    )
    with zipfile.ZipFile(tmp_path / "huge.npz", "w") as archive:
        archive.writestr("images.npy", head.getvalue())
    with pytest.raises(EvaluationError, match=r"huge\.npz: too large for the memory"):
        evaluate(tmp_path / "huge.npz")


def test_command_failures_are_command_errors(tmp_path: Path, small_npz: Path) -> None:
    with pytest.raises(CommandError, match="no such file"):
        _attune_models("--npz", str(tmp_path / "gone.npz"))
    with pytest.raises(CommandError, match="no such model file"):
        _attune_models("--npz", str(small_npz), "--model", str(tmp_path / "gone.tflite"))


def test_the_card_has_the_numbers_of_the_file_beside_the_network() -> None:
    report = json.loads(DEFAULT_MODEL.with_suffix(".json").read_text(encoding="utf-8"))
    card = DEFAULT_MODEL.with_name("FER48.md").read_text(encoding="utf-8")
    measured = {
        "accuracy %": ("accuracy", 100, 2),
        "macro recall %": ("macro_recall", 100, 2),
        "calibration error (15 bins)": ("ece", 1, 4),
        f"the same without the temperature ({report['temperature']})": ("ece_uncalibrated", 1, 4),
    }
    rows = [[cell.strip() for cell in line.split("|")] for line in card.splitlines()]
    told = {row[1]: (row[2], row[4]) for row in rows if len(row) == 6}
    for title, (key, factor, digits) in measured.items():
        kinds = (report["public_test"][kind][key] for kind in ("int8", "float"))
        assert told[title] == tuple(f"{factor * value:.{digits}f}" for value in kinds), title


def test_bundled_model_keeps_its_bars_on_the_public_test() -> None:
    report = evaluate(data_folder("fer2013") / "public_test.npz")
    assert report.accuracy >= ACCURACY_BAR
    assert report.macro_recall >= MACRO_RECALL_BAR
    assert report.ece <= ECE_BAR
