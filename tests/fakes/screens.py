"""The sizes and moments at which the screen is looked at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from device.interfaces.screen.view import ScreenView, Sheet
from device.readings import KioskState
from tests.fakes.kiosk_states import MOMENTS, NOW_S, PLAYING

SIZES = ((800, 480), (1024, 600), (1280, 720), (1920, 1080), (480, 800), (1080, 1920))


def view(width_px: int = 800, height_px: int = 480, **changes: Any) -> ScreenView:
    return replace(ScreenView(width_px, height_px, now_s=NOW_S), **changes)


def moments() -> Iterator[tuple[str, KioskState, dict[str, Any]]]:
    """Name, state and what is open, for every screen there is."""
    for name, state in MOMENTS.items():
        yield name, state, {}
    for sheet in Sheet:
        if sheet is not Sheet.NONE:
            typed = "a bit wistful today" if sheet is Sheet.MOOD else ""
            yield f"sheet_{sheet}", PLAYING, {"sheet": sheet, "typed": typed}
