"""One state of the kiosk for each moment that a screen can show."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from catalog.emotions import CODES, EmotionPoint
from catalog.track import Track
from device.readings import (
    Box,
    CameraStatus,
    ChartPoint,
    FaceReading,
    FacesInView,
    KioskState,
    Mood,
    MoodSource,
    PlayerState,
    PulseReading,
    SensorStatus,
    Strategy,
    TrackChoice,
    VisitState,
    WorkerHealth,
    frozen,
)

NOW_S = 100.0
"""The moment of every state here; a view that shows them uses the same ``now_s``."""

LONG_TITLE = (
    "Воспоминание о далёком лете и тихом море 여름밤의 기억 그리고 조용한 바다 "
    "夏夜的回忆与宁静的大海在远方轻轻地歌唱 The Long and Winding Remembrance of a Summer "
    "Supercalifragilisticexpialidocious "
) * 2
LONG_TITLE = (LONG_TITLE + "…" * 300)[:300]


def point(code: str, valence: float, arousal: float) -> EmotionPoint:
    """An emotion point that is mostly ``code``."""
    emotions = np.full(len(CODES), 0.02, np.float32)
    emotions[CODES.index(code)] = 1.0
    emotions /= emotions.sum()
    return EmotionPoint(frozen(emotions), valence, arousal, 0.2)


def pulse_wave(seconds: float = 8.0, rate_hz: float = 50.0, bpm: float = 72.0) -> np.ndarray:
    """A finger pulse with its dicrotic notch: two Gaussians for each beat, -1..1."""
    phase = (np.arange(int(seconds * rate_hz)) / rate_hz * bpm / 60) % 1
    beat = np.exp(-(((phase - 0.3) / 0.1) ** 2)) + 0.42 * np.exp(-(((phase - 0.62) / 0.13) ** 2))
    return frozen((1.7 * beat - 0.8).astype(np.float32))


TRACK = Track(
    7, Path("/music/a.flac"), "Slow Morning Light", "Alba Verde", "Windows", "Ambient", 254.0,
    point("PE", 0.55, -0.35),
)  # fmt: skip
PULSE = PulseReading(
    NOW_S - 0.4, True, 0.93, 40.0, beats_used=46, heart_rate_bpm=72.4, rmssd_ms=41.0,
    sdnn_ms=48.0, stress=0.34, stress_confidence=0.8, wave=pulse_wave(),
)  # fmt: skip
MOOD = Mood(
    NOW_S - 0.2, point("PK", 0.42, 0.28), 0.72,
    (MoodSource("face", 0.6, 0.8, 0.2), MoodSource("pulse", 0.4, 0.7, 0.5)),
)  # fmt: skip


def faces(happy: float = 0.62) -> FacesInView:
    rest = (1 - happy) / 9
    shares = np.asarray([rest, rest, rest, happy, rest, 3 * rest, 3 * rest], np.float32)
    face = FaceReading(
        NOW_S - 0.1,
        Box(200, 100, 180, 180),
        frozen(np.zeros((6, 2), np.float32)),
        frozen(shares),
        0.9,
    )
    return FacesInView(NOW_S - 0.1, (face,), 640, 480)


def visit_chart() -> tuple[ChartPoint, ...]:
    points = []
    for i in range(60):
        t = i / 59
        points.append(
            ChartPoint(
                i * 9.0,
                valence=-0.35 + 0.9 * t + 0.1 * float(np.sin(9 * t)),
                arousal=0.5 - 0.7 * t + 0.12 * float(np.cos(11 * t)),
                stress=0.72 - 0.45 * t + 0.05 * float(np.sin(17 * t)),
                track_id=1 + i // 20,
            )
        )
    return tuple(points)


IDLE = KioskState(
    seq=1,
    updated_at=NOW_S,
    visit=VisitState.IDLE,
    visit_since=NOW_S - 5,
    strategy=Strategy.LIFT,
    camera_allowed=True,
    camera=CameraStatus(False, "/dev/video0"),
    sensor=SensorStatus(True, "/dev/ttyACM0", "attune"),
    player=PlayerState("idle"),
    catalogue_tracks=1200,
)
GREETING = replace(IDLE, seq=2, visit=VisitState.GREETING)
CONSENT = replace(IDLE, seq=3, visit=VisitState.CONSENT)
BARRED = replace(CONSENT, seq=4, camera_allowed=False)
SENSING = replace(
    IDLE,
    seq=5,
    visit=VisitState.SENSING,
    camera=CameraStatus(True, "/dev/video0"),
    faces=faces(),
    pulse=PULSE,
    mood=MOOD,
    target=point("PA", 0.7, 0.4),
)
EMPTY_SENSING = replace(IDLE, seq=6, visit=VisitState.SENSING)
ASKING = replace(EMPTY_SENSING, seq=7, asks_for_mood=True)
PLAYING = replace(
    SENSING,
    seq=8,
    visit=VisitState.PLAYING,
    player=PlayerState("playing", TRACK, 83.0, 64.0),
    choice=TrackChoice(
        TRACK, 0.18, "Close to how you feel, one step brighter: calm and hopeful.",
        TRACK.point, Strategy.LIFT,
    ),
)  # fmt: skip
LONG_TRACK = replace(TRACK, title=LONG_TITLE, artist=LONG_TITLE[::-1])
LONG = replace(
    PLAYING,
    seq=9,
    player=replace(PLAYING.player, track=LONG_TRACK),
    choice=TrackChoice(LONG_TRACK, 0.3, LONG_TITLE, TRACK.point, Strategy.LIFT),
)
FAREWELL = replace(IDLE, seq=10, visit=VisitState.FAREWELL, chart=visit_chart())
FAULTS = replace(
    PLAYING,
    seq=11,
    message="The finger sensor was pulled out: plug it in again",
    player=replace(PLAYING.player, message="No loudspeaker: connect one, the music waits"),
    health=(
        WorkerHealth("camera", "failed", False, 5, "OSError: gone"),
        WorkerHealth("conductor", "running", True),
    ),
    pulse=None,
    sensor=SensorStatus(False, "", ""),
)

MOMENTS = {
    "idle": IDLE,
    "greeting": GREETING,
    "consent": CONSENT,
    "barred": BARRED,
    "sensing": SENSING,
    "empty_sensing": EMPTY_SENSING,
    "asking": ASKING,
    "playing": PLAYING,
    "long": LONG,
    "farewell": FAREWELL,
    "faults": FAULTS,
}
