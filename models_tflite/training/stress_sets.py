"""The three data sets -> people, each with rows in the order of time and what they were doing."""

from __future__ import annotations

import csv
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise, permutations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models_tflite.training.stress_rate import STEP_S, Values, follow

Labels = NDArray[np.int64]

PURE = 0.9
"""Share of a minute's seconds that must have the same label."""
WARM_UP_S, PIECE_S = 180, 300
"""When blocks are put in another order the first three minutes stay; rests are cut in pieces."""
REST, STRESS, AMUSED = 1, 2, 0
"""Labels of WESAD's table."""
FIRST = 2
"""Windows, or minutes, that are the person's own reference and are not judged."""
WIDE = (
    "HR_mean", "HR_std", "medianNN", "meanNN", "SDNN", "pNN20", "pNN50", "LF", "HF", "LFHF",
    "ApEn", "shanEn", "D2",
)  # fmt: skip
"""Measures of WESAD's table that are not functions of each other."""


@dataclass(frozen=True, slots=True)
class Series:
    """A wrist recording; all arrays (n,), one value every 5 s."""

    rate: Values
    """ln(beats a minute), from what was known by then."""
    stressed: NDArray[np.bool_]
    readable: NDArray[np.bool_]

    def take(self, places: NDArray[np.int64]) -> Series:
        """Return other places, or the same in another order."""
        return Series(self.rate[places], self.stressed[places], self.readable[places])


@dataclass(frozen=True, slots=True)
class Rows:
    """What a model sees of one person, and the truth."""

    inputs: Values
    """(n, features)."""
    truth: Labels
    readable: NDArray[np.bool_] | None = None

    def columns(self, chosen: list[int]) -> Rows:
        """Return the same with fewer features."""
        return Rows(self.inputs[:, chosen], self.truth, self.readable)


def stress_predict(data: Path) -> dict[str, Series]:
    """Return the 27 wrist recordings, their rate read by the pulse pipeline of the box."""
    folder = data / "stress_predict"
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "intervals.npz"
        subprocess.run(
            [sys.executable, "-m", "benchmarks.stress_beats", str(folder), str(out)],
            check=True,
        )
        with np.load(out) as held:
            tables = {name: held[name] for name in held.files}
    people = {}
    for name, table in tables.items():
        with np.load(folder / f"{name}.npz") as held:
            label = held["stress"].astype(bool)
            late_s = round(float(held["label_unix_s"][0]) - float(held["start_unix_s"]))
        rate, readable = follow(table, len(label) + late_s - 1)
        at = np.clip(STEP_S * np.arange(1, len(rate) + 1) - late_s, 0, len(label) - 1)
        people[name] = Series(rate, label[at], readable)
    return people


def shuffled(series: Series, rng: np.random.Generator) -> Series:
    """Return the blocks of a recording in another order: no clock can be read from it."""
    warm, piece = WARM_UP_S // STEP_S, PIECE_S // STEP_S
    changes = np.flatnonzero(np.diff(series.stressed.astype(np.int8))) + 1
    edges = [warm, *changes[changes > warm].tolist(), len(series.rate)]
    pieces: list[NDArray[np.int64]] = []
    for start, stop in pairwise(edges):
        parts = 1 if series.stressed[start] else max(1, round((stop - start) / piece))
        pieces += np.array_split(np.arange(start, stop), parts)
    order = [pieces[place] for place in rng.permutation(len(pieces))]
    return series.take(np.concatenate([np.arange(warm), *order]))


def wesad(data: Path) -> dict[str, tuple[Values, Labels, list[str]]]:
    """Return each person's windows, log-scaled, their labels, and the measures' names."""
    with (data / "wesad_hrv" / "features_3class.csv").open(newline="") as table:
        rows = list(csv.DictReader(table))
    names = [name for name in rows[0] if name and name not in ("subject", "label")]
    held: dict[str, list[dict[str, str]]] = {}
    for row in rows:
        held.setdefault(row["subject"], []).append(row)
    people = {}
    for subject, windows in held.items():
        raw = np.array([[float(window[name]) for name in names] for window in windows])
        label = np.array([int(float(window["label"])) for window in windows], np.int64)
        people[subject] = (np.sign(raw) * np.log1p(np.abs(raw)), label, names)
    return people


