"""What was sensed and said -> one mood with a confidence.

A confidence-weighted pool of what has an opinion on the emotions (face, words, touch),
then the pulse moves it: stress raises arousal and lowers valence in proportion to how sure
the reading is. With nothing trustworthy the confidence is 0, and the kiosk asks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from catalog.emotions import EmotionPoint, blend, neutral_point, point_from_va
from catalog.vocabularies import to_point
from device.config import MoodSettings
from device.readings import FacesInView, Mood, MoodSource, PulseReading
from device.sensing.face import area_weighted

STRESS_AROUSAL = 0.7
STRESS_VALENCE = -0.5
"""Shift at full stress and full confidence (the opposite at full calm). Stress lies in the
upper left of the circumplex (Russell 1980: 'tense' at about V -0.5, A +0.7)."""

FACE_TRUST = 0.75
"""Ceiling of the face's confidence: the network's accuracy on the public test, rounded up to
leave room for the person's own report, which is the better witness."""

SAID_CONFIDENCE = 0.9
NEGLIGIBLE = 0.02
"""Voices below this confidence are not named as sources."""


@dataclass(frozen=True, slots=True)
class SaidMood:
    """A mood the person gave by words or by touch."""

    point: EmotionPoint
    said_at: float
    how: Literal["words", "touch"]


@dataclass(frozen=True, slots=True)
class _Voice:
    name: str
    point: EmotionPoint
    confidence: float
    age_s: float


def fuse(
    faces: FacesInView | None,
    pulse: PulseReading | None,
    said: SaidMood | None,
    now: float,
    settings: MoodSettings,
) -> Mood:
    """Return the mood of this moment; readings older than their limit have no voice."""
    voices = [
        voice for voice in (_face_voice(faces, now, settings), _said_voice(said, now, settings))
        if voice is not None
    ]  # fmt: skip
    total = sum(voice.confidence for voice in voices)
    if total > 0:
        base = blend([v.point for v in voices], [v.confidence / total for v in voices])
    else:
        base = neutral_point()
    stress = _stress_voice(pulse, now, settings)
    point = base if stress is None else _shift(base, total, stress)
    if stress is not None:
        voices.append(stress)
    doubt = math.prod(1 - voice.confidence for voice in voices)
    return Mood(estimated_at=now, point=point, confidence=1 - doubt, sources=_sources(voices))


class MoodTracker:
    """Smooths moods over time, so that what is shown and played does not flicker."""

    def __init__(self, settings: MoodSettings) -> None:
        self._settings = settings
        self._last: Mood | None = None

    def update(
        self,
        faces: FacesInView | None,
        pulse: PulseReading | None,
        said: SaidMood | None,
        now: float,
    ) -> Mood:
        """Return the smoothed mood; what a person has just said counts at once."""
        fresh = fuse(faces, pulse, said, now, self._settings)
        last = self._last
        if last is None or last.confidence == 0:
            self._last = fresh  # The first reading has nothing to be smoothed with.
            return fresh
        just_said = said is not None and said.said_at >= last.estimated_at
        if just_said or self._settings.smoothing_s == 0:
            self._last = fresh
            return fresh
        keep = math.exp(-(now - last.estimated_at) / self._settings.smoothing_s)
        # A sure reading replaces an unsure one quickly, and hardly the other way round.
        old, new = keep * (last.confidence + 1e-3), (1 - keep) * (fresh.confidence + 1e-3)
        point = last.point  # Where nothing is sensed any more it is less sure, but no other.
        if fresh.sources:
            point = blend([point, fresh.point], [old / (old + new), new / (old + new)])
        self._last = Mood(
            estimated_at=now,
            point=point,
            confidence=keep * last.confidence + (1 - keep) * fresh.confidence,
            sources=fresh.sources,
        )
        return self._last

    def forget(self) -> None:
        """Drop the person's mood (the visit has ended)."""
        self._last = None


def _face_voice(faces: FacesInView | None, now: float, settings: MoodSettings) -> _Voice | None:
    if faces is None or not faces.faces or now - faces.captured_at > settings.face_max_age_s:
        return None
    pooled = area_weighted(faces)
    if pooled is None or pooled.confidence <= 0:
        return None
    return _Voice(
        "face", to_point("face7", pooled.probabilities),
        FACE_TRUST * pooled.confidence, now - faces.captured_at,
    )  # fmt: skip


def _said_voice(said: SaidMood | None, now: float, settings: MoodSettings) -> _Voice | None:
    if said is None:
        return None
    age_s = now - said.said_at
    fading = 1 - age_s / settings.words_hold_s
    if fading <= 0:
        return None
    return _Voice(said.how, said.point, SAID_CONFIDENCE * math.sqrt(fading), age_s)


def _stress_voice(pulse: PulseReading | None, now: float, settings: MoodSettings) -> _Voice | None:
    if pulse is None or pulse.stress is None or pulse.stress_confidence <= 0:
        return None
    age_s = now - pulse.measured_at
    if age_s > settings.pulse_max_age_s:
        return None
    tension = 2 * pulse.stress - 1
    point = point_from_va(STRESS_VALENCE * tension, STRESS_AROUSAL * tension)
    return _Voice("pulse", point, pulse.stress_confidence, age_s)


def _shift(base: EmotionPoint, base_confidence: float, stress: _Voice) -> EmotionPoint:
    """Move ``base`` by the stress in proportion to its confidence."""
    valence = float(np.clip(base.valence + stress.confidence * stress.point.valence, -1, 1))
    arousal = float(np.clip(base.arousal + stress.confidence * stress.point.arousal, -1, 1))
    share = stress.confidence / (stress.confidence + base_confidence)
    moved = point_from_va(valence, arousal, base.dominance)
    emotions = blend([base, moved], [1 - share, share]).emotions
    return EmotionPoint(emotions, valence, arousal, base.dominance)


def _sources(voices: list[_Voice]) -> tuple[MoodSource, ...]:
    heard = [voice for voice in voices if voice.confidence >= NEGLIGIBLE]
    total = sum(voice.confidence for voice in heard)
    return tuple(MoodSource(v.name, v.confidence / total, v.confidence, v.age_s) for v in heard)
