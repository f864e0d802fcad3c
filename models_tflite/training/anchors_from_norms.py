"""Derives the valence/arousal/dominance of every emotion name from published word norms.

Source: NRC-VAD (Mohammad 2018, "Obtaining reliable human ratings of valence, arousal, and
dominance for 20,000 English words", ACL), whose terms allow research use: only the averages
over several words are shipped, never a word's own entry. Method: for each emotion the plain
mean over the English words below, which translate the emotion's name and the ontology's own
examples (Xu, Lin, Pan et al. 2008) or are the adjectives by which the vocabulary's source
defines it; then 0..1 is stretched to -1..1. Prints ``catalog/tables/anchors.tsv``:

    python -m models_tflite.training.anchors_from_norms NRC-VAD-Lexicon.txt
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

FEWEST_WORDS: Final = 4
"""An average over fewer words would give a single entry of the norms away."""

CODE_WORDS: Final = {
    "PA": "joy happy joyful delighted cheerful glad merry laugh pleased jolly",
    "PE": "ease calm peaceful relaxed serene comfortable contented tranquil relief quiet",
    "PD": "respect esteem reverence honor dignified revere solemn admire",
    "PH": "praise excellent splendid commend magnificent brilliant applause wonderful",
    "PG": "trust reliable faithful trustworthy confident believe sure certain",
    "PB": "love affection adore tender cherish fond beloved dear sweetheart",
    "PK": "wish hope bless hopeful pray aspire anticipation blessing",
    "NA": "anger angry furious rage mad wrath enraged outrage",
    "NB": "sadness sad sorrow grief mournful tearful heartbroken miserable weep",
    "NJ": "disappointment disappointed despair discouraged letdown hopeless disheartened",
    "NH": "guilt guilty remorse regret sorry apologize repent shameful",
    "PF": "longing nostalgia nostalgic yearning wistful homesick miss memories reminisce",
    "NI": "panic nervous flustered alarm frantic anxious helpless bewildered",
    "NC": "fear afraid scared terror frightened dread horror fearful",
    "NG": "shame ashamed shy embarrassed bashful humiliated blush embarrassment",
    "NE": "gloom gloomy upset troubled annoyed restless irritated depressed bored",
    "ND": "hate hatred loathe detest disgust disgusting hateful repulsive",
    "NN": "blame criticize condemn accuse scold denounce reproach disapproval",
    "NK": "jealousy jealous envy envious resentful covet",
    "NL": "doubt doubtful suspicious suspicion skeptical distrust uncertain dubious",
    "PC": "surprise surprised astonished amazed astonishment startled unexpected amazing",
}
"""Words of each code; names of the codes are in ``catalog/tables/emotions.tsv``."""

TERM_WORDS: Final = {
    "angry": "angry anger furious mad irritated annoyed",
    "disgust": "disgust disgusting repulsive revulsion gross nasty",
    "fear": "fear afraid scared frightened terror anxious",
    "happy": "happy happiness joyful smile cheerful glad",
    "sad": "sad sadness sorrow unhappy tearful miserable",
    "surprise": "surprise surprised astonished amazed startled unexpected",
    "love": "love affection tender adore caring fond",
    "enthusiasm": "enthusiasm enthusiastic excited eager zeal passionate",
    # Adjectives of the GEMS factors: Zentner, Grandjean & Scherer 2008, Emotion 8(4).
    "amazement": "wonder amazed dazzled moved allured astonished admiring",
    "solemnity": "transcendence inspired thrilled overwhelmed fascinated spirituality solemn",
    "tenderness": "tender affectionate sensual mellow loving softened",
    "nostalgia": "nostalgic dreamy melancholic sentimental melancholy wistful",
    "calmness": "calm relaxed serene soothing meditative peaceful",
    "power": "strong triumphant energetic fiery heroic powerful",
    "joyful_activation": "joyful animated dancing bouncy amused lively stimulated",
    "tension": "agitated nervous tense impatient irritated tension",
    "sadness": "sad sorrowful tearful sorrow melancholy mournful",
}
"""Words of the terms of foreign vocabularies that have a place of their own in V/A/D."""


def read_norms(path: Path) -> dict[str, tuple[float, float, float]]:
    """Return word -> (valence, arousal, dominance) in -1..1 of a comma-separated norms file."""
    with path.open(encoding="utf-8", newline="") as lines:
        return {
            row["word"]: (
                2 * float(row["valence"]) - 1,
                2 * float(row["arousal"]) - 1,
                2 * float(row["dominance"]) - 1,
            )
            for row in csv.DictReader(lines)
        }


def rows(norms: dict[str, tuple[float, float, float]]) -> Iterator[tuple[str, ...]]:
    """Yield the table's rows; words without norms are left out, ValueError if too few remain."""
    for kind, table in (("code", CODE_WORDS), ("term", TERM_WORDS)):
        for name, words in table.items():
            known = [word for word in words.split() if word in norms]
            if len(known) < FEWEST_WORDS:
                raise ValueError(f"{name}: only {known} of {words.split()} have norms")
            mean = [sum(norms[word][axis] for word in known) / len(known) for axis in range(3)]
            yield kind, name, *(f"{value:.3f}" for value in mean), " ".join(known)


def main() -> int:
    """Print the table; exit code 2 without exactly one file."""
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    writer = csv.writer(sys.stdout, delimiter="\t", lineterminator="\n")
    writer.writerow(("kind", "name", "valence", "arousal", "dominance", "words"))
    writer.writerows(rows(read_norms(Path(sys.argv[1]))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
