"""Which display is opened where."""

import os
from pathlib import Path

import pygame
import pytest

from device.config import ScreenSettings
from device.interfaces.screen.display import (
    DisplayChoice,
    DisplayError,
    choose_display,
    close_display,
    open_display,
)

AUTO = ScreenSettings()


@pytest.fixture
def dri(tmp_path: Path) -> Path:
    (tmp_path / "card0").touch()
    return tmp_path


def test_console_of_a_pi(dri: Path) -> None:
    assert choose_display(AUTO, {}, dri) == DisplayChoice("fullscreen", "kmsdrm")


def test_window_on_x11(dri: Path) -> None:
    assert choose_display(AUTO, {"DISPLAY": ":0"}, dri) == DisplayChoice("window", "x11")


def test_window_on_wayland_falls_back_to_x11(dri: Path) -> None:
    both = {"DISPLAY": ":0", "WAYLAND_DISPLAY": "wayland-0"}
    assert choose_display(AUTO, both, dri) == DisplayChoice("window", "wayland,x11")
    alone = {"WAYLAND_DISPLAY": "wayland-0"}
    assert choose_display(AUTO, alone, dri) == DisplayChoice("window", "wayland")


def test_fullscreen_on_a_desktop_when_asked(dri: Path) -> None:
    asked = ScreenSettings(mode="fullscreen")
    assert choose_display(asked, {"DISPLAY": ":0"}, dri).mode == "fullscreen"


def test_headless_says_so_in_one_line(tmp_path: Path) -> None:
    choice = choose_display(AUTO, {}, tmp_path / "missing")
    assert choice.mode == "none"
    assert "without a screen" in choice.message and "\n" not in choice.message


@pytest.mark.skipif(os.geteuid() == 0, reason="root may open everything")
def test_no_rights_names_the_groups(dri: Path) -> None:
    (dri / "card0").chmod(0)
    assert "video and render" in choose_display(AUTO, {}, dri).message


def test_no_rights_names_the_groups_for_root_too(
    dri: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    choice = choose_display(AUTO, {}, dri)
    assert choice.mode == "none" and "video and render" in choice.message


def test_a_window_on_a_console_becomes_the_whole_screen(dri: Path) -> None:
    choice = choose_display(ScreenSettings(mode="window"), {}, dri)
    assert choice.mode == "fullscreen" and choice.message


def test_none_is_none_without_a_word(dri: Path) -> None:
    assert choose_display(ScreenSettings(mode="none"), {"DISPLAY": ":0"}, dri) == DisplayChoice(
        "none", ""
    )


def test_a_forced_driver_is_kept(tmp_path: Path) -> None:
    assert choose_display(AUTO, {"SDL_VIDEODRIVER": "dummy"}, tmp_path).driver == "dummy"


def test_a_display_that_cannot_open_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDL_VIDEODRIVER", "x11")
    monkeypatch.setenv("DISPLAY", ":987")
    with pytest.raises(DisplayError, match="cannot be opened") as raised:
        open_display(DisplayChoice("window", "x11"), AUTO)
    assert "\n" not in str(raised.value)
    assert not pygame.display.get_init()


def test_opens_and_closes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    surface = open_display(DisplayChoice("window", "dummy"), AUTO)
    assert surface.get_size() == (1024, 600)
    close_display()
    close_display()
