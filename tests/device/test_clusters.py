"""What a person takes for one character stays in one piece."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.clusters import clusters, shortened, without_last

WHOLE = [
    "a", "e\u0301", "a\u0308\u0323", "\r\n", "\U0001f1e9\U0001f1ea",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466", "\U0001f44d\U0001f3fd",
    "\u2764\ufe0f", "\u2764\ufe0f\u200d\U0001f525", "\U0001f3f3\ufe0f\u200d\U0001f308",
    "\U0001f469\U0001f3fd\u200d\u2695\ufe0f", "1\ufe0f\u20e3",
    "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
    "\ud55c", "\u1112\u1161\u11ab", "\ud558\u11ab", "\u0915\u094d\u0937\u093f", "\u0928\u0940",
    "\u0e01\u0e33", "\u0643\u064e", "\u0600\u0661", "z\u200c",
]  # fmt: skip
"""Examples of the rules of UAX #29, each one character."""

PIECES = sorted({part for whole in WHOLE for part in whole} | {" ", "b", "难"})


@pytest.mark.parametrize("whole", WHOLE, ids=ascii)
def test_one_character_is_one(whole: str) -> None:
    assert clusters(whole) == [whole]
    assert clusters(f"x{whole} {whole}y") == ["x", whole, " ", whole, "y"]
    assert without_last(f"sad {whole}") == "sad "


@pytest.mark.parametrize(
    ("text", "parts"),
    [("\U0001f1e9\U0001f1ea\U0001f1eb\U0001f1f7", 2), ("\U0001f1e9\U0001f1ea\U0001f1eb", 2),
     ("\ud55c\uad6d", 2), ("\ud55c\u1161", 2), ("\U0001f468\U0001f469", 2), ("a\u200db", 2),
     ("\n\r", 2), ("a\n\u0301", 3), ("难过", 2), ("", 0)],
    ids=ascii,
)  # fmt: skip
def test_neighbours_are_kept_apart(text: str, parts: int) -> None:
    assert len(clusters(text)) == parts


@given(st.text(st.sampled_from(PIECES)) | st.text())
def test_nothing_is_lost_and_taking_back_ends(text: str) -> None:
    parts = clusters(text)
    assert "".join(parts) == text
    assert all(parts)
    assert without_last(text) == "".join(parts[:-1])


@given(st.text(st.sampled_from(PIECES)) | st.text(), st.integers(0, 12))
def test_a_limit_cuts_between_characters_only(text: str, most: int) -> None:
    short = shortened(text, most)
    parts = clusters(text)
    assert len(short) <= most
    count = len(clusters(short))
    assert short == "".join(parts[:count])
    assert count == len(parts) or len("".join(parts[: count + 1])) > most


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_letter_has_its_accents_however_it_is_encoded(text: str) -> None:
    composed, apart = (unicodedata.normalize(form, text) for form in ("NFC", "NFD"))
    assert len(clusters(composed)) == len(clusters(apart))
