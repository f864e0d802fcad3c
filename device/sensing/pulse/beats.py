"""The wave -> beats: where each is, how exactly that is known, and whether to believe it.

Blocks of interest by two moving averages (Elgendi et al. 2013, PLoS ONE 8:e76585), guarded by
the period of the whole wave against half and double rate. Then every beat is fitted with the
person's own mean beat by least squares, which times it well below the sample interval and
tells its standard error.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from device.sensing.pulse.order import median
from device.sensing.pulse.waveform import STEP, Wave, Waveform, fast_length

PEAK_S, BEAT_S = 0.111, 0.667
"""Windows of the two moving averages (Elgendi et al. 2013, table 3: a systole, a beat)."""
OFFSET = 0.02
"""Share of the mean power a block must exceed (same source, beta = 2 %)."""
EVEN_S = 2.0
"""Holds a beat or two at any rate."""
PERIOD_S = (0.3, 2.0)
"""30 to 200 beats a minute."""
FIT_S = (-0.20, 0.20)
"""Part of a beat that is fitted: the systolic wave. Its flank is what the heart times."""
SHAPE_S = (-0.24, 0.36)
"""Part that is compared with the mean beat for the quality."""
MOST_OF_PERIOD = 0.45
"""Neither part reaches farther than this share of the period."""
FIT_ROUNDS = 3
MAX_SHIFT_S = 0.05
"""Farther a round does not move a beat: the slope of the mean beat holds no longer."""
RIDGE = 1e-9 * np.eye(4)
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
class Beats:
    """Beats in the order of time; all arrays (n,)."""

    times_s: NDArray[np.float64]
    """Systolic peak, since the first sample."""
    jitter_s: NDArray[np.float64]
    """Standard error of each time."""
    match: NDArray[np.float64]
    """Correlation -1..1 with the mean beat."""
    good: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.times_s)


def no_beats() -> Beats:
    """Return nothing, where there is nothing."""
    empty = np.zeros(0)
    return Beats(empty, empty, empty, np.zeros(0, np.bool_))


def find_beats(wave: Waveform) -> Beats:
    """Return the beats of ``wave``; none where there is no rhythm."""
    rate_hz = wave.coarse_rate_hz
    coarse = even_power(wave.coarse, rate_hz)
    peaks = _blocks_of_interest(coarse, rate_hz)
    if len(peaks) < 3:
        return no_beats()
    period_s = rhythm(coarse, rate_hz, median(np.diff(peaks)) / rate_hz).period_s
    if period_s is None:
        return no_beats()
    peaks = _highest_within(peaks, coarse, 0.5 * period_s * rate_hz)
    reach = int(np.ceil(max(-SHAPE_S[0], SHAPE_S[1]) * rate_hz)) + 2
    inside = (peaks >= reach) & (peaks < len(coarse) - reach)
    peaks = peaks[inside]
    if len(peaks) < 3:
        return no_beats()
    return _fit(wave, peaks * STEP, period_s)


def even_power(coarse: Wave, rate_hz: float) -> Wave:
    """Return the wave with the power of every two seconds made equal.

    A jerk of the hand is tens of times larger than a beat, and would hide the beats around it.
    """
    power = _moving_mean(_running_total(np.square(coarse)), _odd(EVEN_S * rate_hz))
    floor = 1e-6 * float(power.max(initial=0.0))
    return coarse / np.sqrt(np.maximum(power, floor if floor > 0 else 1.0))


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How regular a stretch of wave is."""

    period_s: float | None
    """None where nothing repeats."""
    strength: float
    """Autocorrelation 0..1 at the period."""


MIN_STRENGTH = 0.2
"""Of a minute with artefacts; white noise stays below 0.1."""


