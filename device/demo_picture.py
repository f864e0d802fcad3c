"""The visit of the demo in one picture: stress and pulse, the way through the mood, the music."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from device.readings import KioskState, VisitState

INK, PAPER, MUTED = "#2b2a33", "#fbf8f3", "#8f8a94"
STRESS, VALENCE, AROUSAL, HEART = "#d1495b", "#2a9d8f", "#e9a23b", "#7b6fc4"
BANDS = {
    VisitState.IDLE: "#efeae2", VisitState.GREETING: "#f5e6cc", VisitState.CONSENT: "#f3d9c9",
    VisitState.SENSING: "#d9e8e6", VisitState.PLAYING: "#e4e0f3", VisitState.FAREWELL: "#f0e1e6",
}  # fmt: skip


def draw_visit(
    states: Sequence[KioskState], acts: Sequence[tuple[float, str]], began_at: float, path: Path
) -> None:
    """Draw the timeline to ``path`` (PNG)."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    plt.rcParams.update({"font.size": 10, "text.color": INK, "axes.labelcolor": INK})
    figure = plt.figure(figsize=(13, 8), facecolor=PAPER)
    grid = figure.add_gridspec(
        3, 2, width_ratios=(2.1, 1), height_ratios=(1, 1, 0.55), hspace=0.35, wspace=0.16,
        left=0.06, right=0.97, top=0.88, bottom=0.08,
    )  # fmt: skip
    body = figure.add_subplot(grid[0, 0])
    mood = figure.add_subplot(grid[1, 0], sharex=body)
    music = figure.add_subplot(grid[2, 0], sharex=body)
    field = figure.add_subplot(grid[:, 1])
    figure.text(0.06, 0.94, "One visit", fontsize=20, weight="bold", color=INK)
    figure.text(0.06, 0.905, "from the first touch to the farewell", color=MUTED, fontsize=11)
    for axes in (body, mood, music):
        _paint_bands(axes, states, began_at, labelled=axes is body)
    _draw_body(body, states, began_at)
    _draw_mood(mood, states, began_at)
    _draw_music(music, states, acts, began_at)
    _draw_field(field, states)
    figure.savefig(path, dpi=110, facecolor=PAPER)
    plt.close(figure)


def _bare(axes: Any) -> None:
    axes.set_facecolor(PAPER)
    axes.tick_params(colors=MUTED, length=0)
    for side in axes.spines.values():
        side.set_visible(False)


def _paint_bands(axes: Any, states: Sequence[KioskState], began_at: float, labelled: bool) -> None:
    _bare(axes)
    start = 0
    for index in range(1, len(states) + 1):
        if index < len(states) and states[index].visit is states[start].visit:
            continue
        left = states[start].updated_at - began_at
        right = states[min(index, len(states) - 1)].updated_at - began_at
        axes.axvspan(left, right, color=BANDS[states[start].visit], lw=0, zorder=0)
        if labelled and right - left > 2.2:
            axes.text(
                (left + right) / 2, 1.03, states[start].visit.value, ha="center", color=MUTED,
                fontsize=8, transform=axes.get_xaxis_transform(),
            )  # fmt: skip
        start = index


def _draw_body(axes: Any, states: Sequence[KioskState], began_at: float) -> None:
    stress = [
        (s.updated_at - began_at, 100 * s.pulse.stress)
        for s in states if s.pulse and s.pulse.stress is not None
    ]  # fmt: skip
    heart = [
        (s.updated_at - began_at, s.pulse.heart_rate_bpm)
        for s in states if s.pulse and s.pulse.heart_rate_bpm is not None
    ]  # fmt: skip
    if heart:
        axes.plot(*zip(*heart, strict=True), color=HEART, lw=2, label="heart rate, bpm")
    if stress:
        axes.plot(*zip(*stress, strict=True), color=STRESS, lw=2.4, label="stress, %")
    axes.set_ylim(0, 120)
    axes.set_title("the body", loc="left", fontsize=11, pad=16, color=INK)
    axes.legend(frameon=False, loc="upper left", ncols=2, fontsize=9)


