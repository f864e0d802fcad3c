"""Makes a catalogue of any size in seconds: real store and index, invented tracks."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from catalog.analysis import EvidencePart, FileStamp, TrackAnalysis
from catalog.emotions import ANCHORS_VAD, CODES, EmotionPoint
from catalog.indexing import renew_index
from catalog.store import Store
from catalog.store_writer import StoreWriter

GENRES = ("classical", "electronic", "pop", "rock")
CLUSTERS = 60
"""Tracks gather around as many moods, as the tracks of real albums do."""


def make_points(count: int, seed: int = 0) -> list[EmotionPoint]:
    """Return that many points: distributions around cluster centres, V/A/D near the anchors."""
    rng = np.random.default_rng(seed)
    centres = rng.dirichlet(np.full(len(CODES), 0.3), CLUSTERS)
    drawn = rng.gamma(20 * centres[rng.integers(CLUSTERS, size=count)] + 0.05)
    shares = drawn / drawn.sum(axis=1, keepdims=True)
    places = np.clip(shares @ ANCHORS_VAD + rng.normal(0, 0.1, (count, 3)), -1, 1)
    emotions = shares.astype(np.float32)
    emotions.setflags(write=False)
    return [
        EmotionPoint(row, *(float(value) for value in place))
        for row, place in zip(emotions, places, strict=True)
    ]


def make_library(folder: Path, count: int, seed: int = 0) -> Path:
    """Write a catalogue of ``count`` tracks into ``folder`` and return it."""
    with StoreWriter(folder) as store:
        with store.batch():
            for number, point in enumerate(make_points(count, seed)):
                path = Path(f"/music/artist {number % 997}/track {number}.flac")
                store.put_track(path, FileStamp(1000 + number, number), analysis(number, point))
        renew_index(store, folder)
    return folder


def analysis(number: int, point: EmotionPoint | None, **changes: object) -> TrackAnalysis:
    """Return what a build would have found out about an invented track."""
    facts: dict[str, object] = {
        "digest": number.to_bytes(20, "big"),
        "title": f"Track {number}",
        "artist": f"Artist {number % 997}",
        "album": f"Album {number // 12}",
        "genre": GENRES[number % len(GENRES)],
        "duration_s": 200.0,
        "integrated_loudness_lufs": -16.0,
        "true_peak_dbtp": -1.0,
        "lead_silence_s": 0.1,
        "tail_silence_s": 0.2,
        "fingerprint": "synthetic",
        "point": point,
        "confidence": 0.5,
        "evidence": () if point is None else (EvidencePart("sound", 0.8, 0.6, point, "made up"),),
        "no_evidence": "made up without" if point is None else "",
    }
    return TrackAnalysis(**(facts | changes))  # type: ignore[arg-type]


def vectors_of(folder: Path) -> NDArray[np.float32]:
    """Return the points (n, 24) in a catalogue's store."""
    with Store(folder) as store:
        return store.points()[1]


if __name__ == "__main__":
    make_library(Path(sys.argv[1]), int(sys.argv[2]))
