"""FER-2013 from any of its three layouts (npz, csv, folders), cleaned and split.

The private test split is never read: it is the final judge and not ours to look at.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from models_tflite.labels import EXPRESSIONS

SIDE = 48
VOTE_COUNT = 10
# Column order of FER+ (github.com/microsoft/FERPlus), and of `ferplus_votes` in the npz layout.
_VOTE_COLUMNS = (
    "neutral", "happiness", "surprise", "sadness", "anger",
    "disgust", "fear", "contempt", "unknown", "NF",
)  # fmt: skip
_CSV_USAGE = {"train": "Training", "public_test": "PublicTest"}
_FOLDER_NAMES = {
    "train": ("train", "Training"),
    "public_test": ("public_test", "PublicTest", "validation"),
}
_FOLDER_CLASSES = {
    "angry": 0, "anger": 0, "disgust": 1, "fear": 2, "happy": 3, "happiness": 3,
    "sad": 4, "sadness": 4, "surprise": 5, "neutral": 6,
}  # fmt: skip
_PICTURES = {".png", ".jpg", ".jpeg", ".bmp"}


class DataError(Exception):
    """The FER-2013 data are missing, damaged or in no known layout; the message says which."""


@dataclass(frozen=True, slots=True)
class FerSplit:
    """One split. images uint8 (N, 48, 48); labels int64 (N,); votes int64 (N, 10), -1: none."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    votes: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: NDArray[np.int64]) -> FerSplit:
        """Return the given rows, in the given order."""
        return FerSplit(self.images[rows], self.labels[rows], self.votes[rows])


def load_split(root: Path, split: str) -> FerSplit:
    """Load `train` or `public_test` from a folder in any layout; raises DataError."""
    if split not in _CSV_USAGE:
        raise DataError(f"unknown split {split!r}: choose train or public_test")
    if (root / f"{split}.npz").is_file():
        return _check(_from_npz(root / f"{split}.npz"), root, split)
    for name in ("fer2013.csv", "icml_face_data.csv"):
        if (root / name).is_file():
            return _check(_from_csv(root / name, split), root, split)
    for name in _FOLDER_NAMES[split]:
        if (root / name).is_dir():
            return _check(_from_folder(root / name), root, split)
    raise DataError(
        f"{root}: no {split} split found; expected {split}.npz, fer2013.csv "
        f"or a folder {_FOLDER_NAMES[split][0]}/<class>/*.png"
    )


def _check(split: FerSplit, root: Path, name: str) -> FerSplit:
    n = len(split)
    shapes_ok = split.images.shape == (n, SIDE, SIDE) and split.votes.shape == (n, VOTE_COUNT)
    if n == 0 or not shapes_ok or split.images.dtype != np.uint8:
        raise DataError(f"{root}: split {name} holds no (N, {SIDE}, {SIDE}) uint8 images")
    if split.labels.min() < 0 or split.labels.max() >= len(EXPRESSIONS):
        raise DataError(f"{root}: split {name} has labels outside 0..{len(EXPRESSIONS) - 1}")
    return split


def _from_npz(path: Path) -> FerSplit:
    try:
        with np.load(path) as data:
            images = np.asarray(data["images"], dtype=np.uint8)
            labels = np.asarray(data["labels"], dtype=np.int64)
            votes = _no_votes(len(labels))
            if "ferplus_votes" in data:
                votes = np.asarray(data["ferplus_votes"], dtype=np.int64)
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise DataError(f"{path}: not a FER npz file ({error})") from error
    return FerSplit(images, labels, votes)


def _no_votes(n: int) -> NDArray[np.int64]:
    return np.full((n, VOTE_COUNT), -1, dtype=np.int64)


def _ferplus_rows(path: Path) -> Iterator[list[int]]:
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            yield [int(row[name] or 0) for name in _VOTE_COLUMNS]


def _from_csv(path: Path, split: str) -> FerSplit:
    """Kaggle's emotion,pixels,Usage file; fer2013new.csv of FER+ beside it adds the votes."""
    plus = path.with_name("fer2013new.csv")
    votes_of_row = list(_ferplus_rows(plus)) if plus.is_file() else None
    images, labels, votes = [], [], []
    with path.open(newline="") as file:
        for index, raw in enumerate(csv.DictReader(file)):
            row = {key.strip(): value for key, value in raw.items() if key}
            if row["Usage"].strip() != _CSV_USAGE[split]:
                continue
            images.append(np.array(row["pixels"].split(), dtype=np.uint8))
            labels.append(int(row["emotion"]))
            votes.append(votes_of_row[index] if votes_of_row else [-1] * VOTE_COUNT)
    if not images:
        raise DataError(f"{path}: no rows with Usage={_CSV_USAGE[split]}")
    return FerSplit(
        np.stack(images).reshape(-1, SIDE, SIDE), np.array(labels), np.array(votes, dtype=np.int64)
    )


def _from_folder(folder: Path) -> FerSplit:
    images, labels = [], []
    for class_dir in sorted(p for p in folder.iterdir() if p.is_dir()):
        label = _FOLDER_CLASSES.get(class_dir.name.lower())
        if label is None:
            raise DataError(f"{class_dir}: unknown class folder; known: {sorted(_FOLDER_CLASSES)}")
        for path in sorted(p for p in class_dir.iterdir() if p.suffix.lower() in _PICTURES):
            image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
            if image is None or image.shape != (SIDE, SIDE):
                raise DataError(f"{path}: not a {SIDE}x{SIDE} picture")
            images.append(image.astype(np.uint8))
            labels.append(label)
    if not images:
        raise DataError(f"{folder}: no pictures in it")
    return FerSplit(np.stack(images), np.array(labels, dtype=np.int64), _no_votes(len(labels)))


def deduplicated(train: FerSplit, judged_on: FerSplit) -> tuple[FerSplit, NDArray[np.float32]]:
    """Drop train images found in `judged_on` and merge exact duplicates.

    Returns the unique rows and their hard-label distributions float32 (N, 7): a picture that
    the data set labels twice and differently keeps both labels, each with its share.
    """
    banned = {image.tobytes() for image in judged_on.images}
    first: dict[bytes, int] = {}
    counts = np.zeros((len(train), len(EXPRESSIONS)), dtype=np.float32)
    for row, image in enumerate(train.images):
        key = image.tobytes()
        if key in banned:
            continue
        counts[first.setdefault(key, row), train.labels[row]] += 1
    rows = np.array(sorted(first.values()), dtype=np.int64)
    kept = counts[rows]
    return train.take(rows), kept / kept.sum(axis=1, keepdims=True)


def calibration_rows(labels: NDArray[np.int64], count: int, seed: int) -> NDArray[np.int64]:
    """Pick about `count` rows, stratified by label, to be held out for the temperature."""
    rng = np.random.default_rng(seed)
    picked = []
    for label in range(len(EXPRESSIONS)):
        rows = np.flatnonzero(labels == label)
        share = round(count * len(rows) / len(labels))
        picked.append(rng.permutation(rows)[:share])
    return np.sort(np.concatenate(picked)).astype(np.int64)
