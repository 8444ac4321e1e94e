"""From rows to scaled tokens, and back (arXiv 2607.01204, appendix C)."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

LEAST_SCALE = 1e-8
LARGEST_ARCSINH = 20.0
"""The way back from arcsinh is cut here: sinh(20) is 2.4e8 scales."""


class Scaled(NamedTuple):
    """Rows as the network takes them, and what undoes the scaling.

    Args:
        values: [R, T], NaN kept.
        loc: [R, 1].
        scale: [R, 1], at least 1e-8.
        squeezed: bool [R, 1], whether the row went through arcsinh.
    """

    values: Tensor
    loc: Tensor
    scale: Tensor
    squeezed: Tensor

    def tokens(self, patch: int) -> Tensor:
        """[R, S, 2p] float32: values with 0 for missing, then the mask (1 = observed)."""
        rows, length = self.values.shape
        shape = (rows, length // patch, patch)
        seen = ~self.values.isnan()
        filled = self.values.masked_fill(~seen, 0.0).float()
        return torch.cat([filled.view(shape), seen.float().view(shape)], dim=2)


def scale_rows(rows: Tensor, *, arcsinh: bool = True, binary_aware: bool = True) -> Scaled:
    """Standardise each row by its own observed values, then squeeze it by arcsinh.

    A row whose observed values are all 0 or 1 passes as it is; so does one without any.

    Args:
        rows: [R, T] float32 or float64, NaN = missing; the arithmetic runs in this dtype.
        arcsinh: whether rows are squeezed.
        binary_aware: whether rows of zeros and ones pass.
    """
    missing = rows.isnan()
    # sums over zeros in place of the missing: torch.nanmean takes several times as long
    count = (~missing).sum(dim=1, keepdim=True)
    loc = rows.masked_fill(missing, 0.0).sum(dim=1, keepdim=True) / count.clamp(min=1)
    centred = (rows - loc).masked_fill_(missing, 0.0)
    scale = (centred.square().sum(dim=1, keepdim=True) / count.clamp(min=1)).sqrt()
    scale = torch.where(count == 0, 1.0, scale.clamp(min=LEAST_SCALE))
    passes = torch.zeros_like(count, dtype=torch.bool)
    if binary_aware:
        passes = (missing | (rows == 0) | (rows == 1)).all(dim=1, keepdim=True)
        loc, scale = loc.masked_fill(passes, 0.0), scale.masked_fill(passes, 1.0)
    values = (rows - loc) / scale
    squeezed = ~passes if arcsinh else torch.zeros_like(passes)
    values = torch.where(squeezed, values.arcsinh(), values)
    return Scaled(values, loc, scale, squeezed)


def unscale(y: Tensor, loc: Tensor, scale: Tensor, squeezed: Tensor) -> Tensor:
    """The way back, in the dtype of `loc`.

    Args:
        y: [R, ...] network outputs.
        loc: [R, 1].
        scale: [R, 1].
        squeezed: bool [R, 1].
    """
    shape = (len(y), *[1] * (y.ndim - 1))
    wide = y.to(loc.dtype)
    opened = wide.clamp(-LARGEST_ARCSINH, LARGEST_ARCSINH).sinh()
    return torch.where(squeezed.view(shape), opened, wide) * scale.view(shape) + loc.view(shape)
