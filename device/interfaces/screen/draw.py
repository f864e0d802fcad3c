"""Soft-edged shapes: coverage is computed from the distance to the shape, then cached.

SDL draws hard edges; a mask of ``clip(0.5 - distance)`` gives one pixel of smooth edge at any
size, and costs nothing once cached.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import pygame
from numpy.typing import NDArray

from device.interfaces.screen.area import Area
from device.interfaces.screen.theme import Colour, Theme, Tint

STRIP_PX = 96

Mask = NDArray[np.float32]
"""Coverage 0..1, shape (width, height) as SDL's arrays are."""


def stamp(mask: Mask, tint: Tint | Colour) -> pygame.Surface:
    """Return a surface of one colour whose opacity is ``mask``."""
    width, height = mask.shape
    surface = pygame.Surface((width, height), pygame.SRCALPHA, 32)
    surface.fill(tint[:3])
    opacity = tint[3] if len(tint) == 4 else 255
    _set_alpha(surface, mask * opacity)
    return surface


def stamp_colours(colours: NDArray[np.float32], mask: Mask) -> pygame.Surface:
    """Return a surface with ``colours`` (width, height, 3), 0..255, under ``mask``."""
    surface = pygame.Surface(mask.shape, pygame.SRCALPHA, 32)
    pixels = pygame.surfarray.pixels3d(surface)
    pixels[...] = np.clip(colours + 0.5, 0, 255).astype(np.uint8)
    del pixels  # the array locks the surface while it lives
    _set_alpha(surface, mask * 255)
    return surface


def _set_alpha(surface: pygame.Surface, alpha: Mask) -> None:
    pixels = pygame.surfarray.pixels_alpha(surface)
    pixels[...] = np.clip(alpha + 0.5, 0, 255).astype(np.uint8)
    del pixels


def opaque(picture: pygame.Surface) -> pygame.Surface:
    """Return a 32 bit copy over black; unlike ``convert`` this needs no display."""
    copy = pygame.Surface(picture.get_size(), 0, 32)
    copy.blit(picture, (0, 0))
    return copy


def _offsets(size: int) -> Mask:
    return (np.arange(size, dtype=np.float32) + 0.5) - size / 2


@lru_cache(maxsize=12)
def rounded_mask(width: int, height: int, radius: float) -> Mask:
    """Return the distance of every pixel to a rounded rectangle filling the size."""
    x = np.abs(_offsets(width))[:, None] - (width / 2 - radius)
    y = np.abs(_offsets(height))[None, :] - (height / 2 - radius)
    outside = np.hypot(np.maximum(x, 0), np.maximum(y, 0))
    distance = outside + np.minimum(np.maximum(x, y), 0) - radius
    distance.setflags(write=False)
    return np.asarray(distance, np.float32)


def cover(distance: Mask) -> Mask:
    """Return the coverage 0..1 of what lies inside ``distance`` 0."""
    return np.asarray(np.clip(0.5 - distance, 0, 1), np.float32)


@lru_cache(maxsize=40)
def _box(
    width: int, height: int, radius: int, fill: Tint, edge: Tint, edge_px: float
) -> pygame.Surface:
    distance = rounded_mask(width, height, min(radius, width / 2, height / 2))
    surface = stamp(cover(distance), fill)
    if edge[3] and edge_px:
        ring = np.clip(cover(distance) - cover(distance + np.float32(edge_px)), 0, 1)
        surface.blit(stamp(ring, edge), (0, 0))
    return surface


def box(
    surface: pygame.Surface,
    area: Area,
    radius: int,
    fill: Tint,
    edge: Tint = (0, 0, 0, 0),
    edge_px: float = 1.0,
) -> None:
    """Draw a rounded rectangle."""
    if area.w > 0 and area.h > 0:
        surface.blit(_box(area.w, area.h, radius, fill, edge, edge_px), (area.x, area.y))


@lru_cache(maxsize=48)
def _disc(radius: float, tint: Tint, ring_px: float) -> pygame.Surface:
    size = 2 * math.ceil(radius + 1)
    distance = np.hypot(_offsets(size)[:, None], _offsets(size)[None, :]) - radius
    mask = cover(np.asarray(distance, np.float32))
    if ring_px:
        mask = np.clip(mask - cover(np.asarray(distance + ring_px, np.float32)), 0, 1)
    return stamp(mask, tint)


def disc(
    surface: pygame.Surface,
    centre: tuple[float, float],
    radius: float,
    tint: Tint | Colour,
    ring_px: float = 0.0,
) -> None:
    """Draw a filled circle, or a ring of ``ring_px`` inside the radius."""
    full = tint if len(tint) == 4 else (*tint, 255)
    image = _disc(round(radius * 2) / 2, full, ring_px)
    side = image.get_width() / 2
    surface.blit(image, (round(centre[0] - side), round(centre[1] - side)))


