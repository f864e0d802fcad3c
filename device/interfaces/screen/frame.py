"""What every screen has around it: the name, the camera indicator, the line of plain words."""

from __future__ import annotations

import pygame

from device.interfaces.screen import draw
from device.interfaces.screen.area import Area
from device.interfaces.screen.buttons import round_button
from device.interfaces.screen.icons import icon
from device.interfaces.screen.parts import Kit, Part
from device.interfaces.screen.typesetting import HEADING, SMALL, Align, Anchor, Style
from device.interfaces.screen.view import Action, ScreenView
from device.interfaces.screen.wording import words
from device.readings import KioskState

NAME = "Attune"
MARGIN = 24
HEADER = 68
STRIP, STRIP_MOST, STRIP_LINES, STRIP_SIDES = 44, 62, 3, 66
"""Of the line of plain words: its least height, that of its text, and the room beside it."""
GAP = 14


def around(
    kit: Kit, state: KioskState, view: ScreenView, leave: Action | None
) -> tuple[list[Part], Area]:
    """Return the parts of header and status strip, and the area left for the screen."""
    header, rest = kit.whole.top(kit.px(HEADER))
    header = header.inset(kit.px(MARGIN), kit.px(8))
    parts: list[Part] = []
    if leave is not None:
        close, header = header.end(header.h, kit.px(12))
        parts.append(round_button(view, "leave", close, "close", leave))
    camera, header = header.end(kit.px(200), kit.px(12))
    is_open = state.camera.is_open
    label = kit.say("camera.on" if is_open else "camera.off")
    parts.append(Part("camera", camera, paint_camera, (label, is_open)))
    parts.append(Part("name", header.left(kit.px(150))[0], paint_name, (NAME,)))
    line = plain_words(kit, state, view)
    body = rest.inset(kit.px(MARGIN), 0)
    if line:
        room_px = body.w - kit.px(STRIP_SIDES)
        words_px = kit.type.measure(line, room_px, kit.px(STRIP_MOST), SMALL, STRIP_LINES)
        high = max(kit.px(STRIP), words_px + kit.px(8))
        strip, body = body.base(high + kit.px(12), kit.px(10))
        parts.append(Part("strip", strip.top(high)[0], paint_strip, (line,)))
    else:
        body = body.base(kit.px(20))[1]
    return parts, body


def plain_words(kit: Kit, state: KioskState, view: ScreenView) -> str:
    """Return the one line that a person should read about what is wrong; empty for nothing."""
    said = (state.message, _sound_fault(kit, state))
    # "On to the next" was true until the player gave up.
    lines = [line for line in (reversed(said) if _has_given_up(state) else said) if line]
    for health in state.health:
        if health.status in {"failed", "restarting"}:
            key = f"worker.{health.name}"
            known = key in words(kit.language)
            part = kit.say(key) if known else kit.say("worker.other", name=health.name)
            fault: str = health.status
            if fault == "failed" and health.critical:
                fault = "failed_critical"
            lines.append(kit.say(f"fault.{fault}", part=part))
    if state.catalogue_tracks == 0:
        lines.append(kit.say("fault.empty_catalogue"))
    if kit.language != view.language:
        # What the kiosk says in the language that no font writes would be a row of dots.
        lines = [line for line in lines if line != state.message]
    lines += [line for line in (view.notice, kit.message) if line]
    distinct = list(dict.fromkeys(lines))
    if len(distinct) < 2:
        return "".join(distinct)
    return kit.say("fault.more", text=distinct[0], count=len(distinct) - 1)


def _sound_fault(kit: Kit, state: KioskState) -> str:
    """Return what is wrong with the sound; which output or file it is stands in the log."""
    says, is_english = state.player.message, kit.language == "en"
    if _has_given_up(state):
        return kit.say("fault.unreadable")
    if state.player.status == "no_output":
        return says if says and is_english else kit.say("fault.no_output")
    return says if is_english else ""


def _has_given_up(state: KioskState) -> bool:
    """Whether the music fell silent because file after file could not be played."""
    return state.player.status == "idle" and bool(state.player.message)


def paint_name(surface: pygame.Surface, kit: Kit, area: Area, name: str) -> None:
    """The word mark: two rings in tune and the name."""
    side = kit.px(30)
    surface.blit(
        icon("match", side, kit.theme.accent, 0.8), (area.x, area.y + (area.h - side) // 2)
    )
    room = area.left(side + kit.px(8))[1]
    kit.type.write(surface, name, room, Style(22, 14, "bold"), kit.theme.ink)


def paint_camera(surface: pygame.Surface, kit: Kit, area: Area, label: str, is_open: bool) -> None:
    """The indicator that follows the open device: red and filled while it is open."""
    theme = kit.theme
    height = min(area.h, kit.px(38))
    side, pad = kit.px(20), kit.px(12)
    most = area.w - side - 3 * pad
    width = min(kit.type.width(label, SMALL), most) + side + round(2.6 * pad)
    pill = Area(area.right - width, area.y + (area.h - height) // 2, width, height)
    fill = (*theme.rose, 60) if is_open and theme.glow else theme.panel
    edge = (*theme.rose, 255) if is_open else theme.panel_line
    draw.box(surface, pill, height // 2, fill, edge, theme.line_px)
    ink = theme.rose if is_open else theme.soft
    surface.blit(
        icon("camera" if is_open else "camera_off", side, ink),
        (pill.x + pad, pill.y + (height - side) // 2),
    )
    room = Area(pill.x + pad + side + pad // 2, pill.y, width - side - 2 * pad, height)
    kit.type.write(surface, label, room, SMALL, ink)


def paint_strip(surface: pygame.Surface, kit: Kit, area: Area, line: str) -> None:
    """What is wrong, in one line."""
    theme = kit.theme
    fill = (*theme.gold, 30) if theme.glow else theme.panel
    radius = min(area.h // 2, kit.px(STRIP) // 2)
    draw.box(surface, area, radius, fill, (*theme.gold, 120), theme.line_px)
    side = kit.px(22)
    surface.blit(
        icon("warn", side, theme.gold), (area.x + kit.px(16), area.y + (area.h - side) // 2)
    )
    room = Area(area.x + kit.px(50), area.y, area.w - kit.px(STRIP_SIDES), area.h)
    kit.type.write(surface, line, room, SMALL, theme.ink, lines=STRIP_LINES)


def paint_text(
    surface: pygame.Surface,
    kit: Kit,
    area: Area,
    text: str,
    style: Style,
    voice: str,
    align: Align = "left",
    anchor: Anchor = "middle",
    lines: int = 1,
) -> None:
    """Plain text; ``voice`` names a colour of the theme (``ink``, ``soft``, ``accent``)."""
    colour = getattr(kit.theme, voice)
    kit.type.write(surface, text, area, style, colour, align=align, anchor=anchor, lines=lines)


def text(
    name: str,
    area: Area,
    content: str,
    style: Style = HEADING,
    voice: str = "ink",
    align: Align = "left",
    anchor: Anchor = "middle",
    lines: int = 1,
) -> Part:
    """Return a part that only says something."""
    return Part(name, area, paint_text, (content, style, voice, align, anchor, lines))
