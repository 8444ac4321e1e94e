"""From series to normalised tokens, and back (arXiv 2505.23719, section 3)."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Scaled(NamedTuple):
    """Windows as the network takes them, and what undoes the normalisation.

    Args:
        tokens: [B, S, 2p] float32: values with 0 for missing, then the mask (1 = observed).
        loc: [B, 1] mean of the observed values.
        scale: [B, 1] their population standard deviation, never 0.
    """

    tokens: Tensor
    loc: Tensor
    scale: Tensor


def standardise(windows: Tensor, patch: int) -> Scaled:
    """Normalise each window by its own observed values and cut it into tokens.

    The arithmetic runs in the windows' own dtype: float32 as released, float64 where large
    values must keep their small differences. A window without spread gets |loc| + 1e-5 as its
    scale, a window without values loc 0 and scale 1.

    Args:
        windows: [B, L], NaN = missing; L a multiple of `patch`.
        patch: steps in one token.
    """
    missing = windows.isnan()
    seen = ~missing
    # sums over zeros in place of the missing: torch.nanmean takes several times as long
    count = seen.sum(dim=1, keepdim=True)
    loc = windows.masked_fill(missing, 0.0).sum(dim=1, keepdim=True) / count.clamp(min=1)
    centred = (windows - loc).masked_fill_(missing, 0.0)
    scale = (centred.square().sum(dim=1, keepdim=True) / count.clamp(min=1)).sqrt()
    scale = torch.where(count == 0, 1.0, scale)
    scale = torch.where(scale == 0, loc.abs() + 1e-5, scale)
    values = (centred / scale).float()
    shape = (len(windows), windows.shape[1] // patch, patch)
    tokens = torch.cat([values.view(shape), seen.float().view(shape)], dim=2)
    return Scaled(tokens, loc, scale)


def leading_missing(tokens: Tensor) -> Tensor:
    """How many tokens without any observed value stand before the first with one: [B] int64."""
    patch = tokens.shape[2] // 2
    observed = tokens[:, :, patch:].any(dim=2)
    return torch.where(observed.any(1), observed.int().argmax(1), observed.shape[1])
