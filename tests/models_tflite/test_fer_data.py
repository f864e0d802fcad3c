"""FER-2013 in its three layouts reads the same, and is cleaned the same."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest

from models_tflite.labels import EXPRESSIONS
from models_tflite.training.fer_data import (
    DataError,
    FerSplit,
    calibration_rows,
    deduplicated,
    load_split,
)

IMAGES = np.random.default_rng(3).integers(0, 256, (7, 48, 48), dtype=np.uint8)
LABELS = np.arange(7)


def _write_npz(root: Path) -> None:
    np.savez(root / "train.npz", images=IMAGES, labels=LABELS.astype(np.uint8))
    np.savez(root / "public_test.npz", images=IMAGES[:2], labels=LABELS[:2])


def _write_csv(root: Path) -> None:
    with (root / "fer2013.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["emotion", "pixels", "Usage"])
        for label, image in zip(LABELS, IMAGES, strict=True):
            writer.writerow([label, " ".join(map(str, image.ravel())), "Training"])
        for usage in ("PublicTest", "PublicTest", "PrivateTest"):
            writer.writerow([0, " ".join(map(str, IMAGES[0].ravel())), usage])


def _write_folders(root: Path) -> None:
    for split, count in (("train", 7), ("validation", 2)):
        for name, image in zip(EXPRESSIONS[:count], IMAGES, strict=False):
            (root / split / name).mkdir(parents=True)
            cv2.imwrite(str(root / split / name / "a.png"), image)


@pytest.mark.parametrize("write", [_write_npz, _write_csv, _write_folders])
def test_layouts_read_the_same(tmp_path: Path, write: object) -> None:
    assert callable(write)
    write(tmp_path)
    train = load_split(tmp_path, "train")
    order = np.argsort(train.labels)
    np.testing.assert_array_equal(train.labels[order], LABELS)
    np.testing.assert_array_equal(train.images[order], IMAGES)
    assert (train.votes == -1).all()
    assert len(load_split(tmp_path, "public_test")) == 2


def test_ferplus_csv_adds_votes(tmp_path: Path) -> None:
    _write_csv(tmp_path)
    names = ["neutral", "happiness", "surprise", "sadness", "anger"]
    names += ["disgust", "fear", "contempt", "unknown", "NF"]
    with (tmp_path / "fer2013new.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["Usage", "Image name", *names])
        writer.writerows([["Training", "", *range(10)]] * 10)
    assert (load_split(tmp_path, "train").votes == np.arange(10)).all()


def test_private_and_unknown_splits_are_refused(tmp_path: Path) -> None:
    _write_npz(tmp_path)
    with pytest.raises(DataError, match="unknown split"):
        load_split(tmp_path, "private_test")


def test_bad_data_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no train split found"):
        load_split(tmp_path, "train")
    (tmp_path / "train.npz").write_bytes(b"junk")
    with pytest.raises(DataError, match=r"train\.npz"):
        load_split(tmp_path, "train")


def test_duplicates_merge_their_labels_and_leave_the_judge() -> None:
    votes = np.full((4, 10), -1)
    train = FerSplit(IMAGES[[0, 1, 1, 2]], np.array([0, 3, 6, 2]), votes)
    judge = FerSplit(IMAGES[:1], np.array([0]), votes[:1])
    unique, hard = deduplicated(train, judge)
    np.testing.assert_array_equal(unique.images, IMAGES[[1, 2]])
    np.testing.assert_allclose(hard[0], [0, 0, 0, 0.5, 0, 0, 0.5])
    np.testing.assert_allclose(hard[1], [0, 0, 1, 0, 0, 0, 0])


def test_calibration_rows_are_stratified_and_repeatable() -> None:
    labels = np.repeat(np.arange(7), [700, 70, 700, 1400, 700, 700, 700])
    rows = calibration_rows(labels, 497, seed=0)
    np.testing.assert_array_equal(rows, calibration_rows(labels, 497, seed=0))
    assert len(rows) == len(set(rows)) == 497
    assert (labels[rows] == 1).sum() == 7
