"""The sensor's time: its clock over wraps and resets, and the rate at which samples come."""

from __future__ import annotations

from collections import deque

MAX_STEP_S = 10.0
"""A clock that moves further at once has jumped: the host gives a silent sensor up after 5 s."""
RATE_WINDOW_S = 10.0
FIRST_RATE_S = 2.0
"""Shortest stretch that gives a rate; reads come up to 20 ms late, so it is then within 1 %."""
POINT_EVERY_S = 0.1
MIN_RATE_HZ, MAX_RATE_HZ = 5.0, 2000.0
RATE_TOLERANCE = 0.005
"""A measured rate this close to the one in use changes nothing. Arrival within 20 ms gives 0.02 %
over the window, a ceramic resonator on an Arduino is good for 0.5 %."""


class DeviceClock:
    """Unwraps a counter into seconds that never run back."""

    def __init__(self, tick_s: float, span_ticks: int | None) -> None:
        """``span_ticks``: where the counter begins again; None: never."""
        self._tick_s = tick_s
        self._span = span_ticks
        self._last: float | None = None
        self._time_s = 0.0

    def note(self, ticks: float) -> tuple[float, bool]:
        """Return (seconds, whether the clock jumped); after a jump time goes on from the last."""
        last, self._last = self._last, ticks
        if last is None:
            self._time_s = ticks * self._tick_s
            return self._time_s, False
        step = ticks - last
        if step < 0 and self._span is not None:
            step += self._span
        step_s = step * self._tick_s
        jumped = not 0 <= step_s <= MAX_STEP_S
        if not jumped:
            self._time_s += step_s
        return self._time_s, jumped


class RateEstimate:
    """Follows how many samples a second come, by any clock; holds still within the tolerance."""

    def __init__(self, stated_hz: float | None = None) -> None:
        self.hz = stated_hz
        """The rate to use; None while it is not known."""
        self._settled = stated_hz is not None
        self._count = 0
        self._points: deque[tuple[float, int]] = deque(
            maxlen=int(RATE_WINDOW_S / POINT_EVERY_S) + 1
        )

    def note(self, at_s: float, samples: int, held_up: bool = False) -> None:
        """Note ``samples`` more, of which the first was taken (or arrived) at ``at_s``.

        ``held_up``: they are whole, but the time of their arrival tells little: nothing to one
        who knows the rate.
        """
        before, self._count = self._count, self._count + samples
        if held_up and self._settled:
            return
        if self._points and at_s - self._points[-1][0] < POINT_EVERY_S:
            return
        self._points.append((at_s, before))
        while at_s - self._points[0][0] > RATE_WINDOW_S:
            self._points.popleft()
        if at_s - self._points[0][0] < FIRST_RATE_S:
            return
        measured = _slope(self._points)
        if not MIN_RATE_HZ <= measured <= MAX_RATE_HZ:
            return
        if self.hz is None or not self._settled or abs(measured / self.hz - 1) > RATE_TOLERANCE:
            self.hz = measured
            # The first measurement of a short stretch gets better until the window is full.
            self._settled |= at_s - self._points[0][0] > RATE_WINDOW_S - 2 * POINT_EVERY_S

    def restart(self) -> None:
        """Forget the way here, not the rate: samples were lost and the count is wrong."""
        self._points.clear()


def _slope(points: deque[tuple[float, int]]) -> float:
    """Least squares of count over time."""
    mean_at = sum(at for at, _ in points) / len(points)
    mean_count = sum(count for _, count in points) / len(points)
    across = sum((at - mean_at) * (count - mean_count) for at, count in points)
    spread = sum((at - mean_at) ** 2 for at, _ in points)
    return across / spread
