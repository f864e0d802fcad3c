"""A sound file -> nine music-induced emotions, genre, valence, arousal, and a place."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

import models_tflite
from catalog.emotions import EmotionPoint, make_point
from catalog.sound.decoding import SoundError, decode_windows, duration_s
from catalog.sound.features import BANDS, PATCH_FRAMES, PATCH_S, RATE_HZ, patch
from catalog.vocabularies import VOCABULARIES, to_point
from models_tflite.runtime import ModelError, TfliteModel

MODEL = Path(models_tflite.__file__).resolve().parent / "sound_mood.tflite"

SECONDS_PER_PATCH = 7.5
FEWEST_PATCHES, MOST_PATCHES = 4, 10
"""A one-minute clip is heard at 8 places, as the network was measured; a long one at 10, which
keeps a worker under 400 MB (17 MB a place)."""

SILENCE_RMS = 10 ** (-65 / 20)
"""Below -65 dBFS all through, there is nothing to listen to."""

MUSIC_VALENCE_MEAN, MUSIC_VALENCE_SD = 0.0, 0.31
MUSIC_AROUSAL_MEAN, MUSIC_AROUSAL_SD = -0.05, 0.34
"""Mean and spread of 744 songs as listeners rated them (emoMusic, Soleymani et al. 2013; 1..9
brought to -1..1): where the spread of predictions, narrow by regression, is brought to."""

TRUST = 0.6
"""Confidence in a track like those trained on: the mean correlation with listeners on tracks
left out, see ``models_tflite/SOUND_MOOD.md``."""


@dataclass(frozen=True, slots=True, eq=False)
class SoundAnnotation:
    """What a track sounds like."""

    gems: dict[str, float]
    """Share 0..1 of listeners who would feel each of the nine GEMS emotions."""
    genre: dict[str, float]
    """Probabilities of classical, electronic, pop, rock; sum 1."""
    valence: float
    arousal: float
    """-1..1 through the GEMS matrix, 0 = the middle of music."""
    confidence: float
    """0..1, lower for sound unlike the music trained on."""
    point: EmotionPoint


class SoundAnnotator:
    """Listens to files, one at a time; an instance belongs to the thread that made it."""

    def __init__(self, model: TfliteModel, facts: dict[str, Any]) -> None:
        """Wrap a loaded model and its sidecar; callers use `load`."""
        self._model = model
        self._gems: tuple[str, ...] = tuple(facts["gems"])
        self._genres: tuple[str, ...] = tuple(facts["genres"])
        self._base = np.array(facts["base_rate"])
        self._rating_sd = np.array(facts["rating_sd"])
        left_out = facts["predicted_left_out"]
        self._mean = np.array(left_out["mean"])
        self._strange, self._usual = facts["likeness_quantiles_5_50"]
        self._sharpness = float(facts["genre_sharpness"])
        table = VOCABULARIES["gems9"]
        order = [table.terms.index(name) for name in self._gems]
        self._order = np.argsort(order)
        # Per listener-scale unit of each emotion, how far it pulls V and A; scaled to unit spread.
        pull = (table.vad[order, :2] - table.vad[order, :2].mean(axis=0)) / self._rating_sd[:, None]
        spread = np.sqrt(np.einsum("ia,ij,ja->a", pull, np.array(left_out["covariance"]), pull))
        self._pull = pull / spread

    @classmethod
    def load(cls, path: Path = MODEL, num_threads: int = 1) -> Self:
        """Load the network that ships with Attune; raises ModelError."""
        sidecar = path.with_suffix(".json")
        try:
            facts = json.loads(sidecar.read_text(encoding="utf-8"))
            model = TfliteModel.load(
                path,
                input_shape=(None, PATCH_FRAMES, BANDS),
                num_threads=num_threads,
                sha256=facts["sha256"],
            )
            return cls(model, facts)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ModelError(f"{sidecar}: cannot be read ({error}); restore the file") from error

    def annotate(self, path: Path) -> SoundAnnotation:
        """Listen to a file at up to 10 places; raises SoundError when there is nothing to hear.

        Stereo whose channels cancel out is heard by their difference.
        """
        length_s = duration_s(path)
        wanted = MOST_PATCHES if length_s is None else round(length_s / SECONDS_PER_PATCH)
        count = min(MOST_PATCHES, max(FEWEST_PATCHES, wanted))
        windows = _audible_windows(path, count) or _audible_windows(path, count, side=True)
        if not windows:
            raise SoundError("is silent all through")
        return self.annotate_patches(np.stack([patch(window) for window in windows]))

    def annotate_patches(self, patches: NDArray[np.float32]) -> SoundAnnotation:
        """Return what (n, 187, 96) log-mel patches of one track sound like."""
        outputs = self._model(patches)[0].astype(np.float64)
        nine = len(self._gems)
        gems = np.clip(outputs[:nine], 0, 1)
        genre = np.exp(self._sharpness * (outputs[nine:-1] - outputs[nine:-1].max()))
        genre /= genre.sum()
        valence, arousal = self._va(gems)
        known = (outputs[-1] - self._strange) / max(1e-6, self._usual - self._strange)
        confidence = TRUST * (0.4 + 0.6 * float(np.clip(known, 0, 1)))
        return SoundAnnotation(
            gems=dict(zip(self._gems, gems.tolist(), strict=True)),
            genre=dict(zip(self._genres, genre.tolist(), strict=True)),
            valence=valence,
            arousal=arousal,
            confidence=confidence,
            point=self._point(gems, valence, arousal),
        )

    def _va(self, gems: NDArray[np.float64]) -> tuple[float, float]:
        valence, arousal = ((gems - self._mean) @ self._pull).tolist()
        return (
            float(np.clip(MUSIC_VALENCE_MEAN + MUSIC_VALENCE_SD * valence, -1, 1)),
            float(np.clip(MUSIC_AROUSAL_MEAN + MUSIC_AROUSAL_SD * arousal, -1, 1)),
        )

    def _point(self, gems: NDArray[np.float64], valence: float, arousal: float) -> EmotionPoint:
        """Weigh each emotion by how much more it is felt here than in music at large."""
        lift = np.maximum(gems, 1e-3) * (np.maximum(gems, 1e-3) / self._base)
        felt = to_point("gems9", lift[self._order])
        return make_point(felt.emotions, (valence, arousal, felt.dominance))


def _audible_windows(path: Path, count: int, side: bool = False) -> list[NDArray[np.float32]]:
    windows = decode_windows(path, RATE_HZ, PATCH_S, count, side=side)
    return [window for window in windows if _audible(window)]


def _audible(window: NDArray[np.float32]) -> bool:
    return bool(np.sqrt(np.mean(np.square(window, dtype=np.float64))) > SILENCE_RMS)
