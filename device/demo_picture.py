"""The visit of the demo in one picture: the screens, the body, the mood, and the music."""

from __future__ import annotations

import logging
import wave
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catalog.emotions import ANCHORS_VAD, CODES, NAMES
from device.interfaces.screen import typeface
from device.readings import KioskState

GROUND, PANEL, INK, MUTED = "#17141d", "#211d29", "#f4ece4", "#9b929f"
WARM, TEAL, ROSE, LILAC = "#ffb37a", "#6fd3c1", "#f2708a", "#a99bf0"
TRACKS = (WARM, TEAL, LILAC, "#f3d26b", ROSE, "#8fc7f2")
SCREENS = ("1-idle", "3-consent", "4-sensing", "5-playing", "7-calm", "8-farewell")
NAMED = ("joy", "love", "hope", "ease", "longing", "sadness", "gloom", "anger", "fear", "surprise")
"""Anchors with room for their name."""


@dataclass(frozen=True, slots=True)
class Span:
    """A track while it was heard."""

    title: str
    left_s: float
    right_s: float
    valence: float
    arousal: float


def draw_visit(
    states: Sequence[KioskState], acts: Sequence[tuple[float, str]], began_at: float, out: Path
) -> None:
    """Draw ``out``/visit.png from what was observed and from the screenshots beside it."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    _set_type(mpl)
    figure = plt.figure(figsize=(14, 9.4), facecolor=GROUND)
    _draw_screens(figure, out)
    body = figure.add_axes((0.05, 0.465, 0.57, 0.225))
    mood = figure.add_axes((0.05, 0.235, 0.57, 0.185), sharex=body)
    music = figure.add_axes((0.05, 0.06, 0.57, 0.125), sharex=body)
    field = figure.add_axes((0.68, 0.06, 0.29, 0.63))
    spans = _spans(states, began_at)
    for axes, title in ((body, "Body"), (mood, "Mood"), (music, "Music")):
        _prepare(axes, title)
        _shade_states(axes, states, began_at, named=axes is body)
    _draw_body(body, states, began_at)
    _draw_mood(mood, states, began_at)
    _draw_music(music, spans, out / "played.wav")
    _note_acts(body, mood, acts, began_at)
    _draw_field(field, states, spans)
    body.set_xlim(0, states[-1].updated_at - began_at)
    figure.savefig(out / "visit.png", dpi=110, facecolor=GROUND)
    plt.close(figure)


def _set_type(mpl: Any) -> None:
    from matplotlib import font_manager

    # Of a font that lacks a weight the nearest is taken; that needs no word.
    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)
    for file in sorted((Path(typeface.__file__).parent / "assets").glob("*.ttf")):
        font_manager.fontManager.addfont(str(file))
    mpl.rcParams.update(
        {
            "font.family": ["Manrope", "DejaVu Sans"], "font.size": 10, "text.color": INK,
            "font.weight": "medium",
            "axes.labelcolor": MUTED, "xtick.color": MUTED, "ytick.color": MUTED,
        }
    )  # fmt: skip


def _draw_screens(figure: Any, out: Path) -> None:
    """Put the screenshots side by side on top."""
    import matplotlib.pyplot as plt

    figure.text(0.05, 0.955, "One visit", fontsize=22, weight="semibold")
    figure.text(0.165, 0.957, "from the first touch to the farewell", color=MUTED, fontsize=12)
    width = 0.92 / len(SCREENS)
    for index, name in enumerate(SCREENS):
        axes = figure.add_axes((0.05 + index * width, 0.775, width - 0.01, 0.16))
        axes.imshow(plt.imread(out / f"{name}.png"), interpolation="lanczos")
        axes.axis("off")


def _prepare(axes: Any, title: str) -> None:
    axes.set_facecolor(PANEL)
    axes.tick_params(length=0, labelsize=9)
    for side in axes.spines.values():
        side.set_visible(False)
    axes.text(
        0, 1.035, title, transform=axes.transAxes, fontsize=11.5, weight="semibold", va="bottom"
    )


def _shade_states(axes: Any, states: Sequence[KioskState], began_at: float, named: bool) -> None:
    """Shade every other state of the visit, and name those with room for it."""
    start, shade = 0, False
    for index in range(1, len(states) + 1):
        if index < len(states) and states[index].visit is states[start].visit:
            continue
        left_s = states[start].updated_at - began_at
        right_s = states[min(index, len(states) - 1)].updated_at - began_at
        if shade:
            axes.axvspan(left_s, right_s, color=INK, alpha=0.045, lw=0)
        if named and right_s - left_s > 1.6 * len(states[start].visit.value) * 0.8:
            axes.text(
                left_s + 0.4, 0.03, states[start].visit.value, color=MUTED, fontsize=8.5,
                transform=axes.get_xaxis_transform(),
            )  # fmt: skip
        start, shade = index, not shade


def _series(
    states: Sequence[KioskState], began_at: float, value: Callable[[KioskState], float | None]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return times in s and values; NaN where there was no reading, which leaves a gap."""
    times = np.array([state.updated_at - began_at for state in states])
    values = [value(state) for state in states]
    return times, np.array([np.nan if v is None else v for v in values], np.float64)


