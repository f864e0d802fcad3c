"""Names of files on a terminal."""

from __future__ import annotations

import os

import pytest

from catalog.plain import cut, plain


def test_a_file_name_cannot_steer_the_terminal() -> None:
    name = os.fsdecode(b"caf\xe9\n\x1b[31mred\x9b.mp3")
    assert plain(name) == "caf\ufffd\ufffd\ufffd[31mred\ufffd.mp3"
    assert plain("Музыка 音乐 🎵 e\u0301") == "Музыка 音乐 🎵 e\u0301"


@pytest.mark.parametrize(
    ("text", "columns", "kept"),
    [("abc", 3, "abc"), ("abcd", 3, "abc"), ("音乐是", 4, "音乐"), ("音乐是", 5, "音乐"),
     ("e\u0301e\u0301e", 2, "e\u0301e\u0301"), ("abc", 0, "")],
)  # fmt: skip
def test_wide_letters_take_two_columns(text: str, columns: int, kept: str) -> None:
    assert cut(text, columns) == kept
