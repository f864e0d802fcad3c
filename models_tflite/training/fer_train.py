"""Train the float expression network; resumable, seeded, on a CPU or an accelerator.

    python -m models_tflite.training.fer_train --data FER2013_DIR --out DIR

Run again with the same arguments to go on after an interruption.
"""

from __future__ import annotations

import argparse
import copy
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from models_tflite.training.fer_augment import augmented, mixup
from models_tflite.training.fer_data import (
    DataError,
    FerSplit,
    calibration_rows,
    deduplicated,
    load_split,
)
from models_tflite.training.fer_grow import grown
from models_tflite.training.fer_net import FerNet, NetSpec, scaled
from models_tflite.training.fer_plot import plot_curves
from models_tflite.training.fer_targets import mixed_targets, vote_shares

CALIBRATION_COUNT = 1200


@dataclass(frozen=True, slots=True)
class TrainPlan:
    """Everything that decides a run; written into the checkpoint."""

    epochs: int = 80
    batch: int = 128
    rate: float = 0.1
    weight_decay: float = 5e-4
    smoothing: float = 0.05
    vote_weight: float = 0.5
    vote_loss: float = 0.3
    mixup_alpha: float = 0.2
    ema_decay: float = 0.998
    # Rare expressions are drawn more often: a class of share s with weight s ** -balance.
    balance: float = 0.25
    seed: int = 7
    # (share of the epochs, picture side): early epochs on small pictures cost half as much.
    sides: tuple[tuple[float, int], ...] = ((0.3, 32), (0.55, 40), (1.0, 48))
    spec: NetSpec = field(default_factory=NetSpec)
    # The last part of a run sees pictures that are changed less, nearer to what judges it.
    calm_from: float = 1.0
    calm_strength: float = 0.5
    teacher_weight: float = 0.0
    teacher_temperature: float = 2.0
    # The teachers are asked for each picture's mirror image, too: better answers, twice the time.
    teacher_mirrors: bool = False

    def side_at(self, epoch: int) -> int:
        """Picture side in pixels for an epoch counted from 0."""
        done = epoch / self.epochs
        return next((side for share, side in self.sides if done < share), self.sides[-1][1])

    def strength_at(self, epoch: int) -> float:
        """How strongly pictures are changed in an epoch counted from 0: 1 fully, 0 not."""
        return self.calm_strength if epoch / self.epochs >= self.calm_from else 1.0


@dataclass(frozen=True, slots=True)
class TrainSet:
    """Tensors on the device: images uint8 (N, 48, 48), targets (N, 7), vote shares (N, 10)."""

    images: Tensor
    targets: Tensor
    votes: Tensor
    judge: FerSplit
    calibration: FerSplit


def make_train_set(root: Path, plan: TrainPlan, device: torch.device) -> TrainSet:
    """Load, clean and split; the calibration rows are never trained on."""
    judge = load_split(root, "public_test")
    train, hard = deduplicated(load_split(root, "train"), judge)
    held = calibration_rows(train.labels, CALIBRATION_COUNT, seed=0)
    kept = np.setdiff1d(np.arange(len(train)), held)
    targets = mixed_targets(hard[kept], train.votes[kept], plan.vote_weight)
    targets = (1 - plan.smoothing) * targets + plan.smoothing / targets.shape[1]
    return TrainSet(
        torch.from_numpy(train.images[kept]).to(device),
        torch.from_numpy(targets.astype(np.float32)).to(device),
        torch.from_numpy(vote_shares(train.votes[kept])).to(device),
        judge,
        train.take(held),
    )


