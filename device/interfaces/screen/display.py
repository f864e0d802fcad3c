"""Which display to open: the console of a Pi, a window on a desktop, or none."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pygame

from device.config import ScreenSettings

DRI = Path("/dev/dri")
"""Where the kernel's graphics devices are (drm(7))."""


@dataclass(frozen=True, slots=True)
class DisplayChoice:
    """What to open; ``message`` says why there is none, or why it is not what was asked for."""

    mode: Literal["fullscreen", "window", "none"]
    driver: str
    """Value of SDL_VIDEODRIVER; empty lets SDL choose."""
    message: str = ""


class DisplayError(Exception):
    """The display cannot be opened; the text is one line for the owner."""


def choose_display(
    settings: ScreenSettings, environ: Mapping[str, str], dri: Path = DRI
) -> DisplayChoice:
    """Decide by the settings and by what is there; opens nothing and never raises."""
    asked = settings.mode
    if asked == "none":
        return DisplayChoice("none", "")
    shape: Literal["fullscreen", "window"] = "fullscreen" if asked == "fullscreen" else "window"
    forced = environ.get("SDL_VIDEODRIVER", "")
    if forced:
        console = forced == "kmsdrm"
        return DisplayChoice("fullscreen" if console else shape, forced)
    if environ.get("WAYLAND_DISPLAY"):
        return DisplayChoice(shape, "wayland,x11" if environ.get("DISPLAY") else "wayland")
    if environ.get("DISPLAY"):
        return DisplayChoice(shape, "x11")
    return _console(dri, asked)


def _console(dri: Path, asked: str) -> DisplayChoice:
    try:
        cards = sorted(dri.glob("card*"))
    except OSError:
        cards = []
    if not cards:
        what = f"no desktop session and no graphics device in {dri}"
        return DisplayChoice("none", "", f"{what}: running without a screen")
    if not any(os.access(card, os.R_OK | os.W_OK) for card in cards):
        return DisplayChoice(
            "none",
            "",
            f"{cards[0]} may not be opened: add this user to the groups video and render; "
            "running without a screen",
        )
    note = "no desktop session for a window: using the whole screen" if asked == "window" else ""
    return DisplayChoice("fullscreen", "kmsdrm", note)


def open_display(choice: DisplayChoice, settings: ScreenSettings) -> pygame.Surface:
    """Open what was chosen and return its surface; main thread only.

    Raises:
        DisplayError: SDL could not (no monitor, no rights, the driver is missing).
    """
    if choice.driver:
        os.environ["SDL_VIDEODRIVER"] = choice.driver
    try:
        pygame.display.init()
        pygame.display.set_caption("Attune")
        if choice.mode == "fullscreen":
            surface = pygame.display.set_mode((0, 0), pygame.FULLSCREEN)
        else:
            size = (settings.width_px, settings.height_px)
            surface = pygame.display.set_mode(size, pygame.RESIZABLE)
        pygame.mouse.set_visible(choice.mode == "window")
        # Typing is wanted only while the mood sheet is open, and it needs no input method.
        pygame.key.set_repeat(400, 60)
    except pygame.error as error:
        close_display()
        raise DisplayError(
            f"the display cannot be opened ({choice.driver or 'SDL'}: {error}): is a monitor "
            "connected? Running without a screen"
        ) from error
    return surface


def close_display() -> None:
    """Give the display back; harmless when none is open."""
    pygame.display.quit()
