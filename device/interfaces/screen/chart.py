"""The visit in one small picture: mood, energy, stress and the tracks between them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pygame

from device.interfaces.screen import draw
from device.interfaces.screen.area import Area
from device.interfaces.screen.parts import Keyed, Kit, Part
from device.interfaces.screen.theme import Colour
from device.interfaces.screen.typesetting import BODY, SMALL
from device.readings import ChartPoint

LONGEST_HOLE_S = 30.0
"""Values further apart are not joined: nothing was known between them."""

Chart = Keyed[tuple[ChartPoint, ...]]


def chart(kit: Kit, points: tuple[ChartPoint, ...], area: Area) -> Part:
    """Return the chart of the visit, or a line that nothing was measured."""
    if not any(p.valence is not None or p.stress is not None for p in points):
        return Part("chart", area, paint_empty, (kit.say("farewell.no_chart"),))
    last = points[-1].at_s
    labels = tuple(kit.say(f"farewell.{name}") for name in ("valence", "arousal", "stress"))
    return Part("chart", area, paint_chart, (Keyed((len(points), last), points), labels))


def paint_empty(surface: pygame.Surface, kit: Kit, area: Area, words: str) -> None:
    """Say that there is nothing to show."""
    theme = kit.theme
    draw.box(surface, area, kit.px(26), theme.panel, theme.panel_line, theme.line_px)
    kit.type.write(
        surface, words, area.inset(kit.px(24)), BODY, theme.soft, align="centre", lines=3
    )


def paint_chart(
    surface: pygame.Surface, kit: Kit, area: Area, points: Chart, labels: tuple[str, ...]
) -> None:
    """Draw stress as a surface, mood and energy as lines, tracks as beads below."""
    theme = kit.theme
    draw.box(surface, area, kit.px(26), theme.panel, theme.panel_line, theme.line_px)
    inner = area.inset(kit.px(22), kit.px(18))
    legend, plot = inner.top(kit.px(26), kit.px(12))
    beads, plot = plot.base(kit.px(22), kit.px(8))
    colours = (theme.accent, theme.cool, theme.rose)
    _legend(surface, kit, legend, labels, colours)
    surface.fill(
        theme.line[:3] if not theme.glow else (80, 70, 80), (plot.x, plot.centre[1], plot.w, 1)
    )
    times = np.asarray([point.at_s for point in points.value], np.float64)
    stress = _values([point.stress for point in points.value])
    level = _across(plot, times, stress, 0.0, 1.0)
    body = np.clip(np.arange(plot.h, dtype=np.float32)[None, :] + 0.5 - level[:, None], 0, 1)
    depth = np.linspace(0.34, 0.05, plot.h, dtype=np.float32)[None, :]
    surface.blit(draw.stamp(np.nan_to_num(body * depth), theme.rose), plot[:2])
    line_px = max(2.0, 2.4 * kit.scale)
    edge = draw.curve(plot.w, plot.h, level, 1.2 * kit.scale)
    surface.blit(draw.stamp(edge, (*theme.rose, 160)), plot[:2])
    for name, colour in (("arousal", theme.cool), ("valence", theme.accent)):
        values = _values([getattr(point, name) for point in points.value])
        mask = draw.curve(plot.w, plot.h, _across(plot, times, values, -1.0, 1.0), line_px)
        surface.blit(draw.stamp(mask, colour), plot[:2])
    _beads(surface, kit, beads, points.value)


def _values(values: Sequence[float | None]) -> draw.Mask:
    return np.asarray([np.nan if value is None else value for value in values], np.float32)


def _across(
    plot: Area, times: np.ndarray[tuple[int], np.dtype[np.float64]], values: draw.Mask,
    low: float, high: float,
) -> draw.Mask:  # fmt: skip
    """Return the height in the plot of every column; NaN where nothing was known."""
    known = np.isfinite(values)
    if not known.any():
        return np.full(plot.w, np.nan, np.float32)
    seconds = np.linspace(times[0], max(times[-1], times[0] + 1e-3), plot.w)
    held = times[known]
    heights = np.interp(seconds, held, values[known], left=np.nan, right=np.nan)
    after = np.clip(np.searchsorted(held, seconds), 0, held.size - 1)
    before = np.clip(after - 1, 0, held.size - 1)
    heights[(held[after] - held[before]) > LONGEST_HOLE_S] = np.nan
    share = (np.clip(heights, low, high) - low) / (high - low)
    return np.asarray(3 + (1 - share) * (plot.h - 6), np.float32)


def _legend(
    surface: pygame.Surface,
    kit: Kit,
    area: Area,
    labels: tuple[str, ...],
    colours: Sequence[Colour],
) -> None:
    # As wide as its word: else the longest would be written smaller than the others.
    shares = [kit.type.width(label, SMALL) + kit.px(24) for label in labels]
    for column, label, colour in zip(area.columns(shares, kit.px(8)), labels, colours, strict=True):
        draw.disc(surface, (column.x + 6 * kit.scale, column.centre[1]), 5 * kit.scale, colour)
        room = column.left(kit.px(20))[1]
        kit.type.write(surface, label, room, SMALL, kit.theme.soft)


def _beads(surface: pygame.Surface, kit: Kit, area: Area, points: tuple[ChartPoint, ...]) -> None:
    """One bar for each stretch of music."""
    first, last = points[0].at_s, max(points[-1].at_s, points[0].at_s + 1e-3)
    runs: list[tuple[int | None, float, float]] = []
    for point in points:
        if runs and runs[-1][0] == point.track_id:
            runs[-1] = (point.track_id, runs[-1][1], point.at_s)
        else:
            if runs:
                runs[-1] = (runs[-1][0], runs[-1][1], point.at_s)
            runs.append((point.track_id, point.at_s, point.at_s))
    height = max(3, kit.px(6))
    for number, (track_id, begin, end) in enumerate(runs):
        if track_id is None:
            continue
        x0 = area.x + (begin - first) / (last - first) * area.w
        x1 = area.x + (end - first) / (last - first) * area.w
        bar = Area(
            round(x0), area.centre[1] - height // 2, max(height, round(x1 - x0) - kit.px(4)), height
        )
        opacity = 210 if number % 2 else 130
        draw.box(surface, bar, height // 2, (*kit.theme.ink, opacity))
