"""Chinese text by the published method: jieba keywords of highest TF-IDF in the ontology."""

from __future__ import annotations

import logging
import warnings
from functools import cache
from pathlib import Path
from typing import Any

from catalog.emotions import point_from_emotions
from catalog.words.mood import (
    Keyword,
    WordMood,
    WordsError,
    confidence_of,
    nothing,
    strengths_of,
)
from catalog.words.ontology import Ontology, cache_folder, load_ontology

TOP_KEYWORDS = 20
"""The published method looks at the 20 keywords of highest TF-IDF."""


def read_chinese(text: str, dlut: Path) -> WordMood:
    """Return the mood of a Chinese text by the ontology in ``dlut``; raises WordsError."""
    return read_keywords(extract_keywords(text), load_ontology(dlut))


def read_keywords(weighted: list[tuple[str, float]], ontology: Ontology) -> WordMood:
    """Return the mood of (word, TF-IDF) keywords: E_c = sum of intensity * TF-IDF."""
    keywords = tuple(
        Keyword(word, code, intensity * weight)
        for word, weight in weighted
        for code, intensity in ontology.get(word, ())
    )
    if not keywords:
        return nothing("zh")
    strengths = strengths_of(keywords)
    known = sum(word in ontology for word, _ in weighted)
    confidence = confidence_of(float(strengths.sum()), known / len(weighted))
    return WordMood(point_from_emotions(strengths), confidence, "zh", keywords, strengths)


def extract_keywords(text: str) -> list[tuple[str, float]]:
    """Return up to TOP_KEYWORDS (word, TF-IDF) of a text, the heaviest first."""
    found = _extractor().extract_tags(text, topK=TOP_KEYWORDS, withWeight=True)
    return [(str(word), float(weight)) for word, weight in found]


@cache
def _extractor() -> Any:
    """Return jieba's TF-IDF extractor; its dictionary takes a second to load, once."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # jieba asks for pkg_resources, which says it is old.
            import jieba
            from jieba.analyse.tfidf import TFIDF
    except ImportError as error:
        raise WordsError(
            "reading Chinese by the ontology needs jieba; install attune-kiosk[catalog]"
        ) from error
    jieba.setLogLevel(logging.WARNING)
    extractor = TFIDF()
    # jieba keeps its dictionary in the common /tmp otherwise, where anybody may put one.
    folder = cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        extractor.tokenizer.tmp_dir = str(folder)
    except OSError:
        logging.getLogger(__name__).info("no cache folder %s: jieba loads slowly", folder)
    return extractor
