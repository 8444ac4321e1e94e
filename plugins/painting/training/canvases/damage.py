"""Ways to spoil pictures, batched on the device; values are whole numbers 0..255 as floats.

The same operations as `icl_painting.sources.degradations`, with a strength for each picture.
Pictures come as [n, 3, s, s]; strengths as [n].
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

GREY = (0.299, 0.587, 0.114)
RADIUS = 10
"""Of the windows that blur."""

FACTORS = (2, 3, 4, 6)


@lru_cache(maxsize=64)
def constant(values: tuple[object, ...], device: torch.device) -> Tensor:
    """Keep a few numbers on the device: sending them each time would wait for it."""
    return torch.tensor(values, device=device)


def stored(values: Tensor) -> Tensor:
    """Round and cut to 0..255."""
    return values.round().clamp(0, 255)


def normal(like: Tensor, random: torch.Generator) -> Tensor:
    """Draw normal values of the shape of `like`."""
    return torch.randn(like.shape, generator=random, device=like.device)


def noise(pictures: Tensor, sigma: Tensor, random: torch.Generator) -> Tensor:
    """Add Gaussian noise of these deviations."""
    return stored(pictures + sigma.view(-1, 1, 1, 1) * normal(pictures, random))


def dark(
    pictures: Tensor, gamma: Tensor, gain: Tensor, sigma: Tensor, random: torch.Generator
) -> Tensor:
    """Darken by a power, a factor, and noise."""
    gamma, gain, sigma = (value.view(-1, 1, 1, 1) for value in (gamma, gain, sigma))
    return stored(255 * gain * (pictures / 255) ** gamma + sigma * normal(pictures, random))


def grey(pictures: Tensor) -> Tensor:
    """Take the colours out."""
    shares = constant(GREY, pictures.device).view(1, 3, 1, 1)
    return stored((pictures * shares).sum(1, keepdim=True)).expand(-1, 3, -1, -1)


def coarse(pictures: Tensor, which: Tensor) -> Tensor:
    """Make pictures smaller and larger again, bicubic.

    Args:
        pictures: [n, 3, s, s].
        which: int64 [n], places in `FACTORS`.
    """
    table = _resampling(pictures.shape[-1], pictures.device)[which][:, None]
    return stored(table @ pictures @ table.transpose(2, 3))


@lru_cache(maxsize=8)
def _resampling(side: int, device: torch.device) -> Tensor:
    """Return what resizing does to a line, for each factor: float32 [F, side, side]."""
    tables = []
    for factor in FACTORS:
        small = max(1, round(side / factor))
        # An image of one line for each place; only its columns are resized.
        line = Image.fromarray(np.eye(side, dtype=np.float32))
        less = line.resize((small, side), Image.Resampling.BICUBIC)
        tables.append(np.asarray(less.resize((side, side), Image.Resampling.BICUBIC)).T)
    return torch.from_numpy(np.stack(tables)).to(device)


def blur(pictures: Tensor, kernels: Tensor) -> Tensor:
    """Blur pictures by kernels [n, 2 * RADIUS + 1, 2 * RADIUS + 1]; borders are mirrored."""
    count, channels, height, width = pictures.shape
    rows, columns = (_beyond(size, pictures.device) for size in (height, width))
    wide = pictures[:, :, rows][..., columns]
    weight = kernels.repeat_interleave(channels, dim=0)[:, None]
    flat = functional.conv2d(wide.reshape(1, -1, *wide.shape[2:]), weight, groups=len(weight))
    return stored(flat.view(count, channels, height, width))


def _beyond(size: int, device: torch.device) -> Tensor:
    """Return the places of a line with `RADIUS` more on either side, mirrored."""
    place = torch.arange(-RADIUS, size + RADIUS, device=device)
    place = torch.where(place < 0, -1 - place, place)
    return torch.where(place >= size, 2 * size - 1 - place, place)


def gaussian_kernels(sigma: Tensor) -> Tensor:
    """Return kernels of these deviations [n], which add up to 1."""
    place = torch.arange(-RADIUS, RADIUS + 1, device=sigma.device)
    line = torch.exp(-(place**2) / (2 * sigma[:, None] ** 2))
    line = line * (place.abs() <= torch.ceil(3 * sigma[:, None]))
    return _whole(line[:, :, None] * line[:, None])


def box_kernels(radius: Tensor) -> Tensor:
    """Return kernels that average a square of these radii [n]."""
    place = torch.arange(-RADIUS, RADIUS + 1, device=radius.device)
    line = (radius[:, None] + 1 - place.abs()).clamp(0, 1)
    return _whole(line[:, :, None] * line[:, None])


def motion_kernels(length: Tensor, angle: Tensor) -> Tensor:
    """Return kernels that average along a line of these lengths and angles [n]."""
    place = torch.arange(-RADIUS, RADIUS + 1, device=length.device).float()
    along = (
        place * torch.cos(angle)[:, None, None] + place[:, None] * torch.sin(angle)[:, None, None]
    )
    beside = (
        place[:, None] * torch.cos(angle)[:, None, None] - place * torch.sin(angle)[:, None, None]
    )
    inside = (length[:, None, None] / 2 + 0.5 - along.abs()).clamp(0, 1)
    return _whole(inside * (1 - beside.abs()).clamp(min=0))


def _whole(kernels: Tensor) -> Tensor:
    return kernels / kernels.sum(dim=(1, 2), keepdim=True)


def boxes(count: int, side: int, share: Tensor, random: torch.Generator, most: int = 8) -> Tensor:
    """Draw boxes as holes: bool [count, 1, side, side].

    Args:
        count: n.
        side: of the pictures.
        share: [n], of the picture that all boxes would cover without overlap.
        random: of places and shapes.
        most: boxes a picture.
    """
    drawn = torch.rand(3, count, most, generator=random, device=share.device)
    size = side * (share / most).sqrt()[:, None]
    ratio = torch.exp2(drawn[0] - 0.5)
    tall, wide = (size * ratio).clamp(1, side), (size / ratio).clamp(1, side)
    top, left = drawn[1] * (side - tall), drawn[2] * (side - wide)
    place = torch.arange(side, device=share.device) + 0.5
    rows = (place >= top[..., None]) & (place < (top + tall)[..., None])
    columns = (place >= left[..., None]) & (place < (left + wide)[..., None])
    return (rows[..., :, None] & columns[..., None, :]).any(dim=1)[:, None]


def strokes(count: int, side: int, random: torch.Generator, device: torch.device) -> Tensor:
    """Draw six straight strokes as holes: bool [count, 1, side, side]."""
    drawn = torch.rand(6, 5, count, 1, 1, generator=random, device=device)
    place = torch.arange(side, device=device) / side
    y, x = place[None, :, None], place[None, None, :]
    hole = torch.zeros(count, side, side, dtype=torch.bool, device=device)
    for top, left, down, across, wide in drawn:
        v, u = 0.8 * (down - 0.5), 0.8 * (across - 0.5)
        share = ((y - top) * v + (x - left) * u) / (v * v + u * u + 1e-6)
        share = share.clamp(0, 1)
        distance = (y - top - share * v) ** 2 + (x - left - share * u) ** 2
        hole |= distance < (0.008 + 0.02 * wide) ** 2
    return hole[:, None]


def writing(count: int, side: int, random: torch.Generator, device: torch.device) -> Tensor:
    """Draw lines of small marks, like writing, as holes: bool [count, 1, side, side]."""
    cell = 3
    cells = -(-side // cell)
    marks = torch.rand(count, 1, cells, cells, generator=random, device=device) < 0.55
    row = torch.arange(cells, device=device).view(1, 1, -1, 1)
    column = torch.arange(cells, device=device).view(1, 1, 1, -1)
    drawn = torch.rand(3, count, 1, 1, 1, generator=random, device=device)
    period = (8 + 6 * drawn[0]).floor()
    line = torch.remainder(row + (14 * drawn[1]).floor(), period) < 4
    gap = torch.remainder(column + (5 * row / period).floor(), 5) < 4
    hole = marks & line & gap & (column > drawn[2] * 6)
    whole = functional.interpolate(hole.float(), scale_factor=float(cell), mode="nearest")
    return whole[..., :side, :side] > 0.5
