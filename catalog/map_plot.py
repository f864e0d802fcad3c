"""A map of the library: every track on the valence/arousal plane among the emotion families."""

from __future__ import annotations

import logging
import warnings
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from catalog.emotions import ANCHORS_VAD, CODES, FAMILIES, NAMES
from catalog.track import Track

if TYPE_CHECKING:
    from matplotlib.axes import Axes

log = logging.getLogger(__name__)

COLOURS: dict[str, str] = {
    "joy": "#ffc857", "good": "#7bd389", "anger": "#ff5964", "sorrow": "#5b8def",
    "fear": "#a06cd5", "disgust": "#9c8f5a", "surprise": "#4dd0e1",
}  # fmt: skip
NIGHT, INK, FAINT = "#10131f", "#e8eaf2", "#8990a8"

FONTS = ("DejaVu Sans", "Noto Sans CJK JP")
"""The later one fills in what the first lacks: titles come in many scripts."""
_FONT_FILES = ("NotoSansCJK-Regular.ttc", "NotoSansCJK-Bold.ttc")

REMEDY = "sudo apt install fonts-noto-cjk"

_GLOW = 0.16
"""Width of the glow around an anchor, in valence/arousal."""

_TITLES = 14
_SIZE_IN, _DPI = (12.0, 9.0), 150


