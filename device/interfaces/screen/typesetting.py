"""Lines and paragraphs that always stay inside their rectangle, in any script."""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import pygame

from device.clusters import clusters, is_joiner
from device.interfaces.screen.area import Area
from device.interfaces.screen.theme import Colour
from device.interfaces.screen.typeface import FontFiles, Lettering, Weight

Align: TypeAlias = Literal["left", "centre", "right"]
Anchor: TypeAlias = Literal["top", "middle", "base"]

ELLIPSIS = "…"
OVERHANG_PX = 2
"""Smooth edges may reach this far over the rectangle."""
MOST_BALANCED_ROWS = 4
BALANCE_STEP_PX = 6
MAX_CHARACTERS = 600
"""Longer texts are cut before measuring: nothing on this screen has room for more."""

# A line may break at spaces and between ideographs, but not before closing punctuation.
_PIECES = re.compile(
    r"[\u2e80-\u9fff\uf900-\ufaff][\u3001\u3002\uff01\uff0c\uff1a\uff1b\uff1f\u300d\u300f\uff09]*"
    r"|[^\s\u2e80-\u9fff\uf900-\ufaff]+[\u3001\u3002\uff01\uff0c\uff1a\uff1b\uff1f]*|\s+"
)


@dataclass(frozen=True, slots=True)
class Style:
    """A kind of text: size in layout units, how small it may get, weight."""

    size: float
    least: float
    weight: Weight = "regular"


HERO = Style(58, 30, "bold")
TITLE = Style(36, 18, "bold")
NUMBER = Style(46, 24, "bold")
HEADING = Style(22, 16, "bold")
BODY = Style(20, 15)
LABEL = Style(21, 14, "bold")
SMALL = Style(17, 13)
TINY = Style(15, 11)


class Typesetter:
    """Writes text at the scale of one screen."""

    def __init__(self, files: FontFiles, scale: float, growth: float = 1.0) -> None:
        """``scale``: pixels per layout unit; ``growth`` of the letters where there is room."""
        self._files = files
        self._scale = scale
        self._growth = growth
        self._lettering: dict[tuple[int, Weight], Lettering] = {}

    def lettering(self, size: float, weight: Weight) -> Lettering:
        """Return the fonts for a size in layout units."""
        size_px = max(6, round(size * self._scale))
        key = (size_px, weight)
        if key not in self._lettering:
            if len(self._lettering) > 64:
                self._lettering.clear()
            self._lettering[key] = Lettering(self._files, size_px, weight)
        return self._lettering[key]

    def width(self, text: str, style: Style) -> int:
        """Return the width in pixels of one line at full size."""
        return self.lettering(style.size * self._growth, style.weight).width(text)

    def height(self, style: Style) -> int:
        """Return the height in pixels of one line at full size."""
        return self.lettering(style.size * self._growth, style.weight).height

    def measure(self, text: str, width: int, height: int, style: Style, lines: int) -> int:
        """Return the height that :meth:`write` takes for the same arguments."""
        font, rows = self._fit(text, width, height, style, lines)
        return _block_height(font, len(rows))

    def alike(
        self, texts: Iterable[tuple[str, int]], width: int, style: Style, lines: int
    ) -> Style:
        """Return the style in a size in which each of ``texts`` has room in its own height.

        For texts side by side, which would else be of different sizes.
        """
        fonts = [self._fit(text, width, height, style, lines)[0] for text, height in texts]
        size_px = min(font.size_px for font in fonts)
        return replace(style, size=size_px / self._scale / self._growth)

    def write(
        self,
        surface: pygame.Surface,
        text: str,
        area: Area,
        style: Style,
        colour: Colour,
        *,
        align: Align = "left",
        anchor: Anchor = "middle",
        lines: int = 1,
    ) -> Area:
        """Write ``text`` inside ``area``: smaller if it must be, then cut with an ellipsis.

        Returns the rectangle that was used.
        """
        font, rows = self._fit(text, area.w, area.h, style, lines)
        height = _block_height(font, len(rows))
        y = area.y
        if anchor != "top":
            spare = area.h - height
            y += spare // 2 if anchor == "middle" else spare
        left, widest, top = area.right, 0, y
        clip = surface.get_clip()
        # Accents without a letter and the like may claim no width and yet have ink.
        surface.set_clip(clip.clip(area.inset(-OVERHANG_PX)))
        for row in rows:
            width = font.width(row)
            x = area.x
            if align != "left":
                spare = area.w - width
                x += spare // 2 if align == "centre" else spare
            font.draw(surface, row, x, y, colour)
            left, widest = min(left, x), max(widest, width)
            y += font.step
        surface.set_clip(clip)
        return Area(left, top, min(widest, area.w), height)

    def _fit(
        self, text: str, width: int, height: int, style: Style, lines: int
    ) -> tuple[Lettering, list[str]]:
        text = _clean(text)
        size = style.size * self._growth
        while True:
            font = self.lettering(size, style.weight)
            allowed = max(1, min(lines, _lines_in(font, height)))
            rows, whole = _wrap(font, text, width, allowed)
            if whole and _block_height(font, len(rows)) <= height:
                return font, _balanced(font, text, width, rows)
            if size <= style.least:
                return font, rows
            size = max(style.least, size * 0.92)


