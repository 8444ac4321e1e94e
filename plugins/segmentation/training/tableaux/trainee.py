"""The small SEGIC on batches of tasks: every picture is encoded once, all tasks decoded at once."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from icl_segmentation.segic.correspondence import Cells
from icl_segmentation.segic.network import OTHER, OWN
from icl_segmentation.segic.prior import best_points, prior_mask
from icl_segmentation.segic.references import patch_weights
from icl_segmentation.segic.small import SmallSegic
from tableaux.mixture import Batch, Questions

LOGIT_STRIDE = 2
EMPTY = 0.5
"""Weight of the cross-entropy of a task whose class the target does not show."""


def batch_loss(network: SmallSegic, batch: Batch) -> Tensor:
    """Return the mean loss over all tasks of a batch."""
    answers = task_logits(network, batch)
    losses = [
        (task_losses(logits, asked).sum(), asked.weight.sum())
        for logits, asked in zip(answers, batch.questions, strict=True)
    ]
    total = torch.stack([loss for loss, _ in losses]).sum()
    return total / torch.stack([count for _, count in losses]).sum().clamp_min(1)


def task_logits(network: SmallSegic, batch: Batch) -> list[Tensor]:
    """Answer all tasks of a batch.

    Args:
        network: in training or evaluation mode.
        batch: of tasks.

    Returns:
        For each kind of questions logits [T, S/2, S/2].
    """
    pictures = (batch.pictures - network.pixel_mean) / network.pixel_std
    features = network.encode(pictures.contiguous(memory_format=torch.channels_last))
    image, keys = network.neck(features), network.keys(features)
    return [_answers(network, features, image, keys, asked) for asked in batch.questions]


def _answers(
    network: SmallSegic, features: Tensor, image: Tensor, keys: Tensor, asked: Questions
) -> Tensor:
    count, refs = asked.reference.shape
    side, grid = network.config.side, features.shape[-1]
    masks = asked.shown.flatten(0, 1).float()
    # a picture that shows what is not meant is background alone
    own = 1 if asked.other is not None else refs
    shares = F.adaptive_avg_pool2d(masks[:, None], grid).view(count, -1)
    known = F.adaptive_avg_pool2d(asked.known.flatten(0, 1).float()[:, None], grid)
    seen = (known >= 0.5).float().view(count, -1)
    vectors = _vectors(features, asked.reference[:, :own], asked.shown[:, :own])
    units = F.normalize(F.normalize(vectors, dim=2).mean(1), dim=1)
    targets = features[asked.target]
    cosines = torch.einsum("tc,tchw->thw", units, F.normalize(targets, dim=1))
    prior = prior_mask(cosines.float(), side)
    points = best_points(prior)[:, None]
    labels = torch.ones(count, 1, device=points.device)
    encoder = network.prompt_encoder
    text = network.prompt_proj(torch.zeros(count, 1, device=points.device))
    sparse = [
        encoder.embed_points(points, labels, pad=True),
        text[:, None],
        network.inst_proj(vectors) + network.inst_type_embed.weight[OWN],
    ]
    if asked.other is not None and asked.beside is not None:
        other = _vectors(features, asked.beside[:, None], asked.other[:, None])
        sparse.append(network.inst_proj(other) + network.inst_type_embed.weight[OTHER])
    compared = keys.flatten(2)[asked.reference].transpose(1, 2).flatten(2)
    cells = Cells(compared, shares, seen)
    dense = encoder.embed_masks(prior[:, None])
    dense = dense + network.correspondence(keys[asked.target], cells)
    logits, _ = network.decode(
        image[asked.target], torch.cat(sparse, dim=1), dense, features=targets
    )
    return logits[:, 0]


def _vectors(features: Tensor, places: Tensor, masks: Tensor) -> Tensor:
    """Return the mean features of masks [T, R, S, S] in pictures [T, R]: [T, R, C]."""
    grid = features.shape[-1]
    # a mask too small for any cell counts by the share that it covers
    weights = patch_weights(masks.flatten(0, 1).float(), (grid, grid), soft=True)
    own = features.flatten(2)[places.flatten()]
    sums = torch.einsum("tcp,tp->tc", own, weights)
    return (sums / weights.sum(1, keepdim=True).clamp_min(1)).view(*places.shape, -1)


def task_losses(logits: Tensor, asked: Questions) -> Tensor:
    """Return cross-entropy and dice of each task at the logits' stride, weighted, [T].

    Args:
        logits: [T, S/2, S/2].
        asked: the tasks.
    """
    truth = F.avg_pool2d(asked.truth.float()[:, None], LOGIT_STRIDE)[:, 0].flatten(1)
    counted = F.avg_pool2d(asked.counted.float()[:, None], LOGIT_STRIDE)[:, 0].flatten(1)
    weight = (counted > 0.99).float()
    flat = logits.float().flatten(1)
    crossed = F.binary_cross_entropy_with_logits(flat, truth, weight, reduction="none").sum(1)
    crossed = crossed / weight.sum(1).clamp_min(1)
    chance, truth = flat.sigmoid() * weight, truth * weight
    common = (chance * truth).sum(1)
    dice = 1 - (2 * common + 1) / (chance.sum(1) + truth.sum(1) + 1)
    there = (truth.sum(1) > 0).float()
    return asked.weight * (there * (crossed + dice) + (1 - there) * EMPTY * crossed)
