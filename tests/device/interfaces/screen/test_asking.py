"""What the mood sheet offers is understood by what reads it."""

from __future__ import annotations

import pygame
import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.emotions import describe
from catalog.words import read_mood
from device.interfaces.screen.area import Area
from device.interfaces.screen.canvas import compose
from device.interfaces.screen.parts import kit_for
from device.interfaces.screen.scenes.asking import CHIPS, in_sight, paint_typed
from device.interfaces.screen.typesetting import BODY
from device.readings import SayMood
from tests.fakes.kiosk_states import ASKING
from tests.fakes.screens import view

PLEASANT = {"happy", "calm", "in_love", "hopeful", "nostalgic"}


@pytest.mark.parametrize("chip", CHIPS)
def test_every_chip_says_a_mood_of_its_own_side(chip: str) -> None:
    point = read_mood(CHIPS[chip]).point
    assert point is not None
    assert (point.valence > 0) == (chip in PLEASANT)


def test_who_says_tired_is_called_so() -> None:
    point = read_mood(CHIPS["tired"]).point
    assert point is not None
    assert describe(point) == "sad, a little drowsy"


def test_quiet_and_loud_chips_differ_in_arousal() -> None:
    arousal = {chip: read_mood(text).point for chip, text in CHIPS.items()}
    quiet, loud = arousal["calm"], arousal["angry"]
    assert quiet is not None
    assert loud is not None
    assert quiet.arousal < 0 < loud.arousal


LONG = "I have been feeling rather down since the summer and nothing makes it any better"


def line_typed(typed: str) -> bytes:
    """Return the picture of the line that is being typed."""
    surface = pygame.Surface((300, 60), 0, 32)
    paint_typed(surface, kit_for(view()), Area(0, 0, 300, 60), typed)
    return pygame.image.tobytes(surface, "RGB")


def test_the_caret_stands_behind_a_space() -> None:
    assert line_typed("tired ") != line_typed("tired")


def test_an_accent_typed_apart_looks_the_same() -> None:
    assert line_typed("cafe\u0301") == line_typed("caf\u00e9")


def test_a_space_at_the_end_is_typed_but_not_said() -> None:
    scene = compose(ASKING, view(typed=" tired "))
    line, send = scene.part("typed"), scene.part("send")
    assert line is not None and line.content == ("tired ",)
    assert send is not None and send.action == SayMood(source="screen", text="tired")


@given(st.integers(40, 400))
def test_what_does_not_fit_begins_with_an_ellipsis(width: int) -> None:
    kit = kit_for(view())
    shown = in_sight(kit, LONG, width)
    assert kit.type.width(shown, BODY) <= width
    assert shown.startswith("…") and LONG.endswith(shown[1:])
    assert in_sight(kit, "tired", 400) == "tired"


def test_what_is_in_sight_begins_with_a_whole_character() -> None:
    shown = in_sight(kit_for(view()), "\U0001f468\u200d\U0001f469" * 30, 60)
    assert shown[1] == "\U0001f468"
