"""Heart rate, stress arc and pulse wave."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import pygame
from numpy.typing import NDArray

from device.interfaces.screen import draw
from device.interfaces.screen.area import Area
from device.interfaces.screen.icons import icon
from device.interfaces.screen.parts import Keyed, Kit, Part
from device.interfaces.screen.theme import Theme
from device.interfaces.screen.typesetting import NUMBER, SMALL, TINY, Style
from device.interfaces.screen.view import ScreenView
from device.readings import KioskState, PulseAdvice, PulseReading

WAVE_PER_S = 62.0
"""Layout units of width for one second of pulse, so that a beat keeps its shape."""
WAVE_DELAY_S = 1.2
"""The wave runs this much late, so that it glides on between two readings."""
WAVE_STEPS_PER_S = 30
PULSE_MAX_AGE_S = 10.0
ARC_RAD = math.radians(125)
"""Half opening of the stress arc, from twelve o'clock to both sides."""


def fresh_pulse(state: KioskState, view: ScreenView) -> PulseReading | None:
    """Return the pulse reading unless it is missing or old."""
    pulse = state.pulse
    if pulse is None or view.now_s - pulse.measured_at > PULSE_MAX_AGE_S:
        return None
    return pulse


def stress_arc(kit: Kit, state: KioskState, view: ScreenView, area: Area) -> Part:
    """Return the arc with its number and how sure the box is."""
    pulse = fresh_pulse(state, view)
    label = kit.say("sensing.stress")
    if pulse is None or pulse.stress is None:
        key = "sensing.measuring" if pulse is not None and pulse.finger_on else ""
        return Part("stress", area, paint_arc, (None, 0, label, kit.say(key) if key else ""))
    percent = round(pulse.stress * 100)
    sure = round(pulse.stress_confidence * 20) * 5
    return Part(
        "stress", area, paint_arc, (percent, sure, label, kit.say("mood.sure", percent=sure))
    )


@lru_cache(maxsize=3)
def _arc_masks(size: int, width: float, share: float) -> tuple[draw.Mask, draw.Mask]:
    end = -ARC_RAD + 2 * ARC_RAD * max(0.002, share)
    mask, along = draw.arc(size, size / 2 - width, width, -ARC_RAD, end)
    return mask, along * np.float32(share)


def _arc_colours(theme: Theme, along: draw.Mask) -> draw.Mask:
    stops = np.asarray([theme.cool, theme.gold, theme.rose], np.float32)
    channels = [np.interp(along, (0.15, 0.5, 0.9), stops[:, i]) for i in range(3)]
    return np.stack(channels, axis=2).astype(np.float32)


def paint_arc(
    surface: pygame.Surface,
    kit: Kit,
    area: Area,
    percent: int | None,
    sure: int,
    label: str,
    second: str,
) -> None:
    """Draw the arc; the surer the box, the fuller its colour."""
    theme = kit.theme
    size = min(area.w, round(area.h * 1.12))
    width = max(4.0, size * 0.065)
    x, y = area.x + (area.w - size) // 2, area.y
    track, _ = _arc_masks(size, width, 1.0)
    surface.blit(draw.stamp(track, theme.line if theme.glow else (90, 90, 90, 255)), (x, y))
    middle = Area(x, y, size, min(size, area.h)).inset(round(size * 0.2), round(size * 0.16))
    number, below = middle.rows((5, 4), 0)
    if percent is not None:
        mask, along = _arc_masks(size, width, percent / 100)
        fullness = 0.45 + 0.55 * sure / 100 if theme.glow else 1.0
        full = np.asarray(mask * fullness, np.float32)
        surface.blit(draw.stamp_colours(_arc_colours(theme, along), full), (x, y))
        kit.type.write(
            surface, str(percent), number, NUMBER, theme.ink, align="centre", anchor="base"
        )
    else:
        kit.type.write(surface, "–", number, NUMBER, theme.soft, align="centre", anchor="base")
    name, rest = below.rows((1, 1), 0)
    kit.type.write(surface, label, name, SMALL, theme.ink, align="centre")
    kit.type.write(surface, second, rest, TINY, theme.soft, align="centre", anchor="top")


PULSE_HINTS: dict[str, str] = {
    PulseAdvice.FINGER: "sensing.rest_finger",
    PulseAdvice.WARM: "sensing.warm_finger",
    PulseAdvice.STILL: "sensing.hold_still",
    PulseAdvice.MORE: "sensing.more_seconds",
}
"""What the pulse asks for, as the screen says it."""


