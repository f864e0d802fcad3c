"""The types that flow between the rooms of the appliance.

Data goes one way: bytes or frames in, these frozen records out. ``None`` means *no
reading*, never 0 or NaN. Times called ``*_at`` are monotonic seconds of the injected
clock; wall time exists only at the edges. Arrays are read-only (see :func:`frozen`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from catalog.emotions import EmotionPoint
from catalog.track import Track

Clock: TypeAlias = Callable[[], float]
"""Monotonic seconds, injected everywhere time matters."""


def frozen(array: NDArray[Any]) -> NDArray[Any]:
    """Return ``array`` marked read-only, so a reading cannot change after it was sent."""
    array.setflags(write=False)
    return array


# --- camera and face -----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture of the camera.

    ``opening`` counts how often the camera was opened: a new value is a new person in
    front of it, so whatever was learnt about the last one is forgotten.
    """

    seq: int
    captured_at: float
    pixels: NDArray[np.uint8]
    """(height, width, 3), blue-green-red."""
    opening: int = 0


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels of its frame."""

    x_px: float
    y_px: float
    width_px: float
    height_px: float

    @property
    def area_px(self) -> float:
        return self.width_px * self.height_px


@dataclass(frozen=True, slots=True)
class FaceReading:
    """What the expression network sees in one face."""

    captured_at: float
    box: Box
    keypoints: NDArray[np.float32]
    """(6, 2) pixels: right eye, left eye, nose, mouth, right ear, left ear."""
    probabilities: NDArray[np.float32]
    """(7,), sum 1, in the order of ``models_tflite.expression.EXPRESSIONS``."""
    quality: float
    """0..1 from size, sharpness, exposure and pose."""


@dataclass(frozen=True, slots=True)
class FacesInView:
    """All faces of one frame, the largest first; empty when nobody is there."""

    captured_at: float
    faces: tuple[FaceReading, ...]
    frame_width_px: int
    frame_height_px: int


@dataclass(frozen=True, slots=True)
class CameraStatus:
    """Whether the camera device is open, as the indicator and MQTT show it."""

    is_open: bool
    source: str
    message: str = ""


# --- finger and pulse ----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PpgBlock:
    """A run of photoplethysmogram samples without a hole inside."""

    seq: int
    received_at: float
    sample_rate_hz: float
    samples: NDArray[np.float32]
    """(n,), sensor units; larger means more blood in the finger (a beat is a peak)."""
    finger_on: bool | None
    """None where the sensor cannot tell."""
    gap_before: bool
    """Samples were lost before this block: no beat interval may span the hole."""
    device_time_s: float | None = None
    """Sensor clock at ``samples[0]``, unwrapped; None where the sensor has no clock."""


@dataclass(frozen=True, slots=True)
class SensorStatus:
    """The finger sensor as it is connected now."""

    connected: bool
    port: str
    protocol: str
    message: str = ""


class PulseAdvice(StrEnum):
    """What the person can do for a better pulse; the screen says it in its language."""

    FINGER = "put a finger on the sensor"
    WARM = "warm your finger and lay it on lightly"
    STILL = "hold still"
    MORE = "a few seconds more"


@dataclass(frozen=True, slots=True)
class PulseReading:
    """Heart rate, heart-rate variability and stress of the last window."""

    measured_at: float
    finger_on: bool | None
    """None: nobody knows, for nothing has come, or too little of a sensor that cannot tell."""
    quality: float
    """0..1 signal quality index (SQI) of the window."""
    window_s: float
    """Length of the usable signal behind the numbers."""
    beats_used: int = 0
    beats_rejected: int = 0
    reason: str = ""
    """Why a value is missing: a :class:`PulseAdvice`, or empty."""
    heart_rate_bpm: float | None = None
    """Of the last 20 s; everything else is of the whole window."""
    rr_mean_ms: float | None = None
    sdnn_ms: float | None = None
    rmssd_ms: float | None = None
    pnn50: float | None = None
    """Fraction 0..1 of successive differences above 50 ms."""
    sd1_ms: float | None = None
    sd2_ms: float | None = None
    vlf_ms2: float | None = None
    lf_ms2: float | None = None
    hf_ms2: float | None = None
    stress: float | None = None
    """0 (calm) .. 1 (stressed)."""
    stress_confidence: float = 0.0
    finger_sure: bool = False
    """The sensor itself feels the finger, or the wave is a heart's and no lamp's flicker."""
    wave: NDArray[np.float32] = field(default_factory=lambda: frozen(np.zeros(0, np.float32)))
    """The last seconds of the band-passed wave, -1..1, for the screen only."""
    wave_rate_hz: float = 50.0


# --- mood, music ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class MoodSource:
    """One voice in a fused mood: ``face``, ``pulse``, ``words`` or ``touch``."""

    name: str
    weight: float
    """Share 0..1 of the fused mood."""
    confidence: float
    age_s: float


@dataclass(frozen=True, slots=True)
class Mood:
    """Where the person is in the emotion space, and how sure the box is."""

    estimated_at: float
    point: EmotionPoint
    confidence: float
    """0..1; 0 means nothing was sensed and the kiosk asks instead of pretending."""
    sources: tuple[MoodSource, ...] = ()


class Strategy(StrEnum):
    """How the music answers the mood."""

    MATCH = "match"
    LIFT = "lift"
    CALM = "calm"
    ENERGISE = "energise"
    MANUAL = "manual"


@dataclass(frozen=True, slots=True)
class TrackChoice:
    """A track with the reason why it was taken."""

    track: Track
    distance: float
    """Distance in the emotion space between the target and the track; 0 is identical."""
    reason: str
    """One plain sentence."""
    target: EmotionPoint
    strategy: Strategy


PlayerStatus: TypeAlias = Literal["idle", "playing", "paused", "no_output"]


@dataclass(frozen=True, slots=True)
class PlayerState:
    """What the player does now."""

    status: PlayerStatus
    track: Track | None = None
    position_s: float = 0.0
    volume_percent: float = 70.0
    ducked: bool = False
    """Whether the music gives way, to the house or to a voice at the microphone."""
    duck_wanted: bool = False
    """Whether the house wants it to. It is told this alone: else it heard when somebody speaks."""
    output: str = ""
    """Name of the sound output in use."""
    message: str = ""
    """What is wrong and what to do, for a person; empty when all is well."""


# --- the kiosk -----------------------------------------------------------------------


class VisitState(StrEnum):
    """The visit as the person lives it."""

    IDLE = "idle"
    GREETING = "greeting"
    CONSENT = "consent"
    SENSING = "sensing"
    PLAYING = "playing"
    FAREWELL = "farewell"


@dataclass(frozen=True, slots=True)
class WorkerHealth:
    """One worker of the appliance as the supervisor knows it."""

    name: str
    status: Literal["starting", "running", "restarting", "failed", "stopped"]
    critical: bool
    restarts: int = 0
    message: str = ""


@dataclass(frozen=True, slots=True)
class ChartPoint:
    """One moment of the visit, for the farewell chart."""

    at_s: float
    """Seconds since the visit began."""
    valence: float | None
    arousal: float | None
    stress: float | None
    track_id: int | None


@dataclass(frozen=True, slots=True)
class KioskState:
    """Everything the screen and MQTT may know; written by the conductor alone."""

    seq: int
    updated_at: float
    visit: VisitState
    visit_since: float
    strategy: Strategy
    camera_allowed: bool
    """The owner's switch; consent of the person comes on top."""
    camera: CameraStatus
    sensor: SensorStatus
    player: PlayerState
    presence: bool = False
    """Somebody is seen or has a finger on the sensor."""
    finger_on: bool = False
    finger_speaks: bool = False
    """It came to begin a visit or to say yes; one forgotten there says nothing."""
    finger_doubted: bool = False
    """It was held long enough for a yes, but may be a lamp that flickers on the sensor."""
    faces: FacesInView | None = None
    pulse: PulseReading | None = None
    mood: Mood | None = None
    target: EmotionPoint | None = None
    choice: TrackChoice | None = None
    liked: bool | None = None
    """True liked, False disliked, None not said, for the track that plays."""
    may_measure: bool = True
    """The person of this visit agreed to be measured; the house can begin one that has not."""
    asks_for_mood: bool = False
    """Nothing trustworthy was sensed: the screen offers the mood field and words."""
    message: str = ""
    """One line for the person; empty when all is well."""
    chart: tuple[ChartPoint, ...] = ()
    health: tuple[WorkerHealth, ...] = ()
    catalogue_tracks: int = 0


# --- commands ------------------------------------------------------------------------

CommandSource: TypeAlias = Literal["screen", "sensor", "mqtt", "local"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A wish put into the conductor's inbox; remote sources cannot give consent."""

    source: CommandSource = "local"


@dataclass(frozen=True, slots=True, kw_only=True)
class Start(Command):
    """A person wants to begin: from the screen, a key or a finger on the sensor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent(Command):
    """The person's answer to the privacy notice."""

    camera: bool
    """False: music by pulse, touch or words, and the camera stays closed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop(Command):
    """End the visit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Play(Command):
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause(Command):
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Skip(Command):
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Like(Command):
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Dislike(Command):
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class SetVolume(Command):
    percent: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SetStrategy(Command):
    strategy: Strategy


@dataclass(frozen=True, slots=True, kw_only=True)
class SetCameraAllowed(Command):
    allowed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SayMood(Command):
    """A mood in words, any supported language."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PickMood(Command):
    """A mood by touch on the valence/arousal field, each -1..1."""

    valence: float
    arousal: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Duck(Command):
    """Lower the music under a voice or a doorbell while ``on``."""

    on: bool
