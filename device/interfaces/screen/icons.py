"""Line icons on a 24 x 24 grid, drawn four times too large and scaled down smoothly."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Literal, TypeAlias

import pygame

from device.interfaces.screen.theme import Colour

Point: TypeAlias = tuple[float, float]
Kind: TypeAlias = Literal["line", "loop", "fill", "ring", "dot"]
Stroke: TypeAlias = tuple[Kind, tuple[Point, ...], float]
"""What to draw, its points, and the radius of a ring or dot."""

GRID = 24.0
OVERSAMPLE = 4
LINE = 1.9
"""Width of a line on the grid."""


def _line(*points: Point) -> Stroke:
    return "line", points, 0.0


def _loop(*points: Point) -> Stroke:
    return "loop", points, 0.0


def _fill(*points: Point) -> Stroke:
    return "fill", points, 0.0


def _ring(x: float, y: float, radius: float) -> Stroke:
    return "ring", ((x, y),), radius


def _dot(x: float, y: float, radius: float) -> Stroke:
    return "dot", ((x, y),), radius


def _bow(x: float, y: float, radius: float, first_deg: float, last_deg: float) -> Stroke:
    steps = 18
    angles = [
        math.radians(first_deg + (last_deg - first_deg) * i / steps) for i in range(steps + 1)
    ]
    return "line", tuple((x + radius * math.cos(a), y + radius * math.sin(a)) for a in angles), 0.0


def _heart(size: float = 1.0) -> tuple[Point, ...]:
    # x = 16 sin^3 t, y = 13 cos t - 5 cos 2t - 2 cos 3t - cos 4t, the well-known heart curve.
    points = []
    for i in range(48):
        t = 2 * math.pi * i / 48
        x = 16 * math.sin(t) ** 3
        y = 13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t) - math.cos(4 * t)
        points.append((12 + x * 0.56 * size, 11.6 - y * 0.56 * size))
    return tuple(points)


_WAVE = tuple((3 + i * 0.75, 12 - 3.4 * math.sin(i * 0.75 / 18 * 4 * math.pi)) for i in range(25))
_CAMERA = (
    _loop((3, 8), (7, 8), (8.6, 5.4), (15.4, 5.4), (17, 8), (21, 8), (21, 19), (3, 19)),
    _ring(12, 13, 3.5),
)

ICONS: dict[str, tuple[Stroke, ...]] = {
    "camera": _CAMERA,
    "camera_off": (*_CAMERA, _line((3, 3), (21, 21))),
    "finger": (
        _bow(12, 9, 4.2, 160, 380), _line((9.4, 12), (9.4, 6), (9.4, 18.6)),
        _line((14.6, 12), (14.6, 18.6)), _bow(12, 6, 2.6, 180, 360), _bow(12, 18.6, 2.6, 0, 180),
        _line((12, 7.4), (12, 9.4)),
    ),
    "home": (
        _line((3, 11.4), (12, 4), (21, 11.4)), _line((5.4, 10), (5.4, 20), (18.6, 20), (18.6, 10)),
        _dot(12, 14.4, 2.0),
    ),
    "health": (
        _ring(12, 12, 9),
        _line((6, 12.2), (9, 12.2), (10.8, 8), (13.2, 16), (15, 12.2), (18, 12.2)),
    ),
    "heart": (("loop", _heart(), 0.0),),
    "heart_full": (("fill", _heart(), 0.0), ("loop", _heart(), 0.0)),
    "heart_off": (("loop", _heart(), 0.0), _line((4, 3.4), (20, 20.6))),
    "play": (
        _fill((7.6, 4.6), (19.4, 12), (7.6, 19.4)), _loop((7.6, 4.6), (19.4, 12), (7.6, 19.4)),
    ),
    "pause": (
        _fill((7, 5), (9.6, 5), (9.6, 19), (7, 19)), _loop((7, 5), (9.6, 5), (9.6, 19), (7, 19)),
        _fill((14.4, 5), (17, 5), (17, 19), (14.4, 19)),
        _loop((14.4, 5), (17, 5), (17, 19), (14.4, 19)),
    ),
    "skip": (
        _fill((5.4, 5.4), (15, 12), (5.4, 18.6)), _loop((5.4, 5.4), (15, 12), (5.4, 18.6)),
        _line((19, 5), (19, 19)),
    ),
    "volume": (
        _loop((3.4, 9.4), (7, 9.4), (11.6, 5.2), (11.6, 18.8), (7, 14.6), (3.4, 14.6)),
        _bow(11.6, 12, 4.4, -42, 42), _bow(11.6, 12, 8.2, -42, 42),
    ),
    "close": (_line((6, 6), (18, 18)), _line((18, 6), (6, 18))),
    "plus": (_line((12, 5), (12, 19)), _line((5, 12), (19, 12))),
    "minus": (_line((5, 12), (19, 12)),),
    "erase": (
        _loop((8.4, 5.6), (21, 5.6), (21, 18.4), (8.4, 18.4), (2.6, 12)),
        _line((11.4, 9), (17.2, 15)), _line((17.2, 9), (11.4, 15)),
    ),
    "send": (_line((4, 12), (19.4, 12)), _line((13.4, 6), (19.4, 12), (13.4, 18))),
    "words": (
        _loop((3.4, 5), (20.6, 5), (20.6, 16.4), (12, 16.4), (7.6, 20.4), (7.6, 16.4), (3.4, 16.4)),
        _line((8, 10.8), (8.1, 10.8)), _line((12, 10.8), (12.1, 10.8)),
        _line((16, 10.8), (16.1, 10.8)),
    ),
    "warn": (
        _loop((12, 3.8), (21.4, 20), (2.6, 20)), _line((12, 10), (12, 14.2)),
        _line((12, 17), (12.05, 17)),
    ),
    "note": (
        _dot(7, 18, 3), _dot(17, 16, 3), _line((9.4, 18), (9.4, 6), (19.4, 4), (19.4, 16)),
    ),
    "match": (_ring(9, 12, 6.2), _ring(15, 12, 6.2)),
    "lift": (_line((12, 20), (12, 4.6)), _line((5.6, 11), (12, 4.6), (18.4, 11))),
    "calm": (("line", _WAVE, 0.0),),
    "energise": (_loop((13.6, 3), (5.4, 13.6), (11, 13.6), (10.4, 21), (18.6, 10.4), (13, 10.4)),),
    "manual": (
        _ring(12, 12, 8.6), _line((12, 3.4), (12, 20.6)), _line((3.4, 12), (20.6, 12)),
        _dot(15.4, 8.6, 2.1),
    ),
    "again": (_bow(12, 12, 8, -60, 240), _line((11.6, 1.6), (16.2, 5), (12.4, 9.2))),
}  # fmt: skip


@lru_cache(maxsize=96)
def icon(name: str, size_px: int, colour: Colour, bold: float = 1.0) -> pygame.Surface:
    """Return an icon of ``size_px`` square; ``bold`` multiplies the line width."""
    side = size_px * OVERSAMPLE
    scale = side / GRID
    large = pygame.Surface((side, side), pygame.SRCALPHA, 32)
    large.fill((*colour, 0))
    width = LINE * scale * bold
    for kind, points, radius in ICONS[name]:
        scaled = [(x * scale, y * scale) for x, y in points]
        if kind == "fill":
            pygame.draw.polygon(large, colour, scaled)
        elif kind == "dot":
            pygame.draw.circle(large, colour, scaled[0], radius * scale)
        elif kind == "ring":
            outer = radius * scale + width / 2
            pygame.draw.circle(large, colour, scaled[0], outer, max(1, round(width)))
        else:
            _round_line(large, colour, scaled, width, closed=kind == "loop")
    return pygame.transform.smoothscale(large, (size_px, size_px))


def _round_line(
    surface: pygame.Surface,
    colour: Colour,
    points: Sequence[Point],
    width: float,
    *,
    closed: bool,
) -> None:
    ring = [*points, points[0]] if closed else list(points)
    for (x0, y0), (x1, y1) in pairwise(ring):
        length = math.hypot(x1 - x0, y1 - y0)
        if length > 0:
            dx, dy = (y1 - y0) / length * width / 2, (x1 - x0) / length * width / 2
            corners = [
                (x0 - dx, y0 + dy),
                (x1 - dx, y1 + dy),
                (x1 + dx, y1 - dy),
                (x0 + dx, y0 - dy),
            ]
            pygame.draw.polygon(surface, colour, corners)
    for point in ring:
        pygame.draw.circle(surface, colour, point, width / 2)
