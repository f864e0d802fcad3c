"""The worker on SDL's dummy driver: the real loop, the real events."""

import threading
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pygame
import pytest

from device.channels import BoundedQueue, LatestSlot
from device.config import ScreenSettings
from device.interfaces.screen import Screen, compose
from device.interfaces.screen import screen as screen_module
from device.interfaces.screen.area import Area
from device.interfaces.screen.canvas import render
from device.interfaces.screen.mounting import Mounting
from device.readings import Command, Dislike, KioskState, Pause, Start
from tests.fakes.kiosk_states import IDLE, PLAYING, SENSING
from tests.fakes.screens import view

SETTINGS = ScreenSettings(mode="window", width_px=800, height_px=480)


class Stage:
    """A screen with its channels; ``play`` runs it while a script acts from another thread."""

    def __init__(self, settings: ScreenSettings = SETTINGS) -> None:
        self.states: LatestSlot[KioskState] = LatestSlot()
        self.commands: BoundedQueue[Command] = BoundedQueue(16, drop="newest")
        self.screen = Screen(settings, "en", self.states, self.commands, time.monotonic)
        self.stop = threading.Event()
        self.beats = 0

    def beat(self) -> None:
        self.beats += 1

    def play(self, script: Callable[[], None], limit_s: float = 8.0) -> None:
        def act() -> None:
            try:
                script()
            finally:
                self.stop.set()

        timer = threading.Timer(limit_s, self.stop.set)
        actor = threading.Thread(target=act)
        timer.start()
        actor.start()
        self.screen.run(self.stop, self.beat)
        actor.join()
        timer.cancel()

    def until(self, happened: Callable[[], bool], limit_s: float = 5.0) -> bool:
        end = time.monotonic() + limit_s
        while time.monotonic() < end:
            if happened():
                return True
            time.sleep(0.01)
        return False

    def tap(self, name: str, state: KioskState) -> None:
        part = compose(state, view()).part(name)
        assert part is not None
        for kind in (pygame.MOUSEBUTTONDOWN, pygame.MOUSEBUTTONUP):
            pygame.event.post(pygame.Event(kind, button=1, pos=part.area.centre))


@pytest.fixture(autouse=True)
def dummy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")


def test_shows_states_and_hands_on_touches() -> None:
    stage = Stage()
    got: list[Command | None] = []

    def script() -> None:
        stage.states.put(IDLE)
        assert stage.until(lambda: stage.screen.frames_drawn > 0)
        assert stage.screen.health.status == "running"
        stage.tap("begin", IDLE)
        got.append(stage.commands.get(3.0))
        stage.states.put(PLAYING)
        time.sleep(0.2)
        pygame.event.post(pygame.Event(pygame.KEYDOWN, key=pygame.K_SPACE, mod=0))
        got.append(stage.commands.get(3.0))

    stage.play(script)
    assert got == [Start(source="screen"), Pause(source="screen")]
    assert stage.beats > 3
    assert not pygame.display.get_init()


@pytest.mark.parametrize("rotate_deg", [90, 180, 270])
def test_a_panel_that_hangs_otherwise_shows_the_same_and_is_touched_there(rotate_deg: int) -> None:
    size = (480, 800) if rotate_deg % 180 else (800, 480)
    settings = SETTINGS.model_copy(update={"rotate_deg": rotate_deg, "reduced_motion": True})
    stage = Stage(settings.model_copy(update={"width_px": size[0], "height_px": size[1]}))
    got: list[Command | None] = []
    shown: list[pygame.Surface] = []

    def script() -> None:
        stage.states.put(IDLE)
        assert stage.until(lambda: stage.screen.frames_drawn > 0)
        display = pygame.display.get_surface()
        assert display is not None
        shown.append(display.copy())
        part = compose(IDLE, view()).part("begin")
        assert part is not None
        spot = Area(*part.area.centre, 1, 1)
        panel = pygame.Surface(size)
        mounting = Mounting(rotate_deg)
        mounting.hang(panel)
        for kind in (pygame.MOUSEBUTTONDOWN, pygame.MOUSEBUTTONUP):
            pygame.event.post(pygame.Event(kind, button=1, pos=mounting.turned(spot)[:2]))
        got.append(stage.commands.get(3.0))

    stage.play(script)
    assert got == [Start(source="screen")]
    upright = pygame.transform.rotate(shown[0], rotate_deg)
    expected = render(IDLE, view(reduced_motion=True))
    assert np.array_equal(pygame.surfarray.array3d(upright), pygame.surfarray.array3d(expected))


