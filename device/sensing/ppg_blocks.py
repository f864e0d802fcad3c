"""The sensor's runs -> blocks for the pulse: batched, with a rate, a number and every hole."""

from __future__ import annotations

from device.channels import BoundedQueue
from device.readings import PpgBlock
from firmware_bridge.clocks import RateEstimate
from firmware_bridge.samples import SampleRun, run_of

BATCH_S = 0.15
"""Long enough to spare the threads, short enough for a wave on the screen."""
MAX_BATCH = 512
PAUSE_S = 0.3
"""A pause in what arrives that is not made up for by more samples is a hole. Our own thread may
be late, but then the kernel has kept the samples."""


class PpgBlocks:
    """Fills a queue of blocks from the runs of one connection after the other."""

    def __init__(self, queue: BoundedQueue[PpgBlock]) -> None:
        self._queue = queue
        self._seq = 0
        self._gap = True
        self._arrivals = RateEstimate()
        self._batch: list[SampleRun] = []
        self._batch_size = 0
        self._last_at: float | None = None
        self._pause_s = 0.0
        self.rate_hz: float | None = None
        """Of the newest block; None before the first of a connection."""

    def connect(self) -> None:
        """Begin anew: what comes now is from a line that was opened just now."""
        self._arrivals = RateEstimate()
        self._batch, self._batch_size = [], 0
        self._last_at, self._pause_s = None, 0.0
        self._gap = True
        self.rate_hz = None

    def add(self, run: SampleRun, now_s: float) -> None:
        """Take a run that arrived at ``now_s``; it goes on with others of its kind."""
        if self._last_at is not None:
            self._pause_s = max(self._pause_s, now_s - self._last_at)
        self._last_at = now_s
        if self._batch and (run.lost or run.finger_on != self._batch[0].finger_on):
            self._flush(now_s)
        self._batch.append(run)
        self._batch_size += len(run.samples)
        rate_hz = run.rate_hz or self._arrivals.hz
        if self._batch_size >= min(MAX_BATCH, BATCH_S * (rate_hz or 100.0)):
            self._flush(now_s)

    def _flush(self, now_s: float) -> None:
        first, size = self._batch[0], self._batch_size
        samples = [value for run in self._batch for value in run.samples]
        pause_s, self._pause_s = self._pause_s, 0.0
        rate_hz = self._rate(self._batch[-1], size, now_s, pause_s > PAUSE_S)
        self._batch, self._batch_size = [], 0
        self.rate_hz, lost = rate_hz, first.lost
        if rate_hz is None:
            self._gap = True
            return  # A sensor that does not state its rate is listened to for a moment first.
        if first.device_time_s is None and pause_s - size / rate_hz > PAUSE_S:
            lost = True
            self._arrivals.restart()
        block = PpgBlock(
            seq=self._seq,
            received_at=now_s,
            sample_rate_hz=rate_hz,
            samples=run_of(samples).samples,
            finger_on=first.finger_on,
            gap_before=lost or self._gap,
            device_time_s=first.device_time_s,
        )
        self._seq += 1
        # When the queue was full its oldest block went: a hole, seen by the numbers, too.
        self._gap = not self._queue.put(block)

    def _rate(self, run: SampleRun, size: int, now_s: float, held_up: bool) -> float | None:
        """Return the rate by the sensor's clock, else by what it states and how it arrives."""
        if run.device_time_s is not None and run.rate_hz is not None:
            return run.rate_hz
        if self._arrivals.hz is None and run.rate_hz is not None:
            self._arrivals = RateEstimate(run.rate_hz)
        self._arrivals.note(now_s, size, held_up)
        return self._arrivals.hz
