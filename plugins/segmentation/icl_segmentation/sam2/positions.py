"""Sine positions of maps and of moments, and axial rotary positions."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def sine_map(size: tuple[int, int], channels: int, device: torch.device) -> Tensor:
    """Encode the cells of a map as DETR does (arXiv 2005.12872, section 3.1).

    Args:
        size: (h, w).
        channels: C, a multiple of 4: half for the row, half for the column.
        device: where to compute it.

    Returns:
        float32 [C, h, w]; positions count from 1 and are scaled to 2 pi, sine and cosine alternate.
    """
    h, w = size
    half = channels // 2
    steps = torch.arange(half, device=device) // 2
    periods = 10000.0 ** (2 * steps.float() / half)

    def axis(length: int) -> Tensor:
        place = torch.arange(1, length + 1, device=device, dtype=torch.float32)
        angles = (place / (length + 1e-6) * (2 * math.pi))[:, None] / periods
        return torch.stack([angles[:, 0::2].sin(), angles[:, 1::2].cos()], dim=2).flatten(1)

    rows = axis(h).T[:, :, None].expand(-1, h, w)
    columns = axis(w).T[:, None, :].expand(-1, h, w)
    return torch.cat([rows, columns])


def sine_times(moments: Tensor, channels: int) -> Tensor:
    """Encode moments [N] as [N, channels]: all sines, then all cosines."""
    half = channels // 2
    steps = torch.arange(half, device=moments.device) // 2
    angles = moments.float()[:, None] / 10000.0 ** (2 * steps.float() / half)
    return torch.cat([angles.sin(), angles.cos()], dim=1)


def axial_angles(size: tuple[int, int], channels: int, device: torch.device) -> Tensor:
    """Return the rotary angles of a map's cells, row by row (arXiv 2403.13298, section 3.2).

    Args:
        size: (h, w).
        channels: C of one head, a multiple of 4; the first half turns with the column.
        device: where to compute them.

    Returns:
        float32 [h * w, C / 2].
    """
    h, w = size
    steps = torch.arange(0, channels, 4, device=device)[: channels // 4].float()
    speeds = 1.0 / 10000.0 ** (steps / channels)
    cell = torch.arange(h * w, device=device)
    columns = torch.outer((cell % w).float(), speeds)
    rows = torch.outer(torch.div(cell, w, rounding_mode="floor").float(), speeds)
    return torch.cat([columns, rows], dim=1)


def rotate(x: Tensor, angles: Tensor) -> Tensor:
    """Turn neighbouring channels of [..., N * r, C] by angles [N, C / 2], N tokens at a time."""
    tokens, half = angles.shape
    even, odd = x.float().reshape(*x.shape[:-2], -1, tokens, half, 2).unbind(-1)
    cosine, sine = angles.cos(), angles.sin()
    turned = torch.stack([even * cosine - odd * sine, even * sine + odd * cosine], dim=-1)
    return turned.view(x.shape).to(x.dtype)
