"""A supervised player and what it says."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from catalog.emotions import neutral_point
from catalog.track import Track
from device.channels import BoundedQueue, LatestSlot
from device.config import PlaybackSettings
from device.playback import messages as m
from device.playback.player import PlayerWorker
from device.readings import PlayerState
from device.supervisor import Supervisor

RATE_HZ = 44_100


def a_track(path: Path, number: int, seconds: float) -> Track:
    return Track(
        number, path, path.stem, "", "", "", seconds, neutral_point(),
        integrated_loudness_lufs=-16.0, true_peak_dbtp=-6.0,
    )  # fmt: skip


class Playing:
    """A supervised PlayerWorker."""

    def __init__(self, **settings: Any) -> None:
        self.orders: BoundedQueue[m.PlayerOrder] = BoundedQueue(16, drop="oldest")
        self.states: LatestSlot[PlayerState] = LatestSlot()
        self.events: BoundedQueue[m.PlayerEvent] = BoundedQueue(64, drop="oldest")
        self.heard: list[m.PlayerEvent] = []
        self.worker = PlayerWorker(
            PlaybackSettings(**settings), self.orders, self.states, self.events
        )
        self.house = Supervisor([self.worker])

    def __enter__(self) -> Playing:
        self.house.start()
        return self

    def __exit__(self, *_: object) -> None:
        assert self.house.stop(5) == []

    def until(self, condition: Callable[[PlayerState], bool], timeout_s: float = 10) -> PlayerState:
        end = time.monotonic() + timeout_s
        while True:
            while (event := self.events.get(0)) is not None:
                self.heard.append(event)
            state = self.states.latest()
            if state is not None and condition(state):
                return state
            assert time.monotonic() < end, (state, self.heard, self.house.health())
            time.sleep(0.02)

    def pause_s(self, seconds: float) -> None:
        """Let time pass."""
        time.sleep(seconds)
