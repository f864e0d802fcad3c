"""Colours of the screen: a warm evening by default, black and white for high contrast."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

Colour: TypeAlias = tuple[int, int, int]
Tint: TypeAlias = tuple[int, int, int, int]
"""A colour with its opacity 0..255."""


@dataclass(frozen=True, slots=True)
class Theme:
    """One set of colours; text colours keep at least 4.5:1 on ``ground`` (WCAG 2.2, 1.4.3)."""

    ground_top: Colour
    ground_base: Colour
    ink: Colour
    soft: Colour
    """Second voice: explanations, units, labels."""
    accent: Colour
    on_accent: Colour
    cool: Colour
    rose: Colour
    gold: Colour
    line: Tint
    panel: Tint
    panel_line: Tint
    quiet: Tint
    """Fill of a button that is not the main one."""
    glow: bool
    line_px: float


EVENING = Theme(
    ground_top=(34, 25, 39),
    ground_base=(15, 16, 25),
    ink=(252, 244, 234),
    soft=(203, 190, 184),
    accent=(255, 181, 125),
    on_accent=(48, 24, 10),
    cool=(128, 214, 199),
    rose=(244, 138, 154),
    gold=(255, 210, 127),
    line=(255, 238, 220, 44),
    panel=(255, 236, 218, 13),
    panel_line=(255, 236, 218, 26),
    quiet=(255, 236, 218, 26),
    glow=True,
    line_px=1.0,
)

CONTRAST = Theme(
    ground_top=(0, 0, 0),
    ground_base=(0, 0, 0),
    ink=(255, 255, 255),
    soft=(255, 255, 255),
    accent=(255, 225, 0),
    on_accent=(0, 0, 0),
    cool=(0, 255, 225),
    rose=(255, 140, 170),
    gold=(255, 225, 0),
    line=(255, 255, 255, 255),
    panel=(0, 0, 0, 255),
    panel_line=(255, 255, 255, 255),
    quiet=(0, 0, 0, 255),
    glow=False,
    line_px=2.0,
)

# Colours around the valence/arousal field, every 45 degrees from "pleasant" toward "lively":
# gold, orange, coral, rose, violet, blue, azure, green. Taste, not measurement: the words
# beside them carry the meaning.
_WHEEL: tuple[Colour, ...] = (
    (255, 206, 112), (255, 164, 96), (255, 124, 112), (242, 102, 146),
    (178, 116, 222), (108, 132, 250), (92, 182, 236), (108, 216, 176),
)  # fmt: skip
_MIDDLE: Colour = (226, 204, 198)


def mood_colour(valence: float, arousal: float) -> Colour:
    """Return the colour of a place in the field, each coordinate -1..1."""
    eighth = math.atan2(arousal, valence) / (math.pi / 4) % 8
    low = int(eighth) % 8
    hue = blend(_WHEEL[low], _WHEEL[(low + 1) % 8], eighth - int(eighth))
    return blend(_MIDDLE, hue, min(1.0, 1.4 * math.hypot(valence, arousal)))


def blend(first: Colour, second: Colour, share: float) -> Colour:
    """Return ``first`` moved toward ``second`` by ``share`` 0..1."""
    r, g, b = (round(p + (q - p) * share) for p, q in zip(first, second, strict=True))
    return r, g, b
