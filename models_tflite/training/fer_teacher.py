"""A teacher that has seen faces before: a face-recognition network, taught expressions.

    python -m models_tflite.training.fer_teacher --data FER2013_DIR --out DIR --face-net MODEL_DIR

MODEL_DIR is the folder `model` of the npm package @vladmandic/face-api 1.7: its
`face_recognition_model` is dlib's face-recognition residual network (King 2017, weights CC0) in
eight bits. Only the teacher begins from these weights; the network that ships is taught by it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from models_tflite.training.fer_data import DataError
from models_tflite.training.fer_net import TwoHeads, scaled
from models_tflite.training.fer_train import TrainSet, base_parser, carry_out, plan_of

# dlib's crops are 150 px wide and leave a quarter of the face's size around it: the tight crops
# of FER-2013 show faces of the same size at 112 px. At 96 px a step costs a fifth less.
SIDE_PX = 96
STAGES: tuple[tuple[int, int], ...] = ((32, 3), (64, 3), (128, 2), (256, 2))
# Faces that the batch norms take their first statistics from.
NORM_FACES = 512
# The mean of the colours that the weights expect, grey by Rec. 601, and their scale.
MEAN_LEVEL, LEVEL_SCALE = 115.0, 255.0


class Conv(nn.Module):  # type: ignore[misc]  # torch is not where the types are checked
    """Convolution and batch norm; stride 2 takes no padding, as the weights were trained."""

    def __init__(self, inputs: int, outputs: int, size: int = 3, stride: int = 1) -> None:
        super().__init__()
        padding = size // 2 if stride == 1 else 0
        self.conv = nn.Conv2d(inputs, outputs, size, stride, padding, bias=False)
        self.norm = nn.BatchNorm2d(outputs, eps=1e-8)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C', H', W')."""
        result: Tensor = self.norm(self.conv(x))
        return result


