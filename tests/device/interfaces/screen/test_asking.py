"""What the mood sheet offers is understood by what reads it."""

from __future__ import annotations

import pytest

from catalog.emotions import describe
from catalog.words import read_mood
from device.interfaces.screen.scenes.asking import CHIPS

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
