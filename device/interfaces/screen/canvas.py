"""From a state to pixels, whole or only where something changed."""

from __future__ import annotations

import pygame

from device.interfaces.screen import draw
from device.interfaces.screen.area import Area
from device.interfaces.screen.parts import Kit, Part, Scene, kit_for
from device.interfaces.screen.scenes.asking import asking
from device.interfaces.screen.scenes.consent import consent
from device.interfaces.screen.scenes.farewell import farewell
from device.interfaces.screen.scenes.invitation import greeting, idle
from device.interfaces.screen.scenes.playing import playing
from device.interfaces.screen.scenes.sensing import reading, sensing
from device.interfaces.screen.scenes.sheets import strategy, volume
from device.interfaces.screen.view import Action, ScreenView, Sheet
from device.readings import KioskState, VisitState

LEAST_WIDTH_PX, LEAST_HEIGHT_PX = 120, 120
"""Below it a window shows only its background."""

_VISIT = {
    VisitState.IDLE: idle,
    VisitState.GREETING: greeting,
    VisitState.CONSENT: consent,
    VisitState.SENSING: sensing,
    VisitState.PLAYING: playing,
    VisitState.FAREWELL: farewell,
}
_BUSY = {VisitState.SENSING, VisitState.PLAYING}
_SHEETS = {
    Sheet.STRATEGY: strategy,
    Sheet.VOLUME: volume,
    Sheet.MOOD: asking,
    Sheet.READING: reading,
}


def compose(state: KioskState, view: ScreenView) -> Scene:
    """Return the table of parts for a moment; drawing and touch both come from it."""
    kit = kit_for(view)
    if view.width_px < LEAST_WIDTH_PX or view.height_px < LEAST_HEIGHT_PX:
        return Scene("too_small", (), ())
    if state.visit in _BUSY and view.sheet in _SHEETS:
        return _SHEETS[view.sheet](kit, state, view)
    if asks_now(state):
        return asking(kit, state, view)
    return _VISIT[state.visit](kit, state, view)


def asks_now(state: KioskState) -> bool:
    """Return whether the question for the mood takes the place of the visit's own screen."""
    return state.visit in _BUSY and state.asks_for_mood and state.player.track is None


def hit(state: KioskState, view: ScreenView, x: float, y: float) -> Action | None:
    """Return what a touch at the pixel asks for; None where there is nothing to press."""
    return compose(state, view).hit(x, y)


def render(state: KioskState, view: ScreenView) -> pygame.Surface:
    """Return a new surface showing ``state``; the same arguments give the same pixels."""
    surface = pygame.Surface((max(1, view.width_px), max(1, view.height_px)), 0, 32)
    Canvas().paint(surface, compose(state, view), kit_for(view))
    return surface


class Canvas:
    """Draws scenes on one surface and remembers what is there."""

    def __init__(self) -> None:
        self._shown: dict[str, Part] = {}
        self._scene: tuple[object, ...] = ()

    def forget(self) -> None:
        """Draw everything next time (the surface is new or was covered)."""
        self._shown, self._scene = {}, ()

    def paint(self, surface: pygame.Surface, scene: Scene, kit: Kit) -> list[Area]:
        """Bring ``surface`` up to date; returns the rectangles that changed."""
        glows = scene.glows if kit.theme.glow else ()
        background = draw.ground(max(1, kit.width), max(1, kit.height), kit.theme, glows)
        outline = (scene.name, background, tuple((p.name, p.area) for p in scene.parts))
        if outline != self._scene:
            self._scene, self._shown = outline, {}
            surface.set_clip(None)
            surface.blit(background, (0, 0))
            changed = [kit.whole]
            for part in scene.parts:
                self._draw(surface, part, kit)
            return changed
        changed = []
        for part in scene.parts:
            if self._shown[part.name] != part:
                surface.set_clip(part.area)
                surface.blit(background, part.area[:2], part.area)
                self._draw(surface, part, kit)
                changed.append(part.area)
        return changed

    def _draw(self, surface: pygame.Surface, part: Part, kit: Kit) -> None:
        self._shown[part.name] = part
        if part.area.w > 0 and part.area.h > 0:
            surface.set_clip(part.area)
            part.paint(surface, kit, part.area, *part.content)
        surface.set_clip(None)
