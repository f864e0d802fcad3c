"""Heart rate against the person's own first minute -> stress 0..1, and how far to believe it.

A closed formula with its card in ``models_tflite/STRESS.md``: a logistic curve of the relative
rise in heart rate. Variability is left out on purpose: on the recordings at hand it did not
help people that the formula had not seen.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

BASELINE_S = 60.0
"""The person's own first minute."""
SLOPE, HALF = 10.0, 0.055
"""Per unit of ln(rate / rate at rest): a rise of 5.7 % is as often stress as not (STRESS.md)."""
UNKNOWN_SLOPE, UNKNOWN_HALF_BPM = 5.0, 82.0
"""Without a baseline, against what is usual (same place)."""
TRUST, UNKNOWN_TRUST = 0.45, 0.2
"""Confidence at full signal quality. Twice the balanced accuracy less one, on people left out:
.80 seated in a laboratory, .20 at the wrist in motion, none at a desk (STRESS.md). A finger on
a kiosk lies between; a little less than the mean of the first two."""
LOW, HIGH = 0.35, 0.65

StressLevel = Literal["low", "medium", "high"]


@dataclass(frozen=True, slots=True)
class Stress:
    """How tense the person is."""

    value: float
    """0 (calm) .. 1 (stressed)."""
    confidence: float
    """0..1."""

    @property
    def level(self) -> StressLevel:
        return "low" if self.value < LOW else "high" if self.value > HIGH else "medium"


class StressGauge:
    """Knows the person's rate at rest for as long as the visit lasts."""

    def __init__(self) -> None:
        self._at_rest_bpm: float | None = None

    def forget(self) -> None:
        """Drop the person's baseline."""
        self._at_rest_bpm = None

    def learn(self, heart_rate_bpm: float, window_s: float) -> None:
        """Take the rate of the first full minute as the rate at rest."""
        if self._at_rest_bpm is None and window_s >= BASELINE_S:
            self._at_rest_bpm = heart_rate_bpm

    def read(self, recent_bpm: float, quality: float) -> Stress:
        """Return the stress of the last seconds' mean rate at a signal quality of 0..1.

        >>> gauge = StressGauge()
        >>> gauge.learn(heart_rate_bpm=64, window_s=60)
        >>> gauge.read(recent_bpm=64, quality=1).level, gauge.read(90, 1).level
        ('medium', 'high')
        """
        if self._at_rest_bpm is None:
            rise = math.log(recent_bpm / UNKNOWN_HALF_BPM)
            return Stress(_logistic(UNKNOWN_SLOPE * rise), UNKNOWN_TRUST * quality)
        rise = math.log(recent_bpm / self._at_rest_bpm)
        return Stress(_logistic(SLOPE * (rise - HALF)), TRUST * quality)


def _logistic(logit: float) -> float:
    return 1 / (1 + math.exp(-logit))
