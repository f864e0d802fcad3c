"""Beat times -> intervals that may be counted.

An interval counts when both its beats are believed, no samples were lost between them, and it
is no artefact: a missed, extra, early or late beat, found as Lipponen and Tarvainen do (2019,
J Med Eng Technol 43:173-181). Artefacts are left out, not repaired: no difference spans them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from device.sensing.pulse.beats import Beats
from device.sensing.pulse.fit import MIN_MATCH
from device.sensing.pulse.order import median, quartiles, quartiles_of_rows

RR_S = (0.3, 2.0)
"""200 to 30 beats a minute."""
BREAK_REACH_S = 0.6
"""The filter rings this long on either side of a hole in the signal."""
WIDTH = 91
"""Beats around each one that set its threshold (Lipponen & Tarvainen 2019, section 2.2)."""
SPREAD = 5.2
"""Quartile deviations that hold 99.95 % of normal differences (same place)."""
MEDIAN_WIDTH = 11
ECTOPIC_SLOPE, ECTOPIC_OFFSET = 0.13, 0.17
"""Border of the short-long pairs (same source, c1 and c2)."""
LONG = 3.0
"""Deviation from the running median, in thresholds, of a long or short beat (same source)."""
SHORTEST, LONGEST = 0.6, 1.6
"""Of the intervals around. A breath seldom changes them by more than a third, a beat that is missed
doubles them and one too many halves them: those are artefacts however wide the threshold, which a
few of them widen, and also as the very last interval, which has no successor to take it back."""
FAR_TOO_LONG = 1.75
"""Of the usual interval of all: where several are missed, those around are no witness."""
CLEAR, MOST_MISSED = 0.25, 4
"""Of the usual interval around: so near to a whole number of it must the time between two beats
be, and so many at most, for it to be plain how often the heart has beaten."""
SURE_MATCH = 0.9
"""Two neighbours so like the mean beat are beats whenever they come, with nothing between them that
is nearer to one interval than to none or two: early beats of a fibrillating heart, which follow
the one before on its own wave, keep 0.93 (synthetic)."""
LEAST_THRESHOLD_S = 0.02
"""A heart or a simulator as regular as a clock has no spread to speak of."""


@dataclass(frozen=True, slots=True)
class Intervals:
    """Intervals between neighbouring beats; all arrays (n,), n one less than the beats."""

    ends_s: NDArray[np.float64]
    rr_s: NDArray[np.float64]
    variance_s2: NDArray[np.float64]
    """Of the measurement, not of the heart."""
    valid: NDArray[np.bool_]
    """Those that variability may be taken from."""
    stands_for: NDArray[np.float64]
    """How many intervals of the heart the rate counts it for: also between beats that are there
    but not well timed, whose errors cancel, and where it is plain how many were missed. To leave
    out what is difficult would favour a part of the breath, or a calm end over a restless start."""
    artefacts: int
    """How many were left out as artefacts of rhythm."""

    def mean_s(self, after_s: float = 0.0, least: float = 1.0) -> float | None:
        """Return the heart's mean interval of those that end ``after_s``; None where the heart
        has not beaten ``least`` times in what is counted."""
        chosen = (self.stands_for > 0) & (self.ends_s > after_s)
        beats = float(np.add.reduce(self.stands_for[chosen]))
        return float(np.add.reduce(self.rr_s[chosen])) / beats if beats >= least else None


def intervals_of(beats: Beats, breaks_s: Sequence[float] = ()) -> Intervals:
    """Return the intervals of ``beats``; ``breaks_s`` are times before which samples are lost."""
    if len(beats) < 2:
        empty = np.zeros(0)
        return Intervals(empty, empty, empty, np.zeros(0, np.bool_), empty, 0)
    times = beats.times_s
    good, seen = beats.good.copy(), beats.good | (beats.match > MIN_MATCH)
    rr_s = times[1:] - times[:-1]
    valid = (rr_s >= RR_S[0]) & (rr_s <= RR_S[1])
    for break_s in breaks_s:
        good &= np.abs(times - break_s) > BREAK_REACH_S
        seen &= np.abs(times - break_s) > BREAK_REACH_S
        valid &= ~((times[:-1] < break_s) & (times[1:] >= break_s))
    valid &= good[:-1] & good[1:]
    squares = beats.jitter_s**2
    artefact = np.zeros(len(rr_s), np.bool_)
    artefact[valid] = artefacts(rr_s[valid])
    return Intervals(
        ends_s=times[1:],
        rr_s=rr_s,
        variance_s2=squares[1:] + squares[:-1],
        valid=valid & ~artefact,
        stands_for=_stands_for(times, seen, beats.match > SURE_MATCH, valid & ~artefact, breaks_s),
        artefacts=int(np.count_nonzero(artefact)),
    )


def _stands_for(
    times_s: NDArray[np.float64],
    seen: NDArray[np.bool_],
    sure: NDArray[np.bool_],
    valid: NDArray[np.bool_],
    breaks_s: Sequence[float],
) -> NDArray[np.float64]:
    """Return how many intervals of the heart each interval stands for; 0 where that is open.

    Beats that were ``seen`` bound what lies between them, even if not well timed; between them
    the heart has beaten as often as its usual interval goes into it, if that is plain or the beats
    at both ends are ``sure``.
    """
    count = valid.astype(np.float64)
    if np.count_nonzero(valid) in (0, len(valid)):
        return count
    rr_s = times_s[1:] - times_s[:-1]
    middle_s = times_s[1:] - rr_s / 2
    bounds = seen.copy()
    for _ in range(2):
        known = count > 0
        usual_s = _running_median(rr_s[known] / count[known])
        ends = bounds.nonzero()[0]
        first, last = ends[:-1], ends[1:]
        open_ = (last > first + 1) | ~valid[first]
        first, last = first[open_], last[open_]
        span_s = times_s[last] - times_s[first]
        between_s = (times_s[first] + times_s[last]) / 2
        periods = span_s / np.interp(between_s, middle_s[known], usual_s)
        whole = np.rint(periods)
        clear = (np.abs(periods - whole) < CLEAR) & (whole >= 1) & (whole <= MOST_MISSED)
        clear |= (last == first + 1) & sure[first] & sure[last] & (whole == 1)
        for break_s in breaks_s:
            clear &= ~((times_s[first] < break_s) & (times_s[last] >= break_s))
        for a, b, per_s in zip(
            first[clear].tolist(), last[clear].tolist(),
            (whole / span_s)[clear].tolist(), strict=True,
        ):  # fmt: skip
            count[a:b] = rr_s[a:b] * per_s
        # A beat that fits neither what is before nor what is after it was no beat of its own.
        lost = np.zeros(len(valid), np.bool_)
        for a, b in zip(first[~clear].tolist(), last[~clear].tolist(), strict=True):
            lost[a:b] = True
        bounds[1:-1] &= ~(lost[1:] & lost[:-1])
    return count


def artefacts(rr_s: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which of consecutive intervals (n,) do not come from the sinus rhythm."""
    if not len(rr_s):
        return np.zeros(0, np.bool_)
    if len(rr_s) < 4:
        usual_s = median(rr_s)
        return np.asarray(np.abs(rr_s - usual_s) > 0.3 * usual_s)
    change = np.empty(len(rr_s))
    np.subtract(rr_s[1:], rr_s[:-1], out=change[1:])
    change[0] = (rr_s[-1] - rr_s[0]) / (len(rr_s) - 1)
    step = change / _threshold(change)
    around_s = _running_median(rr_s)
    away = rr_s - around_s
    away = np.minimum(away, 2 * away)  # Before the threshold, in which it counts too.
    found = (np.abs(away / _threshold(away)) > LONG) | (rr_s < SHORTEST * around_s)
    found |= rr_s > np.minimum(LONGEST * around_s, FAR_TOO_LONG * median(rr_s))
    if np.count_nonzero(np.abs(step[1:-1]) > 1):
        _find_jumps(step, found)
    return found