def heart_rate(kit: Kit, state: KioskState, view: ScreenView, area: Area) -> Part:
    """Return the heart rate in large digits, or what the person should do for one."""
    pulse = fresh_pulse(state, view)
    if pulse is not None and pulse.finger_on and pulse.heart_rate_bpm is not None:
        number = str(round(pulse.heart_rate_bpm))
        return Part("heart", area, paint_heart, (number, kit.say("sensing.bpm")))
    if not state.may_measure:
        hint = kit.say("consent.no_text")
    elif not state.sensor.connected:
        hint = kit.say("sensing.no_sensor")
    elif pulse is None or not pulse.finger_on:
        hint = kit.say("sensing.rest_finger")
    else:
        hint = kit.say(PULSE_HINTS.get(pulse.reason, "sensing.hold_still"))
    return Part("heart", area, paint_heart, ("", hint))


def paint_heart(surface: pygame.Surface, kit: Kit, area: Area, number: str, words: str) -> None:
    """Draw a heart, the number and its unit, or a hint."""
    theme = kit.theme
    side = min(kit.px(30), area.h)
    symbol = "heart_full" if number else "finger"
    colour = theme.rose if number else theme.soft
    surface.blit(icon(symbol, side, colour), (area.x, area.y + (area.h - side) // 2))
    room = area.left(side + kit.px(12))[1]
    if not number:
        kit.type.write(surface, words, room, SMALL, theme.soft, lines=3)
        return
    width = kit.type.width(number, NUMBER)
    digits, unit = room.left(width, kit.px(10))
    kit.type.write(surface, number, digits, NUMBER, theme.ink)
    kit.type.write(surface, words, unit, Style(15, 11), theme.soft, lines=3)


@lru_cache(maxsize=2)
def _bell(reach: int) -> NDArray[np.float64]:
    bell = np.hanning(2 * reach + 3)[1:-1]
    return np.asarray(bell / bell.sum(), np.float64)


def wave(kit: Kit, state: KioskState, view: ScreenView, area: Area) -> Part:
    """Return the pulse wave; it glides unless motion is reduced."""
    pulse = fresh_pulse(state, view)
    if pulse is None or pulse.wave.size < 2:
        return Part("wave", area, paint_wave, (None, 0.0))
    late_s = min(WAVE_DELAY_S, max(0.0, view.now_s - pulse.measured_at))
    step = 0 if kit.reduced_motion else round(late_s * WAVE_STEPS_PER_S)
    return Part(
        "wave", area, paint_wave, (Keyed(pulse.measured_at, pulse), step / WAVE_STEPS_PER_S)
    )


def paint_wave(
    surface: pygame.Surface, kit: Kit, area: Area, pulse: Keyed[PulseReading] | None, late_s: float
) -> None:
    """Draw the last seconds of pulse, fading out to the left."""
    theme = kit.theme
    line_px = max(2.0, 2.4 * kit.scale)
    if pulse is None:
        level = np.full(area.w, area.h / 2, np.float32)
        mask = draw.curve(area.w, area.h, level, theme.line_px, area.w // 3)
        surface.blit(draw.stamp(mask, theme.line), area[:2])
        return
    samples, rate_hz = pulse.value.wave, pulse.value.wave_rate_hz
    ages_s = (samples.size - 1 - np.arange(samples.size)) / rate_hz
    span_s = area.w / kit.scale / WAVE_PER_S
    shown_s = np.linspace(span_s, 0, area.w) + (WAVE_DELAY_S - late_s)
    height = np.interp(-shown_s, -ages_s, samples, left=np.nan)
    # The sensor's samples are wider than a pixel: round the corners between them.
    blur_px = max(1, round(area.w / span_s / rate_hz))
    height = np.convolve(np.pad(height, blur_px, mode="edge"), _bell(blur_px), "valid")
    reach = area.h / 2 - line_px - 1
    y = (area.h / 2 - np.clip(height, -1, 1) * reach).astype(np.float32)
    fade_px = area.w // 3 if theme.glow else 0
    mask = draw.curve(area.w, area.h, y, line_px, fade_px)
    surface.blit(draw.stamp(mask, theme.rose), area[:2])
    if theme.glow and np.isfinite(y[-1]):
        draw.disc(
            surface, (area.right - 3 * kit.scale, area.y + float(y[-1])), 3 * kit.scale, theme.ink
        )
