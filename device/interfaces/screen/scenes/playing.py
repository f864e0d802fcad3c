"""Now playing: the cover, why this track, and what a finger may change."""

from __future__ import annotations

import pygame

from catalog.track import Track
from device.interfaces.screen import covers, draw
from device.interfaces.screen.area import Area
from device.interfaces.screen.buttons import paint_focus, pill, round_button
from device.interfaces.screen.frame import around, paint_text, text
from device.interfaces.screen.gauges import fresh_pulse
from device.interfaces.screen.icons import icon
from device.interfaces.screen.parts import Keyed, Kit, Part, Scene
from device.interfaces.screen.theme import Colour, mood_colour
from device.interfaces.screen.typesetting import SMALL, TITLE, Style
from device.interfaces.screen.view import Action, OpenSheet, ScreenView, Sheet
from device.interfaces.screen.wording import mood_words
from device.readings import Dislike, KioskState, Like, Pause, Play, Skip, Stop, Strategy

LIVE_TOUCH = 48
STRATEGY_ICONS = {
    Strategy.MATCH: "match",
    Strategy.LIFT: "lift",
    Strategy.CALM: "calm",
    Strategy.ENERGISE: "energise",
    Strategy.MANUAL: "manual",
}


def playing(kit: Kit, state: KioskState, view: ScreenView) -> Scene:
    """The screen while music plays."""
    parts, body = around(kit, state, view, Stop(source="screen"))
    gap = kit.px(14)
    controls, body = body.base(kit.px(168 if kit.portrait else 80), gap)
    progress, body = body.base(kit.px(30), gap)
    parts += _controls(kit, state, view, controls)
    parts.append(_progress(kit, state, progress))
    if kit.portrait:
        side = min(body.w, round(body.h * 0.49))
        cover, words = body.top(side, gap)
        cover = cover.middle(side, side)
    else:
        side = min(body.h, round(body.w * 0.4))
        cover, words = body.left(side, kit.px(28))
        cover = cover.middle(side, side)
    parts += _track(kit, state, view, cover, words)
    track = state.player.track
    light = kit.theme.accent
    if track is not None:
        light = mood_colour(track.point.valence, track.point.arousal)
    return Scene("playing", (light, kit.theme.rose), tuple(parts))


def _track(kit: Kit, state: KioskState, view: ScreenView, cover: Area, words: Area) -> list[Part]:
    track = state.player.track
    if track is None:
        return [
            Part("cover", cover, paint_no_cover),
            text("title", words, kit.say("playing.choosing"), TITLE, "soft", lines=3),
        ]
    own = Keyed(id(view.cover), view.cover) if view.cover is not None else None
    live, words = words.top(kit.px(LIVE_TOUCH))
    reason, words = words.base(kit.px(88), kit.px(10))
    names = Keyed((track.title, track.artist), (track.title or track.path.stem, track.artist))
    parts = [
        Part("cover", cover, paint_cover, (Keyed(track.track_id, track), own)),
        Part("names", words, paint_names, (names, kit.say("playing.unknown_artist"))),
        _live(kit, state, view, live),
    ]
    is_told = kit.language == view.language  # Else no font writes the sentence.
    if is_told and state.choice is not None and state.choice.track.track_id == track.track_id:
        head, below = reason.top(kit.px(24), kit.px(2))
        parts += [
            text("why", head, kit.say("playing.why"), Style(15, 12, "bold"), "accent"),
            Part(
                "reason",
                below,
                paint_text,
                (state.choice.reason, Style(19, 13), "soft", "left", "top", 3),
            ),
        ]
    return parts


def _live(kit: Kit, state: KioskState, view: ScreenView, area: Area) -> Part:
    """The reading in one line; a touch opens the whole of it."""
    pulse = fresh_pulse(state, view)
    rate = pulse.heart_rate_bpm if pulse is not None and pulse.finger_on else None
    speed = kit.say("playing.speed", bpm=round(rate)) if rate is not None else ""
    mood, place = kit.say("mood.unknown"), None
    if state.mood is not None and state.mood.confidence > 0:
        point = state.mood.point
        mood = mood_words(point, kit.language)
        place = mood_colour(round(point.valence, 1), round(point.arousal, 1))
    held = "live" in {view.focus, view.pressed}
    return Part("live", area, paint_live, (mood, place, speed, held), OpenSheet(Sheet.READING))


