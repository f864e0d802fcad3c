"""Every beat is fitted with the person's own mean beat by least squares.

That times it well below the sample interval and tells the standard error of its time.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from device.sensing.pulse.order import median
from device.sensing.pulse.waveform import STEP, Wave

FIT_S = (-0.20, 0.20)
"""Part of a beat that is fitted: the systolic wave. Its flank is what the heart times."""
SHAPE_S = (-0.24, 0.36)
"""Part that is compared with the mean beat for the quality."""
MOST_OF_PERIOD = 0.45
"""Neither part reaches farther than this share of the period."""
FIT_ROUNDS = 3
"""At most; beats that are clean stay where the second one has found them."""
MAX_SHIFT_S = 0.05
"""Farther a round does not move a beat: the slope of the mean beat holds no longer."""
CLOSE = 0.75
"""Fine samples: from so near, the slope of the mean beat tells a shift to 0.01 ms."""
SETTLED = 2.0
"""Fine samples: a beat that the last round moved farther has not been found."""
RIDGE = 1e-9
"""Where the mean beat is flat there is still one answer."""
MIN_MATCH = 0.80
"""Correlation with the mean beat below which a beat is not believed (Orphanidou et al. 2015
take 0.86 for the mean of ten seconds; a single beat may be worse)."""
SURE_MATCH = 0.97
"""A beat this like the mean beat is never an outlier among very like ones."""
MAX_JITTER_S = 0.015
"""Standard error of a beat's time above which it is not believed."""
SURE_JITTER_S = 0.003
OUTLIER = 4.0
"""Times what is usual in this recording: a beat so much worse was hit by a movement."""
AMPLITUDES = (0.4, 2.5)
"""Times the mean beat; outside it is an artefact or a lost finger."""
NOISE_BAND_HZ = 8.2
"""Width of the pass band with half of its edges; noise in it has twice as many degrees of
freedom per second, far fewer than the samples."""


@dataclass(frozen=True, slots=True)
class Fit:
    """How beats compare with their mean; all arrays (n,)."""

    at: NDArray[np.int64]
    """The fine sample next to each beat's systolic peak."""
    shift_s: NDArray[np.float64]
    """From there to the peak."""
    error_s: NDArray[np.float64]
    """Standard error of its time."""
    match: NDArray[np.float64]
    """Correlation -1..1 with the mean beat."""
    height: NDArray[np.float64]
    """Times the mean beat."""
    trusted: NDArray[np.bool_]
    """Those the mean beat may be made of."""
    good: NDArray[np.bool_]
    mean: MeanBeat


def fit_beats(
    fine: Wave,
    rate_hz: float,
    at: NDArray[np.int64],
    period_s: float,
    *,
    trusted: NDArray[np.bool_] | None = None,
    reach: tuple[NDArray[np.int64], NDArray[np.int64]] | None = None,
) -> Fit | None:
    """Return the beats near the samples ``at`` of a ``fine`` wave; None where no mean is found.

    ``trusted``: those that the first mean is made of, all if not known. ``reach``: the first
    and last sample that each may lie at; all of the wave if not given.
    """
    frame = frame_of(period_s, rate_hz)
    lowest, highest = reach or (frame.before, len(fine) - 1 - frame.after)
    trusted = np.ones(len(at), np.bool_) if trusted is None else trusted
    shift_s = np.zeros(len(at))
    for _ in range(FIT_ROUNDS):
        at = at + np.rint(shift_s * rate_hz).astype(np.int64)
        at = np.minimum(np.maximum(at, lowest), highest)
        was_trusted = trusted
        parts = fine.take(at[:, None] + frame.offsets, mode="clip")
        mean = MeanBeat.of(parts, trusted, frame, rate_hz)
        shift_s, error_s, height, trusted = mean.compare(parts)
        if np.count_nonzero(trusted) < 3:
            return None
        far = np.count_nonzero(np.abs(shift_s) > CLOSE / rate_hz)
        if not far and not np.count_nonzero(trusted != was_trusted):
            break  # Another round would find the same.
    match = _match(parts[:, : frame.shape], trusted)
    settled = np.abs(shift_s) < SETTLED / rate_hz
    good = trusted & settled & _like_the_others(match, error_s, trusted)
    return Fit(at, shift_s, error_s, match, height, trusted, good, mean)


