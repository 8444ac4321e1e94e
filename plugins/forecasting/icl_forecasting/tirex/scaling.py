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
    seen = ~windows.isnan()
    loc = torch.nanmean(windows, dim=1, keepdim=True)
    loc = torch.where(loc.isnan(), 0.0, loc)
    scale = torch.nanmean((windows - loc).square(), dim=1, keepdim=True).sqrt()
    scale = torch.where(scale.isnan(), 1.0, scale)
    scale = torch.where(scale == 0, loc.abs() + 1e-5, scale)
    values = ((windows - loc) / scale).masked_fill(~seen, 0.0).float()
    shape = (len(windows), windows.shape[1] // patch, patch)
    tokens = torch.cat([values.view(shape), seen.float().view(shape)], dim=2)
    return Scaled(tokens, loc, scale)


def leading_missing(tokens: Tensor) -> Tensor:
    """How many tokens without any observed value stand before the first with one: [B] int64."""
    patch = tokens.shape[2] // 2
    observed = tokens[:, :, patch:].any(dim=2)
    return torch.where(observed.any(1), observed.int().argmax(1), observed.shape[1])