def _find_jumps(step: NDArray[np.float64], found: NDArray[np.bool_]) -> None:
    """Mark in ``found`` the intervals whose changes ``step``, in thresholds, are no rhythm's."""
    before, here, after = step[:-2], step[1:-1], step[2:]
    second = np.zeros(len(here))
    second[:-1] = step[3:]
    # A beat too early and its pause: a fall between two rises, or the other way round.
    border = ECTOPIC_SLOPE * np.abs(here) + ECTOPIC_OFFSET
    early = (here < -1) & (np.minimum(before, after) > border)
    late = (here > 1) & (np.maximum(before, after) < -border)
    # A jump that is taken back within two beats: long, short, missed or extra.
    back = np.where(here > 0, np.minimum(after, second), np.maximum(after, second))
    jump = (np.abs(here) > 1) & (back * np.sign(here) < -1)
    hit = np.flatnonzero(early | late | jump) + 1
    found[hit] = True
    pair = np.flatnonzero(early | late) + 1
    found[np.minimum(pair + 1, len(found) - 1)] = True
    found[pair - 1] = True


def _threshold(values: NDArray[np.float64]) -> NDArray[np.float64] | float:
    """Return the threshold around each value from the spread of its neighbourhood."""
    if len(values) <= WIDTH:
        low, high = quartiles(values)
        return max(SPREAD * (high - low) / 2, LEAST_THRESHOLD_S)
    around = values[np.arange(len(values) - WIDTH + 1)[:, None] + np.arange(WIDTH)]
    lows, highs = quartiles_of_rows(around)
    spread = np.maximum(SPREAD * (highs - lows) / 2, LEAST_THRESHOLD_S)
    nearest = np.arange(len(values)) - WIDTH // 2
    return np.asarray(spread[np.minimum(np.maximum(nearest, 0), len(spread) - 1)])


def _running_median(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the median of the eleven intervals around each one."""
    around = np.partition(values[_around(len(values))], MEDIAN_WIDTH // 2, axis=1)
    return np.asarray(around[:, MEDIAN_WIDTH // 2], np.float64)


@lru_cache(maxsize=256)
def _around(count: int) -> NDArray[np.int64]:
    """Return the places of the eleven around each of ``count``, mirrored at both ends."""
    half, last = MEDIAN_WIDTH // 2, count - 1
    places = np.arange(count)[:, None] + np.arange(-half, half + 1)
    places = np.minimum(np.maximum(last - np.abs(last - np.abs(places)), 0), last)
    places.setflags(write=False)
    return np.asarray(places)