def _draw_line(
    axes: Any, times: NDArray[Any], values: NDArray[Any], colour: str, name: str, up_pt: float = 0
) -> None:
    """Draw a series with its name at its end, ``up_pt`` points above it."""
    axes.plot(times, values, color=colour, lw=2.2, solid_capstyle="round")
    there = np.flatnonzero(np.isfinite(values))
    if len(there):
        at = there[-1]
        axes.annotate(
            name, (times[at], values[at]), xytext=(5, up_pt), textcoords="offset points",
            color=colour, fontsize=9.5, va="center", annotation_clip=False,
        )  # fmt: skip


def _draw_body(axes: Any, states: Sequence[KioskState], began_at: float) -> None:
    times, heart = _series(states, began_at, lambda s: s.pulse.heart_rate_bpm if s.pulse else None)
    _, stress = _series(
        states, began_at,
        lambda s: None if s.pulse is None or s.pulse.stress is None else 100 * s.pulse.stress,
    )  # fmt: skip
    axes.fill_between(times, 0, stress, color=ROSE, alpha=0.14, lw=0)
    lead = (stress - heart)[np.isfinite(stress - heart)]
    # The names of lines that end near each other, the upper one's above the lower one's.
    apart_pt = 6.0 if len(lead) and abs(lead[-1]) < 9 else 0.0
    up_pt = apart_pt if len(lead) and lead[-1] >= 0 else -apart_pt
    _draw_line(axes, times, stress, ROSE, "stress, %", up_pt)
    _draw_line(axes, times, heart, WARM, "heart rate, bpm", -up_pt)
    axes.set_ylim(0, 118)
    axes.tick_params(labelbottom=False)


def _draw_mood(axes: Any, states: Sequence[KioskState], began_at: float) -> None:
    def sure(state: KioskState) -> bool:
        return state.mood is not None and state.mood.confidence > 0

    axes.axhline(0, color=MUTED, lw=0.6, alpha=0.6)
    times, valence = _series(
        states, began_at, lambda s: s.mood.point.valence if s.mood and sure(s) else None
    )
    _, arousal = _series(
        states, began_at, lambda s: s.mood.point.arousal if s.mood and sure(s) else None
    )
    _, confidence = _series(states, began_at, lambda s: s.mood.confidence if s.mood else None)
    axes.fill_between(
        times, valence - 0.25 * (1 - confidence), valence + 0.25 * (1 - confidence), color=TEAL,
        alpha=0.2, lw=0,
    )  # fmt: skip
    _draw_line(axes, times, valence, TEAL, "valence")
    _draw_line(axes, times, arousal, LILAC, "arousal")
    axes.set_ylim(-1, 1)
    axes.set_yticks((-1, 0, 1))
    axes.tick_params(labelbottom=False)


def _spans(states: Sequence[KioskState], began_at: float) -> list[Span]:
    spans: list[Span] = []
    for state in states:
        track = state.player.track
        if track is None or state.player.status != "playing":
            continue
        at_s = state.updated_at - began_at
        left_s = at_s
        if spans and spans[-1].title == track.title:
            left_s = spans.pop().left_s
        spans.append(Span(track.title, left_s, at_s, track.point.valence, track.point.arousal))
    return spans


