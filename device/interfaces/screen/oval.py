"""The face without its picture: an oval that swells where an expression is likely."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import pygame

from device.interfaces.screen import draw
from device.interfaces.screen.area import Area
from device.interfaces.screen.parts import Kit, Part
from device.interfaces.screen.theme import Colour, mood_colour
from device.interfaces.screen.typesetting import HEADING, SMALL, Style
from device.readings import CameraStatus, KioskState
from models_tflite.labels import EXPRESSIONS

# Where each expression swells the oval: unpleasant ones to the left, pleasant to the right,
# lively ones up, after the circumplex of affect (Russell 1980). Degrees from the right, upwards.
_PLACES_DEG = {
    "happy": 8, "surprise": 68, "fear": 112, "angry": 146, "disgust": 188, "sad": 222,
    "neutral": 292,
}  # fmt: skip
_SPREAD_RAD = 0.36
"""Half width of a swelling."""
_REACH = 0.38
"""Height of a certain expression over the oval, in its radii."""
_STEP = 0.02
"""Smallest change of a probability worth drawing."""


def oval(kit: Kit, state: KioskState, area: Area) -> Part:
    """Return the oval for the largest face, or why there is none."""
    face = state.faces.faces[0] if state.faces is not None and state.faces.faces else None
    if face is None or state.camera.message:  # The last face is no news of a blind camera.
        return Part("oval", area, paint_oval, ((), kit.say(_why_no_face(state.camera)), ""))
    steps = tuple(round(float(p) / _STEP) for p in face.probabilities)
    best = max(range(len(steps)), key=steps.__getitem__)
    percent = round(float(face.probabilities[best]) * 20) * 5
    name = kit.say(f"expression.{EXPRESSIONS[best]}")
    return Part("oval", area, paint_oval, (steps, name, f"{percent} %"))


def _why_no_face(camera: CameraStatus) -> str:
    """Return the key of what the person is told; the owner hears the rest over MQTT."""
    if camera.is_open:
        return "sensing.camera_blind" if camera.message else "sensing.looking"
    return "sensing.camera_lost" if camera.message else "sensing.no_camera"


@lru_cache(maxsize=4)
def _plane(width: int, height: int, half_w: float, half_h: float) -> tuple[draw.Mask, draw.Mask]:
    """Return (angle, distance in radii of the oval) of every pixel."""
    x = (np.arange(width, dtype=np.float32) + 0.5 - width / 2)[:, None] / half_w
    y = (height / 2 - np.arange(height, dtype=np.float32) - 0.5)[None, :] / half_h
    return np.arctan2(y, x).astype(np.float32), np.hypot(x, y).astype(np.float32)


def paint_oval(
    surface: pygame.Surface, kit: Kit, area: Area, steps: tuple[int, ...], name: str, share: str
) -> None:
    """Draw the oval; without probabilities a dashed one."""
    theme = kit.theme
    half_h = min(area.h / 2 / (1 + _REACH * 0.72), area.w / 2 / (1 + _REACH) / 0.8)
    half_w = half_h * 0.8
    angle, distance = _plane(area.w, area.h, half_w, half_h)
    mean = (half_w + half_h) / 2
    if steps:
        rise, colour = _swelling(steps)
        edge = 1 + np.interp(angle, _ANGLES, rise).astype(np.float32)
        _lobes(surface, area, (distance - edge) * mean, edge, distance, colour, theme.glow)
    ring = np.abs(distance - 1) * mean - 0.8 * kit.scale
    mask = draw.cover(np.asarray(ring, np.float32))
    if not steps:
        mask = mask * (np.sin(angle * 24) > -0.2)
    surface.blit(draw.stamp(mask, (*theme.ink, 150)), area[:2])
    inner = area.middle(round(half_w * 1.7), round(half_h * 0.9))
    if share:
        top, base = inner.rows((3, 2), 0)
        kit.type.write(surface, name, top, HEADING, theme.ink, align="centre", anchor="base")
        kit.type.write(surface, share, base, Style(20, 13), theme.soft, align="centre")
    else:
        kit.type.write(surface, name, inner, SMALL, theme.soft, align="centre", lines=3)


_ANGLES = np.linspace(-math.pi, math.pi, 181)


def _swelling(steps: tuple[int, ...]) -> tuple[draw.Mask, Colour]:
    """Return the rise over the oval at each of ``_ANGLES`` and the colour of the whole."""
    rise = np.full(_ANGLES.shape, 0.05)
    x = y = 0.0
    for name, step in zip(EXPRESSIONS, steps, strict=False):
        place = math.radians(_PLACES_DEG[name])
        away = np.abs((_ANGLES - place + math.pi) % (2 * math.pi) - math.pi)
        rise += _REACH * step * _STEP * np.exp(-0.5 * (away / _SPREAD_RAD) ** 2)
        x += math.cos(place) * step * _STEP
        y += math.sin(place) * step * _STEP
    return np.asarray(rise, np.float32), mood_colour(x, y)


def _lobes(
    surface: pygame.Surface,
    area: Area,
    outside_px: draw.Mask,
    edge: draw.Mask,
    distance: draw.Mask,
    colour: Colour,
    soft: bool,
) -> None:
    inside = draw.cover(np.asarray(outside_px, np.float32))
    # Dense at the rim of the swelling, thin at the middle of the oval: light, not a mask.
    depth = np.clip(distance / edge, 0, 1) ** 3 if soft else (distance > 1) * 1.0
    mask = np.asarray(inside * (0.1 + 0.75 * depth), np.float32)
    surface.blit(draw.stamp(mask, colour), area[:2])
