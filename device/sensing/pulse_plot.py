"""A recording and what was found in it, in one picture. Needs matplotlib."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from device.sensing.pulse.analysis import PulseAnalysis
from device.sensing.pulse.hrv import HF_HZ, LF_HZ, spectrum

INK, PAPER, MUTED, RED, TEAL, GREY = (
    "#2b2a33", "#fbf8f3", "#8f8a94", "#d1495b", "#2a9d8f", "#c9c2cc",
)  # fmt: skip


def draw(found: PulseAnalysis, title: str, path: Path) -> None:
    """Draw wave and beats, the intervals, their spectrum and the mean beat to ``path``."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    if found.wave is None:
        raise ValueError("there is no signal to draw")
    figure = plt.figure(figsize=(13, 8), facecolor=PAPER)
    grid = figure.add_gridspec(
        3, 2, left=0.06, right=0.975, top=0.87, bottom=0.07, hspace=0.5, wspace=0.16
    )
    figure.text(0.06, 0.945, title, fontsize=15, weight="bold", color=INK)
    figure.text(0.06, 0.912, _headline(found), fontsize=11, color=MUTED)
    _draw_wave(figure.add_subplot(grid[0, :]), found, 0.0, found.duration_s, "the wave")
    middle_s = max(0.0, found.duration_s / 2 - 6)
    _draw_wave(figure.add_subplot(grid[1, 0]), found, middle_s, middle_s + 12, "twelve seconds")
    _draw_tachogram(figure.add_subplot(grid[1, 1]), found)
    _draw_spectrum(figure.add_subplot(grid[2, 0]), found)
    _draw_poincare(figure.add_subplot(grid[2, 1]), found)
    figure.savefig(path, format=path.suffix[1:] or "png", dpi=110, facecolor=PAPER)
    plt.close(figure)


def _headline(found: PulseAnalysis) -> str:
    hrv = found.hrv
    words = [f"quality {found.quality:.0%}"]
    if not found.accepted:
        verdict = "not accepted" if hrv.heart_rate_bpm is None else "good for the heart rate alone"
        words.append(f"{verdict}: {found.reason}")
    for name, value, unit in (
        ("heart rate", hrv.heart_rate_bpm, "bpm"), ("RMSSD", hrv.rmssd_ms, "ms"),
        ("SDNN", hrv.sdnn_ms, "ms"),
    ):  # fmt: skip
        if value is not None:
            words.append(f"{name} {value:.1f} {unit}")
    return "   ·   ".join(words)


def _prepare(axes: Any, title: str) -> None:
    axes.set_facecolor(PAPER)
    axes.tick_params(colors=MUTED, length=0, labelsize=9)
    for side in axes.spines.values():
        side.set_visible(False)
    axes.set_title(title, loc="left", fontsize=11, color=INK)


def _draw_wave(axes: Any, found: PulseAnalysis, left_s: float, right_s: float, title: str) -> None:
    _prepare(axes, title)
    wave = found.wave
    assert wave is not None
    times_s = np.arange(len(wave.fine)) / wave.rate_hz
    axes.plot(times_s, wave.fine, color=INK, lw=0.8)
    beats = found.beats
    heights = np.interp(beats.times_s, times_s, wave.fine)
    axes.plot(beats.times_s[beats.good], heights[beats.good], "o", ms=4, color=TEAL, label="beat")
    axes.plot(
        beats.times_s[~beats.good], heights[~beats.good], "x", ms=5, color=RED, label="not believed"
    )
    usual = float(np.percentile(np.abs(wave.fine), 98)) or 1.0
    axes.set(xlim=(left_s, right_s), ylim=(-2 * usual, 2.2 * usual), yticks=[])
    axes.set_xlabel("s", color=MUTED, fontsize=9)
    if left_s == 0:
        axes.legend(frameon=False, ncols=2, loc="upper right", fontsize=9)


def _draw_tachogram(axes: Any, found: PulseAnalysis) -> None:
    _prepare(axes, "intervals, ms")
    intervals = found.intervals
    rr_ms = 1e3 * intervals.rr_s
    shown = np.where(intervals.valid, rr_ms, np.nan)
    axes.plot(intervals.ends_s, shown, color=TEAL, lw=1.2, marker="o", ms=3)
    left_out = ~intervals.valid & (rr_ms < 2500)
    axes.plot(intervals.ends_s[left_out], rr_ms[left_out], "x", color=RED, ms=5)
    axes.set_xlabel("s", color=MUTED, fontsize=9)


def _draw_spectrum(axes: Any, found: PulseAnalysis) -> None:
    _prepare(axes, "spectrum of the intervals, ms²/Hz")
    frequency, density = spectrum(found.intervals)
    if found.hrv.lf_ms2 is None or not len(frequency):
        axes.text(0.5, 0.5, "needs two good minutes", ha="center", color=MUTED)
        axes.set(xticks=[], yticks=[])
        return
    axes.plot(frequency, density, color=INK, lw=1.2)
    for (low, high), colour, name in ((LF_HZ, RED, "LF"), (HF_HZ, TEAL, "HF")):
        inside = (frequency >= low) & (frequency <= high)
        axes.fill_between(frequency[inside], density[inside], color=colour, alpha=0.35, lw=0,
                          label=name)  # fmt: skip
    axes.set(xlim=(0, 0.5), ylim=(0, None))
    axes.set_xlabel("Hz", color=MUTED, fontsize=9)
    axes.legend(frameon=False, fontsize=9)


def _draw_poincare(axes: Any, found: PulseAnalysis) -> None:
    _prepare(axes, "each interval against the one before, ms")
    intervals = found.intervals
    both = intervals.valid[1:] & intervals.valid[:-1]
    before, after = 1e3 * intervals.rr_s[:-1][both], 1e3 * intervals.rr_s[1:][both]
    axes.plot(before, after, "o", ms=4, color=TEAL, alpha=0.7)
    if len(before):
        ends = (min(before.min(), after.min()) - 20, max(before.max(), after.max()) + 20)
        axes.plot(ends, ends, color=GREY, lw=1)
        axes.set(xlim=ends, ylim=ends)