def test_a_key_that_is_held_is_pressed_once() -> None:
    """SDL's repeats look like presses; the next press comes after the key was let go."""
    stage = Stage()
    got: list[Command | None] = []

    def script() -> None:
        stage.states.put(PLAYING)
        assert stage.until(lambda: stage.screen.frames_drawn > 0)
        for kind in (pygame.KEYDOWN, pygame.KEYDOWN, pygame.KEYDOWN, pygame.KEYUP, pygame.KEYDOWN):
            pygame.event.post(pygame.Event(kind, key=pygame.K_d, mod=0))
        got.extend(stage.commands.get(1.0) for _ in range(3))

    stage.play(script)
    assert got == [Dislike(source="screen"), Dislike(source="screen"), None]


def test_closing_the_window_stops_the_kiosk() -> None:
    stage = Stage()

    def script() -> None:
        stage.states.put(IDLE)
        assert stage.until(lambda: stage.screen.frames_drawn > 0)
        pygame.event.post(pygame.Event(pygame.QUIT))
        assert stage.stop.wait(3.0)

    stage.play(script)


def test_a_display_that_is_not_there_is_said_once_and_the_kiosk_goes_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("SDL_VIDEODRIVER", "x11")
    monkeypatch.setenv("DISPLAY", ":987")
    monkeypatch.setattr(screen_module, "RETRY_S", 0.05)
    stage = Stage()
    seen: list[str] = []

    def script() -> None:
        time.sleep(1.4)
        seen.append(stage.screen.health.status)

    stage.play(script)
    lines = [record for record in caplog.records if record.levelname == "WARNING"]
    assert len(lines) == 1 and "cannot be opened" in lines[0].getMessage()
    assert seen == ["failed"]
    assert stage.screen.health.status == "stopped"
    assert stage.beats >= 1


def test_a_display_that_is_plugged_in_late_is_no_problem_any_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SDL_VIDEODRIVER", "no such driver")
    monkeypatch.setattr(screen_module, "RETRY_S", 0.05)
    stage = Stage()

    def script() -> None:
        stage.states.put(IDLE)
        assert stage.until(lambda: "cannot be opened" in stage.screen.health.message)
        monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
        assert stage.until(lambda: stage.screen.frames_drawn > 0)
        assert (stage.screen.health.status, stage.screen.health.message) == ("running", "")

    stage.play(script)


def test_a_display_that_goes_away_comes_back(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(screen_module, "RETRY_S", 0.05)
    stage = Stage()
    original, broken = pygame.display.update, threading.Event()

    def update(*areas: object) -> None:
        if broken.is_set():
            broken.clear()
            raise pygame.error("the video device is gone")
        original(*areas)

    monkeypatch.setattr(pygame.display, "update", update)

    def lose_the_display() -> None:
        broken.set()
        stage.states.put(IDLE)
        assert stage.until(lambda: not broken.is_set())
        drawn = stage.screen.frames_drawn
        stage.states.put(PLAYING)
        assert stage.until(lambda: stage.screen.frames_drawn > drawn)

    def script() -> None:
        stage.states.put(SENSING)
        assert stage.until(lambda: stage.screen.frames_drawn > 0)
        lose_the_display()
        lose_the_display()
        assert stage.screen.health.message == ""

    stage.play(script)
    assert caplog.text.count("the display is gone") == 2


def test_a_state_that_cannot_be_drawn_does_not_end_the_screen() -> None:
    stage = Stage()

    def script() -> None:
        stage.states.put(replace(PLAYING, strategy="nonsense"))  # type: ignore[arg-type]
        time.sleep(0.2)
        stage.states.put(IDLE)
        assert stage.until(lambda: stage.screen.frames_drawn > 0)

    stage.play(script)
    assert stage.screen.frames_drawn > 0


def test_off_by_the_settings_waits_quietly() -> None:
    stage = Stage(ScreenSettings(mode="none"))
    seen: list[str] = []

    def script() -> None:
        time.sleep(0.2)
        seen.append(stage.screen.health.status)

    stage.play(script)
    assert seen == ["running"]
    assert stage.screen.frames_drawn == 0
