"""Batches of classes: drawn, warped, coloured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from concepts.glyphs import SIDE, Pool


@dataclass(frozen=True)
class Share:
    """How much of a batch comes from a pool.

    Args:
        pool: the classes.
        classes: how many of them in a batch.
        photograph: whether its pictures have a background of their own.
    """

    pool: Pool
    classes: int
    photograph: bool = False


@dataclass(frozen=True)
class Batch:
    """Pictures of classes.

    Args:
        pictures: float32 [n, 3, side, side] in [0, 1].
        groups: for each share the number of its classes; its pictures follow each other, `views`
            a class.
        views: pictures of a class.
    """

    pictures: Tensor
    groups: tuple[int, ...]
    views: int


def make_batch(shares: Sequence[Share], views: int, side: int, seed: int, step: int) -> Batch:
    """Draw one batch; it follows from the seed and the step alone."""
    rng = np.random.default_rng([seed, step])
    rows: list[np.ndarray] = []
    groups = []
    for share in shares:
        count = min(share.classes, len(share.pool))
        chosen = rng.choice(len(share.pool), count, replace=False)
        glyph_style = rng.random()
        for concept in chosen:
            for _ in range(views):
                drawn = share.pool.draw(int(concept), rng)
                rows.append(_coloured(drawn, glyph_style, rng))
        groups.append(count)
    layers = torch.from_numpy(np.stack(rows)).permute(0, 3, 1, 2).float() / 255
    origin = [place for place, n in enumerate(groups) for _ in range(n * views)]
    strong = torch.tensor([not shares[i].photograph for i in origin])
    pictures = _warped(layers, strong, rng)
    return Batch(F.avg_pool2d(pictures, SIDE // side), tuple(groups), views)


def _coloured(drawn: np.ndarray, style: float, rng: np.random.Generator) -> np.ndarray:
    """Lay a drawing on a background: uint8 [64, 64, 3].

    Glyphs of a batch are black on white, white on black, or each in colours of its own.
    """
    if drawn.ndim == 2:
        share = drawn[..., None].astype(np.float32) / 255
        if style < 0.6:
            ink, paper = np.zeros(3), np.full(3, 255.0)
        elif style < 0.75:
            ink, paper = np.full(3, 255.0), np.zeros(3)
        else:
            ink, paper = _apart(rng)
    else:
        share = drawn[..., 3:].astype(np.float32) / 255
        ink = drawn[..., :3] * rng.uniform(0.75, 1.25, 3) + rng.uniform(-20, 20)
        paper = rng.uniform(0, 255, 3) if rng.random() < 0.7 else np.full(3, 255.0)
    return np.clip(share * ink + (1 - share) * paper, 0, 255).astype(np.uint8)


def _apart(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Two colours of different lightness."""
    light, dark = rng.uniform(150, 255, 3), rng.uniform(0, 100, 3)
    return (dark, light) if rng.random() < 0.5 else (light, dark)


def _warped(pictures: Tensor, strong: Tensor, rng: np.random.Generator) -> Tensor:
    """Turn, scale, shear, move and bend every picture a little; glyphs are bent as well."""
    count = len(pictures)
    generator = torch.Generator().manual_seed(int(rng.integers(2**31)))

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator)

    angle = normal(count) * 0.16
    scale = 1 + normal(count, 2) * 0.1
    shear = normal(count) * 0.12
    cos, sin = torch.cos(angle), torch.sin(angle)
    matrix = torch.stack([cos, -sin + shear, sin, cos], dim=1).view(count, 2, 2)
    matrix = matrix / scale.clamp(0.7, 1.4)[:, :, None]
    move = normal(count, 2, 1) * 0.08
    grid = F.affine_grid(torch.cat([matrix, move], dim=2), list(pictures.shape), False)
    bend = F.interpolate(normal(count, 2, 4, 4) * 0.05, SIDE, mode="bicubic", align_corners=False)
    grid = grid + bend.permute(0, 2, 3, 1) * strong[:, None, None, None]
    return F.grid_sample(pictures, grid, padding_mode="border", align_corners=False)
