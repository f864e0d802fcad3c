"""Words: how fast the ontology is asked, and how well moods are read (``make bench-words``).

Needs the data sets ``lexicons`` and ``zh_lyrics`` (set ATTUNE_DATA); scikit-learn is a peer of
the benchmarks. The classifier is trained on the very labels it is judged by, on lyrics left out;
their terms allow tests only, so no such model is shipped whatever it reaches.
"""

from __future__ import annotations

import csv
import gzip
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from catalog.emotions import CODES
from catalog.words import read_mood
from catalog.words.chinese import extract_keywords, read_keywords
from catalog.words.ontology import Ontology, load_ontology
from tests.data_folder import find_data

TIMED_LYRICS = 100
FOLDS = 5

Keywords = list[tuple[str, float]]


def main() -> int:
    """Print both tables."""
    lexicons, lyrics_folder = find_data("lexicons"), find_data("zh_lyrics")
    if lexicons is None or lyrics_folder is None:
        print("bench-words: needs the data sets lexicons and zh_lyrics (set ATTUNE_DATA)")
        return 1
    ontology_file = lexicons / "DLUT_emotion_ontology.xlsx"
    lyrics = read_lyrics(lyrics_folder / "lyrics_emotion.csv.gz")
    ontology = load_ontology(ontology_file)
    keywords = [extract_keywords(text) for text, _ in lyrics[:TIMED_LYRICS]]
    print_speed(keywords, ontology)
    print_quality([pair for pair in lyrics if pair[1] in ("happy", "sad")], ontology_file)
    return 0


def read_lyrics(path: Path) -> list[tuple[str, str]]:
    """Return (text, label) of every lyric."""
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        return [(row["text"], row["label"]) for row in csv.DictReader(file)]


def scan_literally(keywords: Keywords, lists: dict[str, list[tuple[str, int]]]) -> dict[str, float]:
    """Score as the published code does: every keyword against every word of every category."""
    scores = dict.fromkeys(lists, 0.0)
    for keyword, weight in keywords:
        for code, words in lists.items():
            for word, intensity in words:
                if word == keyword:
                    scores[code] += intensity * weight
    return scores


def print_speed(keywords: Sequence[Keywords], ontology: Ontology) -> None:
    """Print ms per text of the scan and of the look-up, on the same keywords."""
    lists: dict[str, list[tuple[str, int]]] = {code: [] for code in CODES}
    for word, entries in ontology.items():
        for code, intensity in entries:
            lists[code].append((word, intensity))
    began = time.perf_counter()
    scanned = [scan_literally(words, lists) for words in keywords]
    scan_s = time.perf_counter() - began
    began = time.perf_counter()
    found = [read_keywords(words, ontology) for words in keywords]
    look_up_s = time.perf_counter() - began
    for scores, mood in zip(scanned, found, strict=True):
        total = sum(scores.values())
        for code, share in (mood.emotions or {}).items() if total else ():
            assert abs(share - scores[code] / total) < 1e-4, "the two disagree"
    count = len(keywords)
    print(f"{count} lyrics of 20 keywords, {len(ontology)} words\n")
    print(f"{'literal scan':<28}{1e3 * scan_s / count:>10.3f} ms per text")
    print(f"{'look-up (ours)':<28}{1e3 * look_up_s / count:>10.3f} ms per text")
    print(f"{'times as fast':<28}{scan_s / look_up_s:>10.0f}   (bar: 100)\n")


def print_quality(lyrics: Sequence[tuple[str, str]], ontology_file: Path) -> None:
    """Print balanced accuracy, happy against sad, of words and of a trained classifier."""
    texts = [text for text, _ in lyrics]
    happy = np.array([label == "happy" for _, label in lyrics])
    rows = {
        "built-in words": np.array([_valence(text, None) for text in texts]),
        "ontology": np.array([_valence(text, ontology_file) for text in texts]),
        "classifier, lyrics left out": _classify(texts, happy),
    }
    print(f"{len(lyrics)} lyrics, happy or sad; balanced accuracy, undecided counts one half\n")
    for name, score in rows.items():
        says = np.where(score > 0, 1.0, np.where(score < 0, 0.0, 0.5))
        balanced = 0.5 * (says[happy].mean() + (1 - says[~happy]).mean())
        print(f"{name:<28}{balanced:>8.3f}   decided on {np.mean(score != 0):.0%}")


def _valence(text: str, ontology_file: Path | None) -> float:
    point = read_mood(text, dlut=ontology_file, language="zh").point
    return 0.0 if point is None else point.valence


def _classify(texts: Sequence[str], happy: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the signed decision for each text by a model that has not seen it."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold
    from sklearn.pipeline import make_pipeline

    score = np.zeros(len(texts))
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    for train, test in folds.split(texts, happy):
        model = make_pipeline(
            TfidfVectorizer(analyzer="char", ngram_range=(1, 2), min_df=3, sublinear_tf=True),
            LogisticRegression(C=4.0, class_weight="balanced", max_iter=2000),
        )
        model.fit([texts[i] for i in train], happy[train])
        score[test] = model.decision_function([texts[i] for i in test])
    return score


if __name__ == "__main__":
    sys.exit(main())
