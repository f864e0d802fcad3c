"""How the panel hangs: everything is drawn upright, shown turned, and a touch is turned back.

On a console (KMSDRM) nobody else turns the picture: the kernel's ``rotate=`` is for its own text.
"""

from __future__ import annotations

import pygame

from device.interfaces.screen.area import Area


class Mounting:
    """A panel whose picture is turned clockwise by 0, 90, 180 or 270 degrees."""

    def __init__(self, rotate_deg: int) -> None:
        self._rotate_deg = rotate_deg
        self._front = pygame.Surface((1, 1), 0, 32)
        self._panel_px = (1, 1)

    def hang(self, panel: pygame.Surface) -> pygame.Surface:
        """Return the upright surface to draw on, which keeps what was drawn: the panel itself
        where nothing is turned."""
        self._panel_px = panel.get_size()
        if not self._rotate_deg:
            return panel
        if self._front.get_size() != self.upright_px:
            self._front = pygame.Surface(self.upright_px, 0, 32)
        return self._front

    @property
    def upright_px(self) -> tuple[int, int]:
        """Width and height of what is drawn."""
        width, height = self._panel_px
        return (height, width) if self._rotate_deg % 180 else (width, height)

    def show(self, panel: pygame.Surface, changed: list[Area]) -> list[Area]:
        """Bring those parts of the upright surface onto the panel; return where they lie there."""
        if not self._rotate_deg:
            return changed
        shown = []
        for area in changed:
            part = self._front.subsurface(area)
            place = self.turned(area)
            panel.blit(pygame.transform.rotate(part, -self._rotate_deg), place[:2])
            shown.append(place)
        return shown

    def turned(self, area: Area) -> Area:
        """Return where an upright rectangle lies on the panel."""
        width, height = self.upright_px
        x, y, w, h = area
        if self._rotate_deg == 90:
            return Area(height - y - h, x, h, w)
        if self._rotate_deg == 180:
            return Area(width - x - w, height - y - h, w, h)
        if self._rotate_deg == 270:
            return Area(y, width - x - w, h, w)
        return area

    def upright(self, x: int, y: int) -> tuple[int, int]:
        """Return the pixel that was drawn where the panel was touched."""
        width, height = self.upright_px
        if self._rotate_deg == 90:
            return y, height - 1 - x
        if self._rotate_deg == 180:
            return width - 1 - x, height - 1 - y
        if self._rotate_deg == 270:
            return width - 1 - y, x
        return x, y
