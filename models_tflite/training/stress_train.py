"""Judge the stress formula on people it has not seen, beside formulas fitted to others.

    python -m models_tflite.training.stress_train --data DIR [--out models_tflite/stress.json]

DIR holds ``stress_predict/`` (27 people, wrist) and ``wesad_hrv/`` (11 people, seated). The one
feature is ln(heart rate / reference): the reference is the rate of the first minute, or the mean
rate so far; nothing of a person's future is used. Whole people are left out; numpy only.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

SLOPE, HALF = 10.0, 0.055
"""The formula of ``device/sensing/stress.py``: a test holds the two together."""
WINDOW_S, STEP_S = 60, 10
PURE = 0.9
"""Share of a window's seconds that must have the same label."""
BOOTSTRAPS = 2000


@dataclass(frozen=True, slots=True)
class Person:
    """Windows of one person in the order of time."""

    name: str
    rise: Values
    """(n,) ln(heart rate / mean rate since the beginning)."""
    first: Values
    """(n,) ln(heart rate / rate of the first minute)."""
    stressed: NDArray[np.bool_]


def main() -> int:
    """Judge, print, write."""
    parser = argparse.ArgumentParser(
        prog="python -m models_tflite.training.stress_train", description=__doc__
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with the data sets")
    parser.add_argument("--out", type=Path, help="write the formula and its numbers here")
    args = parser.parse_args()
    sets = {"stress_predict": stress_predict(args.data), "wesad_hrv": wesad(args.data)}
    report: dict[str, object] = {}
    for name, people in sets.items():
        other = next(them for key, them in sets.items() if key != name)
        report[name] = {
            "people": len(people),
            "left out, mean rate so far": left_out(people, "rise"),
            "left out, first minute": left_out(people, "first"),
            "fitted on the other set": summary(scores(people, "first", fit(other, "first"))),
            "formula of the box": summary(scores(people, "first", (SLOPE, -SLOPE * HALF))),
        }
    slope, offset = fit([person for people in sets.values() for person in people], "first")
    formula = {
        "slope": SLOPE,
        "half": HALF,
        "fitted on all": {"slope": round(slope, 2), "half": round(-offset / slope, 4)},
        "balanced accuracy": report,
    }
    print(json.dumps(formula, indent=2))
    if args.out:
        args.out.write_text(json.dumps(formula, indent=2) + "\n")
    return 0


def stress_predict(data: Path) -> list[Person]:
    """Return 60-s windows of the wrist recordings, ten seconds apart."""
    people = []
    for file in sorted((data / "stress_predict").glob("*.npz")):
        with np.load(file) as held:
            rate, label = held["hr_bpm"].astype(np.float64), held["stress"].astype(np.float64)
        known = np.isfinite(rate)
        end = int(np.flatnonzero(known)[-1]) + 1
        seconds = np.arange(end)
        rate = np.interp(seconds, seconds[known[:end]], rate[:end][known[:end]])
        rows = []
        for stop in range(2 * WINDOW_S, end, STEP_S):
            share = label[stop - WINDOW_S : stop].mean()
            if max(share, 1 - share) >= PURE:
                now = rate[stop - WINDOW_S : stop].mean()
                past, first = rate[: stop - WINDOW_S].mean(), rate[:WINDOW_S].mean()
                rows.append((np.log(now / past), np.log(now / first), share > 0.5))
        people.append(_person(file.stem, rows))
    return people


def wesad(data: Path) -> list[Person]:
    """Return the windows of baseline and stress; the first two are each person's reference."""
    held: dict[str, list[tuple[float, bool]]] = {}
    with (data / "wesad_hrv" / "features_3class.csv").open(newline="") as table:
        for row in csv.DictReader(table):
            if float(row["label"]) > 0:
                rate = 60_000 / float(row["medianNN"])
                held.setdefault(row["subject"], []).append((rate, float(row["label"]) == 2))
    people = []
    for name, windows in held.items():
        windows.sort(key=lambda window: window[1])  # The baseline came first (Schmidt 2018).
        rates = np.array([rate for rate, _ in windows])
        rows = [
            (np.log(rate / rates[:place].mean()), np.log(rate / rates[:2].mean()), stressed)
            for place, (rate, stressed) in enumerate(windows) if place >= 2
        ]  # fmt: skip
        people.append(_person(name, rows))
    return people


def _person(name: str, rows: list[tuple[float, float, bool]]) -> Person:
    rise, first, stressed = zip(*rows, strict=True)
    return Person(name, np.array(rise), np.array(first), np.array(stressed, np.bool_))


def fit(people: list[Person], feature: str) -> tuple[float, float]:
    """Return slope and offset of the logistic curve; people and classes weigh the same."""
    rise = np.concatenate([getattr(person, feature) for person in people])
    truth = np.concatenate([person.stressed for person in people]).astype(np.float64)
    weight = np.concatenate([_balance(person.stressed) for person in people])
    inputs = np.stack((rise, np.ones(len(rise))), axis=1)
    terms = np.zeros(2)
    for _ in range(50):  # Newton's method; a light ridge on the slope keeps it finite.
        guess = 1 / (1 + np.exp(-inputs @ terms))
        gradient = inputs.T @ (weight * (guess - truth)) + np.array([1e-3, 0]) * terms
        curve = (inputs * (weight * guess * (1 - guess))[:, None]).T @ inputs
        terms = terms - np.linalg.solve(curve + np.diag([1e-3, 1e-9]), gradient)
    return float(terms[0]), float(terms[1])


def _balance(stressed: NDArray[np.bool_]) -> Values:
    share = stressed.mean()
    weights = np.where(stressed, 0.5 / max(share, 1e-9), 0.5 / max(1 - share, 1e-9))
    return np.asarray(weights / len(stressed))


def scores(people: list[Person], feature: str, terms: tuple[float, float]) -> Values:
    """Return each person's balanced accuracy."""
    found = []
    for person in people:
        said = terms[0] * getattr(person, feature) + terms[1] > 0
        found.append((said[person.stressed].mean() + (~said[~person.stressed]).mean()) / 2)
    return np.array(found)


def left_out(people: list[Person], feature: str) -> dict[str, float]:
    """Return the balanced accuracy on each person by the formula of all others."""
    found = [
        scores([person], feature, fit([other for other in people if other is not person], feature))
        for person in people
    ]
    return summary(np.concatenate(found))


def summary(found: Values) -> dict[str, float]:
    """Return the mean over people and its 95-% interval (bootstrap over people)."""
    rng = np.random.default_rng(0)
    means = rng.choice(found, (BOOTSTRAPS, len(found))).mean(axis=1)
    low, high = np.percentile(means, (2.5, 97.5))
    return {"mean": round(float(found.mean()), 3), "low": round(float(low), 3),
            "high": round(float(high), 3)}  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
