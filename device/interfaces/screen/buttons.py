"""Things to press: pills, round icons, cards. One look, one place."""

from __future__ import annotations

import pygame

from device.interfaces.screen import draw
from device.interfaces.screen.area import Area
from device.interfaces.screen.icons import icon
from device.interfaces.screen.parts import Kit, Part
from device.interfaces.screen.theme import Colour, Tint, blend
from device.interfaces.screen.typesetting import BODY, HEADING, LABEL, SMALL, Style
from device.interfaces.screen.view import Action, ScreenView

TOUCH = 64
"""Least side of a thing to press in layout units: 12 mm on a 7 inch 800 x 480 panel, more
than the 9.2 mm of Parhi, Karlson and Bederson (2006)."""
PRESSED_ON_BLACK: Tint = (70, 70, 70, 255)
"""With high contrast: white on it has 9:1, yellow 7:1."""
NARROW = 300
"""Less wide than this, in layout units, a card has no room for words beside its icon."""


def _look(kit: Kit, kind: str, pressed: bool) -> tuple[Tint, Tint, Colour]:
    """Return (fill, edge, ink) of a button."""
    theme = kit.theme
    if kind == "main":
        fill = blend(theme.accent, theme.on_accent, 0.18 if pressed else 0.0)
        return (*fill, 255), (0, 0, 0, 0), theme.on_accent
    r, g, b, opacity = theme.quiet
    held: Tint = (r, g, b, min(255, opacity + 34)) if theme.glow else PRESSED_ON_BLACK
    quiet = held if pressed else theme.quiet
    if kind == "chosen":
        lit: Tint = (*theme.accent, 90 if pressed else 46)
        return lit if theme.glow else quiet, (*theme.accent, 255), theme.accent
    return quiet, theme.panel_line, theme.ink


def _back(
    surface: pygame.Surface, kit: Kit, area: Area, kind: str, state: tuple[bool, bool], radius: int
) -> Colour:
    """Draw the body of a button; ``state`` is (pressed, focused). Returns the ink."""
    pressed, focused = state
    fill, edge, ink = _look(kit, kind, pressed)
    edge_px = 2.0 * kit.scale if kind == "chosen" else kit.theme.line_px
    draw.box(surface, area, radius, fill, edge, edge_px)
    if focused:
        paint_focus(surface, kit, area, radius)
    return ink


def paint_focus(surface: pygame.Surface, kit: Kit, area: Area, radius: int) -> None:
    """The ring around what Enter would press; every edge is light with high contrast, so there it
    is thick, and dark inside."""
    theme, ring_px = kit.theme, max(2.0, 2.5 * kit.scale)
    if not theme.glow:
        ring_px *= 2
        draw.box(surface, area, radius, (0, 0, 0, 0), (*theme.ground_top, 255), 2 * ring_px)
    draw.box(surface, area, radius, (0, 0, 0, 0), (*theme.ink, 255), ring_px)


