"""The picture of a soak: what must stay flat, with its trend and what happened meanwhile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

INK, QUIET, TREND = "#17324d", "#8aa0b4", "#c2410c"
COLOURS = {"broker": "#2f855a", "sensor": "#6b46c1", "catalogue": "#b7791f"}


@dataclass(frozen=True, slots=True)
class Line:
    """A straight line through a curve after the warm-up; time in hours."""

    slope: float
    start: float
    error: float
    """Two standard errors of the slope."""
    from_h: float
    to_h: float


def draw(
    curves: Mapping[str, Sequence[float]],
    trends: Mapping[str, Line],
    happened: Sequence[tuple[float, str]],
    path: Path,
) -> None:
    """Draw memory, threads, handles and the processor over time.

    ``curves`` are the columns of soak.csv, ``happened`` are (s, what).
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    minutes = [at_s / 60 for at_s in curves["at_s"]]
    figure, axes = pyplot.subplots(
        4, 1, sharex=True, figsize=(10, 8.4), height_ratios=(3, 1.3, 1.3, 1.3)
    )
    memory, threads, handles, load = axes
    _fill_memory(memory, minutes, curves)
    for axis, name, unit in (
        (memory, "own_mib", "MiB"), (threads, "threads", "threads"),
        (handles, "handles", "handles"),
    ):  # fmt: skip
        if axis is not memory:
            axis.step(minutes, curves[name], where="post", color=INK, linewidth=1.1)
        _draw_trend(axis, trends.get(name), unit)
    threads.set_ylabel("threads")
    handles.set_ylabel("file handles")
    load.plot(minutes[1:], _cores(curves), color=QUIET, linewidth=1.1)
    load.set_ylabel("cores busy")
    load.set_xlabel("minutes")
    for axis in axes:
        axis.set_ylim(bottom=0, top=1.12 * axis.get_ylim()[1])
        axis.margins(x=0.01)
        axis.grid(alpha=0.25)
        axis.spines[["top", "right"]].set_visible(False)
        for at_s, what in happened:
            axis.axvline(at_s / 60, color=COLOURS[what], linewidth=0.9, alpha=0.6, zorder=0)
    _name_what_happened(load, happened)
    memory.set_title(
        f"{int(curves['visits'][-1]) + 1} visits in {minutes[-1]:.0f} minutes: the kiosk and its"
        " audio process", loc="left", color=INK, fontweight="bold",
    )  # fmt: skip
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


def _fill_memory(
    axis: Any, minutes: Sequence[float], curves: Mapping[str, Sequence[float]]
) -> None:
    own, kiosk = curves["own_mib"], curves["kiosk_mib"]
    axis.fill_between(minutes, kiosk, color=INK, alpha=0.16, linewidth=0, label="daemon")
    axis.fill_between(
        minutes, kiosk, own, color=INK, alpha=0.34, linewidth=0, label="audio process"
    )
    axis.plot(minutes, own, color=INK, linewidth=1.2)
    axis.plot(minutes, curves["memory_mib"], color=QUIET, linewidth=0.9, label="with libraries")
    axis.set_ylabel("memory, MiB")


def _draw_trend(axis: Any, line: Line | None, unit: str) -> None:
    if line is None:
        return
    hours = (line.from_h, line.to_h)
    axis.plot(
        [60 * hour for hour in hours], [line.start + line.slope * hour for hour in hours],
        color=TREND, linewidth=1.6, linestyle="--",
        label=f"{line.slope:+.2f} ± {line.error:.2f} {unit} per hour",
    )  # fmt: skip
    axis.legend(loc="lower right", ncols=4, fontsize=9, framealpha=0.9)


def _cores(curves: Mapping[str, Sequence[float]]) -> list[float]:
    """Return how many cores were busy between each two samples."""
    at_s, cpu_s = curves["at_s"], curves["cpu_s"]
    return [
        max(0.0, cpu_s[i] - cpu_s[i - 1]) / (at_s[i] - at_s[i - 1]) for i in range(1, len(at_s))
    ]


def _name_what_happened(axis: Any, happened: Sequence[tuple[float, str]]) -> None:
    from matplotlib.lines import Line2D

    words = {
        "broker": "broker restarts", "sensor": "sensor replugged", "catalogue": "catalogue rebuilt"
    }  # fmt: skip
    kinds = dict.fromkeys(what for _, what in happened)
    if kinds:
        lines = [Line2D([], [], color=COLOURS[kind]) for kind in kinds]
        axis.legend(
            lines, [words[kind] for kind in kinds],
            loc="lower right", ncols=3, fontsize=9, framealpha=0.9,
        )  # fmt: skip
