"""``attune catalog query``: a mood from words, numbers or a picture, and the tracks near it."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from catalog.emotions import CODES, EmotionPoint, describe, point_from_va
from catalog.library import Library, Match
from device.commands.errors import CommandError

NEAR, FAR = 0.35, 0.8
"""Distances in the emotion space. In the demo albums (193 tracks) the nearest track to a mood on
the valence/arousal plane lies 0.3 to 0.5 away, to strong words 0.6 to 0.7."""


@dataclass(frozen=True, slots=True)
class AskedMood:
    """What was asked for."""

    point: EmotionPoint
    confidence: float
    source: str
    """``words``, ``values`` or ``face``."""
    called: str
    """As it stands in the reason: "your words"."""


def answer(library: Library, arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the mood asked for and its tracks; raises CommandError when there is no mood."""
    mood = _mood(arguments)
    matches = library.nearest(
        mood.point,
        arguments.k,
        genre=arguments.genre,
        language=arguments.language,
        clean_only=arguments.clean,
    )
    if not matches and library.count:
        asked = (arguments.genre, arguments.language)
        wanted = [repr(one) for one in asked if one is not None]
        wanted += ["clean words"] * arguments.clean
        raise CommandError(
            f"no track of {' and '.join(wanted)}: `attune catalog info` lists the genres and"
            " languages"
        )
    return {
        "mood": _mood_json(mood),
        "tracks": [_track_json(match, mood) for match in matches],
    }


def as_text(found: dict[str, Any]) -> str:
    """Return an answer for a terminal."""
    mood = found["mood"]
    lines = [
        f"mood: {mood['label']} (valence {mood['valence']:+.2f}, arousal {mood['arousal']:+.2f},"
        f" sure to {mood['confidence']:.0%})",
        "",
    ]
    for track in found["tracks"]:
        by = f" by {track['artist']}" if track["artist"] else f" from {track['album']}"
        lines.append(f"{track['track_id']:>6}  {track['title']}{by}")
        lines.append(f"        {track['reason']}")
    if not found["tracks"]:
        lines.append("the catalogue holds no tracks to choose from")
    return "\n".join(lines)


def _mood(arguments: argparse.Namespace) -> AskedMood:
    if arguments.va is not None:
        return AskedMood(point_from_va(*arguments.va), 1.0, "values", "what you asked for")
    if arguments.image is not None:
        return _mood_of_faces(arguments.image)
    from catalog.words import WordsError, read_mood

    try:
        found = read_mood(arguments.text, dlut=arguments.dlut)
    except WordsError as error:
        raise CommandError(str(error)) from error
    if found.point is None:
        raise CommandError(
            f"no mood found in {arguments.text!r}: try words that say how you feel, or --va"
        )
    return AskedMood(found.point, found.confidence, "words", "your words")


def _mood_of_faces(path: Path) -> AskedMood:
    from catalog.vocabularies import to_point
    from device.commands.face import analyse
    from models_tflite.labels import EXPRESSIONS

    mood = analyse(path)["mood"]
    if mood is None:
        raise CommandError(f"{path}: no face found in it")
    probabilities = [mood["probabilities"][name] for name in EXPRESSIONS]
    point = to_point("face7", probabilities)
    return AskedMood(point, mood["confidence"], "face", "the mood in the picture")


def _mood_json(mood: AskedMood) -> dict[str, Any]:
    point = mood.point
    return {
        "label": describe(point),
        "valence": round(point.valence, 4),
        "arousal": round(point.arousal, 4),
        "dominance": round(point.dominance, 4),
        "confidence": round(mood.confidence, 4),
        "source": mood.source,
        "emotions": {
            code: round(float(share), 6) for code, share in zip(CODES, point.emotions, strict=True)
        },
    }


def _track_json(match: Match, mood: AskedMood) -> dict[str, Any]:
    track = match.track
    return {
        "track_id": track.track_id,
        "title": track.title,
        "artist": track.artist,
        "album": track.album,
        "genre": track.genre,
        "path": str(track.path),
        "duration_s": round(track.duration_s, 2),
        "valence": round(track.point.valence, 4),
        "arousal": round(track.point.arousal, 4),
        "distance": round(match.distance, 6),
        "reason": reason(match, mood),
    }


def reason(match: Match, mood: AskedMood) -> str:
    """Return why a track answers a mood, in one plain sentence."""
    if match.distance < NEAR:
        like = f"like {mood.called}"
    elif match.distance < FAR:
        like = f"close to {mood.called}"
    else:
        like = f"the nearest there is to {mood.called}"
    return f"{describe(match.track.point)}, {like}; {match.distance:.2f} away"
