"""The records of the catalogue: what the build learns about a file and the store keeps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from catalog.emotions import CODES, EmotionPoint, blend

POINT_LENGTH = len(CODES) + 3
"""A point on disk: 21 emotions, then valence, arousal, dominance, as little-endian float32."""


class CatalogError(Exception):
    """The catalogue cannot be used or built; one line that says what, where and what to do."""


@dataclass(frozen=True, slots=True)
class EvidencePart:
    """One voice about a track's mood, kept so that the fused point can be explained."""

    source: str
    """``sound``, ``lyrics``, ``title``, ``mood tag``, ``comment`` ..."""
    weight: float
    """How far a source of this kind is trusted (0..1), before its own confidence."""
    confidence: float
    """0..1, how sure this source was about this track."""
    point: EmotionPoint
    detail: str = ""
    """What it saw, in words."""


@dataclass(frozen=True, slots=True)
class TrackAnalysis:
    """Everything the build learnt about one content, ready to be stored."""

    digest: bytes
    title: str
    artist: str
    album: str
    genre: str
    duration_s: float
    integrated_loudness_lufs: float | None
    true_peak_dbtp: float | None
    lead_silence_s: float
    tail_silence_s: float
    fingerprint: str
    """Version of the analysis; a track analysed otherwise is analysed again."""
    point: EmotionPoint | None
    confidence: float
    evidence: tuple[EvidencePart, ...] = ()
    no_evidence: str = ""
    """Why ``point`` is None."""
    language: str = ""
    """Of the lyrics; empty without them."""
    explicit: bool = False
    """The tags warn of explicit words."""
    named_after: str = ""
    """The part of the path the title or album was made of; empty when the tags named both."""


@dataclass(frozen=True, slots=True)
class FileStamp:
    """What tells a changed file from an unchanged one without reading it."""

    size: int
    mtime_ns: int
    sidecar: str = ""
    """Name, size and time of the lyrics file beside it; empty without one."""


@dataclass(frozen=True, slots=True)
class KnownFile:
    """A file of an earlier build."""

    track_id: int
    stamp: FileStamp
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Failure:
    """A file that is not in the catalogue, and why."""

    path: Path
    stamp: FileStamp
    reason: str
    fingerprint: str


def pack_point(point: EmotionPoint) -> bytes:
    """Return the point as stored."""
    tail = (point.valence, point.arousal, point.dominance)
    return np.concatenate([point.emotions, tail]).astype("<f4").tobytes()


def unpack_point(blob: bytes) -> EmotionPoint:
    """Return a stored point; raises CatalogError when it has the wrong length."""
    values = np.frombuffer(blob, "<f4")
    if values.size != POINT_LENGTH:
        raise CatalogError(f"a stored mood has {values.size} numbers instead of {POINT_LENGTH}")
    emotions = values[: len(CODES)]  # A view of bytes: read-only already.
    valence, arousal, dominance = (float(value) for value in values[len(CODES) :])
    return EmotionPoint(emotions, valence, arousal, dominance)


def fuse(parts: Sequence[EvidencePart]) -> tuple[EmotionPoint | None, float]:
    """Return the mean of the parts by trust times confidence, and how sure all are together.

    The confidences add up as independent voices: the doubt left is the product of the doubts.
    """
    shares = [part.weight * part.confidence for part in parts]
    if not any(share > 0 for share in shares):
        return None, 0.0
    doubt = math.prod(1 - min(1.0, share) for share in shares)
    return blend([part.point for part in parts], shares), 1 - doubt