@lru_cache(maxsize=16)
def _glow(radius: int, tint: Tint) -> pygame.Surface:
    # The falloff of a Gaussian with its edge brought to exactly nothing.
    distance = np.hypot(_offsets(2 * radius)[:, None], _offsets(2 * radius)[None, :]) / radius
    falloff = np.clip(np.exp(-4 * distance**2) - math.exp(-4), 0, 1) / (1 - math.exp(-4))
    return stamp(np.asarray(falloff, np.float32), tint)


def glow(surface: pygame.Surface, centre: tuple[float, float], radius: float, tint: Tint) -> None:
    """Draw a soft light."""
    image = _glow(max(2, round(radius)), tint)
    surface.blit(image, (centre[0] - image.get_width() / 2, centre[1] - image.get_height() / 2))


def arc(size: int, radius: float, width: float, start: float, end: float) -> tuple[Mask, Mask]:
    """Return (coverage, position 0..1 along the arc) of a round-ended arc in a square.

    Angles in radians, clockwise from twelve o'clock, ``start`` < ``end``.
    """
    x, y = _offsets(size)[:, None], _offsets(size)[None, :]
    angle = np.arctan2(x, -y)
    span = max(1e-3, end - start)
    middle = (start + end) / 2
    turned = (angle - middle + math.pi) % (2 * math.pi) - math.pi
    along = np.clip(turned / span + 0.5, 0, 1)
    nearest = start + along * span
    distance = np.hypot(x - radius * np.sin(nearest), y + radius * np.cos(nearest)) - width / 2
    return cover(np.asarray(distance, np.float32)), np.asarray(along, np.float32)


def curve(
    width: int, height: int, y_px: NDArray[np.float32], line_px: float, fade_px: int = 0
) -> Mask:
    """Return the coverage of the line y(x); ``y_px`` (width,) from the top, NaN is a hole.

    The distance is the vertical one times the cosine of the slope, which is exact for a
    straight line; at a peak the steep sides would reach over it, so the line is also held
    between the highest and the lowest point nearby.
    """
    slope = np.gradient(np.nan_to_num(y_px)) if width > 1 else np.zeros(width)
    cosine = (1 / np.sqrt(1 + slope**2)).astype(np.float32)
    rows = np.arange(height, dtype=np.float32)[None, :] + 0.5
    half = np.float32(line_px / 2)
    mask = cover(np.abs(rows - y_px[:, None]) * cosine[:, None] - half)
    top, base = _envelope(y_px, math.ceil(line_px / 2))
    mask *= cover((top - half)[:, None] - rows) * cover(rows - (base + half)[:, None])
    mask = np.nan_to_num(mask)
    if fade_px:
        mask *= np.clip(np.arange(width, dtype=np.float32) / fade_px, 0, 1)[:, None]
    return np.asarray(mask, np.float32)


def _envelope(
    y_px: NDArray[np.float32], reach: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the least and the largest value within ``reach`` columns; NaN does not count."""
    if y_px.size == 0:
        return y_px, y_px
    padded = np.pad(y_px, reach, mode="edge")
    near = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1)
    return np.fmin.reduce(near, axis=1), np.fmax.reduce(near, axis=1)


@lru_cache(maxsize=3)
def ground(width: int, height: int, theme: Theme, glows: tuple[Colour, ...]) -> pygame.Surface:
    """Return the background: a slow gradient, up to two lights, and grain against banding."""
    surface = pygame.Surface((width, height), 0, 32)
    if not theme.glow:
        surface.fill(theme.ground_top)
        return surface
    random = np.random.default_rng(7)
    # In strips: whole at 1920 x 1080 the numbers behind one picture would take 100 MB.
    for left in range(0, width, STRIP_PX):
        strip = surface.subsurface((left, 0, min(STRIP_PX, width - left), height))
        colours = _lights(left, strip.width, (width, height), theme, glows)
        grain = random.uniform(-0.9, 0.9, (strip.width, height, 1)).astype(np.float32)
        pygame.surfarray.blit_array(strip, np.clip(colours + grain + 0.5, 0, 255).astype(np.uint8))
    return surface


def _lights(
    left: int, columns: int, size: tuple[int, int], theme: Theme, glows: tuple[Colour, ...]
) -> NDArray[np.float32]:
    """Return the colours (columns, height, 3) of a strip of the background."""
    width, height = size
    x = (np.arange(left, left + columns, dtype=np.float32) / width)[:, None, None]
    y = (np.arange(height, dtype=np.float32) / height)[None, :, None]
    top = np.asarray(theme.ground_top, np.float32)
    base = np.asarray(theme.ground_base, np.float32)
    colours = top + (base - top) * np.clip(y * 0.9 + x * 0.1, 0, 1)
    places = ((0.92, 0.1, 0.62), (0.05, 1.0, 0.55))
    longest = max(width, height)
    for light, (cx, cy, reach) in zip(glows, places, strict=False):
        away = np.hypot((x - cx) * width / longest, (y - cy) * height / longest) / reach
        share = 0.17 * np.exp(-2.5 * away**2)
        colours = colours + (np.asarray(light, np.float32) - colours) * share
    return np.asarray(colours, np.float32)
