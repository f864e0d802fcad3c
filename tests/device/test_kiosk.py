"""The whole kiosk, with nothing faked but the person: a portrait, a simulated finger on a real
pseudo-terminal, real music files in a real catalogue, a real broker, and sound into a file."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pygame
import pytest

from device import kiosk, supervisor
from device import readings as r
from device.cli import main
from device.config import parse
from device.readings import VisitState as V
from firmware_bridge.simulator import SimulatedSensor
from tests.fakes.broker import Broker, Listener
from tests.fakes.kiosk_states import CONSENT
from tests.fakes.sounds import noise, sine, write_sound

PATIENCE_S = 25.0


@pytest.fixture(scope="module", name="catalogue")
def _catalogue(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build a catalogue with the real command from real files."""
    music = tmp_path_factory.mktemp("music")
    for number, name in enumerate(("sunny day.flac", "rain.flac", "storm.flac")):
        wave = sine(20, 200.0 * (number + 1), 0.3) + noise(20, 0.03 * number, number)
        write_sound(music / name, wave)
    folder = tmp_path_factory.mktemp("catalogue")
    assert main(["catalog", "build", str(music), "--folder", str(folder)]) == 0
    return folder


class Guest:
    """A running kiosk, and whoever stands before it."""

    def __init__(self, house: kiosk.House, finger: SimulatedSensor) -> None:
        self.house = house
        self.finger = finger
        self._stop = threading.Event()
        self._ready = threading.Event()
        self.code: int | None = None
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        assert self._ready.wait(PATIENCE_S), "the kiosk did not become ready"

    def _serve(self) -> None:
        self.code = kiosk.run(self.house, self._stop, self._ready.set)

    def does(self, command: r.Command) -> None:
        assert self.house.commands.put(command)

    def sees(self, what: str, holds: Callable[[r.KioskState], object]) -> r.KioskState:
        """Wait for a state of which ``holds`` is true."""
        end, version = time.monotonic() + PATIENCE_S, 0
        while time.monotonic() < end:
            version, state = self.house.state.wait_newer(version, 0.5)
            if state is not None and holds(state):
                return state
        raise AssertionError(f"never seen: {what}; last {self.house.state.latest()}")

    def leaves(self) -> None:
        self._stop.set()
        self._thread.join(8)
        assert not self._thread.is_alive(), "the kiosk did not end"


@pytest.fixture(name="broker")
def _broker(tmp_path: Path) -> Iterator[Broker]:
    with Broker(tmp_path, "allow_anonymous true") as broker:
        yield broker


def test_a_whole_visit_on_real_parts(catalogue: Path, tmp_path: Path, broker: Broker) -> None:
    ear = Listener(broker.port)
    played = tmp_path / "played.wav"
    with SimulatedSensor(speed=3) as finger:
        finger.lift_finger(True)
        settings = parse(
            {
                "kiosk": {"id": "hall", "state_dir": str(tmp_path / "state")},
                "camera": {"source": "builtin"},
                "sensor": {"port": finger.path},
                "pulse": {"min_window_s": 8},
                "catalog": {"folder": str(catalogue)},
                "playback": {"output": str(played)},
                "mqtt": {"host": "127.0.0.1", "port": broker.port},
                "screen": {"mode": "none"},
            }
        )
        guest = Guest(kiosk.build(settings), finger)
        try:
            _live_through(guest, ear)
        finally:
            guest.leaves()
            ear.close()
    assert guest.code == 0
    sound = np.frombuffer(played.read_bytes()[44:], np.int16)
    assert np.abs(sound).max() > 1000, "nothing was heard"


def _live_through(guest: Guest, ear: Listener) -> None:
    guest.sees("idle", lambda s: s.visit is V.IDLE and s.catalogue_tracks == 3)
    guest.does(r.Start(source="screen"))
    before = guest.sees("consent", lambda s: s.visit is V.CONSENT)
    assert not before.camera.is_open
    assert before.faces is None

    guest.does(r.Consent(source="screen", camera=True))
    guest.finger.lift_finger(False)
    seen = guest.sees("a face", lambda s: s.camera.is_open and s.faces and s.faces.faces)
    assert seen.faces is not None
    assert seen.faces.faces[0].probabilities.argmax() == 3, "the portrait smiles"

    playing = guest.sees(
        "music", lambda s: s.visit is V.PLAYING and s.choice and s.player.status == "playing"
    )
    assert playing.choice is not None
    assert playing.choice.distance > 0
    assert "face" in playing.choice.reason
    pulse = guest.sees("a pulse", lambda s: s.pulse and s.pulse.heart_rate_bpm).pulse
    assert pulse is not None
    assert pulse.heart_rate_bpm == pytest.approx(63, abs=5), "three times as fast, clock and all"
    ear.wait_for("attune/hall/visit/state", "playing")
    ear.wait_for("attune/hall/player/state", "playing")

    guest.does(r.Stop(source="screen"))
    after = guest.sees("farewell", lambda s: s.visit is V.FAREWELL and not s.camera.is_open)
    assert (after.pulse, after.mood, after.faces, after.choice) == (None,) * 4
    ear.wait_for("attune/hall/heart_rate/state", "null")


