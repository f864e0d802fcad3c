"""What speaks about a track's mood, each voice with its confidence, and all of them together."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from catalog.analysis import CatalogError, EvidencePart, fuse
from catalog.builder.tags import Tags
from catalog.emotions import EmotionPoint
from catalog.sound import SoundAnnotator, SoundError
from catalog.sound.annotator import MODEL as SOUND_MODEL
from catalog.words import WordMood, read_mood, read_track
from catalog.words.language import detect_language
from models_tflite.runtime import ModelError

TRUST: dict[str, float] = {
    "mood tag": 1.0,
    "sound": 0.8,
    "title and lyrics": 0.6,
    "comment": 0.2,
    "title": 0.15,
}
"""How far each kind of source is trusted before its own confidence. A judgement, not measured:
a mood tag is a person's word for this very track; a title names a subject more often than a
feeling; a comment tag is about the file as often as about the music."""

ANALYSIS_VERSION = 6
"""Raised when measurements or the judging of words change: every track is done again then."""

LEAST_CONFIDENCE = 0.02
"""A part with less is no evidence."""

SHOWN_WORDS = 5
"""Keywords kept with a part, for the explanation."""

LEAST_GENRE_SHARE = 0.5
"""The genre heard in the sound is taken (where no tag names one) from this share on."""


def analysis_fingerprint(dlut: Path | None) -> str:
    """Return what identifies the present way of analysing: version, ontology, sound model."""
    digest = hashlib.sha256(str(ANALYSIS_VERSION).encode())
    if dlut is not None:
        try:
            digest.update(dlut.read_bytes())
        except OSError as error:
            raise CatalogError(f"{dlut}: cannot be read: {error.strerror}") from error
    for file in (SOUND_MODEL, SOUND_MODEL.with_suffix(".json")):
        digest.update(file.read_bytes() if file.exists() else b"no sound model")
    return digest.hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that is known of a track's mood."""

    parts: tuple[EvidencePart, ...]
    point: EmotionPoint | None
    """None without evidence."""
    confidence: float
    heard_genre: str = ""
    language: str = ""
    nothing_because: str = ""


class EvidenceFinder:
    """Asks every source about a track."""

    def __init__(self, dlut: Path | None = None) -> None:
        """``dlut`` is the Chinese ontology's file where the owner has one."""
        self._dlut = dlut
        self.sound_missing = ""
        """Why sound cannot be analysed; empty when it can."""
        self.renew()

    def renew(self) -> None:
        """Load the network (again: one that ran out of memory cannot be trusted any more)."""
        self._annotator: SoundAnnotator | None = None
        self.sound_missing = ""
        try:
            self._annotator = SoundAnnotator.load()
        except (ModelError, MemoryError) as error:
            self.sound_missing = f"sound is not analysed: {error}"

    def find(self, path: Path, tags: Tags) -> Evidence:
        """Return what the words of the tags and the sound of the file say.

        Raises SoundError when the disk fails under it, ModelError and MemoryError.
        """
        words = read_track(tags.title, tags.lyrics, dlut=self._dlut)
        source = "title and lyrics" if tags.lyrics else "title"
        spoken = [
            _part("mood tag", read_mood(tags.mood, dlut=self._dlut)),
            _part(source, words),
            _part("comment", read_mood(tags.comment, dlut=self._dlut)),
        ]
        heard, genre, sound_problem = self._hear(path)
        parts = tuple(part for part in (*spoken, heard) if part is not None)
        point, confidence = fuse(parts)
        return Evidence(
            parts=parts,
            point=point,
            confidence=confidence,
            heard_genre=genre,
            language=detect_language(tags.lyrics) or "",  # Many titles are English all the same.
            nothing_because="" if point else _nothing(sound_problem),
        )

    def _hear(self, path: Path) -> tuple[EvidencePart | None, str, str]:
        if self._annotator is None:
            return None, "", "its sound was not analysed"
        try:
            heard = self._annotator.annotate(path)
        except SoundError as error:
            if error.passing:
                raise
            return None, "", f"its sound could not be analysed: it {error}"
        genre, share = max(heard.genre.items(), key=lambda item: item[1])
        strongest = max(heard.gems.items(), key=lambda item: item[1])[0]
        part = EvidencePart(
            "sound", TRUST["sound"], heard.confidence, heard.point,
            f"{strongest}; sounds like {genre} ({share:.0%})",
        )  # fmt: skip
        return part, genre if share >= LEAST_GENRE_SHARE else "", ""


def _part(source: str, found: WordMood) -> EvidencePart | None:
    if found.point is None or found.confidence < LEAST_CONFIDENCE:
        return None
    words = sorted(found.keywords, key=lambda keyword: -keyword.weight)
    detail = ", ".join(dict.fromkeys(keyword.word for keyword in words[:SHOWN_WORDS]))
    return EvidencePart(source, TRUST[source], found.confidence, found.point, detail)


def _nothing(sound_problem: str) -> str:
    return f"no words about a mood in its tags, and {sound_problem or 'its sound says nothing'}"
