"""Damaged numbers in streams without a checksum: one digit or bit is wrong and still in range."""

from __future__ import annotations

from firmware_bridge.samples import RunBuilder

FACTOR = 4.0
"""A sample further from both neighbours than this times the largest step of late is damaged. A
pulse wave has no such needles: its narrowest peak is 0.1 s wide, three samples at 25 Hz."""
LEAST_STEP = 8.0
"""Sensor units; a flat line may flicker by so much."""
FORGET = 0.99
"""Per sample, so the largest step of late is that of the last seconds."""
FIRST_SAMPLES = 10

_Sample = tuple[float, bool | None, bool, float | None]


class PlausibleRuns(RunBuilder):
    """Hands samples on one late, without single ones that leave both neighbours and come back."""

    def __init__(self) -> None:
        super().__init__()
        self.damaged = 0
        self._waiting: _Sample | None = None
        self._before: float | None = None
        self._largest_step = 0.0
        self._seen = 0

    def add(
        self, value: float, finger_on: bool | None, lost: bool, time_s: float | None = None
    ) -> None:
        """Take one sample; the one before it is judged now. In place of a damaged one is a hole."""
        waiting = self._waiting
        if waiting is not None:
            if self._is_damaged(waiting, None if lost else value):
                self.damaged += 1
                lost = True
            else:
                self._accept(waiting)
        self._waiting = (value, finger_on, lost, time_s)

    def _is_damaged(self, sample: _Sample, after: float | None) -> bool:
        """``after``: None before a hole, where damage is the more likely."""
        value, _, lost, _ = sample
        if lost or self._before is None or self._seen < FIRST_SAMPLES:
            return False
        step_in = abs(value - self._before)
        step_out = step_in if after is None else abs(after - value)
        limit = max(LEAST_STEP, FACTOR * self._largest_step)
        back = after is None or abs(after - self._before) < min(step_in, step_out) / 2
        return back and min(step_in, step_out) > limit

    def _accept(self, sample: _Sample) -> None:
        value, _, lost, _ = sample
        if self._before is not None and not lost:
            step = abs(value - self._before)
            self._largest_step = max(FORGET * self._largest_step, step)
            self._seen += 1
        self._before = value
        super().add(*sample)
