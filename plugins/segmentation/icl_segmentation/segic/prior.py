"""The geometric prompt: how like the reference every place of the target is.

SEGIC section 3.3. The released code resizes the target's features C x g x g to C x 4g x 4g (for
ViT-L at 896 a tensor of 205 MB), normalises and multiplies. Normalisation comes after the resize,
so the resize cannot simply be moved behind the product. But a resized feature is a sum of four
neighbours with known weights; hence its product with the reference is the resized product, and
its squared norm is a quadratic form in those weights whose coefficients are the inner products of
neighbouring features. Both are exact and need ten maps g x g, which depend on the target alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

PICTURE_EPS = 1e-8
VIDEO_EPS = 1e-4


@dataclass(frozen=True, eq=False)
class Target:
    """What the prior needs of a target.

    Args:
        features: [C, g, g].
        norms: [s, s], lengths of the resized features.
    """

    features: Tensor
    norms: Tensor


def prepare_target(features: Tensor, size: int) -> Target:
    """Work out the lengths of features [C, g, g] after a bilinear resize to `size`."""
    return Target(features, resized_norms(features, size))


def similarity(target: Target, vectors: Tensor, eps: float = PICTURE_EPS) -> Tensor:
    """Return the cosine of each vector [N, C] with the resized features: [N, s, s]."""
    units = vectors / vectors.norm(dim=-1, keepdim=True).clamp_min(eps)
    products = torch.einsum("nc,chw->nhw", units, target.features)
    size = target.norms.shape
    resized = F.interpolate(products[:, None], size, mode="bilinear", align_corners=False)[:, 0]
    return resized / target.norms.clamp_min(eps)


def prior_mask(maps: Tensor, side: int, temperature: float = 1.0) -> Tensor:
    """Resize similarity maps [N, s, s] to the square: [N, side, side]."""
    full = F.interpolate(maps[:, None], (side, side), mode="bilinear", align_corners=False)[:, 0]
    return full / temperature


def best_points(prior: Tensor) -> Tensor:
    """Return the place (x, y) of the largest value of [N, S, S], the first in row order: [N, 2].

    The padding is not left out: the network was trained so.
    """
    place = prior.flatten(1).argmax(dim=1)
    width = prior.shape[-1]
    return torch.stack([place % width, place // width], dim=-1).float()


def resized_norms(features: Tensor, size: int) -> Tensor:
    """Return the lengths [size, size] of features [C, g, g] after a bilinear resize."""
    grid = features.shape[-1]
    low, weight = _samples(grid, size, features.device)
    right, below = features.roll(-1, dims=2), features.roll(-1, dims=1)
    # The last row and column wrap around, but their neighbours are read with weight zero only.
    corners = (features, right, below, below.roll(-1, dims=2))
    rows = (1 - weight)[:, None], weight[:, None]
    columns = (1 - weight)[None, :], weight[None, :]
    factors = [y * x for y in rows for x in columns]
    squares = torch.zeros(size, size, device=features.device, dtype=features.dtype)
    for first in range(4):
        for second in range(first, 4):
            product = (corners[first] * corners[second]).sum(0)[low][:, low]
            times = 1 if first == second else 2
            squares += times * factors[first] * factors[second] * product
    return squares.clamp_min(0).sqrt()


def _samples(grid: int, size: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return lower neighbour [size] and weight of the upper one, as the bilinear resize has it."""
    place = (torch.arange(size, device=device, dtype=torch.float32) + 0.5) * (grid / size) - 0.5
    place = place.clamp_min(0)
    low = place.floor().long().clamp_max(grid - 1)
    weight = torch.where(low == grid - 1, torch.zeros_like(place), place - low)
    return low, weight
