"""Rectangles in whole pixels and the few ways in which screens cut them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple


class Area(NamedTuple):
    """An axis-parallel rectangle in pixels; never of negative size."""

    x: int
    y: int
    w: int
    h: int

    @property
    def right(self) -> int:
        return self.x + self.w

    @property
    def bottom(self) -> int:
        return self.y + self.h

    @property
    def centre(self) -> tuple[int, int]:
        return self.x + self.w // 2, self.y + self.h // 2

    def holds(self, x: float, y: float) -> bool:
        """Return whether the point lies inside."""
        return self.x <= x < self.right and self.y <= y < self.bottom

    def distance(self, x: float, y: float) -> float:
        """Return how far the point lies outside, 0 inside."""
        across = max(self.x - x, 0.0, x - self.right)
        down = max(self.y - y, 0.0, y - self.bottom)
        return math.hypot(across, down)

    def overlaps(self, other: Area) -> bool:
        """Return whether the two share at least one pixel."""
        return (
            self.x < other.right
            and other.x < self.right
            and self.y < other.bottom
            and other.y < self.bottom
        )

    def inset(self, dx: int, dy: int | None = None) -> Area:
        """Return the rectangle made smaller by ``dx``, ``dy`` on every side."""
        dy = dx if dy is None else dy
        return Area(self.x + dx, self.y + dy, max(0, self.w - 2 * dx), max(0, self.h - 2 * dy))

    def top(self, height: int, gap: int = 0) -> tuple[Area, Area]:
        """Cut ``height`` off the top; return (the cut, what is left below the gap)."""
        height = min(height, self.h)
        below = max(0, self.h - height - gap)
        return (
            Area(self.x, self.y, self.w, height),
            Area(self.x, self.bottom - below, self.w, below),
        )

    def base(self, height: int, gap: int = 0) -> tuple[Area, Area]:
        """Cut ``height`` off the bottom; return (the cut, what is left above the gap)."""
        height = min(height, self.h)
        above = max(0, self.h - height - gap)
        return Area(self.x, self.bottom - height, self.w, height), Area(
            self.x, self.y, self.w, above
        )

    def left(self, width: int, gap: int = 0) -> tuple[Area, Area]:
        """Cut ``width`` off the left; return (the cut, what is left right of the gap)."""
        width = min(width, self.w)
        rest = max(0, self.w - width - gap)
        return Area(self.x, self.y, width, self.h), Area(self.right - rest, self.y, rest, self.h)

    def end(self, width: int, gap: int = 0) -> tuple[Area, Area]:
        """Cut ``width`` off the right; return (the cut, what is left of the gap)."""
        width = min(width, self.w)
        rest = max(0, self.w - width - gap)
        return Area(self.right - width, self.y, width, self.h), Area(self.x, self.y, rest, self.h)

    def columns(self, weights: Sequence[float], gap: int) -> tuple[Area, ...]:
        """Cut into columns of the given relative widths, ``gap`` apart."""
        spans = _spans(self.x, self.w, weights, gap)
        return tuple(Area(start, self.y, size, self.h) for start, size in spans)

    def rows(self, weights: Sequence[float], gap: int) -> tuple[Area, ...]:
        """Cut into rows of the given relative heights, ``gap`` apart."""
        spans = _spans(self.y, self.h, weights, gap)
        return tuple(Area(self.x, start, self.w, size) for start, size in spans)

    def middle(self, width: int, height: int) -> Area:
        """Return a rectangle of that size (at most this one) in the middle of this one."""
        width, height = min(width, self.w), min(height, self.h)
        return Area(self.x + (self.w - width) // 2, self.y + (self.h - height) // 2, width, height)


def _spans(start: int, size: int, weights: Sequence[float], gap: int) -> list[tuple[int, int]]:
    free = max(0, size - gap * (len(weights) - 1))
    total = sum(weights)
    spans, done = [], 0.0
    for index, weight in enumerate(weights):
        first = round(free * done / total)
        done += weight
        last = round(free * done / total)
        spans.append((start + first + gap * index, last - first))
    return spans
