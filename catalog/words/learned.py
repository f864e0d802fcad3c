"""A small classifier of words beside the table of words, learnt from labelled lines.

Where people feel something without naming it the table finds nothing. Which lines it was learnt
from, their terms, and what it is worth: ``models_tflite/WORDS.md``.
"""

from __future__ import annotations

import itertools
import logging
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

import models_tflite
from catalog.emotions import EmotionPoint, blend
from catalog.vocabularies import VOCABULARIES, to_point
from catalog.words.mood import CONVINCING_STRENGTH, TURNED, WordMood

log = logging.getLogger(__name__)

FOLDER: Final = Path(models_tflite.__file__).resolve().parent

VOCABULARY: Final = {"en": "goemotions28", "zh": "plutchik8"}
"""Language -> vocabulary of its labels; the other languages have no classifier."""

NEUTRAL: Final = "neutral"

SHARPNESS: Final = {"en": 1.0, "zh": 3.0}
"""Power of the probabilities: learnt on single lines, they are timid about whole lyrics; with 3
their valence spreads as widely over lyrics as that of the table of words."""
ENOUGH_GRAMS: Final = {"en": 6.0, "zh": 40.0}
"""Known grams at which a reading has two thirds of its confidence: a sentence of four words, a
line or two of Chinese."""
FULL_CONFIDENCE: Final = {"en": 0.8, "zh": 0.8}
LEAST_CONFIDENCE: Final = 0.2
"""A reading below it is no evidence; where the table of words finds nothing either, the text says
nothing."""

_WORD: Final = re.compile("[a-z]+(?:'[a-z]+)?")
_HAN: Final = re.compile("[\u4e00-\u9fff\u3400-\u4dbf]+")


@dataclass(frozen=True, slots=True, eq=False)
class Learned:
    """One language's classifier: softmax over weighted words, pairs of words or characters."""

    vocabulary: str
    places: dict[str, int]
    """Gram -> row of the weights."""
    idf: NDArray[np.float32]
    weights: NDArray[np.float32]
    """(grams, terms of the vocabulary)"""
    bias: NDArray[np.float32]

    def shares(self, text: str, language: str) -> tuple[NDArray[np.float64], int]:
        """Return the probability of every term, sum 1, and how many known grams there were."""
        counts = Counter(gram for gram in grams(text, language) if gram in self.places)
        rows = np.array([self.places[gram] for gram in counts], np.intp)
        value = (1 + np.log(np.array(list(counts.values()), np.float64))) * self.idf[rows]
        length = float(np.linalg.norm(value))
        logits = self.bias.astype(np.float64)
        if length > 0:
            logits = logits + value / length @ self.weights[rows]
        likely = np.exp(logits - logits.max())
        return likely / likely.sum(), len(counts)


def grams(text: str, language: str) -> Iterator[str]:
    """Yield what is counted: words and pairs of words; of Chinese, characters and their pairs."""
    if language == "zh":
        for run in _HAN.findall(text):
            yield from run
            yield from (run[i : i + 2] for i in range(len(run) - 1))
        return
    words = _WORD.findall(text.lower().replace("\u2019", "'"))
    yield from words
    yield from (f"{one} {two}" for one, two in itertools.pairwise(words))


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """What the classifier makes of a text."""

    point: EmotionPoint
    confidence: float


def read_learned(text: str, language: str | None) -> Reading | None:
    """Return the reading of a text; None in other languages and where it would be guessing."""
    model = learned(language) if language is not None else None
    if model is None or language is None:
        return None
    shares, known = model.shares(text, language)
    names = VOCABULARIES[model.vocabulary].terms
    felt = np.where(np.array(names) == NEUTRAL, 0.0, shares) ** SHARPNESS[language]
    neutral = shares[names.index(NEUTRAL)] if NEUTRAL in names else 0.0
    sure = felt.max() / (felt.sum() + neutral)
    reach = -np.expm1(-max(0, known - 1) / ENOUGH_GRAMS[language])
    confidence = FULL_CONFIDENCE[language] * float(sure * reach)
    if confidence < LEAST_CONFIDENCE:
        return None
    return Reading(to_point(model.vocabulary, felt), confidence)


def add_learned(found: WordMood, text: str) -> WordMood:
    """Return what the table of words found in a text, together with the classifier's reading.

    Where the table finds only what is negated ("nothing makes me happy") it is left alone: the
    classifier counts words, and knows of a negation only beside its word.
    """
    negated = bool(found.keywords) and all(one.word.startswith(TURNED) for one in found.keywords)
    reading = None if negated else read_learned(text, found.language)
    if reading is None:
        return found
    if found.point is None:
        strengths = reading.point.emotions * np.float32(CONVINCING_STRENGTH * reading.confidence)
        return WordMood(reading.point, reading.confidence, found.language, (), _kept(strengths))
    point = blend([found.point, reading.point], [found.confidence, reading.confidence])
    share = reading.confidence / found.confidence
    strengths = found.strengths + reading.point.emotions * (share * found.strengths.sum())
    confidence = 1 - (1 - found.confidence) * (1 - reading.confidence)
    return WordMood(point, min(0.95, confidence), found.language, found.keywords, _kept(strengths))


def _kept(strengths: NDArray[np.float32]) -> NDArray[np.float32]:
    kept = strengths.astype(np.float32)
    kept.setflags(write=False)
    return kept


@cache
def learned(language: str) -> Learned | None:
    """Return the classifier of a language, None where it has none."""
    vocabulary = VOCABULARY.get(language)
    if vocabulary is None:
        return None
    file = FOLDER / f"words_{language}.npz"
    try:
        return load_learned(file, vocabulary)
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        log.warning("%s: cannot be read (%s); words are read by the table alone", file, error)
        return None


def load_learned(file: Path, vocabulary: str) -> Learned:
    """Return a classifier as ``catalog/words/train.py`` writes it.

    Raises OSError, EOFError, KeyError, ValueError, BadZipFile or zlib.error for a damaged file.
    """
    with np.load(file, allow_pickle=False) as kept:
        names = kept["grams"].tobytes().decode("utf-8").split("\n")
        weights = kept["weights"].astype(np.float32) * kept["scale"]
        idf, bias = kept["idf"].astype(np.float32), kept["bias"].astype(np.float32)
    terms = len(VOCABULARIES[vocabulary].terms)
    if weights.shape != (len(names), terms) or idf.shape != (len(names),) or bias.size != terms:
        raise ValueError(f"holds {weights.shape} weights of {len(names)} grams for {terms} terms")
    places = {gram: row for row, gram in enumerate(names)}
    return Learned(vocabulary, places, idf, weights, bias)
