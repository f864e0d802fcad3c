"""The picture of the invitation: thin rings that breathe and come into tune."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import pygame
from numpy.typing import NDArray

from device.interfaces.screen import draw
from device.interfaces.screen.area import Area
from device.interfaces.screen.parts import Kit, Part
from device.interfaces.screen.theme import Colour, blend
from device.interfaces.screen.view import ScreenView

RINGS = 13
POINTS = 96
STEPS_PER_S = 12
"""Drawings per second: enough for a movement this slow."""
CYCLE_S = 24.0


def orb(kit: Kit, view: ScreenView, area: Area) -> Part:
    """Return the breathing rings; they stand still with reduced motion."""
    moving = not kit.reduced_motion
    step = int(view.now_s * STEPS_PER_S) % int(CYCLE_S * STEPS_PER_S) if moving else 40
    return Part("orb", area, paint_orb, (step,))


@lru_cache(maxsize=4)
def _light(size: int, colour: Colour, opacity: int) -> pygame.Surface:
    surface = pygame.Surface((size, size), pygame.SRCALPHA, 32)
    draw.glow(surface, (size / 2, size / 2), size / 2, (*colour, opacity))
    return surface


def paint_orb(surface: pygame.Surface, kit: Kit, area: Area, step: int) -> None:
    """Draw the rings of one moment."""
    theme = kit.theme
    size = min(area.w, area.h)
    cx, cy = area.centre
    if theme.glow:
        light = _light(size, theme.accent, 58)
        surface.blit(light, (cx - size // 2, cy - size // 2))
    phase = 2 * math.pi * step / (CYCLE_S * STEPS_PER_S)
    for ring in range(RINGS):
        share = ring / (RINGS - 1)
        points = _ring(size / 2 * 0.92, share, phase)
        points += np.asarray([cx, cy], np.float32)
        far = blend(theme.rose, theme.cool, abs(2 * share - 1))
        colour = blend(theme.accent, far, share)
        if theme.glow:
            colour = blend(theme.ground_top, colour, 0.25 + 0.6 * (1 - share) ** 0.8)
        pygame.draw.aalines(surface, colour, True, points.tolist())


def _ring(radius: float, share: float, phase: float) -> NDArray[np.float32]:
    """Return (POINTS, 2): a circle with waves that grow outwards and drift."""
    angle = np.linspace(0, 2 * math.pi, POINTS, endpoint=False)
    breath = 1 + 0.03 * math.sin(3 * phase - 2 * share)
    swell = 0.015 + 0.085 * share
    wave = np.sin(3 * angle + 2 * phase + 2.2 * share) + 0.6 * np.sin(
        5 * angle - 3 * phase + 4 * share
    )
    reach = radius * (0.26 + 0.62 * share) * breath * (1 + swell * wave)
    return np.stack([reach * np.cos(angle), reach * np.sin(angle)], axis=1).astype(np.float32)
