"""Idle, greeting: a question, one thing to press and the promise about privacy."""

from __future__ import annotations

import pygame

from device.interfaces.screen.area import Area
from device.interfaces.screen.buttons import pill
from device.interfaces.screen.frame import around, text
from device.interfaces.screen.icons import icon
from device.interfaces.screen.orb import orb
from device.interfaces.screen.parts import Kit, Part, Scene
from device.interfaces.screen.typesetting import HERO, SMALL, Style
from device.interfaces.screen.view import ScreenView
from device.readings import KioskState, Start, Stop

MQTT_WORKER = "mqtt"
BEGIN = 74


def idle(kit: Kit, state: KioskState, view: ScreenView) -> Scene:
    """The invitation; a touch anywhere begins."""
    begin = Start(source="screen")
    parts, body = around(kit, state, view, None)
    notice, body = body.base(kit.px(126 if kit.portrait else 56), kit.px(14))
    parts += promises(kit, state, notice)
    words = _words_beside_orb(kit, view, body, parts)
    # What is to be pressed keeps its height where a line of plain words takes some of the rest.
    gap, hint_px = kit.px(22), kit.px(30) if state.sensor.connected else 0
    least_px = kit.px(BEGIN) + kit.px(8) + hint_px
    press, texts = words.base(max(least_px, (words.h - gap) * 3 // 8), gap)
    title, below = texts.rows((7, 2), kit.px(4))
    parts += [
        text("title", title, kit.say("idle.title"), HERO, anchor="base", lines=3),
        text("subtitle", below, kit.say("idle.subtitle"), Style(25, 16), "soft", anchor="base"),
    ]
    button, hint = press.top(kit.px(BEGIN), kit.px(8))
    button = button.left(min(button.w, kit.px(330)))[0]
    parts.append(pill(view, "begin", button, kit.say("idle.begin"), begin, kind="main"))
    if state.sensor.connected:
        hint = hint.top(hint_px)[0]
        parts.append(text("finger", hint, kit.say("idle.finger"), SMALL, "soft", anchor="top"))
    return Scene("idle", (kit.theme.accent, kit.theme.cool), tuple(parts), everywhere=begin)


def greeting(kit: Kit, state: KioskState, view: ScreenView) -> Scene:
    """Hello, and what comes next."""
    go, leave = Start(source="screen"), Stop(source="screen")
    parts, body = around(kit, state, view, None)
    notice, body = body.base(kit.px(126 if kit.portrait else 56), kit.px(14))
    parts += promises(kit, state, notice)
    words = _words_beside_orb(kit, view, body, parts)
    press, texts = words.base(kit.px(74), kit.px(14))
    title, below = texts.rows((4, 5), kit.px(10))
    parts += [
        text("title", title, kit.say("greeting.title"), HERO, anchor="base"),
        text(
            "subtitle",
            below,
            kit.say("greeting.text"),
            Style(23, 15),
            "soft",
            anchor="top",
            lines=4,
        ),
    ]
    left, right = press.columns((1, 1), kit.px(14))
    parts += [
        pill(view, "begin", left, kit.say("greeting.go"), go, kind="main"),
        pill(view, "no", right, kit.say("greeting.no"), leave),
    ]
    return Scene("greeting", (kit.theme.accent, kit.theme.rose), tuple(parts))


def _words_beside_orb(kit: Kit, view: ScreenView, body: Area, parts: list[Part]) -> Area:
    """Place the rings and return what is left for words."""
    if kit.portrait:
        picture, words = body.rows((11, 13), kit.px(8))
    else:
        words, picture = body.columns((55, 45), kit.px(18))
    parts.append(orb(kit, view, picture))
    return words


def tells_house(state: KioskState) -> bool:
    """Return whether the owner has the kiosk tell the house what it notices."""
    return any(worker.name == MQTT_WORKER for worker in state.health)


def promises(kit: Kit, state: KioskState, area: Area) -> list[Part]:
    """Return the privacy notice: three short promises; a kiosk that tells the house says so."""
    kept = "notice.house" if tells_house(state) else "notice.local"
    rows = (("camera_off", "notice.camera"), ("home", kept), ("health", "notice.medical"))
    widths = [kit.px(26 + 12) + kit.type.width(kit.say(key), SMALL) for _, key in rows]
    places = area.rows((1, 1, 1), 0) if kit.portrait else area.columns(widths, kit.px(12))
    return [
        Part(key, place, paint_promise, (symbol, kit.say(key)))
        for place, (symbol, key) in zip(places, rows, strict=True)
    ]


def paint_promise(surface: pygame.Surface, kit: Kit, area: Area, symbol: str, words: str) -> None:
    """A small icon and one promise."""
    side = min(kit.px(26), area.h)
    surface.blit(icon(symbol, side, kit.theme.accent, 0.8), (area.x, area.y + (area.h - side) // 2))
    room = area.left(side + kit.px(12))[1]
    kit.type.write(surface, words, room, SMALL, kit.theme.soft, lines=2)