def rhythm(coarse: Wave, rate_hz: float, systoles_s: float | None = None) -> Rhythm:
    """Return the period, 0.3 to 2 s, that a wave of even power repeats itself with.

    ``systoles_s``, where known, is the usual time between what looks like systoles: a witness.
    """
    first, last = int(PERIOD_S[0] * rate_hz), min(int(PERIOD_S[1] * rate_hz), len(coarse) // 2)
    total = fast_length(len(coarse) + last)
    spectrum = np.fft.rfft(coarse, total)
    power = np.fft.irfft(spectrum.real**2 + spectrum.imag**2, total)[:last]
    if last - first < 3 or power[0] <= 0:
        return Rhythm(None, 0.0)
    lags = np.arange(first, last)
    # Fewer samples overlap at longer lags: without the correction short periods would win.
    likeness = power[first:last] / power[0] * (len(coarse) / (len(coarse) - lags))
    inner = likeness[1:-1]
    tops = 1 + np.flatnonzero((inner >= likeness[:-2]) & (inner > likeness[2:]))
    if not len(tops):
        return Rhythm(None, 0.0)
    best = tops[np.argmax(likeness[tops])]
    strength = float(min(1.0, max(0.0, likeness[best])))
    if strength < MIN_STRENGTH:
        return Rhythm(None, strength)
    chosen = _shortest_part(lags[tops] / rate_hz, likeness[tops] / likeness[best], systoles_s)
    return Rhythm(float(chosen if chosen else lags[best] / rate_hz), strength)


PART, WITNESSED_PART = 0.5, 0.25
"""Share of the best likeness from which a half, third ... of the best period is the true one:
beats wax and wane with the breath, so two or three of them may be more alike than one. The wave
between two beats, where the dicrotic notch lies, is unlike them (negative, in recordings)."""
PARTS = np.arange(2, 7)


def _shortest_part(
    periods_s: NDArray[np.float64], shares: NDArray[np.float64], systoles_s: float | None
) -> float | None:
    """Return the shortest period that the best one is a whole multiple of, None if itself."""
    best_s = float(periods_s[np.argmax(shares)])
    for period_s, share in zip(periods_s.tolist(), shares.tolist(), strict=True):
        if np.abs(best_s / PARTS / period_s - 1).min() > 0.12:
            continue
        witnessed = systoles_s is not None and abs(systoles_s / period_s - 1) < 0.15
        if share > (WITNESSED_PART if witnessed else PART):
            return float(period_s)
    return None


def _blocks_of_interest(coarse: Wave, rate_hz: float) -> NDArray[np.int64]:
    """Return the highest sample of each stretch that stands out as a systole does."""
    power = np.square(np.maximum(coarse, 0))
    peak_width, beat_width = _odd(PEAK_S * rate_hz), _odd(BEAT_S * rate_hz)
    floor = OFFSET * float(np.minimum(power, 4 * float(power.mean())).mean())
    total = _running_total(power)
    beats = _moving_mean(total, beat_width)
    beats += floor
    stands_out = np.zeros(len(power) + 2, np.bool_)
    np.greater(_moving_mean(total, peak_width), beats, out=stands_out[1:-1])
    blocks = np.flatnonzero(stands_out[1:] != stands_out[:-1]).reshape(-1, 2)
    blocks = blocks[blocks[:, 1] - blocks[:, 0] >= peak_width - 1]
    if not len(blocks):
        return np.zeros(0, np.int64)
    # All blocks at once: each one's highest sample, in a rectangle as wide as the widest.
    width = int((blocks[:, 1] - blocks[:, 0]).max())
    at = blocks[:, :1] + np.arange(width)
    heights = np.where(at < blocks[:, 1:], coarse[np.minimum(at, len(coarse) - 1)], -np.inf)
    return np.asarray(blocks[:, 0] + heights.argmax(axis=1), np.int64)


def _highest_within(peaks: NDArray[np.int64], coarse: Wave, reach: float) -> NDArray[np.int64]:
    """Return the peaks that are the highest within ``reach`` samples on either side."""
    if len(peaks) < 2 or np.diff(peaks).min() >= reach:
        return peaks
    kept: list[int] = []
    for peak in peaks.tolist():
        if kept and peak - kept[-1] < reach:
            if coarse[peak] > coarse[kept[-1]]:
                kept[-1] = peak
        else:
            kept.append(peak)
    return np.array(kept, np.int64)


def _fit(wave: Waveform, peaks: NDArray[np.int64], period_s: float) -> Beats:
    """Time each beat by least squares against the mean beat, in a few rounds."""
    fine, rate_hz, coarse_hz = wave.fine, wave.rate_hz, wave.coarse_rate_hz
    steps = _steps(FIT_S, period_s, coarse_hz)
    # Each part with its neighbours on either side, for the slope.
    around = np.concatenate((steps, steps - 1, steps + 1))
    lowest, highest = -steps[0] + 1, len(fine) - steps[-1] - 2
    noise = _noise_factor(len(steps), coarse_hz)
    at = peaks.copy()
    trusted = np.ones(len(at), np.bool_)
    shift_s = np.zeros(len(at))
    for _ in range(FIT_ROUNDS):
        at += np.rint(shift_s * rate_hz).astype(np.int64)
        at = np.minimum(np.maximum(at, lowest), highest)
        parts = fine[at[:, None] + around]
        mean = _mean_beat(parts, trusted, len(steps))
        basis = _basis(mean, steps / rate_hz, rate_hz)
        parts = parts[:, : len(steps)]
        solve = _least_squares(basis)
        terms = parts @ solve.T
        scale = terms[:, 0]
        safe = np.where(np.abs(scale) > 1e-6, scale, 1e-6)
        shift_s = np.minimum(np.maximum(-terms[:, 1] / safe, -MAX_SHIFT_S), MAX_SHIFT_S)
        rest = parts - terms @ basis.T
        spread = np.einsum("ij,ij->i", rest, rest) * noise
        error_s = np.sqrt(spread * (solve[1] @ solve[1])) / np.abs(safe)
        trusted = (scale > AMPLITUDES[0]) & (scale < AMPLITUDES[1]) & (error_s < MAX_JITTER_S)
        if np.count_nonzero(trusted) < 3:
            return no_beats()
    match = _match(fine, at, trusted, _steps(SHAPE_S, period_s, coarse_hz))
    settled = np.abs(shift_s) < 2 / rate_hz
    good = trusted & settled & _like_the_others(match, error_s, trusted)
    return Beats(at / rate_hz + shift_s, error_s, match, good)


def _basis(
    beat: NDArray[np.float64], since_s: NDArray[np.float64], rate_hz: float
) -> NDArray[np.float64]:
    """Return what a beat is made of, (n, 4): the mean beat, its slope, a level and a drift.

    ``beat`` (3n,) holds the mean beat, then it a fine sample earlier, then one later.
    """
    count = len(since_s)
    basis = np.empty((count, 4))
    basis[:, 0] = beat[:count]
    basis[:, 1] = (beat[2 * count :] - beat[count : 2 * count]) * (rate_hz / 2)
    basis[:, 2] = 1.0
    basis[:, 3] = since_s
    return basis


def _least_squares(basis: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the (4, n) matrix that turns n samples into the weights of the basis (n, 4)."""
    products = basis.T @ basis
    lengths = np.sqrt(products.diagonal())
    lengths[lengths == 0] = 1.0
    even = products / (lengths * lengths[:, None]) + RIDGE
    return np.asarray(np.linalg.solve(even, basis.T / lengths[:, None]) / lengths[:, None])


def _steps(part_s: tuple[float, float], period_s: float, coarse_hz: float) -> NDArray[np.int64]:
    """Return fine samples around a beat; of a fast pulse fewer, for the next beat is near."""
    most_s = MOST_OF_PERIOD * period_s
    first_s, last_s = max(-most_s, part_s[0]), min(most_s, part_s[1])
    return np.arange(round(first_s * coarse_hz), round(last_s * coarse_hz) + 1) * STEP


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


def _mean_beat(
    parts: NDArray[np.float64], trusted: NDArray[np.bool_], count: int
) -> NDArray[np.float64]:
    """Return the mean of the rows; an outlier more or less does not move it.

    The first ``count`` columns tell how high a beat is.
    """
    beats = parts[:, :count]
    height = beats.max(axis=1) - beats.min(axis=1)
    middle = median(height[trusted])
    like_most = trusted & (height > 0.5 * middle) & (height < 2 * middle)
    if np.count_nonzero(like_most) < 3:
        like_most = trusted
    return np.asarray((like_most / np.count_nonzero(like_most)) @ parts)


def _match(
    fine: Wave, at: NDArray[np.int64], trusted: NDArray[np.bool_], steps: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return each beat's correlation with the mean beat, over most of its length."""
    where = np.minimum(np.maximum(at[:, None] + steps, 0), len(fine) - 1)
    parts = fine[where]
    parts -= parts.mean(axis=1, keepdims=True)
    mean = (trusted / np.count_nonzero(trusted)) @ parts
    lengths = np.sqrt(np.einsum("ij,ij->i", parts, parts) * (mean @ mean))
    lengths[lengths <= 0] = 1.0
    return np.asarray((parts @ mean) / lengths, np.float64)


def _running_total(values: Wave) -> Wave:
    """Return the sums (n + 1,) of the first 0 .. n values."""
    total = np.empty(len(values) + 1)
    total[0] = 0.0
    np.cumsum(values, out=total[1:])
    return total


def _moving_mean(total: Wave, width: int) -> Wave:
    """Return the mean around each of n values, of which ``total`` (n + 1,) is the running total.

    Over ``width`` (odd, 3 or more) samples; what is missing at the ends counts as zero.
    """
    count, half = len(total) - 1, width // 2
    if count <= width:
        places = np.arange(count)
        right, left = np.minimum(places + half + 1, count), np.maximum(places - half, 0)
        return np.asarray((total[right] - total[left]) / width)
    mean = np.empty(count)
    mean[: half + 1] = total[half + 1 : width + 1]
    np.subtract(total[width + 1 :], total[1:-width], out=mean[half + 1 : -half])
    np.subtract(total[-1], total[-width : -half - 1], out=mean[-half:])
    mean /= width
    return mean


def _odd(width: float) -> int:
    return 2 * int(width / 2) + 1
