"""``make demo``: one whole visit through the real kiosk, recorded for a person to look at.

The portrait stands in for the camera and a simulated finger, on a real pseudo-terminal, for
the sensor; the rest is what runs on a box: the same workers, index, player and broker.
Leaves screenshots, the played sound, the MQTT messages and one picture of the visit.
"""

from __future__ import annotations

import argparse
import logging
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from catalog.library import CatalogError, Library
from device import kiosk
from device import readings as r
from device.commands.errors import CommandError
from device.config import Settings, parse
from device.readings import VisitState as V
from firmware_bridge.simulated_finger import Phase, as_ten_bits, simulated_finger
from firmware_bridge.simulator import SimulatedSensor

SCREEN_PX = (1280, 720)
OBSERVE_INTERVAL_S = 0.25


@dataclass(frozen=True, slots=True)
class Act:
    """What the visitor does, so many seconds after the previous act."""

    after_s: float
    says: str
    command: r.Command | None = None
    shot: str = ""
    """Name of a screenshot taken just before the act."""
    finger: bool | None = None
    """Puts the finger on the sensor, or takes it off."""
    mark: str = ""
    """A word for the picture."""


PLAY: tuple[Act, ...] = (
    Act(1.5, "the kiosk invites", shot="1-idle"),
    Act(0.2, "somebody touches the screen", r.Start(source="screen"), mark="touch"),
    Act(1.5, "the kiosk greets", shot="2-greeting"),
    Act(3.0, "the privacy notice is read", shot="3-consent"),
    Act(0.2, "'camera and finger' is the answer", r.Consent(source="screen", camera=True)),
    Act(0.3, "a finger goes on the sensor", finger=True, mark="yes"),
    Act(3.2, "face and pulse are read", shot="4-sensing"),
    Act(20.0, "music plays to the mood", shot="5-playing"),
    Act(0.5, "the visitor likes it", r.Like(source="screen"), mark="like"),
    Act(27.0, "and says what the face does not show",
        r.SayMood(source="screen", text="I am worried and tense"), mark="“worried and tense”"),
    Act(13.0, "music to the words, and the pulse is quicker now", shot="6-said"),
    Act(0.5, "and wants to be calmed", r.SetStrategy(source="screen", strategy=r.Strategy.CALM),
        mark="calm me"),
    Act(0.5, "another one, please", r.Skip(source="screen")),
    Act(11.0, "calmer music plays", shot="7-calm"),
    Act(0.5, "one step further", r.Skip(source="screen"), mark="skip"),
    Act(10.0, "the visitor leaves", r.Stop(source="screen"), finger=False, mark="leaves"),
    Act(2.5, "farewell", shot="8-farewell"),
)  # fmt: skip

FINGER = (
    Phase(0, 66, 40, 20),
    Phase(60, 67, 38, 20),
    Phase(68, 91, 13, 8),
    Phase(80, 88, 14, 9),
    Phase(108, 68, 34, 18),
    Phase(180, 66, 40, 20),
)
"""The visitor's pulse: a minute at rest, then tense, then eased by the music."""


@dataclass
class Record:
    """What was observed."""

    states: list[r.KioskState] = field(default_factory=list)
    acts: list[tuple[float, str]] = field(default_factory=list)
    """When (monotonic s) the visitor did what."""
    began_at: float = 0.0


