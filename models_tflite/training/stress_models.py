"""Models to compare, and how: each person left out in turn, people and classes weighing the same.

Random forest and CatBoost are needed here only: where they are not installed they are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray

from models_tflite.training.stress_rate import Values
from models_tflite.training.stress_sets import Labels, Rows

Judge = Callable[[Values], Labels]
Fit = Callable[[Values, Labels, Values], Judge]
"""(inputs, truth, weights) -> what says a class for new inputs."""
People = Mapping[str, Sequence[Rows]]
BOOTSTRAPS = 4000


def logistic(ridge: float) -> Fit:
    """Return logistic regression on standardised inputs, one class against all others."""

    def fit(inputs: Values, truth: Labels, weight: Values) -> Judge:
        centre, scale = inputs.mean(axis=0), inputs.std(axis=0) + 1e-9
        classes = np.unique(truth)
        asked = classes[1:] if len(classes) == 2 else classes
        basis = _with_one((inputs - centre) / scale)
        terms = np.stack([newton(basis, truth == one, weight, ridge) for one in asked], axis=1)

        def judge(new: Values) -> Labels:
            said = _with_one((new - centre) / scale) @ terms
            if len(classes) == 2:
                return np.asarray(classes[(said[:, 0] > 0).astype(int)])
            return np.asarray(classes[said.argmax(axis=1)])

        return judge

    return fit


def newton(basis: Values, truth: NDArray[np.bool_], weight: Values, ridge: float) -> Values:
    """Return the weights of ``basis`` (n, k); the last column is the offset, without ridge."""
    terms = np.zeros(basis.shape[1])
    pull = np.full(len(terms), ridge)
    pull[-1] = 1e-9
    share = weight / weight.sum()
    for _ in range(40):
        guess = 1 / (1 + np.exp(-np.clip(basis @ terms, -30, 30)))
        gradient = basis.T @ (share * (guess - truth)) + pull * terms
        curve = (basis * (share * guess * (1 - guess))[:, None]).T @ basis
        step = np.linalg.solve(curve + np.diag(pull + 1e-9), gradient)
        terms = terms - step
        if np.abs(step).max() < 1e-6:
            break
    return terms


def threshold(feature: int) -> Fit:
    """Return the box's kind of formula: one feature, fitted where to cut."""

    def fit(inputs: Values, truth: Labels, weight: Values) -> Judge:
        basis = _with_one(inputs[:, [feature]])
        slope, offset = newton(basis, truth == 1, weight, 1e-3)
        return lambda new: (new[:, feature] * slope + offset > 0).astype(np.int64)

    return fit


def fixed(feature: int, half: float) -> Fit:
    """Return a formula that is not fitted at all."""

    def fit(_inputs: Values, _truth: Labels, _weight: Values) -> Judge:
        return lambda new: (new[:, feature] > half).astype(np.int64)

    return fit


def forest(trees: int = 60, least: int = 10) -> Fit | None:
    """Return a random forest, None where scikit-learn is not installed."""
    if find_spec("sklearn") is None:
        return None

    def fit(inputs: Values, truth: Labels, weight: Values) -> Judge:
        kind = import_module("sklearn.ensemble").RandomForestClassifier
        model = kind(trees, min_samples_leaf=least, max_samples=0.3, n_jobs=2, random_state=0)
        model.fit(inputs, truth, sample_weight=weight / weight.mean())
        return lambda new: np.asarray(model.predict(new), np.int64)

    return fit


def catboost(rounds: int = 100) -> Fit | None:
    """Return gradient-boosted trees, None where CatBoost is not installed."""
    if find_spec("catboost") is None:
        return None

    def fit(inputs: Values, truth: Labels, weight: Values) -> Judge:
        kind = import_module("catboost").CatBoostClassifier
        model = kind(depth=4, iterations=rounds, learning_rate=0.08, verbose=0, thread_count=2,
                     random_seed=0, allow_writing_files=False)  # fmt: skip
        model.fit(inputs, truth, sample_weight=weight / weight.mean())
        return lambda new: np.asarray(model.predict(new), np.int64).reshape(-1)

    return fit


def left_out(fit: Fit, learn: People, judge: People) -> Values:
    """Return each person's balanced accuracy by what was learnt from all others.

    ``learn`` and ``judge`` may hold other orders of the same people's recordings; a person's
    score is the mean over the orders judged.
    """
    scores = []
    for name, seen in judge.items():
        say = trained(fit, [rows for other in learn if other != name for rows in learn[other]])
        scores.append(np.mean([balanced(rows.truth, say(rows.inputs)) for rows in seen]))
    return np.array(scores)


def trained(fit: Fit, seen: Sequence[Rows]) -> Judge:
    """Return what ``fit`` makes of some recordings."""
    return fit(
        np.concatenate([rows.inputs for rows in seen]),
        np.concatenate([rows.truth for rows in seen]),
        np.concatenate([_even(rows.truth) for rows in seen]),
    )


def nested(menu: Mapping[str, tuple[Fit, People]]) -> tuple[Values, list[str]]:
    """Return each person's score by the model that was best among the others alone, and which."""
    names = list(next(iter(menu.values()))[1])
    scores, chosen = [], []
    for name in names:
        inner = {
            key: float(np.mean(left_out(fit, others, others)))
            for key, (fit, people) in menu.items()
            for others in [{other: people[other] for other in names if other != name}]
        }
        best = max(inner, key=lambda key: inner[key])
        fit, people = menu[best]
        say = trained(fit, [rows for other in names if other != name for rows in people[other]])
        scores.append(np.mean([balanced(rows.truth, say(rows.inputs)) for rows in people[name]]))
        chosen.append(best)
    return np.array(scores), chosen


def balanced(truth: Labels, said: Labels) -> float:
    """Return the mean over the classes there are of the share found."""
    return float(np.mean([(said[truth == one] == one).mean() for one in np.unique(truth)]))


def summary(scores: Values) -> dict[str, float]:
    """Return the mean over people and its 95-% interval (bootstrap over people)."""
    rng = np.random.default_rng(0)
    means = rng.choice(scores, (BOOTSTRAPS, len(scores))).mean(axis=1)
    low, high = np.percentile(means, (2.5, 97.5))
    return {"mean": round(float(scores.mean()), 3), "low": round(float(low), 3),
            "high": round(float(high), 3)}  # fmt: skip


def _even(truth: Labels) -> Values:
    weight = np.zeros(len(truth))
    for one in np.unique(truth):
        weight[truth == one] = 1 / (truth == one).sum()
    return np.asarray(weight / weight.sum())


def _with_one(values: Values) -> Values:
    return np.concatenate((values, np.ones((len(values), 1))), axis=1)
