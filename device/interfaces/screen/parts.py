"""A screen is a table of parts: what drawing shows and what touch finds is the same table."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Generic, TypeAlias, TypeVar

import pygame
import pygame.freetype

from device.interfaces.screen.area import Area
from device.interfaces.screen.theme import CONTRAST, EVENING, Colour, Theme
from device.interfaces.screen.typeface import FontFiles, find_fonts
from device.interfaces.screen.typesetting import Typesetter
from device.interfaces.screen.view import Action, ScreenView
from device.interfaces.screen.wording import say

T = TypeVar("T")

Touch: TypeAlias = Callable[[float, float], Action]
"""From a place 0..1 across and 0..1 down the part to what it means."""


@dataclass(frozen=True, slots=True)
class Keyed(Generic[T]):
    """A value that cannot be compared (an array), standing for itself by its key."""

    key: Hashable
    value: T = field(compare=False)


@dataclass(frozen=True, slots=True)
class Part:
    """One thing on the screen; parts of a scene never overlap.

    ``paint(surface, kit, area, *content)`` draws it; two parts that are equal look equal,
    so a part is drawn again only when it differs from the last one of its name.
    """

    name: str
    area: Area
    paint: Callable[..., None]
    content: tuple[Hashable, ...] = ()
    action: Action | None = None
    """What a touch anywhere on it means."""
    touch: Touch | None = field(default=None, compare=False)
    """What a touch means where the place matters (a slider, the mood field)."""
    focusable: bool = True

    @property
    def answers(self) -> bool:
        """Return whether a finger can do anything here."""
        return self.action is not None or self.touch is not None

    def at(self, x: float, y: float) -> Action | None:
        """Return what a touch at the pixel means."""
        if self.touch is None:
            return self.action
        across = (x - self.area.x) / max(1, self.area.w)
        down = (y - self.area.y) / max(1, self.area.h)
        return self.touch(min(1.0, max(0.0, across)), min(1.0, max(0.0, down)))


NEAR_PX = 12
"""About 2 mm on panels of 3.5 to 10 inches: who misses a button by so little meant it."""


@dataclass(frozen=True, slots=True)
class Scene:
    """All parts of one moment over a background with up to two lights."""

    name: str
    glows: tuple[Colour, ...]
    parts: tuple[Part, ...]
    everywhere: Action | None = None
    """What a touch beside every part means."""
    exact: bool = False
    """Nothing is meant by a near miss."""

    def hit(self, x: float, y: float) -> Action | None:
        """Return what a touch at the pixel means; None for nothing."""
        part = self.part_at(x, y)
        return part.at(x, y) if part is not None else self.everywhere

    def part_at(self, x: float, y: float) -> Part | None:
        """Return the part that a finger can use there; beside all parts, the nearest."""
        under = next((part for part in self.parts if part.area.holds(x, y)), None)
        if under is not None or self.exact:
            return under if under is not None and under.answers else None
        useful = (part for part in self.parts if part.answers)
        nearest = min(useful, key=lambda part: part.area.distance(x, y), default=None)
        is_near = nearest is not None and nearest.area.distance(x, y) <= NEAR_PX
        return nearest if is_near else None

    def part(self, name: str) -> Part | None:
        """Return the part of that name."""
        return next((part for part in self.parts if part.name == name), None)


@dataclass(frozen=True, eq=False)
class Kit:
    """What every part needs to draw itself at one size, look and language."""

    width: int
    height: int
    portrait: bool
    scale: float
    """Pixels per layout unit: 1 on 800 x 480."""
    theme: Theme
    type: Typesetter
    language: str
    reduced_motion: bool
    message: str
    """What is wrong with the fonts; empty when all is well."""

    def px(self, units: float) -> int:
        """Return layout units in whole pixels."""
        return round(units * self.scale)

    def say(self, key: str, **values: Any) -> str:
        """Return a text in the language of the screen."""
        return say(self.language, key, **values)

    @property
    def whole(self) -> Area:
        return Area(0, 0, self.width, self.height)


LARGE_TYPE = 1.22
"""Growth of the letters with the large-type option; texts that have no room stay smaller."""

_find: Callable[[str], FontFiles] = lru_cache(maxsize=8)(find_fonts)


def kit_for(view: ScreenView) -> Kit:
    """Return the kit of a view; kits are kept, so the fonts are opened once."""
    return _kit(
        view.width_px,
        view.height_px,
        view.language,
        view.high_contrast,
        view.large_type,
        view.reduced_motion,
    )


@lru_cache(maxsize=6)
def _kit(width: int, height: int, language: str, contrast: bool, large: bool, reduced: bool) -> Kit:
    pygame.font.init()
    pygame.freetype.init()
    files = _find(language)
    portrait = height > width
    short, long = (480, 800) if portrait else (800, 480)
    scale = min(width / short, height / long)
    return Kit(
        width=width,
        height=height,
        portrait=portrait,
        scale=scale,
        theme=CONTRAST if contrast else EVENING,
        type=Typesetter(files, scale, LARGE_TYPE if large else 1.0),
        # Boxes instead of letters help nobody: without the font, English and a clear line.
        language=language if files.writes(language) else "en",
        reduced_motion=reduced,
        message=files.message,
    )
