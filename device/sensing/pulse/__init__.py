"""Photoplethysmogram -> beats -> heart rate, heart-rate variability, stress."""

from __future__ import annotations

from device.sensing.pulse.analysis import PulseAnalysis, analyse
from device.sensing.pulse.stream import PulseStream
from device.sensing.pulse.worker import PulseWorker

__all__ = ["PulseAnalysis", "PulseStream", "PulseWorker", "analyse"]
