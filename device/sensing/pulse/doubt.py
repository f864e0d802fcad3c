"""Where a wave leaves open how often the heart has beaten: second waves that are counted as
beats, and early beats that are not.

No rate is told then, rather than the double or the half of it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from device.sensing.pulse.fit import FIT_S, level_out
from device.sensing.pulse.order import median
from device.sensing.pulse.waveform import Wave

SECOND_WAVE_S = 0.45
"""From the top of a beat: its second wave follows within 0.4 s, however slow the heart
(Millasseau et al. 2002, Clin Sci 103:371-377). Later waves are beats."""
LOW = 0.75
"""Times its neighbours: how high at most what may be a second wave is. Early beats of a
fibrillating heart, which ride on the one before, keep 0.8 (synthetic)."""
FEW = 0.03
"""Share of the beats from which such waves matter: counted, they would make so much of the rate."""
STEADIER = 0.5
"""Of the scatter of the time to the next beat: the time since the last one varies less if it is
the heart's ejection, and as much if it is the heart's rhythm."""
UNSEEN_HEIGHT, UNSEEN_MATCH = 0.1, 0.8
"""Times the mean beat, and correlation with it: so high and so like it is a beat, even if it does
not stand out."""
MANY_UNSEEN = 0.4
"""Share of the beats: where every second one is unseen it is all of them, in noise at most 0.3 (at
33 beats a minute and 1 dB, synthetic)."""
ROOM_S = 0.2
"""Between two beats, outside the reach of their own second waves: enough for another beat."""


def holds_second_waves(times_s: NDArray[np.float64], height: NDArray[np.float64]) -> bool:
    """Return whether among beats (n,) there are second waves of others, or may be.

    They are low, follow within 0.45 s, and at their own time instead of the heart's: either it is
    another than the time to the next beat, or steadier. Early beats, with a pause after them that
    makes up for it, are none.
    """
    rr_s = times_s[1:] - times_s[:-1]
    if np.count_nonzero(rr_s < SECOND_WAVE_S) < 3:
        return False
    beside = np.minimum(height[:-2], height[2:])
    low = np.zeros(len(times_s), np.bool_)
    low[1:-1] = (height[1:-1] < LOW * beside) & (rr_s[:-1] < SECOND_WAVE_S)
    count = np.count_nonzero(low)
    if count < max(3, FEW * len(low)):
        return False
    since_s, until_s = rr_s[low[1:]], rr_s[low[:-1]]
    rest_s = np.diff(times_s[~low])
    if median(since_s + until_s) > 1.5 * median(rest_s):
        return False
    apart_s = until_s - since_s
    return bool(abs(apart_s.mean()) > apart_s.std() or since_s.std() < STEADIER * until_s.std())


def unseen_before(coarse: Wave, peaks: NDArray[np.int64], rate_hz: float) -> NDArray[np.bool_]:
    """Return before which of the ``peaks`` (n,) of a wave of even power there is another beat.

    One that does not stand out as a systole does, for it is weak beside its neighbours.
    """
    unseen = np.zeros(len(peaks), np.bool_)
    reach = round(SECOND_WAVE_S * rate_hz)
    widths = peaks[1:] - peaks[:-1] - 2 * reach
    wide = (widths > ROOM_S * rate_hz).nonzero()[0]
    if len(wide) < 3:
        return unseen
    widths, begins = widths[wide], peaks[wide] + reach
    offsets = np.arange(round(FIT_S[0] * rate_hz), round(FIT_S[1] * rate_hz) + 1)
    level = level_out(len(offsets))
    mean = np.add.reduce(coarse.take(peaks[:, None] + offsets, mode="clip")) @ level
    mean /= len(peaks)
    square = float(mean @ mean)
    # In each gap, the place that holds most of the mean beat ...
    places = np.arange(widths.max())
    within = np.correlate(coarse, mean, "same").take(begins[:, None] + places, mode="clip")
    within[places >= widths[:, None]] = -np.inf
    at = begins + within.argmax(axis=1)
    # ... and how high, and how like it, what is there is.
    parts = coarse.take(at[:, None] + offsets, mode="clip") @ level
    product = parts @ mean
    likeness = UNSEEN_MATCH * np.sqrt(square * np.einsum("ij,ij->i", parts, parts))
    unseen[wide + 1] = (product > UNSEEN_HEIGHT * square) & (product > likeness)
    return unseen
