"""When each sample of a window was taken, by the sensor's own clock.

Beats are found by counting samples; their times are read off here. So a rate that drifts, or is
a little other than it is taken for, changes no interval.
"""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

POINT_EVERY_S = 5.0
"""Between two points the rate counts as steady: a clock of whole milliseconds then tells it to
0.02 %, and the quartz or resonator of a board does not change faster."""
MAX_STRAY = 0.05
"""Of the time between two points: a clock that strays farther has jumped."""
STRAY_S = 0.02


class SensorTime:
    """Points of sample number and time; as many as the window holds."""

    def __init__(self) -> None:
        self._forget()

    def _forget(self) -> None:
        self._points: deque[tuple[int, float]] = deque()
        self._latest: tuple[int, float] | None = None
        self._shift_s = 0.0

    def note(self, number: int, time_s: float | None, rate_hz: float, lost: bool) -> None:
        """Take note that sample ``number`` was taken at ``time_s``; None: by no clock.

        ``lost``: samples are missing before it; their time is left out, as they are.
        """
        if time_s is None:
            self._forget()
            return
        at_s = time_s + self._shift_s
        if self._latest is not None:
            since_s = (number - self._latest[0]) / rate_hz
            stray_s = at_s - self._latest[1] - since_s
            if lost or abs(stray_s) > STRAY_S + MAX_STRAY * since_s:
                self._shift_s -= stray_s
                at_s -= stray_s
        self._latest = (number, at_s)
        if not self._points or number - self._points[-1][0] >= POINT_EVERY_S * rate_hz:
            self._points.append(self._latest)

    def forget_before(self, number: int) -> None:
        """Drop the points that no sample from ``number`` on needs."""
        while len(self._points) > 2 and self._points[1][0] <= number:
            self._points.popleft()

    def seconds(self, numbers: NDArray[np.float64], rate_hz: float) -> NDArray[np.float64]:
        """Return when samples, whole or in between, were taken; by the rate where no clock is."""
        if self._latest is None or self._latest[0] - self._points[0][0] < rate_hz:
            return np.asarray(numbers / rate_hz)
        # The newest point is near to the last but one: the one before it tells the rate.
        known = [*list(self._points)[: max(1, len(self._points) - 1)], self._latest]
        counts, times_s = np.array(known).T
        slopes = (times_s[1:] - times_s[:-1]) / (counts[1:] - counts[:-1])
        place = np.searchsorted(counts[1:-1], numbers, "right")
        return np.asarray(times_s[place] + (numbers - counts[place]) * slopes[place])