def wesad_pair(
    data: Path, measures: Iterable[str] | None = None, amused: bool = False
) -> dict[str, Rows]:
    """Return stress (1) and rest (0), each measure less that of the first two windows.

    ``amused`` adds the windows of amusement to the rest. No row depends on another's place.
    """
    people = {}
    for subject, (values, label, names) in wesad(data).items():
        chosen = [names.index(name) for name in (measures or names)]
        kept = (label >= 0) if amused else (label != AMUSED)
        held = values[kept][:, chosen]
        own = held - held[:FIRST].mean(axis=0)
        people[subject] = Rows(own[FIRST:], (label[kept][FIRST:] == STRESS).astype(np.int64))
    return people


def wesad_rate(data: Path) -> dict[str, Rows]:
    """Return ln(rate / first two windows) and ln(rate / mean so far) for stress and rest."""
    people = {}
    for subject, (values, label, names) in wesad(data).items():
        rest = label != AMUSED
        rate = -np.log(np.expm1(values[rest, names.index("medianNN")]))
        past = np.cumsum(rate) - rate
        past = past / np.maximum(1, np.arange(len(rate)))
        both = np.stack((rate - rate[:FIRST].mean(), rate - past), axis=1)[FIRST:]
        people[subject] = Rows(both, (label[rest][FIRST:] == STRESS).astype(np.int64))
    return people


def wesad_three(data: Path, orders: int | None, past: bool = False) -> dict[str, list[Rows]]:
    """Return the three classes; ``orders`` ways to order the blocks, None: as in the table.

    Now and the mean of the last four windows, each also against the first two windows; or, to
    show what it does, against the mean so far (``past``).
    """
    picked = np.random.default_rng(0).permutation(24)[:orders] if orders else [0]
    people: dict[str, list[Rows]] = {}
    for subject, (values, label, names) in wesad(data).items():
        chosen = values[:, [names.index(name) for name in WIDE]]
        for pick in picked:
            at = _blocks(label, int(pick)) if orders else np.arange(len(label))
            people.setdefault(subject, []).append(_three(chosen[at], label[at], past))
    return people


def _blocks(label: Labels, pick: int) -> NDArray[np.int64]:
    """Return six windows of rest, then two halves of the rest, stress, amusement in any order."""
    rest = np.flatnonzero(label == REST)
    middle = (6 + len(rest)) // 2
    blocks = (rest[6:middle], rest[middle:], np.flatnonzero(label == STRESS),
              np.flatnonzero(label == AMUSED))  # fmt: skip
    order = list(permutations(range(4)))[pick]
    return np.concatenate([rest[:6], *(blocks[place] for place in order)])


def _three(values: Values, label: Labels, past: bool) -> Rows:
    own = values - values[:FIRST].mean(axis=0)
    if past:
        total = np.cumsum(values, axis=0) - values
        since = values - total / np.maximum(1, np.arange(len(values)))[:, None]
        return Rows(np.concatenate((own, since), axis=1)[FIRST:], label[FIRST:])
    parts = (values, own, _last_four(values), _last_four(own))
    return Rows(np.concatenate(parts, axis=1)[FIRST:], label[FIRST:])


def _last_four(values: Values) -> Values:
    return np.stack([values[max(0, at - 3) : at + 1].mean(axis=0) for at in range(len(values))])


def swell(data: Path) -> dict[str, Rows]:
    """Return ln rate and ln RMSSD a minute against the first two; stress: hurry, interruption."""
    people = {}
    for name, minutes in _swell_minutes(data / "swell_hrv"):
        rate = np.log(np.array([[minute[1], minute[2]] for minute in minutes]))
        own = (rate - rate[:FIRST].mean(axis=0))[FIRST:]
        truth = np.array([minute[0] in "TI" for minute in minutes], np.int64)[FIRST:]
        if 0 < truth.sum() < len(truth):
            people[name] = Rows(own, truth)
    return people


def _swell_minutes(folder: Path) -> Iterator[tuple[str, list[tuple[str, float, float]]]]:
    held: dict[str, list[tuple[str, str, float, float]]] = {}
    for file in folder.glob("*.csv"):
        with file.open(newline="") as table:
            for row in csv.DictReader(table):
                if row["HR"] and row["RMSSD"]:
                    bpm, rmssd = float(row["HR"]), float(row["RMSSD"])
                    if 0 < bpm < 999 and 0 < rmssd < 999:
                        held.setdefault(row["PP"], []).append(
                            (row["timestamp"], row["Condition"], bpm, rmssd)
                        )
    for name, minutes in sorted(held.items()):
        yield name, [minute[1:] for minute in sorted(minutes)]