class Trainer:
    """One run: network, its moving average, optimiser, history; saved after every epoch."""

    def __init__(
        self,
        plan: TrainPlan,
        data: TrainSet,
        out: Path,
        device: torch.device,
        teachers: Sequence[nn.Module] = (),
        net: nn.Module | None = None,
    ) -> None:
        torch.manual_seed(plan.seed)
        self.plan, self.data, self.out, self.device = plan, data, out, device
        self.teachers = teachers
        net = FerNet(plan.spec) if net is None else net
        self.net = net.to(device, memory_format=torch.channels_last)
        self.average = copy.deepcopy(self.net)
        decayed = [p for p in self.net.parameters() if p.ndim > 1]
        plain = [p for p in self.net.parameters() if p.ndim <= 1]
        self.optimiser = torch.optim.SGD(
            [{"params": decayed, "weight_decay": plan.weight_decay}, {"params": plain}],
            lr=plan.rate, momentum=0.9, nesterov=True,
        )  # fmt: skip
        self.history: list[dict[str, float]] = []

    def start_from(self, net: FerNet) -> None:
        """Begin with another network's weights, grown to this one's shape; raises DataError."""
        try:
            weights = grown(net, self.plan.spec).state_dict()
        except ValueError as error:
            raise DataError(f"--start: {error}") from error
        self.net.load_state_dict(weights)
        self.average.load_state_dict(weights)

    def run(self) -> None:
        """Train to the last epoch, going on from `last.pt` where there is one."""
        self._resume()
        for epoch in range(len(self.history), self.plan.epochs):
            started = time.monotonic()
            loss = self._train_epoch(epoch)
            accuracy = accuracy_of(self.average, self.data.judge, self.device)
            row = {
                "epoch": epoch, "side": self.plan.side_at(epoch), "loss": loss,
                "public_accuracy": accuracy, "seconds": time.monotonic() - started,
            }  # fmt: skip
            best = max((old["public_accuracy"] for old in self.history), default=0.0)
            self.history.append(row)
            self._save("last.pt")
            if accuracy > best:
                self._save("best.pt")
            print(
                f"epoch {epoch + 1:3d}/{self.plan.epochs} side {row['side']} loss {loss:.4f} "
                f"public {accuracy:.4f} best {max(best, accuracy):.4f} {row['seconds']:.0f} s",
                flush=True,
            )
            (self.out / "history.json").write_text(json.dumps(self.history, indent=1))
            plot_curves(self.history, self.out / "curves.png")

    def _train_epoch(self, epoch: int) -> float:
        torch.manual_seed(self.plan.seed * 1000 + epoch)
        self.net.train()
        order = self._drawn_rows()
        steps = len(order) // self.plan.batch
        total = torch.zeros((), device=self.device)
        for step in range(steps):
            rate = self._rate((epoch + step / steps) / self.plan.epochs)
            for group in self.optimiser.param_groups:
                group["lr"] = rate
            rows = order[step * self.plan.batch : (step + 1) * self.plan.batch]
            loss = self._loss(rows, epoch)
            self.optimiser.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.net.parameters(), 5.0)
            self.optimiser.step()
            self._update_average(epoch * steps + step)
            total += loss.detach()
        return float(total) / steps

    def _drawn_rows(self) -> Tensor:
        """Shuffled rows of one epoch; each occurs as often as its expression's weight says."""
        labels = self.data.targets.argmax(dim=1)
        share = torch.bincount(labels, minlength=self.data.targets.shape[1]) / len(labels)
        weight = share.clamp(min=1e-6)[labels] ** -self.plan.balance
        weight = weight / weight.mean()
        times = torch.floor(weight + torch.rand(len(weight), device=self.device)).long()
        rows = torch.repeat_interleave(torch.arange(len(labels), device=self.device), times)
        return rows[torch.randperm(len(rows), device=self.device)]

    def _rate(self, done: float) -> float:
        """Warm up over the first 4 % of the run, then a half cosine to zero."""
        warm = min(1.0, done / 0.04 + 0.01)
        return float(self.plan.rate * warm * 0.5 * (1 + np.cos(np.pi * done)))

    def _loss(self, rows: Tensor, epoch: int) -> Tensor:
        side, strength = self.plan.side_at(epoch), self.plan.strength_at(epoch)
        x = augmented(self.data.images[rows], side, strength)
        targets, votes = self.data.targets[rows], self.data.votes[rows]
        if self.plan.mixup_alpha > 0:
            x, (targets, votes) = mixup(x, [targets, votes], self.plan.mixup_alpha)
        x = x.contiguous(memory_format=torch.channels_last)
        with torch.autocast(self.device.type, torch.bfloat16):
            logits, vote_logits = self.net.both_heads(x)
        logits = logits.float()
        loss = functional.cross_entropy(logits, targets)
        if self.teachers:
            weight = self.plan.teacher_weight
            loss = (1 - weight) * loss + weight * self._teacher_loss(x, logits)
        vote_loss = functional.cross_entropy(vote_logits.float(), votes)
        return loss + self.plan.vote_loss * vote_loss

    def _teacher_loss(self, x: Tensor, logits: Tensor) -> Tensor:
        """Distance to the teachers' mean answer on the same augmented pictures."""
        heat = self.plan.teacher_temperature
        views = (x, x.flip(3)) if self.plan.teacher_mirrors else (x,)
        with torch.no_grad(), torch.autocast(self.device.type, torch.bfloat16):
            answers = [
                torch.softmax(t(v).float() / heat, dim=1) for t in self.teachers for v in views
            ]
        wanted = torch.stack(answers).mean(dim=0)
        return functional.cross_entropy(logits / heat, wanted) * heat

    def _update_average(self, step: int) -> None:
        decay = min(self.plan.ema_decay, (1 + step) / (10 + step))
        mean, now = self.average.state_dict(), self.net.state_dict()
        with torch.no_grad():
            for name, value in mean.items():
                if value.dtype.is_floating_point:
                    value.lerp_(now[name], 1 - decay)
                else:
                    value.copy_(now[name])

    def _save(self, name: str) -> None:
        state = {
            "plan": asdict(self.plan), "history": self.history, "net": self.net.state_dict(),
            "average": self.average.state_dict(), "optimiser": self.optimiser.state_dict(),
        }  # fmt: skip
        scratch = self.out / f"{name}.part"
        torch.save(state, scratch)
        scratch.replace(self.out / name)

    def _resume(self) -> None:
        path = self.out / "last.pt"
        if not path.is_file():
            return
        state = torch.load(path, map_location=self.device, weights_only=True)
        if plan_from(state["plan"]) != self.plan:
            raise DataError(f"{path}: made with other settings; choose another --out")
        self.net.load_state_dict(state["net"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.history = state["history"]
        print(f"going on from {path} after epoch {len(self.history)}", flush=True)


def plan_from(raw: dict[str, Any]) -> TrainPlan:
    """Rebuild the plan that a checkpoint holds."""
    shape = raw["spec"]
    spec = NetSpec(tuple(shape["widths"]), tuple(shape["blocks"]), shape["dropout"])
    sides = tuple((float(share), int(side)) for share, side in raw["sides"])
    return TrainPlan(**{**raw, "spec": spec, "sides": sides})


def load_plan(checkpoint: Path) -> TrainPlan:
    """The plan of the run that wrote a checkpoint."""
    return plan_from(torch.load(checkpoint, map_location="cpu", weights_only=True)["plan"])


def load_net(*checkpoints: Path) -> FerNet:
    """Load the averaged network of a checkpoint, ready to answer (eval mode, CPU).

    Of several checkpoints of one run the mean of the weights (Izmailov et al. 2018,
    arXiv 1803.05407).
    """
    states = [torch.load(path, map_location="cpu", weights_only=True) for path in checkpoints]
    net = FerNet(plan_from(states[0]["plan"]).spec)
    weights = states[0]["average"]
    for name, value in weights.items():
        if value.dtype.is_floating_point:
            weights[name] = torch.stack([state["average"][name] for state in states]).mean(dim=0)
    net.load_state_dict(weights)
    net.eval()
    return net


def logits_of(
    net: nn.Module, split: FerSplit, device: torch.device, *, fast: bool = False
) -> Tensor:
    """Float logits (N, 7) on the CPU for a whole split; `fast` computes in bfloat16.

    The mean of each picture and its mirror image, as on the box where the picture leaves it open.
    """
    alone, mirrored = views_of(net, split, device, fast=fast)
    return (alone + mirrored) / 2


def views_of(
    net: nn.Module, split: FerSplit, device: torch.device, *, fast: bool = False
) -> tuple[Tensor, Tensor]:
    """Float logits (N, 7) of the pictures, and of their mirror images."""
    net.eval()
    alone, mirrored = [], []
    for images in torch.from_numpy(split.images).split(512):
        x = scaled(images.to(device)).contiguous(memory_format=torch.channels_last)
        with torch.no_grad(), torch.autocast(device.type, torch.bfloat16, enabled=fast):
            alone.append(net(x).float().cpu())
            mirrored.append(net(x.flip(3)).float().cpu())
    return torch.cat(alone), torch.cat(mirrored)


def accuracy_of(net: nn.Module, split: FerSplit, device: torch.device) -> float:
    """Share of hard labels met, 0..1, computed in bfloat16: within a tenth of a point."""
    guesses = logits_of(net, split, device, fast=True).argmax(dim=1).numpy()
    return float((guesses == split.labels).mean())


def pick_device() -> torch.device:
    """The accelerator where there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def base_parser(description: str) -> argparse.ArgumentParser:
    """Arguments that training and distillation share."""
    parser = argparse.ArgumentParser(description=description)
    usual = TrainPlan()
    parser.add_argument("--data", type=Path, required=True, help="folder of FER-2013")
    parser.add_argument("--out", type=Path, required=True, help="folder for checkpoints")
    parser.add_argument("--epochs", type=int, default=usual.epochs)
    parser.add_argument("--batch", type=int, default=usual.batch)
    parser.add_argument("--rate", type=float, default=usual.rate)
    parser.add_argument("--weight-decay", type=float, default=usual.weight_decay)
    parser.add_argument("--mixup", type=float, default=usual.mixup_alpha)
    parser.add_argument("--seed", type=int, default=usual.seed)
    parser.add_argument("--widths", type=int, nargs="+", default=list(usual.spec.widths))
    parser.add_argument("--blocks", type=int, nargs="+", default=list(usual.spec.blocks))
    parser.add_argument("--balance", type=float, default=usual.balance, help="0: as they come")
    parser.add_argument(
        "--vote-weight", type=float, default=usual.vote_weight,
        help="share of the FER+ votes in what is learnt, the labels have the rest (0..1)",
    )  # fmt: skip
    parser.add_argument(
        "--calm-from", type=float, default=usual.calm_from,
        help="share of the epochs after which pictures are changed half as much (1: never)",
    )  # fmt: skip
    parser.add_argument(
        "--start", type=Path, nargs="+",
        help="checkpoint to begin from, as wide and deep or less; of several their mean weights",
    )  # fmt: skip
    parser.add_argument("--full-size", action="store_true", help="48x48 from the first epoch")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads (default 2)")
    return parser


def plan_of(arguments: argparse.Namespace, **more: Any) -> TrainPlan:
    """The plan that the shared arguments describe, with further fields on top."""
    if arguments.full_size:
        more.setdefault("sides", ((1.0, 48),))
    return TrainPlan(
        epochs=arguments.epochs, batch=arguments.batch, rate=arguments.rate,
        weight_decay=arguments.weight_decay, mixup_alpha=arguments.mixup, seed=arguments.seed,
        balance=arguments.balance, calm_from=arguments.calm_from,
        vote_weight=arguments.vote_weight,
        spec=NetSpec(tuple(arguments.widths), tuple(arguments.blocks)), **more,
    )  # fmt: skip


def carry_out(
    arguments: argparse.Namespace,
    plan: TrainPlan,
    teachers: Sequence[nn.Module] = (),
    make_net: Callable[[TrainSet], nn.Module] | None = None,
) -> int:
    """Train by a plan; returns the exit code.

    ``make_net`` returns the network to begin with, if it is not a fresh or a ``--start`` one.
    """
    torch.set_num_threads(arguments.threads)
    arguments.out.mkdir(parents=True, exist_ok=True)
    device = pick_device()
    placed = [
        teacher.to(device, memory_format=torch.channels_last).requires_grad_(False)
        for teacher in teachers
    ]
    try:
        data = make_train_set(arguments.data, plan, device)
        print(f"training on {len(data.images)} pictures, {device}", flush=True)
        net = make_net(data) if make_net is not None else None
        trainer = Trainer(plan, data, arguments.out, device, placed, net)
        if net is None and arguments.start is not None:
            trainer.start_from(load_net(*arguments.start))
        trainer.run()
    except DataError as error:
        print(f"error: {error}")
        return 2
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Train from random weights; returns the exit code."""
    arguments = base_parser("Train the facial-expression network.").parse_args(argv)
    return carry_out(arguments, plan_of(arguments))


if __name__ == "__main__":
    raise SystemExit(main())
