"""``attune models evaluate``: how good the bundled expression network is on a labelled file."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from device.commands.errors import CommandError

if TYPE_CHECKING:
    from models_tflite.evaluation import EvaluationReport


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `models` and its sub-commands."""
    parser = subparsers.add_parser("models", help="measure the networks")
    commands = parser.add_subparsers(dest="models_command", metavar="COMMAND", required=True)
    evaluate = commands.add_parser(
        "evaluate",
        help="accuracy, calibration and speed on a labelled file",
        description="Measure the expression network on an npz with `images` uint8 (N, 48, 48) "
        "and `labels` 0..6 (angry, disgust, fear, happy, sad, surprise, neutral).",
        epilog="example: attune models evaluate --npz faces.npz --json",
    )
    evaluate.add_argument("--npz", type=Path, required=True, metavar="FILE", help="labelled faces")
    evaluate.add_argument("--model", type=Path, metavar="FILE", help="another .tflite (+ .json)")
    evaluate.add_argument("--json", action="store_true", help="print one JSON object")
    evaluate.set_defaults(run=run_evaluate)


def run_evaluate(arguments: argparse.Namespace) -> int:
    """Evaluate and print; raises CommandError with one line when it cannot."""
    from models_tflite.evaluation import EvaluationError, evaluate
    from models_tflite.expression import DEFAULT_MODEL, ModelError

    try:
        report = evaluate(arguments.npz, arguments.model or DEFAULT_MODEL)
    except (EvaluationError, ModelError) as error:
        raise CommandError(str(error)) from error
    print(json.dumps(report.as_json()) if arguments.json else _as_text(report))
    return 0


def _as_text(report: EvaluationReport) -> str:
    from models_tflite.expression import EXPRESSIONS

    lines = [
        f"faces              {report.n}",
        f"accuracy           {100 * report.accuracy:.2f} %",
        f"macro recall       {100 * report.macro_recall:.2f} %",
        f"calibration error  {report.ece:.4f}",
        f"time per face      {report.ms_per_face_mean:.2f} ms (mean), "
        f"{report.ms_per_face_p50:.2f} ms (median), one thread",
        f"model size         {report.model_bytes} bytes",
        "",
        "labelled \\ answered" + "".join(f"{name:>9}" for name in EXPRESSIONS),
    ]
    for name, row in zip(EXPRESSIONS, report.confusion, strict=True):
        lines.append(f"{name:<19}" + "".join(f"{count:>9}" for count in row))
    return "\n".join(lines)