def _draw_mood(axes: Any, states: Sequence[KioskState], began_at: float) -> None:
    sure = [s for s in states if s.mood and s.mood.confidence > 0]
    times = [s.updated_at - began_at for s in sure]
    moods = [s.mood for s in sure if s.mood]
    axes.axhline(0, color=MUTED, lw=0.6)
    for label, colour, values in (
        ("valence", VALENCE, [m.point.valence for m in moods]),
        ("arousal", AROUSAL, [m.point.arousal for m in moods]),
    ):
        axes.plot(times, values, color=colour, lw=2.2, label=label)
    confidence = [m.confidence for m in moods]
    axes.fill_between(times, -1, [c - 1 for c in confidence], color=MUTED, alpha=0.18, lw=0,
                      label="confidence")  # fmt: skip
    axes.set_ylim(-1, 1)
    axes.set_title("the mood", loc="left", fontsize=11, color=INK)
    axes.legend(frameon=False, loc="upper left", ncols=3, fontsize=9)


def _draw_music(
    axes: Any, states: Sequence[KioskState], acts: Sequence[tuple[float, str]], began_at: float
) -> None:
    import matplotlib as mpl

    spans: list[tuple[str, float, float]] = []
    for state in states:
        track = state.player.track
        if track is None or state.player.status != "playing":
            continue
        at_s = state.updated_at - began_at
        if spans and spans[-1][0] == track.title:
            spans[-1] = (track.title, spans[-1][1], at_s)
        else:
            spans.append((track.title, at_s, at_s))
    colours = mpl.colormaps["Set2"].colors  # type: ignore[attr-defined]
    for index, (title, left, right) in enumerate(spans):
        axes.barh(0, right - left, left=left, height=0.5, color=colours[index % len(colours)])
        axes.text(left + 0.4, 0, _fit(title, right - left), va="center", fontsize=9, color=INK)
    for at, _ in acts:
        axes.plot(at - began_at, -0.42, marker="^", color=INK, ms=4)
    axes.set_ylim(-0.6, 0.45)
    axes.set_yticks([])
    axes.set_xlabel("seconds;  ▲ what the visitor did")
    axes.set_title("the music", loc="left", fontsize=11, color=INK)


def _fit(title: str, width_s: float) -> str:
    room = max(3, int(width_s * 0.95))
    return title if len(title) <= room else title[: room - 1] + "…"


def _draw_field(axes: Any, states: Sequence[KioskState]) -> None:
    import numpy as np

    from catalog.emotions import ANCHORS_VAD, CODES, NAMES

    _bare(axes)
    axes.axhline(0, color=MUTED, lw=0.6)
    axes.axvline(0, color=MUTED, lw=0.6)
    for code, anchor in zip(CODES, ANCHORS_VAD, strict=True):
        axes.text(anchor[0], anchor[1], NAMES[code]["en"], fontsize=7.5, color=MUTED, ha="center")
    way = np.array(
        [(s.mood.point.valence, s.mood.point.arousal) for s in states
         if s.mood and s.mood.confidence > 0]
    )  # fmt: skip
    if len(way):
        axes.plot(way[:, 0], way[:, 1], color=INK, lw=1, alpha=0.5)
        axes.scatter(way[:, 0], way[:, 1], c=np.arange(len(way)), cmap="viridis", s=16, zorder=3)
        axes.annotate("start", way[0], xytext=(6, 6), textcoords="offset points", fontsize=9)
        axes.annotate("end", way[-1], xytext=(6, -12), textcoords="offset points", fontsize=9)
    seen: set[int] = set()
    for state in states:
        choice = state.choice
        if choice and choice.track.track_id not in seen:
            seen.add(choice.track.track_id)
            point = choice.track.point
            axes.scatter(point.valence, point.arousal, marker="D", s=70, color=STRESS, zorder=4)
            axes.annotate(
                _fit(choice.track.title, 24), (point.valence, point.arousal), xytext=(8, -3),
                textcoords="offset points", fontsize=8.5, color=STRESS,
            )  # fmt: skip
    axes.set(xlim=(-1, 1), ylim=(-1, 1), aspect="equal")
    axes.set_xlabel("valence: unpleasant → pleasant")
    axes.set_ylabel("arousal: quiet → awake")
    axes.set_title("the way through the mood (◆ the music)", loc="left", fontsize=11, color=INK)
