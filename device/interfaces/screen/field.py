"""The valence/arousal field: the mood point moves on it, and a finger can set it."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import pygame

from device.interfaces.screen import draw
from device.interfaces.screen.area import Area
from device.interfaces.screen.parts import Kit, Part
from device.interfaces.screen.theme import Theme, mood_colour
from device.interfaces.screen.typesetting import TINY, Style
from device.interfaces.screen.view import Action, ScreenView
from device.readings import KioskState, PickMood

# Words around the field by their angle on the circumplex of affect, degrees from "pleasant"
# toward "lively": happy 8, excited 49, tense 93, distressed 138, sad 207, tired 268, calm 316
# (J. A. Russell, A circumplex model of affect, 1980, figure 2).
WORDS_DEG = {
    "happy": 8, "excited": 49, "tense": 93, "upset": 138, "sad": 207, "tired": 268, "calm": 316,
}  # fmt: skip
_WORD_RADIUS = 0.76


def field(
    kit: Kit, state: KioskState, view: ScreenView, area: Area, *, pick: bool, name: str = "field"
) -> Part:
    """Return the field; with ``pick`` a touch says a mood."""
    mood = state.mood
    at = view.mood_at
    if at is None and mood is not None and mood.confidence > 0:
        at = (mood.point.valence, mood.point.arousal)
    spot = None if at is None or mood is None else _place(area, *at)
    trail = () if spot is None else tuple(_place(area, v, a) for v, a in view.trail)
    goal = (
        None
        if state.target is None or pick
        else _place(area, state.target.valence, state.target.arousal)
    )
    sure = 0 if mood is None else round(mood.confidence * 10)
    content = (spot, trail, goal, sure, view.focus == name)
    return Part(name, area, paint_field, content, touch=_picked if pick else None)


def _picked(across: float, down: float) -> Action:
    return PickMood(source="screen", valence=2 * across - 1, arousal=1 - 2 * down)


def _place(area: Area, valence: float, arousal: float) -> tuple[int, int]:
    v, a = min(1.0, max(-1.0, valence)), min(1.0, max(-1.0, arousal))
    half_w, half_h = area.w / 2 * 0.94, area.h / 2 * 0.94
    return round(area.x + area.w / 2 + v * half_w), round(area.y + area.h / 2 - a * half_h)


@lru_cache(maxsize=2)
def _sheet(width: int, height: int, radius: int, theme: Theme) -> pygame.Surface:
    """Return the coloured ground of the field with its two axes."""
    grid = np.linspace(-1, 1, 12)
    colours = np.asarray([[mood_colour(v, -a) for a in grid] for v in grid], np.float32)
    small = pygame.surfarray.make_surface(colours.astype(np.uint8))
    large = pygame.transform.smoothscale(draw.opaque(small), (width, height))
    pixels = pygame.surfarray.array3d(large).astype(np.float32)
    x = np.abs(np.linspace(-1, 1, width, dtype=np.float32))[:, None]
    y = np.abs(np.linspace(-1, 1, height, dtype=np.float32))[None, :]
    # Colour lives at the rim and rests in the middle, so that point and words stand out.
    strength = 0.14 + 0.4 * np.clip(np.hypot(x, y), 0, 1.2) ** 1.6
    if not theme.glow:
        strength = np.zeros((width, height), np.float32)
    distance = draw.rounded_mask(width, height, radius)
    surface = draw.stamp_colours(pixels, np.asarray(draw.cover(distance) * strength, np.float32))
    edge = np.clip(draw.cover(distance) - draw.cover(distance + np.float32(theme.line_px)), 0, 1)
    surface.blit(draw.stamp(np.asarray(edge, np.float32), theme.line), (0, 0))
    line = max(1, round(theme.line_px))
    axes = pygame.Surface((width, height), pygame.SRCALPHA, 32)
    # The axes end before the words at the rim.
    long_x, long_y = round(width * 0.6), round(height * 0.6)
    axes.fill(theme.line, (width // 2, (height - long_y) // 2, line, long_y))
    axes.fill(theme.line, ((width - long_x) // 2, height // 2, long_x, line))
    surface.blit(axes, (0, 0))
    return surface


def paint_field(
    surface: pygame.Surface,
    kit: Kit,
    area: Area,
    spot: tuple[int, int] | None,
    trail: tuple[tuple[int, int], ...],
    goal: tuple[int, int] | None,
    sure: int,
    focused: bool,
) -> None:
    """Draw ground, words, the way so far, the goal and the mood."""
    theme = kit.theme
    radius = kit.px(22)
    surface.blit(_worded(kit, area.w, area.h, radius), area[:2])
    if focused:
        draw.box(surface, area, radius, (0, 0, 0, 0), (*theme.ink, 255), 2.5 * kit.scale)
    for age, point in enumerate(reversed(trail)):
        opacity = max(20, 120 - 12 * age)
        draw.disc(surface, point, 2.5 * kit.scale, (*theme.ink, opacity))
    if goal is not None:
        draw.disc(surface, goal, 11 * kit.scale, (*theme.ink, 190), 1.6 * kit.scale)
        draw.disc(surface, goal, 2.5 * kit.scale, (*theme.ink, 190))
    if spot is None:
        return
    # The light around the point is as wide as the doubt.
    reach = kit.scale * (46 - 2.4 * sure)
    valence = (spot[0] - area.x) / area.w * 2 - 1
    colour = mood_colour(valence, 1 - (spot[1] - area.y) / area.h * 2)
    if theme.glow:
        draw.glow(surface, spot, reach, (*colour, 210))
    draw.disc(surface, spot, 9 * kit.scale, theme.ink)
    draw.disc(surface, spot, 6 * kit.scale, colour if theme.glow else theme.accent)


@lru_cache(maxsize=2)
def _worded(kit: Kit, width: int, height: int, radius: int) -> pygame.Surface:
    surface = _sheet(width, height, radius, kit.theme).copy()
    style = Style(17, 12) if min(width, height) > kit.px(280) else TINY
    room_w, room_h = round(width * 0.36), kit.px(26)
    for word, degrees in WORDS_DEG.items():
        angle = math.radians(degrees)
        x = width / 2 + math.cos(angle) * width / 2 * _WORD_RADIUS
        y = height / 2 - math.sin(angle) * height / 2 * (_WORD_RADIUS + 0.08)
        left = min(max(kit.px(8), x - room_w / 2), width - room_w - kit.px(8))
        room = Area(round(left), round(y - room_h / 2), room_w, room_h)
        kit.type.write(surface, kit.say(f"feel.{word}"), room, style, kit.theme.ink, align="centre")
    return surface
