"""A panel that hangs on its side or its head: seen and touched as if it hung upright."""

from __future__ import annotations

import numpy as np
import pygame
import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.interfaces.screen.area import Area
from device.interfaces.screen.mounting import Mounting

TURNS = (0, 90, 180, 270)


def painted(size: tuple[int, int]) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (*size, 3)).astype(np.uint8)


@pytest.mark.parametrize("rotate_deg", TURNS)
def test_the_picture_is_turned_clockwise(rotate_deg: int) -> None:
    panel = pygame.Surface((60, 40), 0, 32)
    mounting = Mounting(rotate_deg)
    front = mounting.hang(panel)
    assert front.get_size() == mounting.upright_px == ((40, 60) if rotate_deg % 180 else (60, 40))
    pixels = painted(front.get_size())
    pygame.surfarray.blit_array(front, pixels)
    assert mounting.show(panel, [Area(0, 0, *front.get_size())]) == [Area(0, 0, 60, 40)]
    # surfarray has x first: a turn clockwise on the screen is one from y to x there.
    turned = np.rot90(pixels, rotate_deg // 90, axes=(0, 1))
    assert np.array_equal(pygame.surfarray.array3d(panel), turned)


@given(st.sampled_from(TURNS[1:]), st.data())
def test_a_part_lies_where_the_whole_has_it(rotate_deg: int, data: st.DataObject) -> None:
    panel, whole = pygame.Surface((31, 17), 0, 32), pygame.Surface((31, 17), 0, 32)
    mounting = Mounting(rotate_deg)
    front = mounting.hang(panel)
    width, height = mounting.upright_px
    x, y = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    area = Area(x, y, data.draw(st.integers(1, width - x)), data.draw(st.integers(1, height - y)))
    pygame.surfarray.blit_array(front, painted((width, height)))
    front.fill((9, 99, 199), area)
    mounting.show(whole, [Area(0, 0, width, height)])
    (place,) = mounting.show(panel, [area])
    assert np.array_equal(
        pygame.surfarray.array3d(panel.subsurface(place)),
        pygame.surfarray.array3d(whole.subsurface(place)),
    )
    touched = (
        data.draw(st.integers(place.x, place.right - 1)),
        data.draw(st.integers(place.y, place.bottom - 1)),
    )
    assert area.holds(*mounting.upright(*touched))
    assert mounting.turned(Area(*mounting.upright(*touched), 1, 1))[:2] == touched
