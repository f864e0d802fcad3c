"""What moves between two states: the mood point glides and leaves a trail."""

from __future__ import annotations

import math
from collections import deque

import pygame

from device.interfaces.screen.area import Area
from device.readings import KioskState

FADE_S = 0.25
GLIDE_S = 0.5
"""Time constant of the point on its way to the newest mood."""
TRAIL_INTERVAL_S = 0.7
TRAIL_POINTS = 8
ARRIVED = 0.004
"""Closer than this (in valence or arousal) the point stands still: under one pixel."""


class Fade:
    """Lets one screen pass softly into the next; at once with reduced motion."""

    def __init__(self, reduced_motion: bool) -> None:
        self._at_once = reduced_motion
        self._name = ""
        self._old: pygame.Surface | None = None
        self._since = 0.0

    @property
    def active(self) -> bool:
        """Whether the next frame looks different even if no part has changed."""
        return self._old is not None

    def show(
        self,
        display: pygame.Surface,
        page: pygame.Surface,
        changed: list[Area],
        name: str,
        now_s: float,
    ) -> list[Area]:
        """Bring ``page`` onto ``display``; returns the rectangles that changed there."""
        if name != self._name:
            same_size = display.get_size() == page.get_size()
            if self._name and same_size and not self._at_once:
                self._old, self._since = display.copy(), now_s
            self._name = name
        if self._old is None:
            for area in changed:
                display.blit(page, area[:2], area)
            return changed
        left = 1 - (now_s - self._since) / FADE_S
        display.blit(page, (0, 0))
        if left > 0 and self._old.get_size() == display.get_size():
            self._old.set_alpha(round(255 * left))
            display.blit(self._old, (0, 0))
        else:
            self._old = None
        return [Area(0, 0, *display.get_size())]


class MoodGlide:
    """Follows the mood of the state; forgets it with the visit."""

    def __init__(self, reduced_motion: bool) -> None:
        self._jump = reduced_motion
        self._at: tuple[float, float] | None = None
        self._trail: deque[tuple[float, float]] = deque(maxlen=TRAIL_POINTS)
        self._moved_at = 0.0
        self._marked_at = 0.0

    @property
    def at(self) -> tuple[float, float] | None:
        """Where the point is shown, (valence, arousal)."""
        return self._at

    @property
    def trail(self) -> tuple[tuple[float, float], ...]:
        """Where it has been, oldest first; empty with reduced motion."""
        return tuple(self._trail)

    def follow(self, state: KioskState, now_s: float) -> None:
        """Move on to ``now_s``."""
        mood = state.mood
        if mood is None or mood.confidence <= 0:
            self._at = None
            self._trail.clear()
            return
        goal = (mood.point.valence, mood.point.arousal)
        if self._at is None or self._jump:
            self._at, self._moved_at = goal, now_s
            return
        share = 1 - math.exp(-max(0.0, now_s - self._moved_at) / GLIDE_S)
        self._moved_at = now_s
        dv, da = goal[0] - self._at[0], goal[1] - self._at[1]
        if max(abs(dv), abs(da)) < ARRIVED:
            self._at = goal
            return
        if now_s - self._marked_at > TRAIL_INTERVAL_S:
            self._marked_at = now_s
            self._trail.append(self._at)
        self._at = (self._at[0] + dv * share, self._at[1] + da * share)
