"""Fonts that may be missing and texts that may be anything."""

import shutil
import unicodedata
from dataclasses import replace
from pathlib import Path

import numpy as np
import pygame
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device.interfaces.screen import parts
from device.interfaces.screen.area import Area
from device.interfaces.screen.canvas import compose
from device.interfaces.screen.frame import plain_words
from device.interfaces.screen.typeface import ASSETS, PACKAGED, Lettering, Weight, find_fonts
from device.interfaces.screen.typesetting import BODY, HERO, TITLE, Typesetter, _longest
from device.phrases import PHRASES
from tests.fakes.kiosk_states import LONG_TITLE, PLAYING
from tests.fakes.screens import view

pygame.font.init()
pygame.freetype.init()


def test_packaged_fonts_are_small_and_licensed() -> None:
    for path in PACKAGED.values():
        assert path.stat().st_size <= 400_000
    assert "SIL OPEN FONT LICENSE" in (ASSETS / "OFL.md").read_text()


@pytest.mark.parametrize("language", ["zh", "ko"])
def test_a_missing_cjk_font_names_the_package(tmp_path: Path, language: str) -> None:
    files = find_fonts(language, [tmp_path])
    assert "fonts-noto-cjk" in files.message
    assert not files.writes(language)


def test_latin_and_cyrillic_need_no_installed_font(tmp_path: Path) -> None:
    for language in ("en", "de", "ru"):
        files = find_fonts(language, [tmp_path])
        assert files.message == "" and files.writes(language)


def test_folders_that_are_not_there_are_no_fault() -> None:
    assert find_fonts("en", [Path("/no/such/folder")]).message == ""


def test_a_missing_packaged_font_is_said_and_replaced(tmp_path: Path) -> None:
    gone: dict[Weight, Path] = {"regular": tmp_path / "a.ttf", "bold": tmp_path / "b.ttf"}
    files = find_fonts("en", [tmp_path], gone)
    assert "a.ttf is missing or damaged" in files.message
    assert Lettering(files, 20, "bold").width("Hello") > 0


def test_a_damaged_font_is_as_good_as_none(tmp_path: Path) -> None:
    (tmp_path / "NotoSansCJK-Regular.ttc").write_bytes(b"ttcf" + bytes(300))
    assert "fonts-noto-cjk" in find_fonts("zh", [tmp_path]).message
    for name in ("a.ttf", "b.ttf"):
        (tmp_path / name).write_bytes(PACKAGED["bold"].read_bytes()[:2000])
    damaged: dict[Weight, Path] = {"regular": tmp_path / "a.ttf", "bold": tmp_path / "b.ttf"}
    files = find_fonts("en", [tmp_path], damaged)
    assert "damaged" in files.message
    assert Lettering(files, 20, "regular").width("Hello") > 0


def test_a_chinese_font_without_korean_is_no_korean_font(tmp_path: Path) -> None:
    """A font by a known name but with Latin letters only."""
    shutil.copy(PACKAGED["regular"], tmp_path / "DroidSansFallback.ttf")
    assert not find_fonts("ko", [tmp_path]).writes("ko")


