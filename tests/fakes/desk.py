"""A conductor on a real catalogue and memory, with the test as camera, sensor and player."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from device import readings as r
from device.channels import BoundedQueue, LatestSlot, Permission
from device.conductor import Conductor
from device.config import parse
from device.playback.messages import (
    PlayerEvent,
    PlayerOrder,
    PlayNow,
    QueueNext,
    TrackStarted,
    WantsNext,
)
from device.wires import Wires

HAPPY, SAD = 3, 4


class Stage:
    """Holds the conductor's wires; time stands still until :meth:`pass_time`."""

    def __init__(self, folder: Path, **settings: dict[str, Any]) -> None:
        self.now = 100.0
        self.wall = 1_000_000.0
        tables: dict[str, dict[str, Any]] = {
            "kiosk": {"state_dir": str(folder / "state")},
            "catalog": {"folder": str(folder / "catalogue")},
            **settings,
        }
        self.settings = parse(tables)
        self.forgotten = 0
        self.orders: BoundedQueue[PlayerOrder] = BoundedQueue(64, drop="oldest")
        self.wires = Wires(
            commands=BoundedQueue(64, drop="newest"),
            faces=LatestSlot(),
            camera=LatestSlot(),
            pulse=LatestSlot(),
            sensor=LatestSlot(),
            player=LatestSlot(),
            player_events=BoundedQueue(64, drop="oldest"),
            orders=self.orders,
            camera_allowed=Permission(),
            state=LatestSlot(),
            forget=self._forget,
            health=tuple,
        )
        self.conductor = Conductor(self.settings, self.wires, lambda: self.now, lambda: self.wall)

    def __enter__(self) -> Self:
        self.conductor.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.conductor.__exit__(kind, error, trace)

    def _forget(self) -> None:
        self.forgotten += 1

    # --- what happens around the kiosk ------------------------------------------------

    def do(self, command: r.Command) -> r.KioskState:
        """Give a command and take one decision."""
        self.conductor.turn(command)
        return self.state

    def pass_time(self, seconds: float, **around: Any) -> r.KioskState:
        """Let time pass in steps of 0.25 s with ``finger``, ``stress``, ``face`` as given."""
        for _ in range(max(1, round(seconds / 0.25))):
            self.now += 0.25
            self.wall += 0.25
            self._sense(**around)
            self.conductor.turn()
        return self.state

    def _sense(
        self,
        finger: bool | None = False,
        stress: float | None = None,
        face: int | None = None,
        *,
        sure: bool = True,
    ) -> None:
        confidence = 0.0 if stress is None else 0.9
        self.wires.pulse.put(
            r.PulseReading(
                self.now, finger, 0.9 if finger else 0.0, 60.0, stress=stress,
                stress_confidence=confidence, heart_rate_bpm=70.0 if finger else None,
                finger_sure=bool(finger) and sure,
            )
        )  # fmt: skip
        if self.wires.camera_allowed.is_set():
            faces = () if face is None else (a_face(face, self.now),)
            self.wires.faces.put(r.FacesInView(self.now, faces, 640, 480))

    def play_along(self) -> list[PlayerOrder]:
        """Obey the player's orders as a player would: report the start of each track."""
        taken = []
        while (order := self.orders.get(0)) is not None:
            taken.append(order)
            if isinstance(order, PlayNow):
                self.report(TrackStarted(order.track.track_id, self.now))
        self.conductor.turn()
        return taken

    def next_track(self) -> None:
        """Come to the end of a track: the player asks, gets the next one and starts it."""
        self.report(WantsNext(self.now))
        self.conductor.turn()
        queued = [o for o in iter(lambda: self.orders.get(0), None) if isinstance(o, QueueNext)]
        assert queued, "no next track was queued"
        self.report(TrackStarted(queued[-1].track.track_id, self.now))
        self.conductor.turn()

    def report(self, event: PlayerEvent) -> None:
        self.wires.player_events.put(event)

    @property
    def state(self) -> r.KioskState:
        state = self.wires.state.latest()
        assert state is not None
        return state

    def to_playing(self, face: int = HAPPY) -> r.KioskState:
        """Go through greeting and consent to the first track."""
        self.do(r.Start(source="screen"))
        self.pass_time(self.settings.visit.greeting_s + 0.5)
        self.do(r.Consent(source="screen", camera=True))
        self.pass_time(self.settings.visit.sensing_s + 1, face=face)
        self.play_along()
        return self.state


def a_face(expression: int, at: float) -> r.FaceReading:
    """Return a large, clear face with the given expression."""
    probabilities = np.full(7, 0.02, np.float32)
    probabilities[expression] = 0.88
    return r.FaceReading(
        at, r.Box(200, 100, 160, 160), r.frozen(np.zeros((6, 2), np.float32)),
        r.frozen(probabilities), 0.95,
    )  # fmt: skip
