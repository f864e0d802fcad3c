"""The thread that turns sensor blocks into pulse readings."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

from device.channels import BoundedQueue, LatestSlot
from device.config import PulseSettings
from device.readings import Clock, PpgBlock, PulseReading
from device.sensing.pulse.stream import PulseStream

PUBLISH_EVERY_S = 0.2
"""The screen's wave moves five times a second."""


class PulseWorker:
    """Publishes a reading five times a second while blocks come, and the finger's leaving."""

    name = "pulse"
    critical = False

    def __init__(
        self,
        settings: PulseSettings,
        blocks: BoundedQueue[PpgBlock],
        readings: LatestSlot[PulseReading],
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._blocks = blocks
        self._readings = readings
        self._clock = clock
        self._forget = threading.Event()

    def forget(self) -> None:
        """Drop all that is known of the person; from any thread."""
        self._forget.set()

    def run(self, stop: threading.Event, beat: Callable[[], None]) -> None:
        """Read and publish until stopped."""
        stream = PulseStream(self._settings)
        lost = self._blocks.dropped
        due = self._clock()
        while not stop.is_set():
            beat()
            block = self._blocks.get(PUBLISH_EVERY_S / 2)
            now = self._clock()
            # In this order, what is told with a time after the forgetting holds nothing of before.
            if self._forget.is_set():
                self._forget.clear()
                stream.forget()
            if block is not None:
                dropped, lost = self._blocks.dropped - lost, self._blocks.dropped
                stream.feed(_after_gap(block) if dropped else block)
            if now >= due:
                due = now + PUBLISH_EVERY_S
                self._readings.put(stream.reading(now))


def _after_gap(block: PpgBlock) -> PpgBlock:
    """Return the block marked: the ones before it were dropped."""
    return replace(block, gap_before=True)
