"""The beats of a window that moves on: only the newest seconds are looked through afresh.

A beat is found anew each second until what comes after it no longer changes it; then the strip
of wave around it is kept. All strips are fitted with the mean beat of the window each time, as
:func:`~device.sensing.pulse.beats.find_beats` does, so that a kept beat is judged as if it had
been found just now.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from device.sensing.pulse.beats import (
    Beats,
    beats_of,
    edge,
    inside,
    no_beats,
    same_beat_s,
    usual_step_s,
)
from device.sensing.pulse.doubt import unseen_before
from device.sensing.pulse.fit import SHAPE_S, Fit, MeanBeat, fit_beats, frame_of
from device.sensing.pulse.rhythm import PERIOD_S, longest_lag, rhythm_of
from device.sensing.pulse.systoles import even_power, find_systoles, highest_within
from device.sensing.pulse.waveform import STEP, Wave, band_pass

AFRESH_S = 7.0
LEAD_S = 7.0
"""The filter's edges, a quarter of a hertz wide, are felt for about 5 s: at 6 s its wave is within
half a percent of what it will be. Beside a window analysed as a whole the beats of a clean wave
lie within 0.05 ms (95 of 100), and RMSSD within 0.04 ms; what differs most is the oldest beat,
which a window that is cut out anew shows at the edge of its filter."""
TAIL_S = LEAD_S + AFRESH_S
MAX_STEP_S = 2.0
"""After more new signal than this at once, it is gone through in such steps."""
ROOM_S = 0.1
"""Wave that is kept on either side of a beat, for the mean beat may move."""
USUAL_PERIOD_S = 0.8
"""To go on looking with while there is no rhythm."""


@dataclass(frozen=True, slots=True)
class _Strips:
    """Beats, each with the wave around it; all arrays (n,)."""

    wave: NDArray[np.float64]
    """(n, m), fine samples."""
    starts_s: NDArray[np.float64]
    """When each strip begins, since the follower began."""
    at: NDArray[np.int64]
    """Where in its strip the beat lies."""
    trusted: NDArray[np.bool_]
    unseen: NDArray[np.bool_]
    """Whether there is another beat before it."""

    def __getitem__(self, which: slice) -> _Strips:
        return _Strips(self.wave[which], self.starts_s[which], self.at[which],
                       self.trusted[which], self.unseen[which])  # fmt: skip

    def __add__(self, other: _Strips) -> _Strips:
        return _Strips(
            np.concatenate((self.wave, other.wave)),
            np.concatenate((self.starts_s, other.starts_s)),
            np.concatenate((self.at, other.at)),
            np.concatenate((self.trusted, other.trusted)),
            np.concatenate((self.unseen, other.unseen)),
        )


class BeatFollower:
    """Follows the beats of one finger at one rate; memory is bounded by the window."""

    def __init__(self, rate_hz: float) -> None:
        self._rate_hz = rate_hz
        self._tail = int(TAIL_S * rate_hz)
        self._end = 0
        self._fine_hz = self._coarse_hz = 0.0
        self._mean: MeanBeat | None = None
        self._strips: _Strips | None = None
        self._period_s = USUAL_PERIOD_S
        self._likeness = _Likeness()

    def follow(self, samples: NDArray[np.float32], end: int) -> Beats:
        """Return the beats of the window ``samples``, of at least :data:`TAIL_S`.

        ``end`` counts all samples since the follower began, the window's included. Times are
        those since the first sample of the window.
        """
        starts_at, step = end - len(samples), int(MAX_STEP_S * self._rate_hz)
        stops = list(range(end, self._end, -step))[::-1]
        if self._strips is None or end - self._end > step:
            self._strips, self._mean, self._likeness = None, None, _Likeness()
            first = starts_at + self._tail
            stops = [first, *reversed(range(end, first, -step))]
        beats = no_beats()
        for stop in stops or [end]:
            tail = samples[max(0, stop - starts_at - self._tail) : stop - starts_at]
            beats = self._step(np.asarray(tail, np.float64), stop, starts_at / self._rate_hz)
        self._end = end
        return beats

    def _step(self, tail: Wave, end: int, window_starts_s: float) -> Beats:
        """Look through the tail, which ends with sample ``end``, and fit all beats."""
        wave = band_pass(tail, self._rate_hz)
        self._fine_hz, self._coarse_hz = wave.rate_hz, wave.coarse_rate_hz
        starts_s, ends_s = (end - len(tail)) / self._rate_hz, end / self._rate_hz
        coarse = even_power(wave.coarse, self._coarse_hz)
        systoles = find_systoles(coarse, self._coarse_hz)
        settled_s = ends_s - AFRESH_S
        sums = self._likeness.follow(coarse, self._coarse_hz, starts_s, settled_s, window_starts_s)
        usual_s = usual_step_s(systoles, self._coarse_hz)
        period_s = rhythm_of(sums, self._coarse_hz, usual_s).period_s
        self._period_s = period_s or self._period_s
        peaks = highest_within(systoles, coarse, same_beat_s(self._period_s) * self._coarse_hz)
        peaks = inside(peaks, len(coarse), self._coarse_hz)
        unseen = unseen_before(coarse, peaks, self._coarse_hz)
        kept = self._kept(window_starts_s + edge(self._coarse_hz) / self._coarse_hz, settled_s)
        if kept is not None and len(kept.at):
            from_s = kept.starts_s[-1] + kept.at[-1] / self._fine_hz + same_beat_s(self._period_s)
            from_s = max(from_s, settled_s - PERIOD_S[1])
            is_new = starts_s + peaks / self._coarse_hz >= from_s
            peaks, unseen = peaks[is_new], unseen[is_new]
        new = self._cut(wave.fine, peaks * STEP, starts_s, unseen)
        strips = new if kept is None else kept + new
        fit = self._fit(strips, len(strips.at) - len(new.at))
        if period_s is None:
            return no_beats()
        return beats_of(fit, strips.starts_s - window_starts_s, self._fine_hz, strips.unseen)

    def _kept(self, from_s: float, to_s: float) -> _Strips | None:
        """Return the strips of the beats that lie in the window and are settled."""
        if self._strips is None:
            return None
        times_s = self._strips.starts_s + self._strips.at / self._fine_hz
        first, last = np.searchsorted(times_s, (from_s, to_s))
        return self._strips[int(first) : max(int(first), int(last))]

    @property
    def _before(self) -> int:
        """Where in its strip a beat is first looked for."""
        return round((ROOM_S - SHAPE_S[0]) * self._fine_hz)

    def _cut(
        self, fine: Wave, peaks: NDArray[np.int64], starts_s: float, unseen: NDArray[np.bool_]
    ) -> _Strips:
        """Return the strips around the ``peaks`` of the tail."""
        before = self._before
        width = before + round((ROOM_S + SHAPE_S[1]) * self._fine_hz)
        return _Strips(
            fine.take((peaks - before)[:, None] + np.arange(width), mode="clip"),
            starts_s + (peaks - before) / self._fine_hz,
            np.full(len(peaks), before),
            np.zeros(len(peaks), np.bool_),
            unseen,
        )

    def _fit(self, strips: _Strips, known: int) -> Fit | None:
        """Fit all strips, of which the first ``known`` were fitted before; keep what is found."""
        count, width = strips.wave.shape
        self._strips = strips
        if count < 3:
            return None
        # As if they lay one behind the other.
        fine, begins = strips.wave.reshape(-1), np.arange(count) * width
        at, trusted = begins + strips.at, strips.trusted
        centre = begins + self._before
        room = int(ROOM_S * self._fine_hz)
        frame, mean = frame_of(self._period_s, self._fine_hz), self._mean
        if mean is not None and mean.frame is frame and np.count_nonzero(trusted) >= 3:
            # The new ones are brought to where the others are; then mostly one round fits them all.
            shift_s, _, _, trusted[known:] = mean.compare(
                fine.take(at[known:, None] + frame.offsets, mode="clip")
            )
            at[known:] += np.rint(shift_s * self._fine_hz).astype(np.int64)
        else:
            trusted = np.ones(count, np.bool_)
        fit = fit_beats(
            fine, self._fine_hz, at, self._period_s,
            trusted=trusted, reach=(centre - room, centre + room),
        )  # fmt: skip
        if fit is None:
            self._mean = None
            return None
        self._mean = fit.mean
        # On average the beats stay where their systoles are highest, or all would drift away.
        moved = fit.at - centre + fit.shift_s * self._fine_hz
        moved -= (fit.trusted @ moved) / np.count_nonzero(fit.trusted)
        at = self._before + np.rint(moved).astype(np.int64)
        self._strips = replace(strips, at=at, trusted=fit.trusted)
        return replace(fit, at=fit.at - begins)


class _Likeness:
    """Sums of products of a wave with itself some samples earlier, over a window."""

    def __init__(self) -> None:
        self._sum: NDArray[np.float64] | float = 0.0
        self._parts: deque[tuple[float, NDArray[np.float64]]] = deque()
        self._settled_s = -np.inf

    def follow(
        self, coarse: Wave, rate_hz: float, starts_s: float, settled_s: float, from_s: float
    ) -> NDArray[np.float64]:
        """Return the sums from ``from_s`` on; up to ``settled_s`` they are kept."""
        lags = longest_lag(rate_hz)
        known = max(lags, round((self._settled_s - starts_s) * rate_hz) if self._parts else 0)
        settled = max(known, round((settled_s - starts_s) * rate_hz))
        if settled > known:
            part = _products(coarse, known, settled, lags)
            self._parts.append((settled_s, part))
            self._sum = self._sum + part
            self._settled_s = settled_s
        while self._parts and self._parts[0][0] < from_s:
            self._sum = self._sum - self._parts.popleft()[1]
        rest = _products(coarse, settled, len(coarse), lags)
        return self._sum + rest


def _products(coarse: Wave, first: int, end: int, lags: int) -> NDArray[np.float64]:
    """Return the sums (lags,) of ``coarse[i] * coarse[i - lag]`` for ``first <= i < end``."""
    return np.correlate(coarse[first - lags + 1 : end], coarse[first:end], "valid")[::-1]
