"""The loss that both networks are trained with (arXiv 2212.02499, 3.3): of masked pixels alone."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from icl_core.errors import InputError
from icl_painting.canvas import MEAN, STD

PAINTER_EPS, SEGGPT_EPS = 0.01, 0.0
"""What is added to the sum of the weights, in either released code."""

BETA = 0.01
"""Error from which the smooth loss is linear, in normalised colours."""

BLACK = 300.0
"""Sum of the visible colours, 1 = white, below which a target counts as black."""

LOSSES: dict[str, Callable[[Tensor], Tensor]] = {
    "smoothl1": lambda e: torch.where(e < BETA, 0.5 / BETA * e * e, e - 0.5 * BETA),
    "l1": lambda e: e,
    "l2": lambda e: e * e,
    "l1l2": lambda e: 0.5 * (e + e * e),
}
"""Name -> loss of an absolute error."""


def painting_loss(
    prediction: Tensor,
    targets: Tensor,
    masked: Tensor,
    valid: Tensor,
    *,
    patch: int,
    kind: str = "smoothl1",
    eps: float = PAINTER_EPS,
) -> Tensor:
    """Return the weighted mean of the pixels' losses over what is masked.

    Args:
        prediction: [N, 3, 2s, s] in normalised colours.
        targets: the same shape.
        masked: [N or 1, L], 1 where a patch is masked, else 0.
        valid: [N, 3, 2s, s], weight of each value, from 0.
        patch: side of a patch, in pixels.
        kind: a name in `LOSSES`.
        eps: added to the sum of the weights.

    Returns:
        A scalar, float32 or wider; 0 where no pixel has a weight.

    Raises:
        InputError: there is no such loss.
    """
    if kind not in LOSSES:
        raise InputError(f"the loss is {kind!r}, expected one of {', '.join(LOSSES)}")
    prediction, targets = (
        t.to(torch.promote_types(t.dtype, torch.float32)) for t in (prediction, targets)
    )
    weights = pixel_mask(masked, targets.shape[-1], patch).to(targets.dtype) * valid
    losses = LOSSES[kind]((prediction - targets).abs())
    total = weights.sum() + eps
    # SegGPT's code divides by the bare sum; 0 / tiny is 0 where its answer is not a number.
    return (losses * weights).sum() / total.clamp_min(torch.finfo(total.dtype).tiny)


def without_black(targets: Tensor, masked: Tensor, valid: Tensor, patch: int) -> Tensor:
    """Give weight 0 to samples whose visible target is (almost) black: it shows no task.

    Painter's rule; the released code overwrites the caller's tensor, this returns a new one.

    Args:
        targets: [N, 3, 2s, s] in normalised colours.
        masked: [N or 1, L].
        valid: [N, 3, 2s, s].
        patch: side of a patch, in pixels.

    Returns:
        [N, 3, 2s, s].
    """
    mean, std = (targets.new_tensor(c).view(1, 3, 1, 1) for c in (MEAN, STD))
    visible = 1 - pixel_mask(masked, targets.shape[-1], patch).to(targets.dtype)
    light = ((targets * std + mean) * visible).sum(dim=(1, 2, 3), keepdim=True)
    return torch.where(light < BLACK, torch.zeros_like(valid), valid)


def pixel_mask(masked: Tensor, side: int, patch: int) -> Tensor:
    """Spread the mask of patches [N, L] over the pixels of the canvas, [N, 1, 2s, s].

    Raises:
        InputError: the mask has another number of patches than the canvas.
    """
    columns = side // patch
    if masked.shape[-1] != 2 * columns * columns:
        raise InputError(
            f"the mask is {list(masked.shape)}, expected {2 * columns * columns} patches"
        )
    grid = masked.reshape(-1, 1, 2 * columns, columns)
    return grid.repeat_interleave(patch, dim=2).repeat_interleave(patch, dim=3)
