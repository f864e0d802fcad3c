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
    """What the sensor says of its rate; None: measure it by the time of arrival."""
    device_time_s: float | None = None
    """Sensor clock at ``samples[0]``, unwrapped; None where the sensor has no clock."""
    finger_on: bool | None = None
    """None where the sensor cannot tell."""
    lost: bool = False
    """Samples are missing before this run."""


class Parser(Protocol):
    """Turns a sensor's bytes into runs; knows nothing of ports.

    ``feed`` always consumes what it is given and keeps at most a bounded rest; junk is counted
    and skipped. ``reply`` returns what the sensor waits for, and only once.
    """

    junk_bytes: int
    """Bytes that belonged to nothing."""
    lost_runs: int
    """Holes in the stream that were noticed."""

    def feed(self, data: bytes) -> list[SampleRun]: ...

    def reply(self) -> bytes: ...


def run_of(
    values: Sequence[float] | NDArray[np.float32],
    *,
    rate_hz: float | None = None,
    device_time_s: float | None = None,
    finger_on: bool | None = None,
    lost: bool = False,
) -> SampleRun:
    """Return a run of the given values, made read-only."""
    samples = np.asarray(values, np.float32)
    samples.setflags(write=False)
    return SampleRun(samples, rate_hz, device_time_s, finger_on, lost)