@dataclass(frozen=True, slots=True)
class MeanBeat:
    """What beats are made of, besides a level and a drift that are taken out of all of them."""

    frame: Frame
    made_of: NDArray[np.float64]
    """(2, n): the mean beat and its slope."""
    solve: NDArray[np.float64]
    """(2, n): turns a beat into how much it holds of each, by least squares."""

    @classmethod
    def of(
        cls, parts: NDArray[np.float64], trusted: NDArray[np.bool_], frame: Frame, rate_hz: float
    ) -> MeanBeat:
        """Return the mean of the ``trusted`` rows of ``parts``, which ``frame`` was read by."""
        mean = _usual(parts, trusted, frame.fitted)
        count = len(frame.level_out)
        earlier, later = mean[frame.shape : frame.shape + count], mean[frame.shape + count :]
        made_of = np.empty((2, count))
        made_of[0] = mean[frame.fitted]
        made_of[1] = (later - earlier) * (rate_hz / 2)
        made_of = made_of @ frame.level_out
        (beat, both), (_, slope) = (made_of @ made_of.T).tolist()
        beat, slope = (1 + RIDGE) * (beat or 1.0), (1 + RIDGE) * (slope or 1.0)
        inverse = np.array(((slope, -both), (-both, beat))) / (beat * slope - both * both)
        return cls(frame, made_of, inverse @ made_of)

    def compare(
        self, parts: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
        """Return how far each row is shifted, in s, how exactly that is known, how high it is
        beside the mean beat, and if trusted."""
        fitted = parts[:, self.frame.fitted] @ self.frame.level_out
        terms = fitted @ self.solve.T
        scale = terms[:, 0]
        safe = np.where(np.abs(scale) > 1e-6, scale, 1e-6)
        shift_s = np.minimum(np.maximum(-terms[:, 1] / safe, -MAX_SHIFT_S), MAX_SHIFT_S)
        fitted -= terms @ self.made_of
        noise = self.frame.noise * float(self.solve[1] @ self.solve[1])
        error_s = np.sqrt(np.einsum("ij,ij->i", fitted, fitted) * noise) / np.abs(safe)
        trusted = (scale > AMPLITUDES[0]) & (scale < AMPLITUDES[1]) & (error_s < MAX_JITTER_S)
        return shift_s, error_s, scale, trusted


@dataclass(frozen=True, slots=True)
class Frame:
    """Which samples around a beat are read."""

    offsets: NDArray[np.int64]
    """First its shape; then the fitted part once more a fine sample earlier, and one later."""
    shape: int
    """How many are its shape."""
    fitted: slice
    """Those of the shape that are fitted."""
    level_out: NDArray[np.float64]
    """(n, n): takes level and drift out of those."""
    noise: float

    @property
    def before(self) -> int:
        """How many fine samples the fit needs before a beat ..."""
        return int(1 - self.offsets[self.fitted.start])

    @property
    def after(self) -> int:
        """... and after it."""
        return int(1 + self.offsets[self.fitted.stop - 1])


def frame_of(period_s: float, rate_hz: float) -> Frame:
    """Return the frame for a pulse; one of those that are there already where it is the same."""
    coarse_hz = rate_hz / STEP
    return _frame(*_steps(SHAPE_S, period_s, coarse_hz), *_steps(FIT_S, period_s, coarse_hz),
                  rate_hz)  # fmt: skip


@lru_cache(maxsize=32)
def _frame(first: int, last: int, fit_first: int, fit_last: int, rate_hz: float) -> Frame:
    shape = np.arange(first, last + 1) * STEP
    fitted = slice(fit_first - first, fit_last - first + 1)
    return Frame(
        np.concatenate((shape, shape[fitted] - 1, shape[fitted] + 1)),
        len(shape),
        fitted,
        level_out(len(shape[fitted])),
        _noise_factor(len(shape[fitted]), rate_hz / STEP),
    )


@lru_cache(maxsize=32)
def level_out(count: int) -> NDArray[np.float64]:
    """Return the (n, n) matrix that takes the straight line out of n even samples."""
    line = np.stack((np.ones(count), np.linspace(-1.0, 1.0, count)))
    line /= np.sqrt(np.einsum("ij,ij->i", line, line))[:, None]
    matrix = np.asarray(np.eye(count) - line.T @ line)
    matrix.setflags(write=False)
    return matrix


def _steps(part_s: tuple[float, float], period_s: float, coarse_hz: float) -> tuple[int, int]:
    """Return the first and last coarse step of a part; of a fast pulse, for the next beat is
    near, it is shorter."""
    most_s = MOST_OF_PERIOD * period_s
    first_s, last_s = max(-most_s, part_s[0]), min(most_s, part_s[1])
    return round(first_s * coarse_hz), round(last_s * coarse_hz)


def _noise_factor(samples: int, coarse_hz: float) -> float:
    """Return the noise density, as variance per sample, that a squared residual of 1 tells.

    Band-limited noise has 2BT + 1 degrees of freedom (Slepian 1976), of which the fit takes 4;
    its density is that of white noise with the same power in a band of half the sample rate.
    """
    freedom = 2 * NOISE_BAND_HZ * samples / coarse_hz + 1
    return freedom / (freedom - 4) / samples * (coarse_hz / 2 / NOISE_BAND_HZ)


def _like_the_others(
    match: NDArray[np.float64], error_s: NDArray[np.float64], trusted: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Return which beats are no worse than is usual in this recording."""
    usual_match = median(match[trusted])
    usual_error_s = median(error_s[trusted])
    least = max(MIN_MATCH, min(SURE_MATCH, 1 - OUTLIER * (1 - usual_match)))
    most_s = max(SURE_JITTER_S, OUTLIER * usual_error_s)
    return (match > least) & (error_s < most_s)


def _usual(
    parts: NDArray[np.float64], trusted: NDArray[np.bool_], fitted: slice
) -> NDArray[np.float64]:
    """Return the mean of the rows; an outlier more or less does not move it.

    The columns ``fitted`` tell how high a beat is.
    """
    beats = parts[:, fitted]
    height = np.maximum.reduce(beats, 1) - np.minimum.reduce(beats, 1)
    middle = median(height[trusted])
    like_most = trusted & (height > 0.5 * middle) & (height < 2 * middle)
    if np.count_nonzero(like_most) < 3:
        like_most = trusted
    return np.asarray((like_most / np.count_nonzero(like_most)) @ parts)


def _match(parts: NDArray[np.float64], trusted: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return each beat's correlation with the mean beat, over most of its length."""
    parts = parts - (np.add.reduce(parts, 1) / parts.shape[1])[:, None]
    mean = (trusted / np.count_nonzero(trusted)) @ parts
    lengths = np.sqrt(np.einsum("ij,ij->i", parts, parts) * (mean @ mean))
    lengths[lengths <= 0] = 1.0
    return np.asarray((parts @ mean) / lengths, np.float64)
