"""The small SEGIC on batches of tasks: every picture is encoded once, all tasks decoded at once."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from icl_segmentation.segic.correspondence import Cells
from icl_segmentation.segic.network import OWN
from icl_segmentation.segic.prior import best_points, prior_mask
from icl_segmentation.segic.references import patch_weights
from icl_segmentation.segic.small import SmallSegic
from tableaux.mixture import Batch

LOGIT_STRIDE = 2
EMPTY = 0.3
"""Weight of the cross-entropy of a task whose class the target does not show."""


def task_logits(network: SmallSegic, batch: Batch) -> Tensor:
    """Answer all tasks of a batch with one example each.

    Args:
        network: in training or evaluation mode.
        batch: of tasks.

    Returns:
        Logits [T, S/2, S/2].
    """
    pictures = (batch.pictures - network.pixel_mean) / network.pixel_std
    features = network.encode(pictures.contiguous(memory_format=torch.channels_last))
    image, keys = network.neck(features), network.keys(features)
    masks, known = batch.masks(batch.reference)
    side, grid = network.config.side, features.shape[-1]
    shares = F.adaptive_avg_pool2d(masks.float()[:, None], grid).flatten(1)
    seen = (F.adaptive_avg_pool2d(known.float()[:, None], grid).flatten(1) > 0.5).float()
    own = features.flatten(2)[batch.reference]
    # [T, g*g] weights; a mask too small for any cell counts by the share that it covers
    weights = patch_weights(masks.float(), (grid, grid), soft=True)
    vectors = torch.einsum("tcp,tp->tc", own, weights) / weights.sum(1, keepdim=True).clamp_min(1)
    units = F.normalize(vectors, dim=1)
    cosines = torch.einsum("tc,tchw->thw", units, F.normalize(features, dim=1)[batch.target])
    prior = prior_mask(cosines, side)
    points = best_points(prior)[:, None]
    labels = torch.ones(len(points), 1, device=points.device)
    encoder = network.prompt_encoder
    text = network.prompt_proj(torch.zeros(len(points), 1, device=points.device))
    tokens = network.inst_proj(vectors) + network.inst_type_embed.weight[OWN]
    sparse = torch.cat(
        [encoder.embed_points(points, labels, pad=True), text[:, None], tokens[:, None]], dim=1
    )
    cells = Cells(keys.flatten(2)[batch.reference], shares, seen)
    dense = encoder.embed_masks(prior[:, None]) + network.correspondence(keys[batch.target], cells)
    logits, _ = network.decode(image[batch.target], sparse, dense, features=features[batch.target])
    return logits[:, 0]


def task_loss(logits: Tensor, batch: Batch) -> Tensor:
    """Return the mean over tasks of cross-entropy and dice at the logits' stride.

    Args:
        logits: [T, S/2, S/2].
        batch: of the tasks.
    """
    masks, known = batch.masks(batch.target)
    truth = F.avg_pool2d(masks.float()[:, None], LOGIT_STRIDE)[:, 0].flatten(1)
    weight = (F.avg_pool2d(known.float()[:, None], LOGIT_STRIDE)[:, 0].flatten(1) > 0.99).float()
    flat = logits.flatten(1)
    crossed = F.binary_cross_entropy_with_logits(flat, truth, weight, reduction="none").sum(1)
    crossed = crossed / weight.sum(1).clamp_min(1)
    chance = flat.sigmoid() * weight
    truth = truth * weight
    common = (chance * truth).sum(1)
    dice = 1 - (2 * common + 1) / (chance.sum(1) + truth.sum(1) + 1)
    there = (truth.sum(1) > 0).float()
    losses = there * (crossed + dice) + (1 - there) * EMPTY * crossed
    return losses.mean()
