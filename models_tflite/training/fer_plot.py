"""Pictures of a run: the curves while it trains, the confusion matrix when it is done."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import numpy as np
from numpy.typing import NDArray

from models_tflite.labels import EXPRESSIONS

matplotlib.use("Agg")
from matplotlib import pyplot as plt


def plot_curves(history: list[dict[str, float]], path: Path) -> None:
    """Write loss and public-test accuracy over the epochs as a PNG."""
    epochs = [row["epoch"] + 1 for row in history]
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.2), dpi=90)
    left.plot(epochs, [row["loss"] for row in history])
    left.set(xlabel="epoch", ylabel="training loss")
    right.plot(epochs, [100 * row["public_accuracy"] for row in history])
    right.set(xlabel="epoch", ylabel="public-test accuracy %")
    right.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(path)
    plt.close(figure)


def plot_confusion(confusion: NDArray[np.int64], path: Path) -> None:
    """Write a 7x7 matrix (rows true) as a PNG, shares of each row in percent."""
    shares = 100 * confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    figure, axes = plt.subplots(figsize=(4.6, 4.2), dpi=80)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=100)
    for (row, column), share in np.ndenumerate(shares):
        colour = "white" if share > 55 else "black"
        axes.text(column, row, f"{share:.0f}", ha="center", va="center", color=colour, fontsize=9)
    ticks = range(len(EXPRESSIONS))
    axes.set_xticks(ticks, EXPRESSIONS, rotation=40, ha="right")
    axes.set_yticks(ticks, EXPRESSIONS)
    axes.set(xlabel="answered", ylabel="labelled")
    figure.tight_layout()
    figure.savefig(path)
    plt.close(figure)
