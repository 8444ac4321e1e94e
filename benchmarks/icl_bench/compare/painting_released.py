"""The released way of painting, in our network: nothing is shared, attention is written out.

The official code of Painter and SegGPT is no package. What it costs is measured by what it does:
each prompt's canvas goes through the whole network beside a second copy of its target, attention
keeps its whole matrices, the prompts' halves are decoded too, and the loss is computed. Its layer
norm over maps and its resizing of tables at every call are left out, which is in its favour.
"""

from __future__ import annotations

from typing import Any
from unittest import mock

import torch
from torch import Tensor

BETA = 0.01
"""Of the released smooth loss."""


def paint_plainly(
    network: Any, images: Tensor, targets: Tensor, query: Tensor, seg_type: int
) -> Tensor:
    """Paint as the released engine does.

    Args:
        network: SegGPT's.
        images: [N, 3, s, s] prompts, normalised.
        targets: the same shape.
        query: [1, 3, s, s].
        seg_type: 0 or 1.

    Returns:
        [1, 3, s, s]: the lower half of the first prompt's canvas.
    """
    count, side = len(images), images.shape[-1]
    canvas = torch.cat([images, query.expand(count, -1, -1, -1)], dim=2)
    target = torch.cat([targets, targets], dim=2)
    tokens = 2 * (side // network.config.patch) ** 2
    masked = (torch.arange(tokens) >= tokens // 2).float()[None]
    kind = torch.full((count, 1), float(seg_type))
    with mock.patch("icl_painting.network.attention.attend", plain_attend):
        painted = network(canvas, target, masked, kind, ensemble=count > 1)
    plain_loss(painted, target, masked, network.config.patch)
    answer: Tensor = painted[:1, :, side:]
    return answer


def plain_attend(q: Tensor, k: Tensor, v: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Attend as `icl_painting.network.attention.attend` does, with every matrix in memory."""
    q, k, v = (t.contiguous() for t in (q, k[:, 0], v[:, 0]))
    height, width = rows.shape[0], columns.shape[0]
    grid = q.view(*q.shape[:2], height, width, -1)
    by_row = torch.einsum("nhyxd,yud->nhyxu", grid, rows)
    by_column = torch.einsum("nhyxd,xvd->nhyxv", grid, columns)
    scores: Tensor = (q * q.shape[-1] ** -0.5) @ k.transpose(-2, -1)
    pairs = scores.view(*by_row.shape, width)
    pairs = pairs + by_row[..., :, None] + by_column[..., None, :]
    scores = pairs.view(scores.shape)
    del pairs
    scores = scores.softmax(dim=-1)
    mixed: Tensor = scores @ v
    return mixed.transpose(1, 2).flatten(2)


def plain_loss(painted: Tensor, targets: Tensor, masked: Tensor, patch: int) -> Tensor:
    """The loss that the released code computes at every call, and its patches."""
    count, _, height, width = painted.shape
    size = count, 3, height // patch, patch, width // patch, patch
    painted.view(size).permute(0, 2, 4, 3, 5, 1).reshape(count, -1, 3 * patch**2)
    grid = masked.view(-1, 1, size[2], 1, size[4], 1).expand(-1, 3, -1, patch, -1, patch)
    weights = grid.reshape(-1, 3, height, width).expand(painted.shape) * torch.ones_like(targets)
    loss = torch.nn.functional.smooth_l1_loss(painted, targets, reduction="none", beta=BETA)
    mean: Tensor = (loss * weights).sum() / weights.sum()
    return mean
