"""A trained network -> a wider and deeper one that gives the same answers.

Net2Net (Chen, Goodfellow & Shlens 2016, arXiv 1511.05641): new channels repeat old ones, whose
effect is shared among them; new residual blocks begin as nothing.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models_tflite.training.fer_net import ConvBn, FerNet, NetSpec

DIFFERENCE = 0.05
"""Of repeated weights from the old ones, as a share of their spread: equal ones would for ever
learn the same."""


def grown(net: FerNet, spec: NetSpec, seed: int = 0) -> FerNet:
    """Return a network of shape ``spec`` with the weights of ``net``.

    Raises ValueError where ``spec`` is narrower or shallower, or has other stages.
    """
    old = net.spec
    fits = len(old.widths) == len(spec.widths) and all(
        before <= now
        for before, now in zip(
            (*old.widths, *old.blocks), (*spec.widths, *spec.blocks), strict=True
        )
    )
    if not fits:
        raise ValueError(f"a network of {old} does not grow into {spec}")
    chance = torch.Generator().manual_seed(seed)
    new = FerNet(spec)
    new.eval()
    stem, *stages = (
        _sources(before, now, chance) for before, now in zip(old.widths, spec.widths, strict=True)
    )
    with torch.no_grad():
        _widen(net.stem, new.stem, torch.zeros(1, dtype=torch.long), stem, chance)
        inputs = stem
        for place, outputs in enumerate(stages):
            _widen(net.downs[place], new.downs[place], inputs, outputs, chance)
            for block, wider in zip(net.stages[place], new.stages[place], strict=False):
                inner = _sources(old.widths[place + 1], spec.widths[place + 1], chance)
                _widen(block.first, wider.first, outputs, inner, chance)
                _widen(block.second, wider.second, inner, outputs, chance)
            inputs = outputs
        for head, wider in ((net.head, new.head), (net.vote_head, new.vote_head)):
            wider.weight.copy_(_shared(head.weight, inputs))
            wider.bias.copy_(head.bias)
    return new


def _sources(before: int, now: int, chance: torch.Generator) -> Tensor:
    """Return for each of ``now`` channels which of ``before`` it repeats; the first are all."""
    more = torch.randint(before, (now - before,), generator=chance)
    return torch.cat((torch.arange(before), more))


def _shared(weight: Tensor, inputs: Tensor) -> Tensor:
    """Return the weights for repeated inputs (dimension 1), each with its share."""
    times = torch.bincount(inputs, minlength=weight.shape[1])
    shape = (1, -1) + (1,) * (weight.ndim - 2)
    return weight[:, inputs] / times[inputs].view(shape)


def _widen(
    old: nn.Module, new: nn.Module, inputs: Tensor, outputs: Tensor, chance: torch.Generator
) -> None:
    assert isinstance(old, ConvBn) and isinstance(new, ConvBn)
    weight = _shared(old.conv.weight, inputs)[outputs]
    if len(outputs) > old.conv.out_channels:
        noise = torch.randn(weight.shape, generator=chance)
        weight = weight + DIFFERENCE * weight.std() * noise
    new.conv.weight.copy_(weight)
    for name, value in old.norm.state_dict().items():
        kept = value[outputs] if value.ndim else value
        new.norm.state_dict()[name].copy_(kept)
