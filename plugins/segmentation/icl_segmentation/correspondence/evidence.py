"""How much a query's patches look like the object rather than like the background of the examples.

Every patch of the examples is a prototype, of the object by the share of it that the mask covers
and of the background by the rest. The evidence of a query patch is the log ratio of two kernel
density estimates over these prototypes. The kernel is a sum of Gaussians whose widths grow by
factors of four: no width is preferred, as befits features whose spread is unknown.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

NARROWEST = 0.01
"""Variance of the narrowest kernel, as a share of that of two unrelated patches."""

KERNELS = 4
CHUNK = 2**22
"""Pairs of patches that are compared at once."""

JUDGED = 2048
"""Most patches of the examples that are judged by the others."""

REACH = 0.1
"""Examples are judged without patches nearer than this share of the side, which look alike."""

NEAREST = 0.05
"""Width of the narrowest kernel of place, as a share of the side; each next is twice as wide."""

_TINY = 1e-6


@dataclass(frozen=True)
class Prototypes:
    """The patches of the examples of one object.

    Args:
        tokens: float32 [P, C].
        inside: float32 [P] in [0, 1], how much of each patch is object.
        outside: float32 [P] in [0, 1], how much of it is known to be background; all the rest in
            an example of the object, what the mask covers in a negative one.
        places: float32 [P, 2], rows and columns in [0, 1].
        pictures: int64 [P], which example picture each is of.
    """

    tokens: Tensor
    inside: Tensor
    outside: Tensor
    places: Tensor
    pictures: Tensor

    @property
    def prior(self) -> Tensor:
        """Log odds of the object among all patches."""
        return torch.log((self.inside.sum() + _TINY) / (self.outside.sum() + _TINY))


def spread(tokens: Tensor) -> Tensor:
    """Return half the mean squared distance of two patches of [P, C]."""
    return tokens.var(0, unbiased=False).sum().clamp_min(_TINY)


def grid_places(rows: int, columns: int, device: torch.device) -> Tensor:
    """Return the centres of a grid's cells in [0, 1]: float32 [rows * columns, 2]."""
    y = (torch.arange(rows, device=device) + 0.5) / rows
    x = (torch.arange(columns, device=device) + 0.5) / columns
    return torch.stack(torch.meshgrid(y, x, indexing="ij"), -1).reshape(-1, 2)


def log_ratio(tokens: Tensor, known: Prototypes, skip: Tensor | None = None) -> Tensor:
    """Compare patches with the prototypes.

    Args:
        tokens: float32 [N, C].
        known: what they are compared with.
        skip: bool [N, P], pairs that do not count; None = all count.

    Returns:
        float32 [N]: log of density under the object over density under the background, both
        normalised to one, so 0 where a patch says nothing.
    """
    sides = torch.stack([known.inside, known.outside], 1)
    norms = known.tokens.square().sum(1)
    widest = 2 * NARROWEST * 4 ** (KERNELS - 1) * spread(known.tokens)
    step = max(1, CHUNK // len(known.tokens))
    found = []
    for start in range(0, len(tokens), step):
        part = tokens[start : start + step]
        squared = part.square().sum(1, keepdim=True) + norms - 2 * part @ known.tokens.T
        power = squared.clamp_min_(0).div_(-widest).exp_()
        kernel = power.clone()
        for _ in range(KERNELS - 1):
            kernel += power.square_().square_()  # a variance four times smaller
        if skip is not None:
            kernel.masked_fill_(skip[start : start + step], 0)
        found.append(kernel @ sides)
    # The floor is a thousandth of one prototype at the edge of the widest kernel.
    floor = 1e-3 * math.exp(-1 / (2 * NARROWEST * 4 ** (KERNELS - 1)))
    inside, outside = (torch.cat(found) + floor).log().unbind(1)
    return inside - outside - known.prior


def place_ratio(places: Tensor, inside: Tensor, outside: Tensor, centres: Tensor) -> Tensor:
    """Compare where patches lie with where the object lay.

    Args:
        places: float32 [N, 2] of the patches.
        inside: float32 [P], how much of each prototype is object.
        outside: float32 [P], how much of it is background.
        centres: float32 [P, 2] of the prototypes.

    Returns:
        float32 [N], as in `log_ratio`. A fifth of the kernel is uniform, so that an object may
        turn up anywhere.
    """
    sides = torch.stack([inside, outside], 1)
    widest = NEAREST * 2 ** (KERNELS - 1)
    step = max(1, CHUNK // len(centres))
    found = []
    for start in range(0, len(places), step):
        squared = torch.cdist(places[start : start + step], centres).square_()
        power = squared.mul_(-1 / (2 * widest**2)).exp_()
        kernel = power / (2 * math.pi * widest**2)
        for octave in range(1, KERNELS):
            power.square_().square_()  # half the width
            kernel.add_(power, alpha=4**octave / (2 * math.pi * widest**2))
        found.append((kernel + 1) @ sides)
    near, far = torch.cat(found).add(_TINY).log().unbind(1)
    prior = (inside.sum() + _TINY) / (outside.sum() + _TINY)
    return near - far - prior.log()


def calibrate(known: Prototypes) -> tuple[float, float]:
    """Learn from the examples alone how much the evidence is worth.

    Every prototype is judged by the others: by those of the other pictures where several show the
    object, else by those that are not close by. A logistic regression of the true share on that
    evidence (Platt scaling) gives slope and offset; a slope of one, that of a true likelihood
    ratio, is what it falls back to where an object is too small to tell.

    Args:
        known: the prototypes.

    Returns:
        Slope, at least 0, and offset: log odds = slope * evidence + offset.
    """
    sure = (known.inside + known.outside > 0.5).nonzero()[:, 0]
    judged = sure[:: -(-len(sure) // JUDGED)]
    skip = known.pictures[judged, None] == known.pictures[None]
    showing = known.pictures[known.inside > 0]
    if not bool((showing != showing[:1]).any()):
        area = float(known.inside.mean())
        reach = min(REACH, math.sqrt(area / math.pi) / 2)
        skip &= torch.cdist(known.places[judged], known.places) < reach
        skip[torch.arange(len(judged)), judged] = True
    x = log_ratio(known.tokens[judged], known, skip).double()
    inside, outside = known.inside[judged].double(), known.outside[judged].double()
    y = inside / (inside + outside)
    design = torch.stack([x, torch.ones_like(x)], 1)
    target = torch.tensor([1.0, float(known.prior)], dtype=torch.double, device=x.device)
    weights = target.clone()
    ridge = torch.diag(torch.tensor([1.0, 1e-3], dtype=torch.double, device=x.device))
    for _ in range(30):
        p = torch.sigmoid(design @ weights)
        slope = design.T @ (p - y) + ridge @ (weights - target)
        curve = (design * (p * (1 - p))[:, None]).T @ design + ridge
        weights = weights - torch.linalg.solve(curve, slope).clamp(-2, 2)
    return max(float(weights[0]), 0.0), float(weights[1])


def iou_threshold(probability: Tensor) -> tuple[float, float]:
    """Find the threshold with the largest expected IoU.

    Args:
        probability: float32 [N], each patch's probability of being object.

    Returns:
        The threshold, and the expected IoU of the patches at or above it: the sum of their
        probabilities over their number plus the probabilities below.
    """
    ordered = probability.double().sort(descending=True).values
    inside = ordered.cumsum(0)
    count = torch.arange(1, len(ordered) + 1, device=ordered.device)
    expected = inside / (count + (inside[-1] - inside))
    best = int(expected.argmax())
    return float(ordered[best]), float(expected[best])
