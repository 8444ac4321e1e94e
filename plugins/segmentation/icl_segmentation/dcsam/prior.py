"""How much each place of the query looks like the masked part of the support (PFENet's prior)."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

EPSILON = 1e-7
_CHUNK = 1 << 25  # similarities held at a time, 128 MB in float32


class PriorSource(NamedTuple):
    """Support features that a query is compared with.

    Args:
        features: [n, C], those of the n grid cells inside the mask.
        full: whether the mask covers the whole grid.
    """

    features: Tensor
    full: bool


def prior_source(features: Tensor, mask: Tensor) -> PriorSource:
    """Keep what a prior needs of one support.

    Args:
        features: [C, h, w], of the masked support.
        mask: [h, w], 0 or 1.
    """
    inside = mask.flatten() > 0
    return PriorSource(features.flatten(1)[:, inside].T.contiguous(), bool(inside.all()))


def prior_map(source: PriorSource, query: Tensor) -> Tensor:
    """Return the highest cosine similarity at each place.

    Args:
        source: of one support. A cell outside its mask has the similarity 0, which is therefore
            the least that comes out unless the mask covers everything.
        query: [B, C, h, w].

    Returns:
        [B, 1, h, w], without any rescaling.
    """
    batch, _, height, width = query.shape
    found = query.new_full((batch, height * width), -torch.inf if source.full else 0.0)
    norms = source.features.norm(dim=1)
    step = max(1, _CHUNK // (height * width))
    for number, place in enumerate(query.flatten(2)):
        lengths = place.norm(dim=0)
        for first in range(0, len(norms), step):
            rows = slice(first, first + step)
            both = torch.outer(norms[rows], lengths) + EPSILON
            similarity = ((source.features[rows] @ place) / both).amax(dim=0)
            found[number] = torch.maximum(found[number], similarity)
    return found.view(batch, 1, height, width)
