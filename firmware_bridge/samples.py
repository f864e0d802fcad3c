"""What every finger sensor's parser gives: runs of samples without a hole inside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class SampleRun:
    """Consecutive samples; larger means more blood in the finger, so a beat is a peak."""

    samples: NDArray[np.float32]
    """(n,), n >= 1, read-only, in the sensor's own units."""
    rate_hz: float | None = None
    """By the sensor's word or clock; None: measure it by the time of arrival."""
    device_time_s: float | None = None
    """Sensor clock at ``samples[0]``, unwrapped, never running back; None without a clock."""
    finger_on: bool | None = None
    """None where the sensor cannot tell."""
    lost: bool = False
    """Samples are missing before this run."""


class Parser(Protocol):
    """Turns a sensor's bytes into runs; knows nothing of ports.

    ``feed`` always consumes what it is given and keeps at most a bounded rest; junk is counted
    and skipped. ``reply`` returns the bytes that the sensor shall get now, mostly none.
    """

    junk_bytes: int
    """Bytes that belonged to nothing."""
    lost_runs: int
    """Holes in the stream that were noticed."""

    @property
    def complaint(self) -> str:
        """What the sensor itself says is wrong, in words for the owner; empty when nothing."""

    @property
    def belongs_to(self) -> str:
        """Name of the other protocol that the stream turned out to be of; empty: it is its own."""

    def feed(self, data: bytes) -> list[SampleRun]: ...

    def reply(self, now_s: float) -> bytes: ...


def run_of(
    values: Sequence[float] | NDArray[np.float32],
    *,
    rate_hz: float | None = None,
    device_time_s: float | None = None,
    finger_on: bool | None = None,
    lost: bool = False,
) -> SampleRun:
    """Return a run of the given values, made read-only."""
    samples = np.array(values, np.float32)
    samples.setflags(write=False)
    return SampleRun(samples, rate_hz, device_time_s, finger_on, lost)


class RunBuilder:
    """Collects samples one by one; a run ends at a hole and where the finger comes or goes."""

    def __init__(self) -> None:
        self._runs: list[SampleRun] = []
        self._values: list[float] = []
        self._finger: bool | None = None
        self._lost = False
        self._time_s: float | None = None

    def add(
        self, value: float, finger_on: bool | None, lost: bool, time_s: float | None = None
    ) -> None:
        """Append one sample; ``lost``: others are missing before it."""
        if self._values and (lost or finger_on != self._finger):
            self._close(None)
        if not self._values:
            self._finger, self._lost, self._time_s = finger_on, lost, time_s
        self._values.append(value)

    def take(self, rate_hz: float | None) -> list[SampleRun]:
        """Return all runs and forget them."""
        if self._values:
            self._close(rate_hz)
        runs, self._runs = self._runs, []
        return [
            SampleRun(run.samples, rate_hz, run.device_time_s, run.finger_on, run.lost)
            for run in runs
        ]

    def _close(self, rate_hz: float | None) -> None:
        self._runs.append(
            run_of(
                self._values,
                rate_hz=rate_hz,
                device_time_s=self._time_s,
                finger_on=self._finger,
                lost=self._lost,
            )
        )
        self._values = []
