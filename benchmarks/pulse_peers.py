"""The ways of reading a pulse that ``bench_pulse`` puts side by side.

Each takes samples and a rate and returns what it would show a person. The peers run as their
documentation says; a peer that raises has no reading.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from device.sensing.pulse import analyse

Samples: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Reading:
    """What a method says of a recording; None: it does not commit itself."""

    heart_rate_bpm: float | None = None
    rmssd_ms: float | None = None


PEER_RATE_HZ = 100
Method: TypeAlias = Callable[[Samples, float], Reading]


def ours(samples: Samples, rate_hz: float) -> Reading:
    """Attune."""
    hrv = analyse(samples, rate_hz).hrv
    return Reading(hrv.heart_rate_bpm, hrv.rmssd_ms)


def neurokit(finder: str) -> Method:
    """Return neurokit2's cleaning and peak finder, artefact correction off as by default."""
    import neurokit2

    def read(samples: Samples, rate_hz: float) -> Reading:
        cleaned = neurokit2.ppg_clean(samples, sampling_rate=rate_hz)
        found = neurokit2.ppg_findpeaks(cleaned, sampling_rate=rate_hz, method=finder)
        return _from_beats(np.asarray(found["PPG_Peaks"], np.float64) / rate_hz)

    return read


def neurokit_corrected(samples: Samples, rate_hz: float) -> Reading:
    """neurokit2 with its artefact correction (Lipponen & Tarvainen) on."""
    import neurokit2

    _, found = neurokit2.ppg_peaks(
        neurokit2.ppg_clean(samples, sampling_rate=rate_hz),
        sampling_rate=rate_hz,
        correct_artifacts=True,
    )
    return _from_beats(np.asarray(found["PPG_Peaks"], np.float64) / rate_hz)


def heartpy(samples: Samples, rate_hz: float) -> Reading:
    """heartpy: filtered, peaks at high precision, its own rejection of beats."""
    import heartpy as peer

    filtered = peer.filter_signal(
        samples, cutoff=(0.7, min(3.5, 0.45 * rate_hz)), sample_rate=rate_hz, order=3,
        filtertype="bandpass",
    )  # fmt: skip
    _, measures = peer.process(filtered, rate_hz, high_precision=True, clean_rr=True)
    return Reading(_number(measures["bpm"]), _number(measures["rmssd"]))


def quiet(method: Method) -> Method:
    """Return the method without its warnings; a fault of its own is no reading.

    Peers want whole rates: a camera's 30.3 Hz is brought to 100 Hz by straight lines for them.
    """

    def read(samples: Samples, rate_hz: float) -> Reading:
        if rate_hz != round(rate_hz):
            grid_s = np.arange(0, (len(samples) - 1) / rate_hz, 1 / PEER_RATE_HZ)
            samples = np.interp(grid_s, np.arange(len(samples)) / rate_hz, samples)
            rate_hz = PEER_RATE_HZ
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            try:
                return method(samples, int(rate_hz))
            except Exception:  # noqa: BLE001 - a peer may fail in any way; that is its result
                return Reading()

    return read


def _from_beats(times_s: Samples) -> Reading:
    """Return the rate and RMSSD of all beats a method reports."""
    if len(times_s) < 3:
        return Reading()
    rr_ms = 1e3 * np.diff(times_s)
    return Reading(60_000 / float(rr_ms.mean()), float(np.sqrt(np.mean(np.diff(rr_ms) ** 2))))


def _number(value: object) -> float | None:
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return number if np.isfinite(number) else None
