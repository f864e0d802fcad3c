"""Judge the stress formula on people it has not seen, beside models that are fitted.

    python -m models_tflite.training.stress_train --data DIR [--out models_tflite/stress.json]

DIR holds ``stress_predict/`` (27 people, wrist), ``wesad_hrv/`` (11 people, seated) and
``swell_hrv/`` (25 people at a desk). Whole people are left out, and nothing of a person's
future is used. What a model learns from the fixed order of an experiment is not stress: so
models also learn from, and are judged on, recordings whose blocks were put in another order.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from models_tflite.training import stress_features as features
from models_tflite.training import stress_models as models
from models_tflite.training import stress_sets as sets
from models_tflite.training.stress_models import Fit, People, left_out, nested, summary
from models_tflite.training.stress_sets import Rows

SLOPE, HALF = 10.0, 0.055
"""The formula of ``device/sensing/stress.py``: a test holds the two together."""
ORDERS = 2
"""Other orders of each recording."""
RIDGES = (1e-4, 1e-3, 1e-2)
MEASURES = {"rate": ("medianNN",), "rate and pNN50": ("medianNN", "pNN50"), "13": sets.WIDE}
Report = dict[str, object]


def main() -> int:
    """Judge, print, write."""
    parser = argparse.ArgumentParser(
        prog="python -m models_tflite.training.stress_train", description=__doc__
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with the data sets")
    parser.add_argument("--out", type=Path, help="write the formula and its numbers here")
    args = parser.parse_args()
    formula = {
        "slope": SLOPE,
        "half": HALF,
        "balanced accuracy": {
            "wesad_hrv, stress or baseline": wesad_pair(args.data, amused=False),
            "wesad_hrv, stress or anything else": wesad_pair(args.data, amused=True),
            "wesad_hrv, three classes": wesad_three(args.data),
            "swell_hrv": swell(args.data),
            "stress_predict": stress_predict(args.data),
        },
    }
    print(json.dumps(formula, indent=2))
    if args.out:
        args.out.write_text(json.dumps(formula, indent=2) + "\n")
    return 0


def stress_predict(data: Path) -> Report:
    """Judge at the wrist: learnt in the order of the experiment, and in others."""
    series = sets.stress_predict(data)
    rng = np.random.default_rng(1)
    real = {name: [features.rows(one)] for name, one in series.items()}
    other = {
        name: [features.rows(sets.shuffled(one, rng)) for _ in range(ORDERS)]
        for name, one in series.items()
    }
    report: Report = {"people": len(series)}
    report["share readable"] = round(
        float(np.mean([one.readable.mean() for one in series.values()])), 2
    )
    report["formula of the box"] = summary(
        left_out(models.fixed(features.FIRST_MINUTE, HALF), real, real)
    )
    for place in (features.FIRST_MINUTE, features.MEAN_SO_FAR, features.SHRUNK):
        name = f"one feature: {features.FEATURES[place]}"
        report[name] = _orders(models.threshold(place), real, other)
    readable = {
        name: [rows] for name, people in real.items() if (rows := _readable(people[0])) is not None
    }
    report["mean so far, where readable"] = {
        "people": len(readable),
        **summary(left_out(models.threshold(features.MEAN_SO_FAR), other, readable)),
    }
    real, other = _columns(real, features.ALL), _columns(other, features.ALL)
    for name, fit in _models(least=20).items():
        report[name] = _orders(fit, real, other)
    return report


def _orders(fit: Fit, real: People, other: People) -> Report:
    return {
        "learnt in other orders, judged in the real one": summary(left_out(fit, other, real)),
        "learnt and judged in other orders": summary(left_out(fit, other, other)),
        "learnt in the real order (may read the clock)": summary(left_out(fit, real, real)),
    }


def _readable(rows: Rows) -> Rows | None:
    """Return the rows whose pulse was readable, None unless five of each class were."""
    assert rows.readable is not None
    kept = Rows(rows.inputs[rows.readable], rows.truth[rows.readable])
    return kept if min(kept.truth.sum(), (1 - kept.truth).sum()) >= 5 else None


def _columns(people: People, chosen: list[int]) -> dict[str, list[Rows]]:
    return {name: [rows.columns(chosen) for rows in held] for name, held in people.items()}


def _models(least: int) -> dict[str, Fit]:
    known = {
        "logistic regression": models.logistic(1e-3),
        "random forest": models.forest(least=least),
        "CatBoost": models.catboost(),
    }
    return {name: fit for name, fit in known.items() if fit is not None}


def wesad_pair(data: Path, amused: bool) -> Report:
    """Judge stress against rest, seated. The order of the windows is not used."""
    everything = _single(sets.wesad_pair(data, amused=amused))
    report: Report = {"people": len(everything)}
    if not amused:
        rate = _single(sets.wesad_rate(data))
        report["formula of the box"] = summary(left_out(models.fixed(0, HALF), rate, rate))
        for place, name in enumerate(("first minute", "mean so far")):
            fit = models.threshold(place)
            report[f"one feature: {name}"] = summary(left_out(fit, rate, rate))
    menu = {
        f"{name}, ridge {ridge:g}": (models.logistic(ridge), people)
        for name, people in [
            *((name, _single(sets.wesad_pair(data, held, amused)))
              for name, held in MEASURES.items()),
            ("all 26", everything),
        ]
        for ridge in RIDGES
    }  # fmt: skip
    scores, chosen = nested(menu)
    report["logistic regression, measures and ridge chosen among the others"] = {
        **summary(scores), "chosen": sorted(set(chosen)),
    }  # fmt: skip
    for name, fit in _models(least=3).items():
        report[f"{name}, all 26"] = summary(left_out(fit, everything, everything))
    return report


def wesad_three(data: Path) -> Report:
    """Judge baseline, stress and amusement, in orders of the blocks that tell nothing."""
    mixed = sets.wesad_three(data, orders=6)
    report: Report = {
        name: summary(left_out(fit, mixed, mixed)) for name, fit in _models(least=10).items()
    }
    table = sets.wesad_three(data, orders=None, past=True)
    report["invalid: order of the table and the mean so far"] = summary(
        left_out(models.logistic(1e-3), table, table)
    )
    return report


def swell(data: Path) -> Report:
    """Judge hurry and interruption against neutral work and rest, at a desk."""
    people = _single(sets.swell(data))
    report: Report = {"people": len(people)}
    report["formula of the box"] = summary(left_out(models.fixed(0, HALF), people, people))
    for name, fit in _models(least=20).items():
        report[name] = summary(left_out(fit, people, people))
    return report


def _single(people: Mapping[str, Rows]) -> dict[str, Sequence[Rows]]:
    return {name: [rows] for name, rows in people.items()}


if __name__ == "__main__":
    sys.exit(main())
