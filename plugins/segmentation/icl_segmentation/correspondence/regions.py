"""Regions of the query, and their vote.

Patches that touch are merged with their most similar neighbour, round by round, where the liking
is mutual: an agglomerative clustering whose every round is one pass over the patches. A patch's
evidence is the mean of that of the regions it lies in, over all rounds from single patches up to
regions of about the square root of their number, so that no granularity has to be chosen.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def vote(evidence: Tensor, tokens: Tensor, grid: tuple[int, int]) -> Tensor:
    """Average the evidence over the regions of the query.

    Args:
        evidence: float32 [P].
        tokens: float32 [P, C], the query's own features.
        grid: rows and columns; P = rows * columns.

    Returns:
        float32 [P].
    """
    total, levels = evidence.clone(), 1
    for labels in hierarchy(tokens, grid):
        count = int(labels.max()) + 1
        sizes = torch.bincount(labels, minlength=count).to(evidence.dtype)
        sums = torch.zeros(count, dtype=evidence.dtype, device=evidence.device)
        total += (sums.index_add(0, labels, evidence) / sizes)[labels]
        levels += 1
    return total / levels


def hierarchy(tokens: Tensor, grid: tuple[int, int]) -> list[Tensor]:
    """Cluster patches.

    Args:
        tokens: float32 [P, C].
        grid: rows and columns.

    Returns:
        One int64 [P] a round, labels from 0 without gaps; each joins regions of the one before.
    """
    device = tokens.device
    place = torch.arange(grid[0] * grid[1], device=device).reshape(grid)
    pairs = torch.cat(
        [
            torch.stack([place[:, :-1].flatten(), place[:, 1:].flatten()]),
            torch.stack([place[:-1].flatten(), place[1:].flatten()]),
        ],
        1,
    )
    labels = place.flatten()
    means, sizes = tokens.clone(), torch.ones(len(tokens), device=device)
    rounds: list[Tensor] = []
    fewest = max(2, math.isqrt(len(tokens)))
    while len(means) > fewest and pairs.shape[1]:
        joined = _mutual(means, sizes, pairs)
        count = int(joined.max()) + 1
        if count == len(means):
            break
        grown = torch.zeros(count, device=device).index_add(0, joined, sizes)
        sums = torch.zeros(count, means.shape[1], device=device)
        means = sums.index_add(0, joined, means * sizes[:, None]) / grown[:, None]
        sizes = grown
        labels = joined[labels]
        pairs = joined[pairs].sort(0).values
        pairs = torch.unique(pairs[:, pairs[0] != pairs[1]], dim=1)  # type: ignore[no-untyped-call]
        rounds.append(labels)
    return rounds


def _mutual(means: Tensor, sizes: Tensor, pairs: Tensor) -> Tensor:
    """Join neighbours that are each other's nearest; return new labels of the regions."""
    first, second = pairs
    # Ward's criterion: how much the scatter inside regions grows.
    weight = sizes[first] * sizes[second] / (sizes[first] + sizes[second])
    cost = weight * (means[first] - means[second]).square().sum(1)
    ends, others = torch.cat([first, second]), torch.cat([second, first])
    costs = torch.cat([cost, cost])
    # The last of equal ends in the order of falling costs is the cheapest.
    order = torch.argsort(costs, descending=True, stable=True)
    order = order[torch.argsort(ends[order], stable=True)]
    sorted_ends = ends[order]
    last = torch.ones(len(order), dtype=torch.bool, device=means.device)
    last[:-1] = sorted_ends[1:] != sorted_ends[:-1]
    nearest = torch.arange(len(means), device=means.device)
    nearest[sorted_ends[last]] = others[order[last]]
    here = torch.arange(len(means), device=means.device)
    mutual = nearest[nearest] == here
    root = torch.where(mutual, torch.minimum(here, nearest), here)
    labels: Tensor = torch.unique(root, return_inverse=True)[1]  # type: ignore[no-untyped-call]
    return labels
