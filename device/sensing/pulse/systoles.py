"""The wave -> stretches that stand out as a systole does, each with its highest sample.

Two moving averages (Elgendi et al. 2013, PLoS ONE 8:e76585).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from device.sensing.pulse.waveform import Wave

PEAK_S, BEAT_S = 0.111, 0.667
"""Windows of the two moving averages (Elgendi et al. 2013, table 3: a systole, a beat)."""
OFFSET = 0.02
"""Share of the mean power a block must exceed (same source, beta = 2 %)."""
EVEN_S = 2.0
"""Holds a beat or two at any rate."""


def even_power(coarse: Wave, rate_hz: float) -> Wave:
    """Return the wave with the power of every two seconds made equal.

    A jerk of the hand is tens of times larger than a beat, and would hide the beats around it.
    """
    power = _moving_mean(_running_total(np.square(coarse)), _odd(EVEN_S * rate_hz))
    floor = 1e-6 * float(power.max(initial=0.0))
    return coarse / np.sqrt(np.maximum(power, floor if floor > 0 else 1.0))


def find_systoles(coarse: Wave, rate_hz: float) -> NDArray[np.int64]:
    """Return the highest sample of each stretch that stands out as a systole does."""
    power = np.square(np.maximum(coarse, 0))
    peak_width, beat_width = _odd(PEAK_S * rate_hz), _odd(BEAT_S * rate_hz)
    total = _running_total(power)
    usual = float(total[-1]) / len(power)
    floor = OFFSET * float(np.add.reduce(np.minimum(power, 4 * usual))) / len(power)
    beats = _moving_mean(total, beat_width)
    beats += floor
    stands_out = np.zeros(len(power) + 2, np.bool_)
    np.greater(_moving_mean(total, peak_width), beats, out=stands_out[1:-1])
    blocks = (stands_out[1:] != stands_out[:-1]).nonzero()[0].reshape(-1, 2)
    blocks = blocks[blocks[:, 1] - blocks[:, 0] >= peak_width - 1]
    if not len(blocks):
        return np.zeros(0, np.int64)
    # All blocks at once: each one's highest sample, in a rectangle as wide as the widest.
    width = int((blocks[:, 1] - blocks[:, 0]).max())
    at = blocks[:, :1] + np.arange(width)
    heights = np.where(at < blocks[:, 1:], coarse.take(at, mode="clip"), -np.inf)
    return np.asarray(blocks[:, 0] + heights.argmax(axis=1), np.int64)


def highest_within(peaks: NDArray[np.int64], coarse: Wave, reach: float) -> NDArray[np.int64]:
    """Return the peaks that are the highest within ``reach`` samples on either side."""
    if len(peaks) < 2 or (peaks[1:] - peaks[:-1]).min() >= reach:
        return peaks
    kept: list[int] = []
    for peak in peaks.tolist():
        if kept and peak - kept[-1] < reach:
            if coarse[peak] > coarse[kept[-1]]:
                kept[-1] = peak
        else:
            kept.append(peak)
    return np.array(kept, np.int64)


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
