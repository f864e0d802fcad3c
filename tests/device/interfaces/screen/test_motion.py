"""What moves between two states."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pygame

from device.interfaces.screen.area import Area
from device.interfaces.screen.motion import FADE_S, Fade, MoodGlide
from tests.fakes.kiosk_states import IDLE, MOOD, NOW_S, SENSING, point


def page(colour: tuple[int, int, int]) -> pygame.Surface:
    surface = pygame.Surface((20, 10), 0, 32)
    surface.fill(colour)
    return surface


def test_the_point_glides_and_arrives() -> None:
    glide = MoodGlide(reduced_motion=False)
    glide.follow(SENSING, NOW_S)
    moved = replace(SENSING, mood=replace(MOOD, point=point("NB", -0.5, -0.5)))
    seen = []
    for step in range(1, 120):
        glide.follow(moved, NOW_S + step / 30)
        assert glide.at is not None
        seen.append(glide.at[0])
    assert all(later <= earlier for earlier, later in pairwise(seen))
    assert seen[0] > 0 and seen[-1] == -0.5
    assert 1 <= len(glide.trail) <= 8


def test_the_point_jumps_with_reduced_motion() -> None:
    glide = MoodGlide(reduced_motion=True)
    glide.follow(SENSING, NOW_S)
    moved = replace(SENSING, mood=replace(MOOD, point=point("NB", -0.5, -0.5)))
    glide.follow(moved, NOW_S + 0.03)
    assert glide.at == (-0.5, -0.5) and glide.trail == ()


def test_the_way_of_the_point_is_forgotten_with_the_mood() -> None:
    glide = MoodGlide(reduced_motion=False)
    for step in range(60):
        swing = replace(MOOD, point=point("PA", (-1) ** step * 0.5, 0.0))
        glide.follow(replace(SENSING, mood=swing), NOW_S + step)
    assert glide.trail
    glide.follow(IDLE, NOW_S + 61)
    assert glide.at is None and glide.trail == ()


def test_one_screen_passes_into_the_next() -> None:
    fade, display = Fade(reduced_motion=False), page((0, 0, 0))
    whole = Area(0, 0, 20, 10)
    fade.show(display, page((200, 0, 0)), [whole], "one", 0.0)
    assert display.get_at((5, 5))[:3] == (200, 0, 0)
    fade.show(display, page((0, 0, 200)), [whole], "two", 1.0)
    assert fade.active
    fade.show(display, page((0, 0, 200)), [], "two", 1.0 + FADE_S / 2)
    red, _, blue = display.get_at((5, 5))[:3]
    assert 60 < red < 140 and 60 < blue < 140
    assert fade.show(display, page((0, 0, 200)), [], "two", 1.0 + FADE_S) == [whole]
    assert not fade.active
    assert np.all(pygame.surfarray.array3d(display) == (0, 0, 200))
    assert fade.show(display, page((0, 0, 200)), [], "two", 2.0) == []


def test_reduced_motion_does_not_fade() -> None:
    fade, display = Fade(reduced_motion=True), page((0, 0, 0))
    whole = Area(0, 0, 20, 10)
    fade.show(display, page((200, 0, 0)), [whole], "one", 0.0)
    fade.show(display, page((0, 0, 200)), [whole], "two", 1.0)
    assert not fade.active and display.get_at((5, 5))[:3] == (0, 0, 200)
