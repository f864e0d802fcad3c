"""Photoplethysmogram -> beats -> heart rate, heart-rate variability, stress."""

from __future__ import annotations

from device.sensing.pulse.analysis import PulseAnalysis, analyse

__all__ = ["PulseAnalysis", "analyse"]