def test_without_a_font_the_screen_speaks_english_and_says_why(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(parts, "_find", lambda language: find_fonts(language, [tmp_path]))
    kit = parts.kit_for(view(801, 481, language="zh"))
    assert kit.language == "en"
    assert "fonts-noto-cjk" in kit.message
    # The sentences of the kiosk are Chinese still: they are left out, not drawn as dots.
    message, reason = PHRASES["zh"].no_music, "你的脉搏：平静。"
    assert PLAYING.choice is not None
    state = replace(PLAYING, message=message, choice=replace(PLAYING.choice, reason=reason))
    shown = view(801, 481, language="zh")
    assert plain_words(kit, state, shown) == kit.message
    assert reason not in str([part.content for part in compose(state, shown).parts])


def written(text: str, area: Area, lines: int) -> tuple[pygame.Surface, Area]:
    surface = pygame.Surface((400, 300), 0, 32)
    setter = Typesetter(find_fonts("en"), 1.0)
    return surface, setter.write(surface, text, area, TITLE, (255, 255, 255), lines=lines)


@settings(max_examples=60, deadline=None)
@given(
    st.text(max_size=400)
    | st.text(alphabet="абв여름夏夜 fi\u0301😀\u200f", max_size=400)
    | st.text(alphabet="שלום عربي 12(a)", max_size=400),
    st.integers(40, 300),
    st.integers(20, 200),
    st.integers(1, 4),
)
def test_any_text_stays_inside_its_area(text: str, width: int, height: int, lines: int) -> None:
    area = Area(40, 40, width, max(height, 34))
    surface, used = written(text, area, lines)
    assert used.h <= area.h and used.w <= area.w
    ink = pygame.mask.from_threshold(surface, (255, 255, 255), (250, 250, 250)).get_bounding_rects()
    for box in ink:
        # One pixel of overhang: italics, accents and rounding of the smooth edge.
        assert box.left >= area.x - 2 and box.right <= area.right + 2
        assert box.top >= area.y - 2 and box.bottom <= area.bottom + 2


def drawn(text: str) -> pygame.Surface:
    """Return the ink of a line, nothing around it."""
    lettering = Lettering(find_fonts("en"), 30, "regular")
    surface = pygame.Surface((lettering.width(text) + 40, 80), pygame.SRCALPHA, 32)
    lettering.draw(surface, text, 20, 20, (255, 255, 255))
    return surface.subsurface(surface.get_bounding_rect())


needs_hebrew = pytest.mark.skipif(
    find_fonts("en").other is None, reason="no font for other scripts is installed"
)


@needs_hebrew
def test_hebrew_begins_at_the_right() -> None:
    both, first = drawn("בש"), drawn("ב")
    right = both.subsurface(both.width - first.width, 0, first.width, first.height)
    ink, wanted = (pygame.surfarray.array_alpha(one).astype(float) for one in (right, first))
    assert np.abs(ink - wanted).mean() < 12  # Smooth edges fall differently.


@needs_hebrew
def test_arabic_letters_are_joined() -> None:
    assert drawn("بب").width < 1.7 * drawn("ب").width


@needs_hebrew
@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("שיר 2019 חדש", [" חדש", "2019", "שיר "]),
        ("שיר (חי)", ["שיר (חי)"]),
        ("Mix: שלום עולם live", ["Mix: ", "שלום עולם", " live"]),
        ("ליל 12:30", ["12:30", "ליל "]),
    ],
)
def test_words_and_numbers_stand_where_they_are_read(text: str, seen: list[str]) -> None:
    lettering = Lettering(find_fonts("en"), 30, "regular")
    assert [run for _, run in lettering._runs(text)] == seen


def test_a_long_title_ends_with_an_ellipsis() -> None:
    setter = Typesetter(find_fonts("en"), 1.0)
    _, rows = setter._fit(LONG_TITLE, 400, 120, TITLE, 3)
    assert 1 <= len(rows) <= 3
    assert rows[-1].endswith("…")
    assert "".join(rows)[:20] == LONG_TITLE[:20]


def test_short_texts_are_not_cut_and_take_the_full_size() -> None:
    setter = Typesetter(find_fonts("en"), 1.0)
    font, rows = setter._fit("Hello", 600, 100, HERO, 1)
    assert rows == ["Hello"]
    assert font is setter.lettering(HERO.size, HERO.weight)


def test_a_text_too_wide_gets_smaller_before_it_is_cut() -> None:
    setter = Typesetter(find_fonts("en"), 1.0)
    words = "Nothing leaves this box"
    width = int(setter.width(words, BODY) * 0.85)
    _, rows = setter._fit(words, width, 40, BODY, 1)
    assert rows == [words]


def test_chinese_breaks_between_characters_but_not_before_a_comma() -> None:
    setter = Typesetter(find_fonts("zh"), 1.0)
    text = "先由你决定我可以感知什么，然后我为你找合适的音乐。" * 2
    _, rows = setter._fit(text, 200, 400, BODY, 10)
    assert len(rows) > 2
    assert not any(row[0] in "，。" for row in rows)
    assert "".join(rows) == text


@pytest.mark.parametrize("text", ["Bjo\u0308rk", "caf\u00e9", "\uc548\ub155"], ids=ascii)
def test_letters_that_come_apart_from_their_accents_look_the_same(text: str) -> None:
    apart = unicodedata.normalize("NFD", text)
    area = Area(0, 0, 300, 40)
    shown = [written(one, area, 1)[0] for one in (unicodedata.normalize("NFC", text), apart)]
    assert pygame.image.tobytes(shown[0], "RGB") == pygame.image.tobytes(shown[1], "RGB")


def test_what_no_font_writes_is_one_dot_for_what_looks_like_one_character(tmp_path: Path) -> None:
    letters = Lettering(find_fonts("en", [tmp_path]), 20, "regular")
    dot = letters.width("\u0e50")
    for one in (
        "\U0001f1e9\U0001f1ea",
        "\U0001f468\u200d\U0001f469\u200d\U0001f467",
        "\u0915\u093f",
    ):
        assert letters.width(one) == dot
    assert letters.width("\u200d") == 0
    assert letters.width("a\u20dd") == letters.width("a")


@pytest.mark.parametrize("most", range(30, 200, 10))
def test_a_text_is_not_cut_within_a_character(most: int) -> None:
    font = Typesetter(find_fonts("en", []), 1.0).lettering(20, "regular")
    start = _longest(font, "e\u0323\u0301" * 40, most, "…")
    assert start and len(start) % 3 == 0