def _clean(text: str) -> str:
    """Tags of music files hold anything: keep what can be written, spaces made single.

    Letters that come apart from their accents (names from a Mac, some keyboards) are put together:
    the fonts write them as one only so.
    """
    words = unicodedata.normalize("NFC", text[:MAX_CHARACTERS]).split()
    return " ".join("".join(c for c in w if c.isprintable() or is_joiner(c)) for w in words)


def _lines_in(font: Lettering, height: int) -> int:
    return 1 + max(0, height - font.height) // font.step


def _block_height(font: Lettering, lines: int) -> int:
    if lines == 0:
        return 0
    return font.height + font.step * (lines - 1)


def _balanced(font: Lettering, text: str, width: int, rows: list[str]) -> list[str]:
    """Return as many rows as ``rows`` but as even as they can be: no word left alone."""
    if not 2 <= len(rows) <= MOST_BALANCED_ROWS:
        return rows
    low, high = width // 2, width
    while high - low > BALANCE_STEP_PX:
        middle = (low + high) // 2
        tried, whole = _wrap(font, text, middle, len(rows))
        if whole:
            rows, high = tried, middle
        else:
            low = middle
    return rows


def _wrap(font: Lettering, text: str, width: int, lines: int) -> tuple[list[str], bool]:
    """Break ``text`` into at most ``lines`` rows; False when it had to be cut."""
    rows: list[str] = []
    row = ""
    pieces = _PIECES.findall(text)
    for index, piece in enumerate(pieces):
        if font.width((row + piece).rstrip()) <= width:
            row += piece
            continue
        if row.strip():
            rows.append(row.strip())
            row = ""
        if len(rows) == lines or font.width(piece) > width:
            rest = "".join(pieces[index:])
            return _cut(font, rows, rest, width, lines), False
        row = "" if piece.isspace() else piece
    if row.strip():
        rows.append(row.strip())
    return rows, True


def _cut(font: Lettering, rows: list[str], rest: str, width: int, lines: int) -> list[str]:
    """End the last allowed row with an ellipsis; words longer than a row are broken."""
    while len(rows) < lines - 1:
        head = _longest(font, rest, width, "")
        if len(head) >= len(rest):
            break
        rows.append(head)
        rest = rest[len(head) :].lstrip()
    if len(rows) < lines:
        rows.append("")
    last = f"{rows[-1]} {rest}".strip()
    if font.width(last) <= width:
        rows[-1] = last
    else:
        rows[-1] = _longest(font, last, width, ELLIPSIS).rstrip(" ,.;:-–—") + ELLIPSIS
    return rows


def _longest(font: Lettering, text: str, width: int, tail: str) -> str:
    """Return the longest start of ``text`` that fits with ``tail`` behind it (at least 1)."""
    ends = list(itertools.accumulate(map(len, clusters(text))))
    low, high = 0, max(0, len(ends) - 1)
    while low < high:
        middle = (low + high + 1) // 2
        if font.width(text[: ends[middle]] + tail) <= width:
            low = middle
        else:
            high = middle - 1
    return text[: ends[low]] if ends else ""
