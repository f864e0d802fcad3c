"""Where a track's place in the emotion space comes from, part by part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from catalog.analysis import EvidencePart
from catalog.emotions import CODES, NAMES, EmotionPoint, describe
from catalog.plain import plain
from catalog.track import Track

STRONGEST = 3
"""Emotions named per part."""


@dataclass(frozen=True, slots=True)
class ExplainedPart:
    """One source with its share of the fused point."""

    part: EvidencePart
    share: float
    """0..1; the shares of a track sum to 1."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """A track with the evidence behind it."""

    track: Track
    confidence: float
    parts: tuple[ExplainedPart, ...]


def explain(track: Track, confidence: float, parts: Sequence[EvidencePart]) -> Explanation:
    """Return the evidence with each part's share, the largest first."""
    total = sum(part.weight * part.confidence for part in parts)
    explained = [ExplainedPart(part, part.weight * part.confidence / total) for part in parts]
    return Explanation(track, confidence, tuple(sorted(explained, key=lambda one: -one.share)))


def strongest(point: EmotionPoint, count: int = STRONGEST, language: str = "en") -> str:
    """Return the largest emotions of a point in words: "joy 31 %, love 12 %"."""
    order = point.emotions.argsort()[::-1][:count]
    return ", ".join(
        f"{NAMES[CODES[i]][language]} {point.emotions[i]:.0%}"
        for i in order
        if point.emotions[i] > 0
    )


def render(explanation: Explanation) -> str:
    """Return the explanation as lines for a terminal."""
    track, point = explanation.track, explanation.track.point
    by = f" by {track.artist}" if track.artist else ""
    lines = [
        f"{track.title}{by} (track {track.track_id})",
        f"  {plain(track.path)}",
        f"  sounds {describe(point)}: {_place(point)}; sure to {explanation.confidence:.0%}",
        f"  mostly {strongest(point)}",
        "  because of",
    ]
    for one in explanation.parts:
        part = one.part
        detail = f"  “{part.detail}”" if part.detail else ""
        lines.append(
            f"    {one.share:4.0%}  {part.source:<9} {describe(part.point)} ({_place(part.point)};"
            f" weight {part.weight:g}, sure to {part.confidence:.0%}){detail}"
        )
    return "\n".join(lines)


def _place(point: EmotionPoint) -> str:
    return f"valence {point.valence:+.2f}, arousal {point.arousal:+.2f}"


def as_json(explanation: Explanation) -> dict[str, Any]:
    """Return the explanation for machines."""
    track = explanation.track
    return {
        "track_id": track.track_id,
        "title": track.title,
        "artist": track.artist,
        "path": str(track.path),
        "confidence": explanation.confidence,
        "point": _point_json(track.point),
        "evidence": [
            {
                "source": one.part.source,
                "share": one.share,
                "weight": one.part.weight,
                "confidence": one.part.confidence,
                "detail": one.part.detail,
                "point": _point_json(one.part.point),
            }
            for one in explanation.parts
        ],
    }


def _point_json(point: EmotionPoint) -> dict[str, Any]:
    return {
        "label": describe(point),
        "valence": point.valence,
        "arousal": point.arousal,
        "dominance": point.dominance,
        "emotions": dict(zip(CODES, point.emotions.tolist(), strict=True)),
    }