def _controls(kit: Kit, state: KioskState, view: ScreenView, area: Area) -> list[Part]:
    """One table of the things to press under the music."""
    plays = state.player.status == "playing"
    liked = state.liked
    strategy = state.strategy
    aim = OpenSheet(Sheet.STRATEGY)
    main: list[tuple[str, str, Action, str]] = [
        ("dislike", "heart_off", Dislike(source="screen"), "chosen" if liked is False else "plain"),
        ("like", "heart_full" if liked else "heart", Like(source="screen"),
         "chosen" if liked else "plain"),
        ("play", "pause" if plays else "play",
         Pause(source="screen") if plays else Play(source="screen"), "main"),
        ("skip", "skip", Skip(source="screen"), "plain"),
    ]  # fmt: skip
    side: list[tuple[str, str, Action, str]] = [
        ("words", "words", OpenSheet(Sheet.MOOD), "chosen" if state.asks_for_mood else "plain"),
        ("volume", "volume", OpenSheet(Sheet.VOLUME), "plain"),
    ]
    wide, places, ends = _places(kit, area, len(main))
    parts = [
        pill(view, "strategy", wide, kit.say(f"strategy.{strategy}"), aim,
             symbol=STRATEGY_ICONS[strategy]),
    ]  # fmt: skip
    for place, (name, symbol, action, kind) in zip((*places, *ends), (*main, *side), strict=True):
        size = min(place.w, place.h, kit.px(84 if kind == "main" else 70))
        square = place.middle(size, size)
        parts.append(round_button(view, name, square, symbol, action, kind=kind))
    return parts


def _places(kit: Kit, area: Area, count: int) -> tuple[Area, tuple[Area, ...], tuple[Area, Area]]:
    """Return the places of the strategy, of ``count`` main controls and of the last two."""
    gap = kit.px(14)
    if kit.portrait:
        upper, lower = area.rows((92, 76), gap)
        places = upper.columns([1] * count, gap)
        small = min(lower.h, kit.px(72))
        last, rest = lower.end(small, gap)
        first, rest = rest.end(small, gap)
        wide = rest.middle(rest.w, kit.px(66))
    else:
        small = min(area.h, kit.px(72))
        wide, rest = area.left(kit.px(190), gap)
        wide = wide.middle(wide.w, kit.px(66))
        last, rest = rest.end(small, gap)
        first, rest = rest.end(small, gap)
        row = rest.middle(min(rest.w, kit.px(4 * 80 + 3 * 16)), rest.h)
        places = row.columns([1] * count, gap)
    return wide, places, (first, last)


def _progress(kit: Kit, state: KioskState, area: Area) -> Part:
    player = state.player
    length_s = player.track.duration_s if player.track is not None else 0.0
    at_s = min(max(0.0, player.position_s), length_s) if length_s > 0 else 0.0
    bar_px = area.w - 2 * kit.px(64)
    done_px = round(bar_px * at_s / length_s) if length_s > 0 else 0
    content = (clock_text(at_s), clock_text(length_s), done_px, player.status == "paused")
    return Part("progress", area, paint_progress, content)


def clock_text(seconds: float) -> str:
    """Return minutes and seconds, hours where there are any.

    >>> clock_text(65.9), clock_text(3661)
    ('1:05', '1:01:01')
    """
    whole = int(seconds)
    hours, minutes = whole // 3600, whole // 60 % 60
    if hours:
        return f"{hours}:{minutes:02d}:{whole % 60:02d}"
    return f"{minutes}:{whole % 60:02d}"


