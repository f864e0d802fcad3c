"""The person says the mood: a touch on the field, a word, or what the keyboard gives."""

from __future__ import annotations

import bisect
import unicodedata

import pygame

from device.clusters import clusters
from device.interfaces.screen import draw
from device.interfaces.screen.area import Area
from device.interfaces.screen.buttons import pill, round_button
from device.interfaces.screen.field import field
from device.interfaces.screen.frame import around, text
from device.interfaces.screen.parts import Kit, Part, Scene
from device.interfaces.screen.typesetting import BODY, ELLIPSIS, SMALL, TITLE
from device.interfaces.screen.view import Action, EraseTyped, OpenSheet, ScreenView, Sheet
from device.readings import KioskState, SayMood, Stop

# What a chip says in the person's language, and the English sentence it sends: English is the
# one language that the words' analyser always has a lexicon for.
CHIPS = {
    "happy": "I am happy",
    "calm": "I am calm and peaceful",
    "in_love": "I am in love",
    "hopeful": "I am hopeful",
    "nostalgic": "I feel nostalgic longing",
    "sad": "I am sad",
    "lonely": "I am lonely",
    "angry": "I am angry",
    "afraid": "I am afraid",
    "tired": "I am tired",
}
MAX_TYPED = 120


def asking(kit: Kit, state: KioskState, view: ScreenView) -> Scene:
    """The question; as a sheet it closes, when the box asks it ends the visit."""
    opened = view.sheet is Sheet.MOOD
    leave: Action = OpenSheet(Sheet.NONE) if opened else Stop(source="screen")
    parts, body = around(kit, state, view, leave)
    gap = kit.px(14)
    question = kit.say("ask.unsure" if state.asks_for_mood and not opened else "ask.title")
    if kit.portrait:
        head, body = body.top(kit.px(66), gap)
        square = min(body.w, round(body.h * 0.52))
        top, rest = body.top(square, gap)
        place = top.middle(square, square)
    else:
        square = min(body.h, round(body.w * 0.46))
        place, rest = body.left(square, kit.px(24))
        place = place.middle(square, square)
        head, rest = rest.top(kit.px(76), kit.px(8))
    entry, chips = rest.base(kit.px(60), gap)
    parts += [
        text("title", head, question, TITLE, lines=2),
        field(kit, state, view, place, pick=True),
        *_chips(kit, view, chips),
        *_entry(kit, view, entry),
    ]
    return Scene("asking", (kit.theme.cool, kit.theme.accent), tuple(parts))


def _chips(kit: Kit, view: ScreenView, area: Area) -> list[Part]:
    """Words to press, as many rows as stay large enough for a finger."""
    gap = kit.px(10)
    columns = 2
    rows = max(1, min(len(CHIPS) // columns, (area.h + gap) // (kit.px(48) + gap)))
    places = [cell for row in area.rows([1] * rows, gap) for cell in row.columns((1, 1), gap)]
    return [
        pill(
            view, f"chip_{word}", place, kit.say(f"feel.{word}"), SayMood(source="screen", text=say)
        )
        for place, (word, say) in zip(places, CHIPS.items(), strict=False)
    ]


def _entry(kit: Kit, view: ScreenView, area: Area) -> list[Part]:
    """Return what was typed; without a keyboard it is only a hint."""
    typed = view.typed.strip()
    if not typed:
        hint = kit.say("ask.touch" if not view.typed else "ask.type")
        return [text("hint", area, hint, SMALL, "soft", lines=2)]
    send, rest = area.end(area.h, kit.px(10))
    erase, line = rest.end(area.h, kit.px(10))
    say = SayMood(source="screen", text=typed)
    return [
        Part("typed", line, paint_typed, (view.typed.lstrip(),)),
        round_button(view, "erase", erase, "erase", EraseTyped()),
        round_button(view, "send", send, "send", say, kind="main"),
    ]


def paint_typed(surface: pygame.Surface, kit: Kit, area: Area, typed: str) -> None:
    """The line being typed, its end always in sight; an ellipsis says that it began before."""
    theme = kit.theme
    draw.box(surface, area, area.h // 2, theme.panel, (*theme.accent, 255), theme.line_px)
    room = area.inset(kit.px(20), 0)
    shown = in_sight(kit, typed, room.w - kit.px(6))
    used = kit.type.write(surface, shown, room, BODY, theme.ink)
    spaces = kit.type.width(shown, BODY) - kit.type.width(shown.rstrip(), BODY)
    caret = Area(used.right + spaces + kit.px(3), used.y, max(2, kit.px(2)), used.h)
    surface.fill(theme.accent, caret)


def in_sight(kit: Kit, typed: str, width: int) -> str:
    """Return the end of what was typed for which there is room."""
    whole = unicodedata.normalize("NFC", typed)
    if kit.type.width(whole, BODY) <= width:
        return whole
    parts = clusters(whole)
    ends = [ELLIPSIS + "".join(parts[start:]).lstrip() for start in range(1, len(parts))]
    first = bisect.bisect_left(ends, -width, key=lambda end: -kit.type.width(end, BODY))
    return ends[min(first, len(ends) - 1)] if ends else whole
