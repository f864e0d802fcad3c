"""The live reading: what the box notices, and how sure it is."""

from __future__ import annotations

import pygame

from device.interfaces.screen import draw
from device.interfaces.screen.area import Area
from device.interfaces.screen.buttons import pill, round_button
from device.interfaces.screen.field import field
from device.interfaces.screen.frame import around
from device.interfaces.screen.gauges import heart_rate, stress_arc, wave
from device.interfaces.screen.icons import icon
from device.interfaces.screen.oval import oval
from device.interfaces.screen.parts import Kit, Part, Scene
from device.interfaces.screen.typesetting import SMALL, Style
from device.interfaces.screen.view import OpenSheet, ScreenView, Sheet
from device.interfaces.screen.wording import mood_words
from device.readings import KioskState, Stop


def sensing(kit: Kit, state: KioskState, view: ScreenView) -> Scene:
    """The screen while the box looks and listens."""
    parts, body = around(kit, state, view, Stop(source="screen"))
    return _scene("sensing", kit, [*parts, *_panels(kit, state, view, body)])


def reading(kit: Kit, state: KioskState, view: ScreenView) -> Scene:
    """The same while music plays, as a sheet that closes."""
    parts, body = around(kit, state, view, OpenSheet(Sheet.NONE))
    return _scene("reading", kit, [*parts, *_panels(kit, state, view, body)])


def _scene(name: str, kit: Kit, parts: list[Part]) -> Scene:
    return Scene(name, (kit.theme.rose, kit.theme.cool), tuple(parts))


def _panels(kit: Kit, state: KioskState, view: ScreenView, body: Area) -> list[Part]:
    gap = kit.px(14)
    head, body = body.top(kit.px(62), gap)
    button, words = head.end(head.h if kit.portrait else kit.px(168), gap)
    ask = OpenSheet(Sheet.MOOD)
    if kit.portrait:
        tell = round_button(view, "tell", button, "words", ask)
    else:
        tell = pill(view, "tell", button, kit.say("sensing.tell"), ask, symbol="words")
    if kit.portrait:
        base, body = body.base(kit.px(96), gap)
        square = min(body.w, round(body.h * 0.58))
        low, high = body.base(body.h - square - gap, gap)
        place = high.middle(square, square)
    else:
        square = min(body.h, round(body.w * 0.45))
        place, rest = body.left(square, kit.px(24))
        place = place.middle(square, square)
        base, low = rest.base(kit.px(100), gap)
    left, right = low.columns((1, 1), gap)
    pulse, line = base.left(kit.px(188), gap)
    return [
        Part("mood", words, paint_mood, mood_line(kit, state)),
        tell,
        field(kit, state, view, place, pick=False),
        oval(kit, state, left),
        stress_arc(kit, state, view, right),
        heart_rate(kit, state, view, pulse),
        wave(kit, state, view, line),
    ]


SOURCE_ICONS = {"face": "camera", "pulse": "heart", "words": "words", "touch": "manual"}
LEAST_SHARE = 0.05
"""A voice with less of the mood than this is not named."""


def mood_line(kit: Kit, state: KioskState) -> tuple[str, str, int, tuple[str, ...]]:
    """Return (the mood in words, how sure, sureness in percent, icons of where it is from)."""
    mood = state.mood
    if mood is None or mood.confidence <= 0:
        return kit.say("sensing.title"), "", 0, ()
    percent = round(mood.confidence * 20) * 5
    name = mood_words(mood.point, kit.language)
    heard = [source.name for source in mood.sources if source.weight >= LEAST_SHARE]
    icons = tuple(SOURCE_ICONS[name] for name in heard if name in SOURCE_ICONS)
    return name, kit.say("mood.sure", percent=percent), percent, icons


def paint_mood(
    surface: pygame.Surface,
    kit: Kit,
    area: Area,
    name: str,
    sure: str,
    percent: int,
    icons: tuple[str, ...],
) -> None:
    """The mood in large letters; under it how sure, and what it was read from."""
    theme = kit.theme
    if not sure:
        kit.type.write(surface, name, area, Style(30, 18, "bold"), theme.ink, lines=2)
        return
    high, low = area.rows((5, 2), 0)
    kit.type.write(surface, name, high, Style(36, 15, "bold"), theme.ink, lines=2)
    width = min(kit.px(120), low.w // 3)
    bar = Area(low.x, low.centre[1] - kit.px(2), width, max(3, kit.px(4)))
    draw.box(surface, bar, bar.h // 2, theme.line)
    full = Area(bar.x, bar.y, max(bar.h, round(bar.w * percent / 100)), bar.h)
    draw.box(surface, full, bar.h // 2, (*theme.accent, 255))
    side = kit.px(16)
    room = low.left(width + kit.px(12))[1].end(len(icons) * (side + kit.px(8)))[1]
    used = kit.type.write(surface, sure, room, SMALL, theme.soft)
    for place, symbol in enumerate(icons):
        x = used.right + kit.px(10) + place * (side + kit.px(6))
        surface.blit(icon(symbol, side, theme.soft, 1.1), (x, low.y + (low.h - side) // 2))
