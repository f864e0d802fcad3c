"""Drawing: pure, incremental where it may be, and unbreakable by odd input."""

from dataclasses import replace

import numpy as np
import pygame
import pytest

from device.interfaces.screen.canvas import Canvas, compose, render
from device.interfaces.screen.frame import plain_words
from device.interfaces.screen.parts import kit_for
from device.interfaces.screen.wording import LANGUAGES, say
from device.phrases import PHRASES
from device.readings import CameraStatus, KioskState, PlayerState
from tests.fakes.kiosk_states import (
    CONSENT,
    EMPTY_SENSING,
    FAREWELL,
    FAULTS,
    IDLE,
    LONG,
    MOMENTS,
    NOW_S,
    PLAYING,
    SENSING,
    faces,
)
from tests.fakes.screens import moments, view


def pixels(surface: pygame.Surface) -> np.ndarray:
    return pygame.surfarray.array3d(surface)


def test_the_same_state_gives_the_same_pixels() -> None:
    assert np.array_equal(pixels(render(SENSING, view())), pixels(render(SENSING, view())))


def test_drawing_what_changed_equals_drawing_everything() -> None:
    """A visit played on one canvas looks at each step like a fresh drawing."""
    surface = pygame.Surface((800, 480), 0, 32)
    canvas = Canvas()
    steps = [(state, dict(opened)) for _, state, opened in moments()]
    later = replace(SENSING, faces=faces(0.3), pulse=None)
    steps += [(SENSING, {}), (SENSING, {"now_s": NOW_S + 0.2}), (later, {})]
    player = replace(PLAYING.player, position_s=91.0, status="paused")
    steps += [(PLAYING, {}), (replace(PLAYING, player=player, liked=True), {"pressed": "skip"})]
    steps += [(IDLE, {}), (IDLE, {"now_s": NOW_S + 1.0})]
    for state, opened in steps:
        shown = view(**opened)
        canvas.paint(surface, compose(state, shown), kit_for(shown))
        assert np.array_equal(pixels(surface), pixels(render(state, shown)))


def test_nothing_is_drawn_when_nothing_changed() -> None:
    surface, canvas = pygame.Surface((800, 480), 0, 32), Canvas()
    first = canvas.paint(surface, compose(PLAYING, view()), kit_for(view()))
    again = canvas.paint(surface, compose(replace(PLAYING, seq=99), view()), kit_for(view()))
    assert first and again == []


def test_only_the_bar_is_drawn_when_only_time_went_on() -> None:
    surface, canvas = pygame.Surface((800, 480), 0, 32), Canvas()
    canvas.paint(surface, compose(PLAYING, view()), kit_for(view()))
    player = replace(PLAYING.player, position_s=PLAYING.player.position_s + 1)
    scene = compose(replace(PLAYING, player=player), view())
    bar = scene.part("progress")
    assert bar is not None
    assert canvas.paint(surface, scene, kit_for(view())) == [bar.area]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_screen_draws_small_and_in_high_contrast(language: str) -> None:
    for _, state, opened in moments():
        shown = view(480, 272, language=language, high_contrast=True, **opened)
        assert len(np.unique(pixels(render(state, shown)))) > 2


@pytest.mark.parametrize("size", [(1, 1), (0, 0), (2, 900), (119, 119), (121, 121), (320, 240)])
def test_a_window_resized_to_nothing(size: tuple[int, int]) -> None:
    for state in MOMENTS.values():
        surface = render(state, view(*size))
        assert surface.get_size() == (max(1, size[0]), max(1, size[1]))


def test_a_title_of_300_characters_in_four_scripts_moves_nothing() -> None:
    """Only the words differ from a short title's drawing; every other pixel stays."""
    short, long = compose(PLAYING, view()), compose(LONG, view())
    assert [(p.name, p.area) for p in short.parts] == [(p.name, p.area) for p in long.parts]
    assert LONG.player.track is not None and len(LONG.player.track.title) == 300
    changed = np.any(pixels(render(PLAYING, view())) != pixels(render(LONG, view())), axis=2)
    for part in short.parts:
        if part.name in {"names", "reason"}:
            area = part.area
            changed[area.x : area.right, area.y : area.bottom] = False
    assert not changed.any()


def test_high_contrast_is_black_and_white_where_it_is_read() -> None:
    shown = pixels(render(IDLE, view(high_contrast=True)))
    assert (shown == 0).all(axis=2).mean() > 0.5
    assert (shown == 255).all(axis=2).any()


@pytest.mark.parametrize("contrast", [False, True], ids=["usual", "contrast"])
def test_what_enter_would_press_can_be_seen(contrast: bool) -> None:
    """WCAG 2.2, 2.4.13: as large a change as a line of 2 CSS pixels around it, of 3:1 or more."""
    for state in (CONSENT, PLAYING):
        plain = pixels(render(state, view(high_contrast=contrast))).astype(int)
        for part in compose(state, view()).parts:
            if not part.answers:
                continue
            shown = view(high_contrast=contrast, focus=part.name)
            change = np.abs(pixels(render(state, shown)).astype(int) - plain).max(axis=2)
            side = min(part.area.w, part.area.h)  # Of round ones; capsules are longer.
            assert np.count_nonzero(change > 70) >= 2 * np.pi * 0.9 * side, part.name