def paint_progress(
    surface: pygame.Surface, kit: Kit, area: Area, now: str, end: str, done_px: int, dim: bool
) -> None:
    """Times and a thin bar."""
    theme = kit.theme
    first, rest = area.left(kit.px(64))
    last, middle = rest.end(kit.px(64))
    kit.type.write(surface, now, first, SMALL, theme.soft)
    kit.type.write(surface, end, last, SMALL, theme.soft, align="right")
    height = max(4, kit.px(6))
    bar = middle.middle(middle.w, height)
    if theme.glow:
        draw.box(surface, bar, height // 2, theme.line)
    else:
        draw.box(surface, bar, height // 2, (0, 0, 0, 255), theme.line, theme.line_px)
    if done_px > 0:
        full = Area(bar.x, bar.y, max(height, done_px), height)
        draw.box(surface, full, height // 2, (*(theme.soft if dim else theme.accent), 255))
        draw.disc(surface, (full.right, bar.centre[1]), height * 1.15, theme.ink)


def paint_cover(
    surface: pygame.Surface,
    kit: Kit,
    area: Area,
    track: Keyed[Track],
    own: Keyed[pygame.Surface] | None,
) -> None:
    """The album's picture or the drawn one, with round corners."""
    picture = own.value if own is not None else covers.drawn_cover(track.value, area.w)
    surface.blit(covers.rounded(picture, area.w, kit.px(24)), area[:2])
    draw.box(surface, area, kit.px(24), (0, 0, 0, 0), kit.theme.panel_line, kit.theme.line_px)


def paint_no_cover(surface: pygame.Surface, kit: Kit, area: Area) -> None:
    """A quiet place for the picture that is to come."""
    draw.box(surface, area, kit.px(24), kit.theme.panel, kit.theme.panel_line, kit.theme.line_px)
    side = area.w // 3
    place = area.middle(side, side)
    surface.blit(icon("note", side, kit.theme.soft, 0.6), place[:2])


def paint_names(
    surface: pygame.Surface, kit: Kit, area: Area, names: Keyed[tuple[str, str]], unknown: str
) -> None:
    """Title over artist, together in the middle of what room there is."""
    title, artist = names.value
    artist = artist or unknown
    style = Style(22, 15)
    artist_height = kit.type.measure(artist, area.w, area.h // 3, style, 1)
    room = max(0, area.h - artist_height - kit.px(6))
    title_height = kit.type.measure(title, area.w, room, TITLE, 3)
    block = area.middle(area.w, title_height + artist_height + kit.px(6))
    head, below = block.top(title_height, kit.px(6))
    kit.type.write(surface, title, head, TITLE, kit.theme.ink, anchor="top", lines=3)
    kit.type.write(surface, artist, below, style, kit.theme.soft, anchor="top")


def paint_live(
    surface: pygame.Surface,
    kit: Kit,
    area: Area,
    mood: str,
    place: Colour | None,
    speed: str,
    focused: bool,
) -> None:
    """A bead in the colour of the mood, its word, a heart and its rate."""
    theme = kit.theme
    style = Style(18, 13)
    height = kit.px(40)
    area = area.top(height)[0]  # What is touched is higher than what is seen.
    room = area.w - kit.px(44)
    speed_w = kit.type.width(speed, style) + kit.px(46) if speed else 0
    mood_w = min(kit.type.width(mood, style), max(kit.px(40), room - speed_w))
    capsule = Area(area.x, area.y, min(area.w, mood_w + speed_w + kit.px(46)), height)
    draw.box(surface, capsule, height // 2, theme.panel, theme.panel_line, theme.line_px)
    if focused:
        paint_focus(surface, kit, capsule, height // 2)
    bead = (capsule.x + kit.px(18), capsule.centre[1])
    draw.disc(surface, bead, 6 * kit.scale, place if place is not None else theme.soft)
    text_area = Area(capsule.x + kit.px(32), capsule.y, mood_w, height)
    kit.type.write(surface, mood, text_area, style, theme.ink)
    if speed:
        side = kit.px(18)
        x = text_area.right + kit.px(16)
        surface.blit(icon("heart_full", side, theme.rose), (x, capsule.y + (height - side) // 2))
        rest = Area(x + side + kit.px(6), capsule.y, capsule.right - x - side - kit.px(18), height)
        kit.type.write(surface, speed, rest, style, theme.ink)
