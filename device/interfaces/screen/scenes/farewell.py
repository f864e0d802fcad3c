"""Farewell: the visit in one small picture, and the promise kept."""

from __future__ import annotations

from device.interfaces.screen.buttons import pill
from device.interfaces.screen.chart import chart
from device.interfaces.screen.frame import around, text
from device.interfaces.screen.parts import Kit, Scene
from device.interfaces.screen.scenes.invitation import tells_house
from device.interfaces.screen.typesetting import BODY, HEADING, HERO
from device.interfaces.screen.view import ScreenView
from device.readings import ChartPoint, KioskState, Start


def farewell(kit: Kit, state: KioskState, view: ScreenView) -> Scene:
    """The last screen of a visit; a touch on the button begins another one."""
    parts, body = around(kit, state, view, None)
    if kit.portrait:
        words, picture = body.rows((10, 9), kit.px(20))
    else:
        words, picture = body.columns((9, 11), kit.px(28))
    button, words = words.base(kit.px(74), kit.px(16))
    said = kit.say("farewell.kept" if view.keeps_history else "farewell.text")
    if tells_house(state):
        said = kit.say("farewell.house", said=said)
    title, rest = words.rows((5, 6), kit.px(8))
    promise, count = rest.rows((3, 2), kit.px(6))
    parts += [
        text("title", title, kit.say("farewell.title"), HERO, anchor="base", lines=2),
        text("promise", promise, said, BODY, "soft", anchor="top", lines=4),
        text("count", count, _count(kit, state.chart), HEADING, "accent", lines=2),
        chart(kit, state.chart, picture),
        pill(
            view,
            "again",
            button,
            kit.say("farewell.again"),
            Start(source="screen"),
            symbol="again",
        ),
    ]
    return Scene("farewell", (kit.theme.cool, kit.theme.accent), tuple(parts))


def _count(kit: Kit, points: tuple[ChartPoint, ...]) -> str:
    if not points:
        return ""
    tracks = len({point.track_id for point in points if point.track_id is not None})
    minutes = max(1, round((points[-1].at_s - points[0].at_s) / 60))
    spans = [("minutes", minutes)]
    if tracks:
        spans.insert(0, ("tracks", tracks))
    return " · ".join(
        kit.say(f"farewell.{name}_{'one' if count == 1 else 'many'}", count=count)
        for name, count in spans
    )