def paint_pill(
    surface: pygame.Surface,
    kit: Kit,
    area: Area,
    label: str,
    symbol: str,
    kind: str,
    state: tuple[bool, bool],
) -> None:
    """A wide round button: an icon and one word or two, together in the middle."""
    ink = _back(surface, kit, area, kind, state, area.h // 2)
    room = area.inset(kit.px(18), kit.px(4))
    if not symbol:
        kit.type.write(surface, label, room, LABEL, ink, align="centre", lines=2)
        return
    side, gap = min(kit.px(26), room.h), kit.px(10)
    width = min(kit.type.width(label, LABEL), room.w - side - gap)
    start = room.x + max(0, (room.w - side - gap - width) // 2)
    surface.blit(icon(symbol, side, ink), (start, area.y + (area.h - side) // 2))
    text = Area(start + side + gap, room.y, room.right - start - side - gap, room.h)
    kit.type.write(surface, label, text, LABEL, ink, lines=2)


def paint_round(
    surface: pygame.Surface, kit: Kit, area: Area, symbol: str, kind: str, state: tuple[bool, bool]
) -> None:
    """A round button with an icon."""
    side = min(area.w, area.h)
    circle = area.middle(side, side)
    ink = _back(surface, kit, circle, kind, state, side // 2)
    mark = round(side * 0.42)
    surface.blit(
        icon(symbol, mark, ink), (circle.x + (side - mark) // 2, circle.y + (side - mark) // 2)
    )


def paint_card(
    surface: pygame.Surface,
    kit: Kit,
    area: Area,
    title: str,
    text: str,
    symbol: str,
    kind: str,
    state: tuple[bool, bool],
    beside: tuple[tuple[str, str], ...],
) -> None:
    """A choice with an icon, a name and a sentence; upright or lying by its shape."""
    words = beside or ((title, text),)
    radius = min(kit.px(26), area.h // 2)
    ink = _back(surface, kit, area, kind, state, radius)
    second = ink if kind in {"main", "chosen"} else kit.theme.soft
    mark = ink if kind == "main" else kit.theme.accent
    inner = area.inset(kit.px(20), kit.px(10) if area.h < kit.px(90) else kit.px(18))
    if area.h <= area.w * 0.8 and area.w < kit.px(NARROW):
        _write_low(surface, kit, inner, (title, text, symbol), (ink, second, mark), words)
        return
    if area.h > area.w * 0.8:
        side = min(kit.px(50), inner.h // 4)
        head, rest = inner.top(side, kit.px(14))
        surface.blit(icon(symbol, side, mark, 0.8), (head.x, head.y))
        highest = rest.h // 3
        large, small = _letters(kit, rest, highest, kit.px(8), words, BODY, (2, 7))
        title_height = kit.type.measure(title, rest.w, highest, large, 2)
        heading, rest = rest.top(title_height, kit.px(8))
        kit.type.write(surface, title, heading, large, ink, anchor="top", lines=2)
        kit.type.write(surface, text, rest, small, second, anchor="top", lines=7)
        return
    side = min(kit.px(44), inner.h)
    spot, rest = inner.left(side, kit.px(18))
    surface.blit(icon(symbol, side, mark, 0.85), (spot.x, spot.y + (spot.h - side) // 2))
    highest = rest.h // 2
    large, small = _letters(kit, rest, highest, kit.px(2), words, SMALL, (1, 3))
    title_height = kit.type.measure(title, rest.w, highest, large, 1)
    below = rest.h - title_height - kit.px(2)
    text_height = kit.type.measure(text, rest.w, below, small, 3) if text else 0
    block = rest.middle(rest.w, title_height + kit.px(2) + text_height)
    heading, rest = block.top(title_height, kit.px(2))
    kit.type.write(surface, title, heading, large, ink)
    if text:
        kit.type.write(surface, text, rest, small, second, anchor="top", lines=3)


def _write_low(
    surface: pygame.Surface,
    kit: Kit,
    inner: Area,
    content: tuple[str, str, str],
    inks: tuple[Colour, Colour, Colour],
    words: tuple[tuple[str, str], ...],
) -> None:
    """Write a card with room neither above nor beside its words: icon and name in one line.

    What a choice means may not end in an ellipsis because a line about a fault is below it.
    """
    title, text, symbol = content
    head, rest = inner.top(inner.h * 3 // 10, kit.px(4))
    side = min(kit.px(30), head.h)
    spot, name = head.left(side, kit.px(12))
    surface.blit(icon(symbol, side, inks[2], 0.85), (spot.x, spot.y + (spot.h - side) // 2))
    large = kit.type.alike([(one, name.h) for one, _ in words], name.w, HEADING, 2)
    small = kit.type.alike([(one, rest.h) for _, one in words], rest.w, SMALL, 5)
    kit.type.write(surface, title, name, large, inks[0], lines=2)
    kit.type.write(surface, text, rest, small, inks[1], anchor="top", lines=5)


def _letters(
    kit: Kit,
    room: Area,
    highest: int,
    gap: int,
    words: tuple[tuple[str, str], ...],
    style: Style,
    lines: tuple[int, int],
) -> tuple[Style, Style]:
    """Return how name and sentence are written so that all cards of these words look alike.

    The name takes ``highest`` pixels at most, and ``gap`` pixels lie below it.
    """
    top = [(title, highest) for title, _ in words]
    large = kit.type.alike(top, room.w, HEADING, lines[0])
    below = [
        (text, room.h - gap - kit.type.measure(title, room.w, highest, large, lines[0]))
        for title, text in words
    ]
    return large, kit.type.alike(below, room.w, style, lines[1])


def _state(view: ScreenView, name: str) -> tuple[bool, bool]:
    return view.pressed == name, view.focus == name


def pill(
    view: ScreenView, name: str, area: Area, label: str, action: Action, *, symbol: str = "",
    kind: str = "plain",
) -> Part:  # fmt: skip
    """Return a wide button; ``kind``: ``main`` (one per screen), ``plain`` or ``chosen``."""
    return Part(name, area, paint_pill, (label, symbol, kind, _state(view, name)), action)


def round_button(
    view: ScreenView, name: str, area: Area, symbol: str, action: Action, *, kind: str = "plain"
) -> Part:
    """Return a round button."""
    return Part(name, area, paint_round, (symbol, kind, _state(view, name)), action)


def card(
    view: ScreenView, name: str, area: Area, title: str, text: str, symbol: str, action: Action,
    *, kind: str = "plain", beside: tuple[tuple[str, str], ...] = (),
) -> Part:  # fmt: skip
    """Return a choice with a name and a sentence, in letters as large as those ``beside`` it."""
    content = (title, text, symbol, kind, _state(view, name), beside)
    return Part(name, area, paint_card, content, action)
