"""Distil one or more trained networks into a fresh or further-trained one.

    python -m models_tflite.training.fer_distil --data FER2013_DIR --out DIR \
        --teacher RUN_A/best.pt RUN_B/best.pt [--start RUN_A/best.pt]
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from models_tflite.training.fer_net import FerNet
from models_tflite.training.fer_teacher import FaceTeacher, load_teacher
from models_tflite.training.fer_train import base_parser, carry_out, load_net, plan_of


def teacher_of(checkpoint: Path) -> FerNet | FaceTeacher:
    """The network of a checkpoint of `fer_train`, `fer_distil` or `fer_teacher`."""
    weights = torch.load(checkpoint, map_location="cpu", weights_only=True)["average"]
    is_face_teacher = any(name.startswith("blocks.") for name in weights)
    return load_teacher(checkpoint) if is_face_teacher else load_net(checkpoint)


def main(argv: Sequence[str] | None = None) -> int:
    """Train against the teachers' mean answer and the labels; returns the exit code."""
    parser = base_parser("Distil teachers into one facial-expression network.")
    parser.add_argument("--teacher", type=Path, nargs="+", required=True, help="checkpoints")
    parser.add_argument("--teacher-weight", type=float, default=0.5, help="0..1, default 0.5")
    parser.add_argument(
        "--teacher-mirrors", action="store_true", help="ask the teachers for mirror images, too"
    )
    arguments = parser.parse_args(argv)
    plan = plan_of(
        arguments,
        teacher_weight=arguments.teacher_weight,
        teacher_mirrors=arguments.teacher_mirrors,
    )
    return carry_out(arguments, plan, [teacher_of(path) for path in arguments.teacher])


if __name__ == "__main__":
    raise SystemExit(main())