def test_a_display_that_hangs_is_said_and_the_music_goes_on(
    catalogue: Path, tmp_path: Path, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where a panel's next vertical blank never comes; and when it comes after all."""
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    monkeypatch.setattr(supervisor, "HANGING_S", 3.0)
    flows, shown = threading.Event(), pygame.display.update

    def update(areas: list[tuple[int, ...]]) -> None:
        flows.wait(PATIENCE_S)
        shown(areas)

    flows.set()
    monkeypatch.setattr(pygame.display, "update", update)
    settings = parse(
        {
            "kiosk": {"id": "hall", "state_dir": str(tmp_path / "state")},
            "camera": {"source": "none"},
            "sensor": {"port": "none"},
            "catalog": {"folder": str(catalogue)},
            "playback": {"output": "null"},
            "mqtt": {"host": "127.0.0.1", "port": broker.port},
            "screen": {"mode": "window"},
        }
    )
    ear = Listener(broker.port)
    with SimulatedSensor() as nobody:
        guest = Guest(kiosk.build(settings), nobody)
    try:
        guest.sees("a screen", lambda s: screen_of(s).status == "running" and s.health)
        flows.clear()
        said = guest.sees("that it hangs", lambda s: screen_of(s).status == "failed")
        assert "hangs, it has said nothing for 3 s" in screen_of(said).message
        ear.wait_for("attune/hall/problem/state", "ON")
        guest.does(r.PickMood(source="mqtt", valence=0.6, arousal=0.3))
        guest.sees("music", lambda s: s.player.status == "playing" and s.player.position_s > 1)
        flows.set()
        guest.sees("the screen again", lambda s: screen_of(s).status == "running")
    finally:
        flows.set()
        guest.leaves()
        ear.close()
    assert guest.code == 0


def screen_of(state: r.KioskState) -> r.WorkerHealth:
    return next(one for one in state.health if one.name == "screen")


@pytest.mark.parametrize(("source", "offered"), [("none", False), ("auto", True)])
def test_a_camera_is_offered_only_where_the_settings_have_one(source: str, offered: bool) -> None:
    house = kiosk.build(parse({"camera": {"source": source}}))
    assert house.screen._view((800, 480), CONSENT, 0.0).has_camera is offered


@pytest.fixture
def terminal() -> Iterator[None]:
    """As in a terminal: under nohup, where tests may run, the kiosk heeds no SIGHUP."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP], ids=["ended", "hung up"])
def test_the_command_starts_says_what_stands_in_and_ends_with_0(
    catalogue: Path, tmp_path: Path, number: signal.Signals
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "device.cli", "run", "--stand-ins", "--catalogue", str(catalogue)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "HOME": str(tmp_path), "SDL_VIDEODRIVER": "dummy"},
    )
    try:
        assert process.stdout is not None
        said = []
        for line in process.stdout:
            said.append(line)
            if "ready after" in line:
                break
        process.send_signal(number)
        _, errors = process.communicate(timeout=8)
    finally:
        process.kill()
    assert process.returncode == 0, errors
    assert any("no MQTT broker" in line for line in said)
    assert "Traceback" not in errors


AS_THE_MAIN_THREAD_LOOKS = """
import signal, sys
from device import kiosk
from device.cli import main

def run(house, stop, on_ready):
    with stop._cond:  # As wait() does, a moment before it sleeps and one after.
        signal.raise_signal(signal.SIGTERM)
    return 0 if stop.wait(5) else 3

kiosk.run = run
sys.exit(main(["run"]))
"""


def test_a_signal_that_comes_just_as_the_main_thread_looks_for_one_ends_the_kiosk(
    tmp_path: Path,
) -> None:
    subprocess.run(
        [sys.executable, "-c", AS_THE_MAIN_THREAD_LOOKS],
        check=True, timeout=20, env={**os.environ, "HOME": str(tmp_path)},
    )  # fmt: skip
