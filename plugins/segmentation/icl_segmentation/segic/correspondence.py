"""Dense correspondence: every cell of the target is compared with every cell of the references.

It is not part of SEGIC, whose only reference is one mean vector a mask; the small network has it
beside that vector. The attention-weighted mask value is the idea of DCAMA (Shi et al., ECCV 2022).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

MAPS = 5
_FAR = -1.0
"""A cosine for what is not there."""
_GONE = -1e4


@dataclass(frozen=True, eq=False)
class Cells:
    """The cells of the references of N masks.

    Args:
        keys: their features after `Correspondence.keys`, [N, H*d, P].
        mask: share of each cell that the mask covers, [N, P].
        known: 1 where the cell is part of a picture, [N, P].
    """

    keys: Tensor
    mask: Tensor
    known: Tensor

    def rows(self, masks: Sequence[int]) -> Cells:
        """Keep some masks, in the given order."""
        order = list(masks)
        return Cells(self.keys[order], self.mask[order], self.known[order])

    def joined(self, more: Cells) -> Cells:
        """Put more cells of the same masks behind these."""
        return Cells(
            torch.cat([self.keys, more.keys], dim=2),
            torch.cat([self.mask, more.mask], dim=1),
            torch.cat([self.known, more.known], dim=1),
        )


class Correspondence(nn.Module):
    """Maps that say how a target's cells are like the references' cells, as a dense prompt.

    For each head, in learnt directions: the attention-weighted mask value, the largest cosine to a
    cell of the object and to one beside it, and the cosines to the two means.

    Args:
        features: channels of the features.
        width: channels of the prompt.
        heads: of the comparison.
        size: channels a head.
    """

    def __init__(self, features: int, width: int, heads: int = 4, size: int = 32) -> None:
        super().__init__()
        self.heads, self.size = heads, size
        self.project = nn.Conv2d(features, heads * size, 1, bias=False)
        self.sharpness = nn.Parameter(torch.linspace(2.0, 3.4, heads))
        self.mix = nn.Sequential(
            nn.Conv2d(MAPS * heads, width, 3, padding=1), nn.GELU(), nn.Conv2d(width, width, 1)
        )

    def forward(self, target: Tensor, cells: Cells) -> Tensor:
        """Return the dense prompt [N, width, g, g] of N masks.

        Args:
            target: the target of each mask after `keys`, [N, H*d, g, g].
            cells: the references.
        """
        count, _, height, width = target.shape
        queries, keys = self._heads(target.flatten(2)), self._heads(cells.keys)
        cosines = torch.einsum("nhdq,nhdp->nhqp", queries, keys)
        on = (cells.mask * cells.known)[:, None, None]
        off = ((1 - cells.mask) * cells.known)[:, None, None]
        # added penalties cost less than choosing between two large tensors
        logits = cosines * self.sharpness.exp()[None, :, None, None]
        attention = (logits + _GONE * (1 - cells.known[:, None, None])).softmax(-1)
        maps = [
            (attention * cells.mask[:, None, None]).sum(-1),
            (cosines + _GONE * (on <= 0.5)).amax(-1).clamp_min(_FAR),
            (cosines + _GONE * (off <= 0.5)).amax(-1).clamp_min(_FAR),
            self._mean(queries, keys, on[:, 0]),
            self._mean(queries, keys, off[:, 0]),
        ]
        stacked = torch.stack(maps, dim=2).reshape(count, self.heads * MAPS, height, width)
        found: Tensor = self.mix(stacked)
        return found

    def keys(self, features: Tensor) -> Tensor:
        """Project features [B, C, g, g] to what is compared, [B, H*d, g, g]."""
        found: Tensor = self.project(features)
        return found

    def _heads(self, x: Tensor) -> Tensor:
        """Split [N, H*d, L] into unit vectors [N, H, d, L]."""
        return F.normalize(x.view(len(x), self.heads, self.size, -1), dim=2)

    def _mean(self, queries: Tensor, keys: Tensor, weights: Tensor) -> Tensor:
        mean = F.normalize((keys * weights[:, :, None]).sum(-1), dim=-1)
        return torch.einsum("nhdq,nhd->nhq", queries, mean)