@pytest.mark.parametrize("contrast", [False, True], ids=["usual", "contrast"])
def test_what_the_finger_presses_can_be_seen(contrast: bool) -> None:
    for state, opened in ((CONSENT, ""), (PLAYING, ""), (PLAYING, "strategy"), (PLAYING, "mood")):
        shown = view(high_contrast=contrast, sheet=opened)
        plain = pixels(render(state, shown)).astype(int)
        for part in compose(state, shown).parts:
            if part.action is None:
                continue
            under = pixels(render(state, replace(shown, pressed=part.name))).astype(int)
            change = np.abs(under - plain).max(axis=2)
            assert np.count_nonzero(change > 15) > 500, part.name


@pytest.mark.parametrize("percent", [0.0, 3.0, 98.0, 100.0])
def test_the_knob_of_the_volume_is_whole_at_both_ends(percent: float) -> None:
    shown = view(sheet="volume")
    part = compose(PLAYING, shown).part("slider")
    assert part is not None

    def knob(volume: float) -> int:
        louder = replace(PLAYING, player=replace(PLAYING.player, volume_percent=volume))
        ink = pixels(render(louder, shown).subsurface(part.area)).min(axis=2) > 225
        return int(np.count_nonzero(ink))

    assert knob(percent) == pytest.approx(knob(50.0), rel=0.03)


def test_reduced_motion_stands_still() -> None:
    for state in (IDLE, SENSING):
        now = pixels(render(state, view(reduced_motion=True)))
        later = pixels(render(state, view(reduced_motion=True, now_s=NOW_S + 0.5)))
        assert np.array_equal(now, later)
        moving = pixels(render(state, view(now_s=NOW_S + 0.5)))
        assert not np.array_equal(now, moving)


def camera_part(state: KioskState) -> str:
    part = compose(state, view()).part("camera")
    assert part is not None
    return str(part.content[0])


def test_the_indicator_follows_the_open_device_on_every_screen() -> None:
    for _, state, _ in moments():
        opened = replace(state, camera=CameraStatus(True, "x"))
        closed = replace(state, camera=CameraStatus(False, "x"))
        assert camera_part(opened) == "Camera on"
        assert camera_part(closed) == "Camera off"


def test_old_readings_are_not_shown() -> None:
    part = compose(SENSING, view(now_s=NOW_S + 60)).part("heart")
    assert part is not None and "72" not in str(part.content)


def test_no_picture_of_the_person_can_reach_the_screen() -> None:
    """The state has no pixels, so two people with equal readings look the same."""
    assert not hasattr(SENSING, "frame")
    assert compose(EMPTY_SENSING, view()).part("oval") is not None


@pytest.mark.parametrize(
    ("camera", "says"),
    [
        (CameraStatus(True, "x"), "Looking for you"),
        (CameraStatus(True, "x", "the picture is black"), "The camera sees nothing"),
        (CameraStatus(False, "x", "the camera was unplugged"), "The camera cannot be used"),
        (CameraStatus(False, "x"), "Without camera"),
    ],
)
def test_a_camera_that_tells_nothing_says_so_in_place_of_the_face(
    camera: CameraStatus, says: str
) -> None:
    oval = compose(replace(EMPTY_SENSING, camera=camera), view()).part("oval")
    assert oval is not None
    assert says in oval.content


def test_faults_are_said_in_plain_words() -> None:
    line = plain_words(kit_for(view()), FAULTS, view())
    assert line == "The finger sensor was pulled out: plug it in again (+2)"
    only = replace(FAULTS, message="", player=PLAYING.player)
    assert plain_words(kit_for(view()), only, view()) == "The camera has stopped. The rest goes on."
    assert "OSError" not in line


@pytest.mark.parametrize("language", LANGUAGES)
def test_music_that_could_not_be_read_is_not_said_to_go_on(language: str) -> None:
    """A stick was pulled out: after five files the player waits for somebody to choose."""
    trouble = "5 tracks in a row cannot be played (the last: /media/stick/a.flac: no such file)"
    silent = replace(
        PLAYING,
        player=PlayerState("idle", message=trouble),
        message=PHRASES[language].left_out,
    )
    shown = view(language=language)
    line = plain_words(kit_for(shown), silent, shown)
    assert line.startswith(say(language, "fault.unreadable"))
    assert "/media" not in line


def test_what_the_player_says_in_english_is_kept_from_other_languages() -> None:
    player = replace(PLAYING.player, message="/music/b.flac: damaged")
    playing, shown = replace(PLAYING, player=player), view(language="de")
    assert plain_words(kit_for(view()), playing, view()) == "/music/b.flac: damaged"
    assert plain_words(kit_for(shown), playing, shown) == ""


def test_a_farewell_without_measurements() -> None:
    part = compose(replace(FAREWELL, chart=()), view()).part("chart")
    assert part is not None and "Nothing was measured" in str(part.content)
    render(replace(FAREWELL, chart=FAREWELL.chart[:1]), view())
