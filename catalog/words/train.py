"""Learns the classifiers of words: English from GoEmotions, Chinese from XED.

    python -m catalog.words.train en GOEMOTIONS/train.tsv models_tflite/words_en.npz
    python -m catalog.words.train zh XED/Projections models_tflite/words_zh.npz

GoEmotions (Demszky et al. 2020) is `goemotions/data` of github.com/google-research/google-research,
XED (Öhman et al. 2020) is github.com/Helsinki-NLP/XED; both are CC BY 4.0. Own lines may be added
in the form of either. scikit-learn is needed here, never on the box.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from catalog.words.learned import grams

CHINESE_FILES: Final = ("cn-projections.tsv", "tw-projections.tsv", "zh-projections.tsv")

FEWEST_LINES: Final = {"en": 4, "zh": 1}
"""Lines a gram must be in."""
MOST_GRAMS: Final = 15_000
"""Those with the largest weights are kept and fitted again: the file stays under half a MB."""
PENALTY: Final = {"en": 3.0, "zh": 2.0}
"""Inverse strength of the quadratic penalty. Not tuned: on zh_lyrics the balanced accuracy stays
within .01 from a quarter of it to four times as much."""

Lines = list[tuple[str, tuple[int, ...]]]


def read_goemotions(path: Path) -> Lines:
    """Return (text, labels) of a GoEmotions file."""
    rows = (line.rstrip("\n").split("\t") for line in path.open(encoding="utf-8"))
    return [(text, tuple(map(int, labels.split(",")))) for text, labels, _ in rows]


def read_xed(paths: Sequence[Path]) -> Lines:
    """Return (text, labels) of XED files; a line that stands in several of them once."""
    found: dict[str, tuple[int, ...]] = {}
    for path in paths:
        for line in path.open(encoding="utf-8"):
            text, _, numbers = line.rstrip("\n").rpartition("\t")
            if text and all(one.strip().isdigit() for one in numbers.split(",")):
                labels = tuple(int(one) - 1 for one in numbers.split(",") if int(one))
                if labels:
                    found.setdefault(text, labels)
    return list(found.items())


def train(lines: Lines, language: str) -> dict[str, Any]:
    """Return the arrays of the file for a language."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    examples = [(text, label, 1 / len(labels)) for text, labels in lines for label in labels]
    texts, labels, weights = zip(*examples, strict=True)
    kept: Sequence[str] | None = None
    for _ in range(2):
        vectorizer = TfidfVectorizer(
            analyzer=lambda text: list(grams(text, language)),
            sublinear_tf=True,
            min_df=1 if kept else FEWEST_LINES[language],
            vocabulary=kept,
        )
        model = _fit(vectorizer.fit_transform(texts), labels, weights, language)
        names = vectorizer.get_feature_names_out()
        strongest = np.argsort(-np.abs(model.coef_).max(axis=0))[:MOST_GRAMS]
        kept = sorted(names[strongest].tolist())
    coefficients = model.coef_.T
    scale = np.abs(coefficients).max(axis=0) / 127
    return {
        "grams": np.frombuffer("\n".join(names).encode("utf-8"), np.uint8),
        "idf": vectorizer.idf_.astype(np.float16),
        "weights": np.rint(coefficients / scale).astype(np.int8),
        "scale": scale.astype(np.float32),
        "bias": model.intercept_.astype(np.float32),
    }


def _fit(matrix: Any, labels: Sequence[int], weights: Sequence[float], language: str) -> Any:
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=PENALTY[language], class_weight="balanced", max_iter=400)
    return model.fit(matrix, labels, sample_weight=np.array(weights))


def main() -> int:
    """Train and write the file; exit code 2 for wrong arguments."""
    if len(sys.argv) != 4 or sys.argv[1] not in FEWEST_LINES:
        print(__doc__, file=sys.stderr)
        return 2
    language, source, output = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    if language == "en":
        lines = read_goemotions(source)
    else:
        lines = read_xed([source / name for name in CHINESE_FILES])
    arrays = train(lines, language)
    np.savez_compressed(output, **arrays)
    print(f"{len(lines)} lines, {len(arrays['idf'])} grams, {output.stat().st_size} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
