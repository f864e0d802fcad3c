"""The screen of the kiosk: a pure drawing of ``KioskState``, and touches as ``Command``."""

from __future__ import annotations

import os

# pygame greets on stdout when it is first imported; a command with --json must not.
os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")

from device.interfaces.screen.canvas import compose, hit, render
from device.interfaces.screen.display import DisplayChoice, choose_display
from device.interfaces.screen.screen import Screen
from device.interfaces.screen.view import ScreenView, Sheet

screenshot = render
"""The same pure drawing under the name the demo uses; needs no display."""

__all__ = [
    "DisplayChoice",
    "Screen",
    "ScreenView",
    "Sheet",
    "choose_display",
    "compose",
    "hit",
    "render",
    "screenshot",
]