def main() -> int:
    """Run the demo; exit code 1 when a part of it did not come to pass."""
    parser = argparse.ArgumentParser(prog="python -m device.demo", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("build/demo"))
    parser.add_argument("--catalogue", type=Path, required=True, help="catalogue to play from")
    parser.add_argument(
        "--recording", type=Path, help="pulse of a real person (CSV, WFDB) for the simulated finger"
    )
    args = parser.parse_args()
    logging.basicConfig(level="WARNING", format="%(levelname)s %(name)s: %(message)s")
    try:
        Library.open(args.catalogue).close()
        visitor = _finger(args.recording)
    except (CatalogError, CommandError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    shutil.rmtree(args.out, ignore_errors=True)
    args.out.mkdir(parents=True)
    with ExitStack() as opened:
        finger = opened.enter_context(visitor)
        finger.lift_finger(True)
        port = opened.enter_context(_Broker(args.out)).port
        settings = demo_settings(args.out, args.catalogue, finger.path, port)
        record = _live_through(settings, finger, args.out)
    from device.demo_picture import draw_visit

    draw_visit(record.states, record.acts, record.began_at, args.out)
    return _report(args.out, record)


def _finger(recording: Path | None) -> SimulatedSensor:
    """Return the visitor's finger: made up, or the best channel of a recording."""
    if recording is None:
        return SimulatedSensor(simulated_finger(FINGER))
    from device.commands.pulse import analyse_file

    channel, _ = analyse_file(recording)
    return SimulatedSensor(as_ten_bits(channel.samples), channel.rate_hz)


def demo_settings(
    out: Path, catalogue: Path, sensor_port: str, broker_port: int | None
) -> Settings:
    """Return the settings of the demo; ``broker_port`` None means no broker."""
    return parse(
        {
            "kiosk": {"id": "attune_demo", "state_dir": str(out / "state")},
            "camera": {"source": "builtin"},
            "sensor": {"port": sensor_port},
            "catalog": {"folder": str(catalogue)},
            "playback": {"output": str(out / "played.wav")},
            "mqtt": {"host": "127.0.0.1", "port": broker_port} if broker_port else {},
            "screen": {"mode": "none"},
            "visit": {"farewell_s": 6},
        }
    )


def _live_through(settings: Settings, finger: SimulatedSensor, out: Path) -> Record:
    """Run the house while the visitor acts; observe and take the screenshots."""
    house = kiosk.build(settings)
    record, stop, ready = Record(began_at=time.monotonic()), threading.Event(), threading.Event()
    serving = threading.Thread(
        target=kiosk.run, args=(house, stop, ready.set), name="kiosk", daemon=True
    )
    serving.start()
    observer = threading.Thread(target=_observe, args=(house, record, stop), daemon=True)
    observer.start()
    try:
        if not ready.wait(30):
            raise SystemExit("demo: the kiosk did not become ready")
        _perform(house, finger, record, _camera_for_screenshots(settings, out))
    finally:
        stop.set()
        serving.join(10)
        observer.join(2)
    return record


def _perform(
    house: kiosk.House,
    finger: SimulatedSensor,
    record: Record,
    shoot: Callable[[r.KioskState, str], None],
) -> None:
    for act in PLAY:
        time.sleep(act.after_s)
        state = house.state.latest()
        if act.shot and state is not None:
            shoot(state, act.shot)
        if act.command is not None:
            house.commands.put(act.command)
        if act.finger is not None:
            finger.lift_finger(not act.finger)
        if act.mark:
            record.acts.append((time.monotonic(), act.mark))
        print(f"demo: {time.monotonic() - record.began_at:5.1f} s  {act.says}", flush=True)


def _observe(house: kiosk.House, record: Record, stop: threading.Event) -> None:
    while not stop.wait(OBSERVE_INTERVAL_S):
        state = house.state.latest()
        if state is not None:
            record.states.append(state)


def _camera_for_screenshots(settings: Settings, out: Path) -> Callable[[r.KioskState, str], None]:
    import pygame

    from device.interfaces.screen import ScreenView, screenshot
    from device.interfaces.screen.covers import find_cover

    def shoot(state: r.KioskState, name: str) -> None:
        track = state.player.track
        view = ScreenView(
            width_px=SCREEN_PX[0],
            height_px=SCREEN_PX[1],
            language=settings.kiosk.language,
            now_s=time.monotonic(),
            cover=find_cover(track.path, track.within) if track else None,
        )
        pygame.image.save(screenshot(state, view), str(out / f"{name}.png"))

    return shoot


class _Broker:
    """A mosquitto for the demo and a listener that writes down what it hears."""

    def __init__(self, out: Path) -> None:
        self._out = out
        self.port: int | None = None
        self._processes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> _Broker:
        program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
        if program is None or shutil.which("mosquitto_sub") is None:
            print("demo: mosquitto is not installed: without MQTT messages (apt: mosquitto)")
            return self
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self._start(program, "-p", str(self.port))
        time.sleep(0.5)
        with (self._out / "mqtt.txt").open("wb") as file:
            self._start(
                "mosquitto_sub", "-p", str(self.port), "-t", "#", "-F", "%I %t %p", into=file
            )
        return self

    def _start(self, *command: str, into: object = subprocess.DEVNULL) -> None:
        self._processes.append(
            subprocess.Popen(command, stdout=into, stderr=subprocess.DEVNULL)  # type: ignore[call-overload]  # noqa: S603
        )

    def __exit__(self, *_: object) -> None:
        for process in reversed(self._processes):
            process.terminate()
            process.wait(5)


def _report(out: Path, record: Record) -> int:
    seen = {state.visit for state in record.states}
    missing = [state.value for state in V if state not in seen]
    tracks = {s.choice.track.title for s in record.states if s.choice}
    print(f"demo: {len(tracks)} tracks played: {', '.join(sorted(tracks))}")
    print(f"demo: look into {out}: visit.png, the screenshots, played.wav, mqtt.txt")
    if missing or not tracks:
        print(f"demo: not everything came to pass; never seen: {missing}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
