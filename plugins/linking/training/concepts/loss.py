"""The loss: every view is once the only example of its class, and names the other views."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor


def one_shot_loss(embedded: Tensor, groups: tuple[int, ...], views: int, scale: Tensor) -> Tensor:
    """Cross-entropy of one-shot episodes within each group.

    View v of all classes of a group are the supports, the other views are queries, for each v in
    turn (prototypical networks, arXiv 1703.05175, with one shot and cosine similarity).

    Args:
        embedded: unit vectors [n, d], classes in order, `views` rows each, group after group.
        groups: classes of each group.
        views: V, at least 2.
        scale: what the cosine is multiplied with.

    Returns:
        The mean over all queries.
    """
    losses, start = [], 0
    for count in groups:
        rows = embedded[start : start + count * views].view(count, views, -1)
        start += count * views
        truth = torch.arange(count, device=rows.device)
        for shown in range(views):
            asked = [v for v in range(views) if v != shown]
            logits = scale * torch.einsum("cvd,kd->vck", rows[:, asked], rows[:, shown])
            target = truth.expand(len(asked), -1)
            losses.append(F.cross_entropy(logits.flatten(0, 1), target.flatten(), reduction="none"))
    return torch.cat(losses).mean()
