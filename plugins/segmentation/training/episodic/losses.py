"""The published losses of both learners.

SEGIC (arXiv 2311.14671, section 3.4): cross-entropy and dice on points that are drawn where the
logits are uncertain, as in PointRend (arXiv 1912.08193, section 3.1) and Mask2Former. DC-SAM
(arXiv 2504.12080, section 3.5): cross-entropy and dice on all pixels of the canvas.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

POINTS = 12544
"""Points a mask, 112 x 112."""
OVERSAMPLING = 3
UNCERTAIN = 0.75
"""Share of the points that is taken from the most uncertain ones of the oversampled draw."""


def dice(probabilities: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """Return 1 - (2 sum(p t) + 1) / (sum p + sum t + 1) of each row.

    Args:
        probabilities: [N, P] in [0, 1].
        targets: [N, P] in [0, 1].
        weights: [N, P], 0 where nothing is known.

    Returns:
        [N].
    """
    common = (weights * probabilities * targets).sum(1)
    both = (weights * probabilities).sum(1) + (weights * targets).sum(1)
    return 1 - (2 * common + 1) / (both + 1)


def sample(maps: Tensor, points: Tensor, beyond: str = "zeros") -> Tensor:
    """Read maps bilinearly at points.

    Args:
        maps: [N, h, w].
        points: (x, y) in [0, 1], [N, P, 2].
        beyond: what lies beyond the outermost pixels' centres, "zeros" as published or "border".

    Returns:
        [N, P].
    """
    grid = 2 * points[:, None] - 1
    found = F.grid_sample(maps[:, None], grid, align_corners=False, padding_mode=beyond)
    return found[:, 0, 0]


def uncertain_points(
    logits: Tensor,
    generator: torch.Generator,
    points: int = POINTS,
    oversampling: int = OVERSAMPLING,
    share: float = UNCERTAIN,
) -> Tensor:
    """Draw points, most of them where the logits are near 0.

    Args:
        logits: [N, h, w].
        generator: of the draw, on the CPU, so that every device draws the same.
        points: P.
        oversampling: how many candidates there are for each point.
        share: of the points that are the most uncertain candidates; the others are uniform.

    Returns:
        (x, y) in [0, 1], [N, P, 2].
    """
    count = len(logits)
    drawn = torch.rand(count, oversampling * points, 2, generator=generator).to(logits.device)
    chosen = int(share * points)
    near = -sample(logits, drawn).abs()
    best = near.topk(chosen, dim=1).indices
    kept = drawn.gather(1, best[..., None].expand(-1, -1, 2))
    rest = torch.rand(count, points - chosen, 2, generator=generator).to(logits.device)
    return torch.cat([kept, rest], dim=1)


def point_loss(
    logits: Tensor,
    targets: Tensor,
    ignore: Tensor,
    generator: torch.Generator,
    points: int = POINTS,
) -> Tensor:
    """Cross-entropy plus dice on drawn points, summed over masks; SEGIC's loss.

    Args:
        logits: of the decoder, [N, h, w].
        targets: masks of any size, [N, S, S] in {0, 1}; read bilinearly.
        ignore: what counts nothing, [S, S] in {0, 1}.
        generator: of the draw.
        points: points a mask.

    Returns:
        The sum over the N masks; divided by the number of masks of the batch it is the loss.
    """
    logits = logits.float()
    with torch.no_grad():
        places = uncertain_points(logits, generator, points)
        wanted = sample(targets.float(), places)
        void = ignore.float()[None].expand(len(logits), -1, -1)
        weights = (sample(void, places, "border") < 0.5).float()
    found = sample(logits, places)
    entropy = F.binary_cross_entropy_with_logits(found, wanted, weights, reduction="none").sum(1)
    entropy = entropy / weights.sum(1).clamp_min(1)
    return (entropy + dice(found.sigmoid(), wanted, weights)).sum()


def canvas_loss(logits: Tensor, targets: Tensor, ignore: Tensor) -> Tensor:
    """Cross-entropy over all pixels plus the mean dice of the masks; DC-SAM's loss.

    Args:
        logits: [B, S, S].
        targets: [B, S, S] in {0, 1}.
        ignore: what counts nothing, [B, S, S] in {0, 1}.
    """
    found, wanted = logits.float().flatten(1), targets.float().flatten(1)
    weights = 1 - ignore.float().flatten(1)
    entropy = F.binary_cross_entropy_with_logits(found, wanted, weights, reduction="sum")
    entropy = entropy / weights.sum().clamp_min(1)
    return entropy + dice(found.sigmoid(), wanted, weights).mean()