def draw_map(tracks: Sequence[Track], out: Path) -> None:
    """Draw the tracks and write the picture: by the ending of ``out``, without one a PNG.

    Raises ImportError without matplotlib, ValueError for an ending it does not know, OSError.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    if not out.absolute().parent.is_dir():  # Before the drawing, not after it.
        raise FileNotFoundError(f"there is no folder {out.absolute().parent}")
    mpl.rcParams["font.family"] = _fonts()
    figure, axes = plt.subplots(figsize=_SIZE_IN, dpi=_DPI, facecolor=NIGHT)
    try:
        places = np.array([(track.point.valence, track.point.arousal) for track in tracks])
        window = _window(places)
        _draw_ground(axes, window)
        names = _draw_anchors(axes, window)
        _draw_tracks(axes, tracks, places)
        _draw_titles(axes, tracks, places, names)
        _draw_frame(axes, window, tracks)
        figure.subplots_adjust(0.055, 0.105, 0.975, 0.9)
        with warnings.catch_warnings(record=True) as said:
            figure.savefig(out, format=out.suffix[1:] or "png", facecolor=NIGHT)
    finally:
        plt.close(figure)
    if any("missing from font" in str(one.message) for one in said):
        log.warning("some letters of the titles are in none of the fonts here: %s", REMEDY)


def _fonts() -> list[str]:
    """Return the names of the fonts to write with, those that are there."""
    from matplotlib import font_manager

    manager = font_manager.fontManager
    if FONTS[1] not in {font.name for font in manager.ttflist}:
        # Its list is kept from its first start: what was installed later is not in it.
        for file in font_manager.findSystemFonts():
            if Path(file).name in _FONT_FILES:
                manager.addfont(file)
    present = {font.name for font in manager.ttflist}
    return [name for name in FONTS if name in present]


def _colours() -> NDArray[np.float64]:
    """Return (21, 3) colours of the codes, by family."""
    from matplotlib.colors import to_rgb

    family = {code: name for name, codes in FAMILIES.items() for code in codes}
    return np.array([to_rgb(COLOURS[family[code]]) for code in CODES])


def _window(places: NDArray[np.float64]) -> tuple[float, float, float, float]:
    """Return left, right, bottom, top: room for all tracks and at least the middle."""
    low = np.minimum(places.min(axis=0) - 0.12, -0.62)
    high = np.maximum(places.max(axis=0) + 0.12, 0.62)
    low, high = np.maximum(low, -1.05), np.minimum(high, 1.05)
    return float(low[0]), float(high[0]), float(low[1]), float(high[1])


def _draw_ground(axes: Axes, window: tuple[float, float, float, float]) -> None:
    """Let each emotion glow softly around its place."""
    left, right, bottom, top = window
    x, y = np.meshgrid(np.linspace(left, right, 240), np.linspace(bottom, top, 180))
    anchors = ANCHORS_VAD[:, :2].astype(np.float64)
    squares = (x[..., None] - anchors[:, 0]) ** 2 + (y[..., None] - anchors[:, 1]) ** 2
    near = np.exp(-squares / (2 * _GLOW**2))
    total = near.sum(axis=-1, keepdims=True)
    mixed = near @ _colours() / np.maximum(total, 1e-9)
    strength = 0.42 * (1 - np.exp(-total))
    picture = np.concatenate([mixed, strength], axis=-1)
    axes.imshow(
        picture,
        extent=window,
        origin="lower",
        aspect="auto",
        interpolation="bicubic",
        zorder=0,
    )
    for radius in (0.25, 0.5, 0.75, 1.0):
        angle = np.linspace(0, 2 * np.pi, 200)
        axes.plot(
            radius * np.cos(angle), radius * np.sin(angle), color=INK, lw=0.5, alpha=0.1, zorder=1
        )
    axes.axhline(0, color=INK, lw=0.6, alpha=0.2, zorder=1)
    axes.axvline(0, color=INK, lw=0.6, alpha=0.2, zorder=1)


def _draw_anchors(
    axes: Axes, window: tuple[float, float, float, float]
) -> list[tuple[float, float]]:
    """Name the emotions at their places and return where; overlapping ones move down a line."""
    left, right, bottom, top = window
    line, width = 0.026 * (top - bottom), 0.1 * (right - left)
    taken: list[tuple[float, float]] = []
    for row in np.argsort(-ANCHORS_VAD[:, 1]):
        x, y = (float(value) for value in ANCHORS_VAD[row, :2])
        if not (left < x < right and bottom < y < top):
            continue
        while any(abs(x - a) < width and abs(y - b) < line for a, b in taken):
            y -= line / 2
        taken.append((x, y))
        side = "left" if x < left + width / 2 else "right" if x > right - width / 2 else "center"
        axes.text(
            x, y, NAMES[CODES[row]]["en"].upper(), color=_colours()[row], fontsize=8.5,
            alpha=0.9, ha=side, va="center", fontweight="bold", zorder=2,
        )  # fmt: skip
    return taken


def _draw_tracks(axes: Axes, tracks: Sequence[Track], places: NDArray[np.float64]) -> None:
    shares = np.array([track.point.emotions for track in tracks], np.float64)
    # Squared, so that the leading emotions give the colour and not the grey of all of them.
    shares = shares**2 / np.maximum((shares**2).sum(axis=1, keepdims=True), 1e-12)
    size = float(np.clip(14000 / len(tracks), 4, 60))
    colour = shares @ _colours()
    x, y = places.T
    axes.scatter(x, y, s=6 * size, c=colour, alpha=0.12, linewidths=0, zorder=3)
    axes.scatter(x, y, s=size, c=colour, alpha=0.95, edgecolors=NIGHT, linewidths=0.5, zorder=4)


def _draw_titles(
    axes: Axes,
    tracks: Sequence[Track],
    places: NDArray[np.float64],
    names: Sequence[tuple[float, float]],
) -> None:
    """Name the outermost tracks, as long as what is written stays clear of each other."""
    middle = np.median(places, axis=0)
    taken = list(names)
    named: set[str] = set()
    for row in np.argsort(-np.hypot(*(places - middle).T)):
        title = tracks[row].title
        x, y = places[row]
        if len(named) >= _TITLES or title in named:
            continue
        if any(abs(x - a) < 0.24 and abs(y - b) < 0.045 for a, b in taken):
            continue
        taken.append((x, y))
        named.add(title)
        short = title if len(title) <= 26 else f"{title[:25]}…"
        axes.annotate(
            short, (x, y), (0, 7), textcoords="offset points", color=INK, fontsize=7.5,
            ha="center", alpha=0.9, zorder=5, parse_math=False,
        )  # fmt: skip


def _draw_frame(
    axes: Axes, window: tuple[float, float, float, float], tracks: Sequence[Track]
) -> None:
    axes.set_xlim(*window[:2])
    axes.set_ylim(*window[2:])
    axes.set_facecolor(NIGHT)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.tick_params(colors=FAINT, length=0, labelsize=8)
    caption: dict[str, Any] = {"color": FAINT, "fontsize": 10}
    axes.set_xlabel("unpleasant   ←   valence   →   pleasant", **caption)
    axes.set_ylabel("calm   ←   arousal   →   excited", **caption)
    hours = sum(track.duration_s for track in tracks) / 3600
    axes.set_title(
        f"{len(tracks):,} tracks, {hours:.1f} hours of music", color=INK, fontsize=17, loc="left",
        pad=28, fontweight="bold",
    )  # fmt: skip
    counts = Counter(_family(track) for track in tracks)
    for number, (family, colour) in enumerate(COLOURS.items()):
        axes.text(
            0.0 + 0.115 * number, 1.025, f"●  {family} {counts[family]:,}", color=colour,
            fontsize=10, transform=axes.transAxes,
        )  # fmt: skip


def _family(track: Track) -> str:
    """Return the family with the largest share."""
    share = dict(zip(CODES, track.point.emotions, strict=True))
    return max(FAMILIES, key=lambda name: sum(share[code] for code in FAMILIES[name]))
