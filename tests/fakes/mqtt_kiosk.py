"""The real MqttWorker in its thread, with a publisher of states in place of the conductor."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from device import readings as r
from device.channels import BoundedQueue, LatestSlot
from device.config import Settings, parse
from device.interfaces.mqtt import MqttWorker
from tests.fakes.kiosk_states import IDLE

INBOX = 64


def settings_for(port: int, kiosk: str = "hall", **mqtt: Any) -> Settings:
    """Return the settings of a kiosk whose broker listens on ``port``."""
    return parse({"kiosk": {"id": kiosk}, "mqtt": {"host": "127.0.0.1", "port": port, **mqtt}})


class Running:
    """An MqttWorker in its thread, with its channels."""

    def __init__(self, settings: Settings) -> None:
        self.states: LatestSlot[r.KioskState] = LatestSlot()
        self.commands: BoundedQueue[r.Command] = BoundedQueue(INBOX, drop="newest")
        self.worker = MqttWorker(settings, self.states, self.commands)
        self.beats = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(
            target=self.worker.run, args=(self._stop, self._beat), daemon=True
        )
        self._thread.start()

    def _beat(self) -> None:
        self.beats += 1

    def stop(self) -> None:
        """Stop as the supervisor does, and insist on an end well within its deadline."""
        self._stop.set()
        self._thread.join(3)
        assert not self._thread.is_alive()


def until(condition: Callable[[], bool], timeout_s: float = 10) -> None:
    """Wait for ``condition``; fail when it does not come to pass."""
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.02)


def kiosk(start: list[Running], settings: Settings, state: r.KioskState = IDLE) -> Running:
    """Start a kiosk in ``state``; who keeps the list ``start`` stops it."""
    running = Running(settings)
    running.states.put(state)
    start.append(running)
    return running


def note_says(running: Running, words: str) -> None:
    """Wait until the worker's note has the words."""
    until(lambda: words in running.worker.note)