def _draw_music(axes: Any, spans: Sequence[Span], recording: Path) -> None:
    """Draw the level of what was really played, coloured by track."""
    level, step_s = _envelope(recording)
    if spans and len(level):
        times = spans[0].left_s + np.arange(len(level)) * step_s
        for index, span in enumerate(spans):
            last = index == len(spans) - 1
            end_s = np.inf if last else spans[index + 1].left_s
            mine = (times >= span.left_s) & (times <= end_s)
            axes.fill_between(
                times[mine], -level[mine], level[mine], color=TRACKS[index % len(TRACKS)], lw=0
            )
    for index, span in enumerate(spans):
        axes.text(
            span.left_s + 0.3, 1.02, _fit(span.title, span.right_s - span.left_s),
            color=TRACKS[index % len(TRACKS)], fontsize=9, va="top", weight="semibold",
        )  # fmt: skip
    axes.set_ylim(-1.05, 1.1)
    axes.set_yticks([])
    axes.set_xlabel("seconds", fontsize=9)


def _envelope(recording: Path, step_s: float = 0.1) -> tuple[NDArray[np.float64], float]:
    """Return the peak level 0..1 of each step of a 16-bit WAV from its first sound on."""
    if not recording.exists():
        return np.zeros(0), step_s
    with wave.open(str(recording)) as file:
        step = int(file.getframerate() * step_s) * file.getnchannels()
        samples = np.frombuffer(file.readframes(file.getnframes()), np.int16)
    samples = samples[: len(samples) // step * step].astype(np.float64)
    level = np.abs(samples).reshape(-1, step).max(axis=1) / 32768
    heard = np.flatnonzero(level > 1e-3)
    if not len(heard):
        return np.zeros(0), step_s
    level = level[heard[0] :]
    return 0.85 * level / max(level.max(), 1e-9), step_s


def _fit(title: str, width_s: float) -> str:
    room = max(3, int(width_s * 0.85))
    return title if len(title) <= room else title[: room - 1] + "…"


def _note_acts(top: Any, middle: Any, acts: Sequence[tuple[float, str]], began_at: float) -> None:
    """Mark what the visitor did; words too near to the last ones go up a line."""
    free_s = [-1e9, -1e9]
    for at, word in acts:
        at_s = at - began_at
        for axes in (top, middle):
            axes.axvline(at_s, color=INK, lw=0.6, alpha=0.28)
        row = 0 if at_s >= free_s[0] else 1
        free_s[row] = at_s + 1.5 + 1.1 * len(word)
        top.text(
            at_s, 1.13 + 0.075 * row, word, transform=top.get_xaxis_transform(), fontsize=8.5,
            color=INK, va="bottom", ha="center" if len(word) < 8 else "left",
        )  # fmt: skip


def _draw_field(axes: Any, states: Sequence[KioskState], spans: Sequence[Span]) -> None:
    _prepare(axes, "The way through the mood, and the music")
    axes.axhline(0, color=MUTED, lw=0.6, alpha=0.6)
    axes.axvline(0, color=MUTED, lw=0.6, alpha=0.6)
    for code, anchor in zip(CODES, ANCHORS_VAD, strict=True):
        name = NAMES[code]["en"]
        axes.plot(anchor[0], anchor[1], marker="o", ms=2.5, color=MUTED, alpha=0.7)
        if name in NAMED:
            axes.annotate(
                name, anchor[:2], xytext=(0, 5), textcoords="offset points", ha="center",
                fontsize=8.5, color=MUTED,
            )  # fmt: skip
    way = np.array(
        [(s.mood.point.valence, s.mood.point.arousal) for s in states
         if s.mood and s.mood.confidence > 0]
    )  # fmt: skip
    if len(way):
        axes.plot(way[:, 0], way[:, 1], color=INK, lw=1.4, alpha=0.85)
        axes.plot(*way[0], marker="o", ms=7, mfc=GROUND, mec=INK, mew=1.6)
        axes.plot(*way[-1], marker="o", ms=7, color=INK)
    for index, span in enumerate(spans):
        colour = TRACKS[index % len(TRACKS)]
        axes.plot(span.valence, span.arousal, marker="D", ms=8, color=colour)
        right = span.valence > 0.2
        beside = (0, 9) if right else (9, -11)
        axes.annotate(
            _fit(span.title, 26), (span.valence, span.arousal), xytext=beside,
            textcoords="offset points", fontsize=9, color=colour, ha="center" if right else "left",
        )  # fmt: skip
    axes.set(xlim=(-1, 1), ylim=(-1, 1))
    axes.set_xticks((-1, 0, 1))
    axes.set_yticks((-1, 1))
    axes.set_xlabel("unpleasant  →  pleasant", fontsize=9)
    axes.set_ylabel("quiet  →  awake", fontsize=9, labelpad=-8)
