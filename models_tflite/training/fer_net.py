"""The float network: a small residual net of plain 3x3 convolutions, made to be quantised.

Only convolution, ReLU and add survive the folding of batch norm, all of which LiteRT runs in
int8 without falling back to float. Measured before training, one x86 thread, int8:
(24,48,96,160)x(1,1,1) 0.44 ms, (16,48,96,160)x(1,2,1) 0.53 ms, (32,64,128,128)x(1,1,1) 0.62 ms.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from models_tflite.labels import EXPRESSIONS
from models_tflite.training.fer_data import VOTE_COUNT

# Pixels enter as (p - 128) / 64: quantised with scale 1/64 and zero point 0 this is exactly
# p - 128 in int8, so no pixel value is lost at the input.
PIXEL_OFFSET = 128.0
PIXEL_SCALE = 64.0


@dataclass(frozen=True, slots=True)
class NetSpec:
    """Widths of stem and stages (each stage halves the side) and residual blocks per stage."""

    widths: tuple[int, ...] = (16, 48, 96, 160)
    blocks: tuple[int, ...] = (1, 1, 1)
    dropout: float = 0.2


class ConvBn(nn.Module):  # type: ignore[misc]  # torch is not where the types are checked
    """3x3 convolution with batch norm; stride 2 pads bottom and right only, as TFLite SAME."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.stride = stride
        self.conv = nn.Conv2d(inputs, outputs, 3, stride, 1 if stride == 1 else 0, bias=False)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C', H / stride, W / stride); H and W even when stride is 2."""
        if self.stride == 2:
            x = functional.pad(x, (0, 1, 0, 1))
        result: Tensor = self.norm(self.conv(x))
        return result

    def folded(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Kernel (3, 3, C, C') in TFLite order and bias (C',), batch norm folded in."""
        assert self.norm.running_var is not None and self.norm.running_mean is not None
        gain = self.norm.weight / torch.sqrt(self.norm.running_var + self.norm.eps)
        kernel = self.conv.weight * gain[:, None, None, None]
        bias = self.norm.bias - self.norm.running_mean * gain
        hwio = kernel.permute(2, 3, 1, 0).detach().cpu().float().numpy()
        return np.ascontiguousarray(hwio), bias.detach().cpu().float().numpy()


class Residual(nn.Module):  # type: ignore[misc]  # torch is not where the types are checked
    """relu(x + conv(relu(conv(x)))); the second norm starts at zero so that depth starts mild."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = ConvBn(width, width)
        self.second = ConvBn(width, width)
        nn.init.zeros_(self.second.norm.weight)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> the same shape."""
        return functional.relu(x + self.second(functional.relu(self.first(x))))


class TwoHeads(nn.Module):  # type: ignore[misc]  # torch is not where the types are checked
    """Features -> 7 expression logits, and FER+ vote logits as a training-only helper."""

    def add_heads(self, width: int, dropout: float) -> None:
        """Put the heads on features of a width; the last thing a network's making does."""
        self.drop = nn.Dropout(dropout)
        self.head = nn.Linear(width, len(EXPRESSIONS))
        self.vote_head = nn.Linear(width, VOTE_COUNT)

    def features(self, x: Tensor) -> Tensor:
        """(N, 1, H, W) scaled pixels -> (N, C) pooled features."""
        raise NotImplementedError

    def both_heads(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Expression logits (N, 7) and vote logits (N, 10)."""
        pooled = self.drop(self.features(x))
        return self.head(pooled), self.vote_head(pooled)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 1, H, W) scaled pixels -> logits (N, 7)."""
        result: Tensor = self.head(self.features(x))
        return result


class FerNet(TwoHeads):
    """48x48 grey face -> expression and vote logits."""

    def __init__(self, spec: NetSpec) -> None:
        super().__init__()
        self.spec = spec
        self.stem = ConvBn(1, spec.widths[0])
        self.downs = nn.ModuleList(
            ConvBn(a, b, stride=2) for a, b in zip(spec.widths[:-1], spec.widths[1:], strict=True)
        )
        self.stages = nn.ModuleList(
            nn.Sequential(*(Residual(width) for _ in range(count)))
            for width, count in zip(spec.widths[1:], spec.blocks, strict=True)
        )
        self.add_heads(spec.widths[-1], spec.dropout)

    def features(self, x: Tensor) -> Tensor:
        """(N, 1, H, W) scaled pixels -> (N, C) pooled features."""
        x = functional.relu(self.stem(x))
        for down, stage in zip(self.downs, self.stages, strict=True):
            x = stage(functional.relu(down(x)))
        return x.mean(dim=(2, 3))


def scaled(images: Tensor) -> Tensor:
    """uint8 (N, H, W) -> float32 (N, 1, H, W) as the network wants it."""
    return (images.float().unsqueeze(1) - PIXEL_OFFSET) / PIXEL_SCALE
