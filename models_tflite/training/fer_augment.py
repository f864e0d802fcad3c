"""Augmentation of a whole batch on the training device: geometry, light, blur, holes, mixup."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from models_tflite.training.fer_net import PIXEL_OFFSET, PIXEL_SCALE

ROTATION_RAD = math.radians(14)
SCALE_RANGE = 0.14
SHIFT = 0.12
SHEAR = 0.08


def _uniform(n: int, low: float, high: float, like: Tensor) -> Tensor:
    return torch.rand(n, device=like.device) * (high - low) + low


def augmented(images: Tensor, side: int, strength: float = 1.0) -> Tensor:
    """uint8 (N, 48, 48) -> scaled float32 (N, 1, side, side), each picture changed on its own.

    `strength` 0..1 scales geometry and light and how often a picture is blurred or has a hole.
    """
    x = images.float().unsqueeze(1)
    x = _warped(x, side, strength)
    x = _blurred(x, 0.1 * strength)
    x = _relit(x, strength)
    return _with_holes((x - PIXEL_OFFSET) / PIXEL_SCALE, 0.35 * strength)


def _warped(x: Tensor, side: int, strength: float) -> Tensor:
    n = len(x)
    angle = strength * _uniform(n, -ROTATION_RAD, ROTATION_RAD, x)
    zoom = torch.exp(strength * _uniform(n, -SCALE_RANGE, SCALE_RANGE, x))
    stretch = torch.exp(strength * _uniform(n, -0.06, 0.06, x))
    mirror = (torch.rand(n, device=x.device) < 0.5).float() * 2 - 1
    theta = torch.zeros(n, 2, 3, device=x.device)
    theta[:, 0, 0] = mirror * angle.cos() * zoom * stretch
    theta[:, 0, 1] = -angle.sin() * zoom + strength * _uniform(n, -SHEAR, SHEAR, x)
    theta[:, 1, 0] = mirror * angle.sin() * zoom
    theta[:, 1, 1] = angle.cos() * zoom / stretch
    theta[:, :, 2] = strength * (torch.rand(n, 2, device=x.device) * 2 * SHIFT - SHIFT)
    grid = functional.affine_grid(theta, [n, 1, side, side], align_corners=False)
    return functional.grid_sample(x, grid, padding_mode="border", align_corners=False)


def _blurred(x: Tensor, share: float) -> Tensor:
    """A share of the pictures blurred, as many sampled down to half and up again."""
    choice = torch.rand(len(x), 1, 1, 1, device=x.device)
    soft = functional.avg_pool2d(functional.pad(x, (1, 1, 1, 1), mode="replicate"), 3, 1)
    low = functional.interpolate(functional.avg_pool2d(x, 2), scale_factor=2, mode="bilinear")
    return torch.where(choice < share, soft, torch.where(choice > 1 - share, low, x))


def _relit(x: Tensor, strength: float) -> Tensor:
    """Contrast about the picture's mean, brightness, gamma; stays in 0..255."""
    n = len(x)
    mean = x.mean(dim=(1, 2, 3), keepdim=True)
    contrast = torch.exp(strength * _uniform(n, -0.35, 0.35, x)).view(n, 1, 1, 1)
    shift = strength * _uniform(n, -30, 30, x).view(n, 1, 1, 1)
    gamma = torch.exp(strength * _uniform(n, -0.3, 0.3, x)).view(n, 1, 1, 1)
    lit = ((x - mean) * contrast + mean + shift).clamp(0, 255)
    return 255 * (lit / 255).pow(gamma)


def _with_holes(x: Tensor, probability: float) -> Tensor:
    """One flat grey rectangle (2..14 % of the area) in a share of the pictures."""
    n, _, height, width = x.shape
    area = _uniform(n, 0.02, 0.14, x)
    ratio = torch.exp(_uniform(n, -0.7, 0.7, x))
    half_h = (torch.sqrt(area * ratio) * height / 2).view(n, 1, 1)
    half_w = (torch.sqrt(area / ratio) * width / 2).view(n, 1, 1)
    rows = torch.arange(height, device=x.device).view(1, -1, 1)
    columns = torch.arange(width, device=x.device).view(1, 1, -1)
    near_y = (rows - _uniform(n, 0, height, x).view(n, 1, 1)).abs() < half_h
    near_x = (columns - _uniform(n, 0, width, x).view(n, 1, 1)).abs() < half_w
    hit = (torch.rand(n, 1, 1, device=x.device) < probability) & near_y & near_x
    fill = _uniform(n, -2, 2, x).view(n, 1, 1, 1)
    return torch.where(hit.unsqueeze(1), fill, x)


def mixup(x: Tensor, targets: list[Tensor], alpha: float) -> tuple[Tensor, list[Tensor]]:
    """Blend every picture and its targets with another's; one Beta(alpha, alpha) share each."""
    n = len(x)
    beta = torch.distributions.Beta(alpha, alpha)
    share = beta.sample((n,)).to(x.device)
    share = torch.maximum(share, 1 - share)
    order = torch.randperm(n, device=x.device)
    lam = share.view(n, 1, 1, 1)
    mixed = lam * x + (1 - lam) * x[order]
    lam = share.view(n, 1)
    return mixed, [lam * t + (1 - lam) * t[order] for t in targets]
