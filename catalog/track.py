"""A track of the owner's library as the rest of the house sees it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from catalog.emotions import EmotionPoint


@dataclass(frozen=True, slots=True)
class Track:
    """One playable piece of music with its place in the emotion space."""

    track_id: int
    path: Path
    title: str
    artist: str
    album: str
    genre: str
    duration_s: float
    point: EmotionPoint
    integrated_loudness_lufs: float | None = None
    """EBU R128 integrated loudness; None where it could not be measured (silence)."""
    true_peak_dbtp: float | None = None
    lead_silence_s: float = 0.0
    """Silence before the first sound, skipped at play."""
    tail_silence_s: float = 0.0
    digest: bytes = b""
    """What tells the content, wherever its file lies; empty where it is in no catalogue."""
    within: tuple[Path, ...] = ()
    """The music folders, out of which its file may not lead; none for a file that was named."""
