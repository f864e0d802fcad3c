"""Consent: three clear choices, none of them hidden."""

from __future__ import annotations

from device.interfaces.screen.buttons import card
from device.interfaces.screen.frame import around, text
from device.interfaces.screen.parts import Kit, Scene
from device.interfaces.screen.scenes.invitation import promises
from device.interfaces.screen.typesetting import SMALL, TITLE
from device.interfaces.screen.view import ScreenView
from device.readings import Consent, KioskState, Stop


def consent(kit: Kit, state: KioskState, view: ScreenView) -> Scene:
    """The question before any camera opens; where there is none, or the owner barred it, only two
    answers."""
    parts, body = around(kit, state, view, None)
    notice, body = body.base(kit.px(126 if kit.portrait else 52), kit.px(12))
    parts += promises(kit, state, notice)
    title, body = body.top(kit.px(70 if kit.portrait else 46), kit.px(6))
    question = kit.say("consent.title")
    parts.append(text("title", title, question, TITLE, lines=2))
    choices = [
        ("partial", "finger", Consent(source="screen", camera=False)),
        ("no", "close", Stop(source="screen")),
    ]
    offers_camera = state.camera_allowed and view.has_camera
    if offers_camera:
        choices.insert(0, ("full", "camera", Consent(source="screen", camera=True)))
    elif view.has_camera:
        barred, body = body.top(kit.px(30), kit.px(6))
        parts.append(text("barred", barred, kit.say("consent.camera_barred"), voice="soft"))
    if state.sensor.connected:
        # The sensor is an answer too, so the question says it, and to what.
        hint, body = body.top(kit.px(46 if kit.portrait else 28), kit.px(10))
        key = "finger" if offers_camera else "finger_barred"
        key, voice = ("holding", "accent") if state.finger_speaks else (key, "soft")
        key = "doubted" if state.finger_doubted else key
        parts.append(text("finger", hint, kit.say(f"consent.{key}"), SMALL, voice, lines=2))
    weights = [1.0] * len(choices)
    gap = kit.px(16)
    places = body.rows(weights, gap) if kit.portrait else body.columns(weights, gap)
    said = tuple(
        (kit.say(f"consent.{name}"), kit.say(f"consent.{name}_text")) for name, _, _ in choices
    )
    for place, words, (name, symbol, action) in zip(places, said, choices, strict=True):
        # All three look alike: a free choice is not pushed.
        parts.append(card(view, name, place, *words, symbol, action, beside=said))
    return Scene("consent", (kit.theme.accent, kit.theme.rose), tuple(parts), exact=True)