class Block(nn.Module):  # type: ignore[misc]  # torch is not where the types are checked
    """Residual block; a `down` one halves the side and widens the short cut with zeros."""

    def __init__(self, inputs: int, outputs: int, *, down: bool) -> None:
        super().__init__()
        self.down = down
        self.conv1 = Conv(inputs, outputs, stride=2 if down else 1)
        self.conv2 = Conv(outputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C', H', W')."""
        out = self.conv2(functional.relu(self.conv1(x)))
        if self.down:
            x = functional.avg_pool2d(x, 2)
            high, wide = x.shape[2] - out.shape[2], x.shape[3] - out.shape[3]
            out = functional.pad(out, (0, wide, 0, high))
            x = functional.pad(x, (0, 0, 0, 0, 0, out.shape[1] - x.shape[1]))
        return functional.relu(x + out)


class FaceTeacher(TwoHeads):
    """48x48 (or 96x96) grey face -> expression logits; features of a face recogniser."""

    def __init__(self, dropout: float = 0.4) -> None:
        super().__init__()
        self.stem = Conv(1, STAGES[0][0], size=7, stride=2)
        blocks: dict[str, Block] = {}
        before = STAGES[0][0]
        for width, count in STAGES:
            if width != before:
                blocks[f"conv{width}_down"] = Block(before, width, down=True)
            for i in range(count):
                blocks[f"conv{width}_{i + 1}"] = Block(width, width, down=False)
            before = width
        self.blocks = nn.ModuleDict(blocks)
        self.add_heads(before, dropout)

    def features(self, x: Tensor) -> Tensor:
        """(N, 1, H, W) scaled pixels -> (N, 256) pooled features."""
        if x.shape[-1] != SIDE_PX:
            x = functional.interpolate(x, size=SIDE_PX, mode="bilinear", align_corners=False)
        x = functional.max_pool2d(functional.relu(self.stem(x)), 3, 2)
        for block in self.blocks.values():
            x = block(x)
        return x.mean(dim=(2, 3))


def stored_weights(folder: Path) -> dict[str, NDArray[np.float32]]:
    """Arrays by name from a tfjs manifest with eight-bit weights; DataError when unreadable."""
    manifest = folder / "face_recognition_model-weights_manifest.json"
    try:
        groups = json.loads(manifest.read_text())
        raw = b"".join((folder / name).read_bytes() for name in groups[0]["paths"])
    except (OSError, ValueError, LookupError) as error:
        raise DataError(f"{manifest}: {error}; --face-net wants the package's `model`") from error
    arrays, start = {}, 0
    for entry in groups[0]["weights"]:
        count = int(np.prod(entry["shape"]))
        code = entry.get("quantization")
        stored = np.frombuffer(raw, np.uint8 if code else np.dtype("<f4"), count, start)
        levels = stored.astype(np.float32)
        values = levels * code["scale"] + code["min"] if code else levels
        arrays[entry["name"]] = values.astype(np.float32).reshape(entry["shape"])
        start += stored.nbytes
    return arrays


def _convolutions(net: FaceTeacher) -> Iterator[tuple[str, Conv]]:
    yield "conv32_down", net.stem
    for name, block in net.blocks.items():
        yield f"{name}/conv1", block.conv1
        yield f"{name}/conv2", block.conv2


def teacher_from(folder: Path, faces: Tensor) -> FaceTeacher:
    """A teacher with stored weights, its batch norms set to what `faces` (uint8 N, H, W) give.

    The stored network has no batch norm left, only gain and offset: y = gain·conv(x) + offset.
    With the mean and deviation that conv(x) has on the faces, the same y comes out of a norm that
    can be trained on.
    """
    arrays, net = stored_weights(folder), FaceTeacher()
    for name, layer in _convolutions(net):
        kernel = arrays[f"{name}/conv/filters"].transpose(3, 2, 0, 1)
        if name == "conv32_down":  # grey in: the three colours see the same
            kernel = kernel.sum(axis=1, keepdims=True)
        gain = arrays[f"{name}/scale/weights"]
        offset = arrays[f"{name}/scale/biases"] + gain * arrays[f"{name}/conv/bias"]
        with torch.no_grad():
            layer.conv.weight.copy_(torch.from_numpy(np.ascontiguousarray(kernel)))
            layer.norm.weight.copy_(torch.from_numpy(gain))
            layer.norm.bias.copy_(torch.from_numpy(offset))
    with torch.no_grad():  # pixels come as (p - 128) / 64, the weights want (p - mean) / 255
        net.stem.conv.weight.mul_(64.0 / LEVEL_SCALE)
        lift = (128.0 - MEAN_LEVEL) / 64.0 * net.stem.conv.weight.sum(dim=(1, 2, 3))
        net.stem.norm.bias.add_(net.stem.norm.weight * lift)
    _settle_norms(net, faces)
    return net


def _settle_norms(net: FaceTeacher, faces: Tensor) -> None:
    """Turn gain and offset into batch norms with the statistics of `faces`; same function."""
    net.eval()
    seen: dict[str, tuple[Tensor, Tensor]] = {}
    hooks = []
    for name, layer in _convolutions(net):

        def keep(_: nn.Module, __: object, out: Tensor, name: str = name) -> None:
            seen[name] = (out.mean(dim=(0, 2, 3)), out.var(dim=(0, 2, 3)))

        hooks.append(layer.conv.register_forward_hook(keep))
    with torch.no_grad():
        net(scaled(faces))
        for name, layer in _convolutions(net):
            mean, variance = seen[name]
            gain = layer.norm.weight.clone()
            layer.norm.weight.copy_(gain * variance.sqrt())
            layer.norm.bias.add_(gain * mean)
            layer.norm.running_mean.copy_(mean)
            layer.norm.running_var.copy_(variance)
    for hook in hooks:
        hook.remove()


def load_teacher(checkpoint: Path) -> FaceTeacher:
    """The averaged teacher of a checkpoint, ready to answer (eval mode, CPU)."""
    net = FaceTeacher()
    net.load_state_dict(torch.load(checkpoint, map_location="cpu", weights_only=True)["average"])
    net.eval()
    return net


def main(argv: Sequence[str] | None = None) -> int:
    """Teach the face recogniser expressions; returns the exit code."""
    parser = base_parser("Train a teacher that begins from a face-recognition network.")
    parser.add_argument("--face-net", type=Path, required=True, help="folder with its weights")
    parser.set_defaults(epochs=12, rate=0.03, mixup=0.0)
    arguments = parser.parse_args(argv)
    plan = plan_of(arguments, sides=((1.0, SIDE_PX),))

    def begin(data: TrainSet) -> FaceTeacher:
        faces = data.images[torch.randperm(len(data.images))[:NORM_FACES]].cpu()
        return teacher_from(arguments.face_net, faces)

    return carry_out(arguments, plan, make_net=begin)


if __name__ == "__main__":
    raise SystemExit(main())
