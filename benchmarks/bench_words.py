"""Words: how fast the ontology is asked, and how well moods are read (``make bench-words``).

Needs the data sets ``lexicons`` and ``zh_lyrics`` (set ATTUNE_DATA); scikit-learn is a peer of
the benchmarks. The last row of the lyrics is a classifier trained on the very labels it is judged
by, on lyrics left out; their terms allow tests only, so no such model is shipped. English is judged
where the folders ``goemotions`` (test.tsv) and ``xed`` (en-annotated.tsv, neu_en.txt) lie beside
the others.
"""

from __future__ import annotations

import csv
import gzip
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from catalog.emotions import CODES
from catalog.vocabularies import VOCABULARIES
from catalog.words import WordMood, read_mood
from catalog.words.chinese import extract_keywords, read_keywords
from catalog.words.ontology import Ontology, load_ontology
from catalog.words.train import read_goemotions, read_xed
from catalog.words.typed import read_typed
from tests.data_folder import find_data

TIMED_LYRICS = 100
FOLDS = 5
RESAMPLINGS = 1000

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
    print_english()
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
    """Print balanced accuracy, happy against sad, of words and of classifiers."""
    texts = [text for text, _ in lyrics]
    happy = np.array([label == "happy" for _, label in lyrics])
    print_rows(
        f"{len(lyrics)} Chinese lyrics, happy or sad",
        {
            "table of words": _valences(read_typed(text, "zh") for text in texts),
            "table and classifier (ours)": _valences(read_mood(t, language="zh") for t in texts),
            "ontology": _valences(
                read_mood(text, dlut=ontology_file, language="zh") for text in texts
            ),
            "trained on these labels": _classify(texts, happy),
        },
        happy,
    )


def print_english() -> None:
    """Print balanced accuracy, glad against bad, on lines the classifier was not learnt from."""
    for name, (lines, neutral) in english_lines().items():
        texts, glad = [text for text, _ in lines], np.array([label for _, label in lines])
        rows = {
            "table of words": _valences(read_typed(text, "en") for text in texts),
            "table and classifier (ours)": _valences(read_mood(t, language="en") for t in texts),
        }
        print_rows(f"{len(lines)} English lines of {name}", rows, glad)
        table = np.mean([read_typed(text, "en").point is not None for text in neutral])
        both = np.mean([read_mood(text, language="en").point is not None for text in neutral])
        print(f"of {len(neutral)} neutral lines a mood is claimed: {table:.0%}, {both:.0%}")


def print_rows(title: str, rows: dict[str, NDArray[np.float64]], glad: NDArray[np.bool_]) -> None:
    """Print each row's accuracy and how far it is ahead of the first, with 95 % intervals."""
    print(f"\n{title}; balanced accuracy, undecided counts one half\n")
    random = np.random.default_rng(0)
    drawn = [np.arange(len(glad)), *random.integers(len(glad), size=(RESAMPLINGS, len(glad)))]
    first: NDArray[np.float64] | None = None
    for name, score in rows.items():
        found = np.array([_balanced(score[some], glad[some]) for some in drawn])
        first = found if first is None else first
        low, high = np.quantile(found[1:], (0.025, 0.975))
        ahead, least, most = found[0] - first[0], *np.quantile(found - first, (0.025, 0.975))
        print(
            f"{name:<28}{found[0]:>6.3f} [{low:.3f}, {high:.3f}]  ahead {ahead:+.3f}"
            f" [{least:+.3f}, {most:+.3f}]  decided on {np.mean(score != 0):.0%}"
        )


def english_lines() -> dict[str, tuple[list[tuple[str, bool]], list[str]]]:
    """Return name -> ((text, glad or bad), neutral texts) of what is here."""
    found = {}
    if (folder := find_data("goemotions")) is not None:
        names = np.array(VOCABULARIES["goemotions28"].terms)
        lines = read_goemotions(folder / "test.tsv")
        rows = [(text, set(names[list(labels)])) for text, labels in lines]
        found["GoEmotions (test)"] = (
            _sided((text, labels & GLAD, labels & BAD) for text, labels in rows),
            [text for text, labels in rows if labels == {"neutral"}],
        )
    if (folder := find_data("xed")) is not None:
        names = np.array(VOCABULARIES["plutchik8"].terms)
        lines = read_xed([folder / "en-annotated.tsv"])
        labelled = ((text, set(names[list(labels)])) for text, labels in lines)
        neutral = (folder / "neu_en.txt").read_text(encoding="utf-8").splitlines()
        found["XED"] = (
            _sided((text, labels & GLAD, labels & BAD) for text, labels in labelled),
            [line.partition("\t")[2] for line in neutral if "\t" in line],
        )
    return found


GLAD = {
    "admiration", "amusement", "approval", "caring", "excitement", "gratitude", "joy", "love",
    "optimism", "pride", "relief", "trust",
}  # fmt: skip
BAD = {
    "anger", "annoyance", "disappointment", "disapproval", "disgust", "embarrassment", "fear",
    "grief", "nervousness", "remorse", "sadness",
}  # fmt: skip


def _sided(rows: Iterable[tuple[str, set[str], set[str]]]) -> list[tuple[str, bool]]:
    return [(text, bool(glad)) for text, glad, bad in rows if bool(glad) != bool(bad)]


def _balanced(score: NDArray[np.float64], glad: NDArray[np.bool_]) -> float:
    says = np.where(score > 0, 1.0, np.where(score < 0, 0.0, 0.5))
    return float(0.5 * (says[glad].mean() + (1 - says[~glad]).mean()))


def _valences(moods: Iterable[WordMood]) -> NDArray[np.float64]:
    return np.array([0.0 if mood.point is None else mood.point.valence for mood in moods])


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
