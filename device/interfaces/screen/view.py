"""What the screen alone knows: its size, its looks and what the finger has opened."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

import pygame

from device.readings import Command


class Sheet(StrEnum):
    """A page that lies over the visit until it is closed."""

    NONE = "none"
    STRATEGY = "strategy"
    VOLUME = "volume"
    MOOD = "mood"
    READING = "reading"


@dataclass(frozen=True, slots=True)
class ScreenView:
    """How to show a state: nothing here is about the person."""

    width_px: int
    height_px: int
    language: str = "en"
    high_contrast: bool = False
    large_type: bool = False
    reduced_motion: bool = False
    now_s: float = 0.0
    """Monotonic time, for animation and ages."""
    sheet: Sheet = Sheet.NONE
    typed: str = ""
    """What was typed in the mood sheet so far."""
    focus: str = ""
    """Name of the part that Enter would press; empty without a keyboard."""
    pressed: str = ""
    """Name of the part under the finger now."""
    mood_at: tuple[float, float] | None = None
    """(valence, arousal) on its way to the state's mood; None shows the state's own."""
    trail: tuple[tuple[float, float], ...] = ()
    """Where the mood point has been, oldest first."""
    cover: pygame.Surface | None = None
    """Cover art of the track that plays; None draws one from its mood."""
    keeps_history: bool = False
    """Whether the owner keeps a line about each visit: then not all is forgotten."""
    has_camera: bool = True
    """Whether the settings have one: else there is nothing to agree to."""
    notice: str = ""
    """A fault of the screen itself (a missing font), shown in the status strip."""


@dataclass(frozen=True, slots=True)
class OpenSheet:
    """Show a sheet; ``Sheet.NONE`` closes."""

    sheet: Sheet


@dataclass(frozen=True, slots=True)
class EraseTyped:
    """Take back the last character."""


Action: TypeAlias = Command | OpenSheet | EraseTyped
"""What a touch or key asks for: a wish for the conductor or a change of this view."""
