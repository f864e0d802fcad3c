"""When somebody speaks in a recording: the stretches under which music has to give way.

Told by the level of the speech band in windows of 20 ms, above the recording's own noise; pauses
between words and sentences are bridged, so that the music does not pump.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

WINDOW_S = 0.02
BELOW_LOUDEST_DB = 30.0
"""Speech has a dynamic range of about 30 dB (ANSI S3.5-1997)."""

ABOVE_NOISE_DB = 9.0
QUIETEST_DBFS = -65.0
LOWEST_HZ, HIGHEST_HZ = 300.0, 3400.0
"""The band of a telephone (ITU-T G.712): enough to understand speech."""

NOISE_QUANTILE = 0.05
LOUD_QUANTILE = 0.95
SHORTEST_S = 0.08
"""A shorter sound is a click or a breath."""

PAUSE_BRIDGED_S = 1.2
"""Pauses inside speech are mostly shorter than a second (Goldman-Eisler 1968)."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Somebody speaks from ``start_s`` to ``end_s``."""

    start_s: float
    end_s: float


def levels_dbfs(blocks: Iterable[NDArray[np.float32]], rate_hz: int) -> NDArray[np.float32]:
    """Return the level in the speech band of each 20 ms of (n, 2) blocks; -120 for none.

    The band takes away rumble, hum and hiss, which carry much power and no speech.
    """
    size = round(WINDOW_S * rate_hz)
    window = np.hanning(size).astype(np.float32)
    at_hz = np.fft.rfftfreq(size, 1.0 / rate_hz)
    band = (at_hz >= LOWEST_HZ) & (at_hz <= HIGHEST_HZ)
    # Parseval's theorem: a sine of amplitude 1 in the band has a power of 0.5.
    scale = 2.0 / (size * float(np.square(window).sum()))
    rest = np.zeros(0, np.float32)
    powers: list[NDArray[np.float32]] = []
    for block in blocks:
        joined = np.concatenate([rest, block.mean(axis=1, dtype=np.float32)])
        whole = len(joined) // size * size
        spectra = np.fft.rfft(joined[:whole].reshape(-1, size) * window)[:, band]
        powers.append(scale * np.square(np.abs(spectra)).sum(axis=1))
        rest = joined[whole:]
    power = np.concatenate(powers) if powers else np.zeros(0, np.float32)
    levels: NDArray[np.float32] = 10.0 * np.log10(np.maximum(power, 1e-12)).astype(np.float32)
    return levels


def stretches(levels: NDArray[np.float32]) -> list[Stretch]:
    """Return where somebody speaks, in order and apart from each other; empty in silence."""
    if len(levels) == 0:
        return []
    noise, loud = np.quantile(levels, [NOISE_QUANTILE, LOUD_QUANTILE])
    threshold = max(QUIETEST_DBFS, loud - BELOW_LOUDEST_DB)
    # Where nothing is quiet there is no noise to be told from speech: all of it is speech.
    if noise + ABOVE_NOISE_DB < loud - ABOVE_NOISE_DB:
        threshold = max(threshold, noise + ABOVE_NOISE_DB)
    edges = np.flatnonzero(np.diff(levels > threshold, prepend=False, append=False))
    found: list[Stretch] = []
    for first, end in edges.reshape(-1, 2).tolist():
        start_s, end_s = first * WINDOW_S, end * WINDOW_S
        if found and start_s - found[-1].end_s < PAUSE_BRIDGED_S:
            found[-1] = Stretch(found[-1].start_s, end_s)
        elif end_s - start_s >= SHORTEST_S:
            found.append(Stretch(start_s, end_s))
    return found
