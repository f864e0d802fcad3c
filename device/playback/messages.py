"""What the conductor tells the player, and what the player tells back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from catalog.track import Track


@dataclass(frozen=True, slots=True)
class PlayNow:
    """Start ``track`` now; crossfade from whatever plays."""

    track: Track


@dataclass(frozen=True, slots=True)
class QueueNext:
    """Have ``track`` ready to follow the current one (replaces an earlier follower)."""

    track: Track


@dataclass(frozen=True, slots=True)
class PausePlayback:
    pass


@dataclass(frozen=True, slots=True)
class ResumePlayback:
    pass


@dataclass(frozen=True, slots=True)
class StopPlayback:
    """Fade out within ``fade_s`` and forget the queue."""

    fade_s: float = 1.5


@dataclass(frozen=True, slots=True)
class SetPlaybackVolume:
    percent: float


@dataclass(frozen=True, slots=True)
class SetDucking:
    on: bool


PlayerOrder: TypeAlias = (
    PlayNow
    | QueueNext
    | PausePlayback
    | ResumePlayback
    | StopPlayback
    | SetPlaybackVolume
    | SetDucking
)


@dataclass(frozen=True, slots=True)
class TrackStarted:
    track_id: int
    at: float


@dataclass(frozen=True, slots=True)
class TrackEnded:
    """``failed`` carries a message naming the file and what is wrong with it."""

    track_id: int
    at: float
    why: Literal["finished", "replaced", "stopped", "failed"]
    played_s: float
    message: str = ""


@dataclass(frozen=True, slots=True)
class WantsNext:
    """The current track nears its end (or failed) and nothing is queued."""

    at: float


PlayerEvent: TypeAlias = TrackStarted | TrackEnded | WantsNext
