"""Strategy and volume: sheets that lie over the music until they are closed."""

from __future__ import annotations

import pygame

from device.interfaces.screen import draw
from device.interfaces.screen.area import Area
from device.interfaces.screen.buttons import card, round_button
from device.interfaces.screen.frame import around, text
from device.interfaces.screen.parts import Kit, Part, Scene
from device.interfaces.screen.scenes.playing import STRATEGY_ICONS
from device.interfaces.screen.typesetting import TITLE, Style
from device.interfaces.screen.view import Action, OpenSheet, ScreenView, Sheet
from device.readings import KioskState, SetStrategy, SetVolume

VOLUME_STEP = 10.0


def strategy(kit: Kit, state: KioskState, view: ScreenView) -> Scene:
    """What the music should do."""
    parts, body = around(kit, state, view, OpenSheet(Sheet.NONE))
    title, body = body.top(kit.px(48), kit.px(10))
    parts.append(text("title", title, kit.say("strategy.title"), TITLE))
    gap = kit.px(12)
    names = list(STRATEGY_ICONS)
    if kit.portrait:
        places = list(body.rows([1] * len(names), gap))
    else:
        upper, middle, lower = body.rows((1, 1, 1), gap)
        places = [*upper.columns((1, 1), gap), *middle.columns((1, 1), gap), lower]
    said = tuple((kit.say(f"strategy.{name}"), kit.say(f"strategy.{name}_text")) for name in names)
    for place, name, words in zip(places, names, said, strict=True):
        parts.append(
            card(
                view,
                f"strategy_{name}",
                place,
                *words,
                STRATEGY_ICONS[name],
                SetStrategy(source="screen", strategy=name),
                kind="chosen" if state.strategy is name else "plain",
                beside=said,
            )
        )
    return Scene("strategy", (kit.theme.accent, kit.theme.cool), tuple(parts))


def volume(kit: Kit, state: KioskState, view: ScreenView) -> Scene:
    """How loud."""
    parts, body = around(kit, state, view, OpenSheet(Sheet.NONE))
    title, body = body.top(kit.px(48), kit.px(10))
    parts.append(text("title", title, kit.say("volume.title"), TITLE))
    number, row = body.rows((3, 2), kit.px(12))
    percent = state.player.volume_percent
    parts.append(
        text(
            "number", number, f"{round(percent)}", Style(130, 60, "bold"), "ink", "centre", "middle"
        )
    )
    size = min(kit.px(84), row.h)
    row = row.middle(row.w, size)
    less, row = row.left(size, kit.px(18))
    more, row = row.end(size, kit.px(18))
    parts += [
        round_button(view, "less", less, "minus", volume_to(percent - VOLUME_STEP)),
        Part("slider", row, paint_slider, (round(percent), view.focus == "slider"), touch=_slid),
        round_button(view, "more", more, "plus", volume_to(percent + VOLUME_STEP)),
    ]
    return Scene("volume", (kit.theme.accent, kit.theme.cool), tuple(parts))


def volume_to(percent: float) -> Action:
    """Return the wish for a volume, brought into 0..100."""
    return SetVolume(source="screen", percent=min(100.0, max(0.0, percent)))


def _slid(across: float, _down: float) -> Action:
    return volume_to(float(round(100 * across)))


def paint_slider(
    surface: pygame.Surface, kit: Kit, area: Area, percent: int, focused: bool
) -> None:
    """A thick bar that a finger can drag anywhere on."""
    theme = kit.theme
    bar = area.middle(area.w, kit.px(22))
    edge = (*theme.ink, 255) if focused else theme.panel_line
    draw.box(surface, bar, bar.h // 2, theme.quiet, edge, max(theme.line_px, 2.0 * focused))
    full = Area(bar.x, bar.y, max(bar.h, round(bar.w * percent / 100)), bar.h)
    draw.box(surface, full, bar.h // 2, (*theme.accent, 255))
    radius = min(area.h / 2 - 1, 22 * kit.scale)
    # The knob is higher than the bar and stays whole at both of its ends.
    across = min(max(full.right, bar.x + radius + 1), bar.right - radius - 1)
    draw.disc(surface, (across, bar.centre[1]), radius, theme.ink)
