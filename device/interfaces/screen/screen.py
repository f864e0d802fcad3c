"""The worker of the screen: opens the display, shows the newest state, hands on touches."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from typing import Literal

import pygame

from catalog.track import Track
from device.channels import BoundedQueue, LatestSlot
from device.config import ScreenSettings
from device.interfaces.screen.area import Area
from device.interfaces.screen.canvas import Canvas, compose
from device.interfaces.screen.covers import find_cover
from device.interfaces.screen.display import (
    DisplayError,
    choose_display,
    close_display,
    open_display,
)
from device.interfaces.screen.hands import Hands
from device.interfaces.screen.motion import Fade, MoodGlide
from device.interfaces.screen.mounting import Mounting
from device.interfaces.screen.parts import kit_for
from device.interfaces.screen.view import ScreenView
from device.readings import Clock, Command, KioskState, VisitState, WorkerHealth

log = logging.getLogger(__name__)

RETRY_S = 15.0
"""Time between two attempts to open a display that was not there."""
CALM_FRAMES_PER_S = 12
"""Drawings per second while nothing measured is on the screen."""
MAX_FAULTS = 5
"""Drawing faults in a row before the screen rests until the next attempt."""


class CoverShelf:
    """Finds the cover of the newest track in a thread of its own: a card can be slow."""

    def __init__(self) -> None:
        self._found: tuple[int, pygame.Surface | None] | None = None
        self._search: threading.Thread | None = None

    def cover(self, track: Track | None) -> pygame.Surface | None:
        """Return the cover if it is known by now; None for none or not yet."""
        if track is None:
            return None
        found = self._found
        if found is not None and found[0] == track.track_id:
            return found[1]
        if self._search is None or not self._search.is_alive():
            self._search = threading.Thread(
                target=self._look, args=(track,), name="cover", daemon=True
            )
            self._search.start()
        return None

    def _look(self, track: Track) -> None:
        picture = None
        try:
            picture = find_cover(track.path, track.within)
        except Exception:  # the picture is an ornament: whatever its file does, music goes on
            log.exception("looking for the cover of %s failed", track.path)
        self._found = (track.track_id, picture)


class Screen:
    """Shows every state on a display and puts what is touched into ``commands``.

    ``run`` belongs to the main thread, as SDL wants it. Where no display can be opened it
    logs one line, waits and tries again, and the kiosk goes on without. Closing the window
    of a desktop sets ``stop``.
    """

    name = "screen"
    critical = False

    def __init__(
        self,
        settings: ScreenSettings,
        language: str,
        states: LatestSlot[KioskState],
        commands: BoundedQueue[Command],
        clock: Clock = time.monotonic,
        keeps_history: bool = False,
        has_camera: bool = True,
    ) -> None:
        self._settings = settings
        self._keeps_history = keeps_history
        self._has_camera = has_camera
        self._language = language
        self._states = states
        self._commands = commands
        self._clock = clock
        self._hands = Hands()
        self._keys_down = set[int]()
        """pygame repeats a held key and does not say so."""
        self._glide = MoodGlide(settings.reduced_motion)
        self._covers = CoverShelf()
        self._canvas = Canvas()
        self._page = pygame.Surface((1, 1), 0, 32)
        self._fade = Fade(settings.reduced_motion)
        self._mounting = Mounting(settings.rotate_deg)
        self._message = ""
        self._status: Literal["starting", "running", "failed", "stopped"] = "starting"
        self._drawn_at = -1e9
        self.frames_drawn = 0

    @property
    def health(self) -> WorkerHealth:
        """How the screen is, for the conductor; that it hangs the supervisor sees."""
        return WorkerHealth(
            name=self.name, status=self._status, critical=False, message=self._message
        )

    def run(self, stop: threading.Event, beat: Callable[[], None]) -> None:
        """Show states until ``stop``; never raises for anything a display does."""
        while not stop.is_set():
            beat()
            surface = self._open()
            if surface is None:
                self._status = "running" if self._settings.mode == "none" else "failed"
                self._rest(stop, beat)
                continue
            self._status = "running"
            try:
                self._show(surface, stop, beat)
            except pygame.error as error:
                self._say(f"the display is gone ({error}): running without a screen")
                self._status = "failed"
            finally:
                close_display()
        self._status = "stopped"

    def _open(self) -> pygame.Surface | None:
        choice = choose_display(self._settings, os.environ)
        if choice.mode == "none":
            self._say(choice.message)
            return None
        try:
            surface = open_display(choice, self._settings)
        except DisplayError as error:
            self._say(str(error))
            return None
        self._message = ""
        if choice.message:
            log.warning("%s", choice.message)
        self._canvas.forget()
        self._keys_down.clear()
        log.info("screen: %s, %d x %d", pygame.display.get_driver(), *surface.get_size())
        return surface

    def _say(self, message: str) -> None:
        """Log a message once, not again with every attempt."""
        if message and message != self._message:
            log.warning("%s", message)
        self._message = message

    def _rest(self, stop: threading.Event, beat: Callable[[], None]) -> None:
        until = self._clock() + RETRY_S
        while not stop.is_set() and self._clock() < until:
            beat()
            stop.wait(1.0)

    def _show(
        self, surface: pygame.Surface, stop: threading.Event, beat: Callable[[], None]
    ) -> None:
        faults = 0
        frame_s = 1.0 / self._settings.frames_per_s
        due = self._clock()
        while not stop.is_set():
            beat()
            surface = pygame.display.get_surface() or surface
            try:
                self._turn(surface, stop)
                faults, self._message = 0, ""
            except pygame.error:
                raise
            except Exception:
                # A state that cannot be drawn must not end the kiosk: say it, try the next.
                faults += 1
                log.exception("a state could not be drawn")
                self._canvas.forget()
                if faults >= MAX_FAULTS:
                    self._message = "the screen cannot draw: see the log"
                    stop.wait(RETRY_S)
                    faults = 0
            # Lost frames are not made up for: after a long one the beat starts anew.
            due = max(due + frame_s, self._clock())
            stop.wait(max(0.001, due - self._clock()))

    def _turn(self, surface: pygame.Surface, stop: threading.Event) -> None:
        """Take what was touched and draw what changed."""
        events = pygame.event.get()
        state = self._states.latest()
        now_s = self._clock()
        if state is None:
            if any(event.type == pygame.QUIT for event in events):
                stop.set()
            return
        self._hands.follow(state, now_s)
        front = self._mounting.hang(surface)
        view = self._view(front.get_size(), state, now_s)
        touched = False
        for event in events:
            touched = self._handle(event, state, view, stop) or touched
        measuring = state.visit is VisitState.SENSING or self._hands.opened.sheet != "none"
        busy = measuring or touched or self._fade.active
        interval_s = 0.0 if busy else 1.0 / CALM_FRAMES_PER_S
        if now_s - self._drawn_at < interval_s * 0.9:
            return
        self._glide.follow(state, now_s)
        view = self._view(front.get_size(), state, now_s)
        changed = self._draw(front, state, self._hands.view(view))
        if changed:
            pygame.display.update([tuple(area) for area in self._mounting.show(surface, changed)])
            self.frames_drawn += 1

    def _view(self, size: tuple[int, int], state: KioskState, now_s: float) -> ScreenView:
        return ScreenView(
            width_px=size[0],
            height_px=size[1],
            language=self._language,
            high_contrast=self._settings.high_contrast,
            large_type=self._settings.large_type,
            reduced_motion=self._settings.reduced_motion,
            keeps_history=self._keeps_history,
            has_camera=self._has_camera,
            now_s=now_s,
            mood_at=self._glide.at,
            trail=self._glide.trail,
            cover=self._covers.cover(state.player.track),
        )

    def _draw(self, front: pygame.Surface, state: KioskState, view: ScreenView) -> list[Area]:
        """Bring ``front`` up to date; return where it changed."""
        self._drawn_at = view.now_s
        if self._page.get_size() != front.get_size():
            self._page = pygame.Surface(front.get_size(), 0, 32)
            self._canvas.forget()
        scene = compose(state, view)
        changed = self._canvas.paint(self._page, scene, kit_for(view))
        return self._fade.show(front, self._page, changed, scene.name, view.now_s)

    def _handle(
        self, event: pygame.Event, state: KioskState, view: ScreenView, stop: threading.Event
    ) -> bool:
        """Do what one event asks; returns whether the screen may look different now."""
        hands = self._hands
        commands: list[Command] = []
        if event.type == pygame.QUIT:
            stop.set()
        elif event.type in {pygame.VIDEORESIZE, pygame.VIDEOEXPOSE, pygame.WINDOWEXPOSED}:
            self._canvas.forget()
        elif event.type == pygame.MOUSEBUTTONDOWN and event.button == 1:
            commands = hands.press(state, view, *self._mounting.upright(*event.pos))
        elif event.type == pygame.MOUSEBUTTONUP and event.button == 1:
            commands = hands.release(state, view, *self._mounting.upright(*event.pos))
        elif event.type == pygame.MOUSEMOTION:
            if not getattr(event, "touch", False):
                pygame.mouse.set_visible(True)
            if event.buttons[0]:
                commands = hands.drag(state, view, *self._mounting.upright(*event.pos))
        elif event.type in {pygame.KEYDOWN, pygame.KEYUP}:
            commands = self._key(event, state, view)
        elif event.type == pygame.TEXTINPUT:
            hands.text(state, view, event.text)
        else:
            return False
        for command in commands:
            if not self._commands.put(command):
                log.warning("the inbox is full: %s was lost", type(command).__name__)
        return event.type != pygame.MOUSEMOTION or bool(commands)

    def _key(self, event: pygame.Event, state: KioskState, view: ScreenView) -> list[Command]:
        held = event.key in self._keys_down
        if event.type == pygame.KEYUP:
            self._keys_down.discard(event.key)
            return []
        self._keys_down.add(event.key)
        shift, name = bool(event.mod & pygame.KMOD_SHIFT), pygame.key.name(event.key)
        return self._hands.key(state, view, name, shift=shift, held=held)
