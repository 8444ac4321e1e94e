"""Layer normalisation of feature maps."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn


class LayerNorm2d(nn.Module):
    """Layer normalisation over the channels of [B, C, H, W], biased variance.

    The result is stored channels last, which convolutions read as fast or faster.

    Args:
        channels: C; `weight` and `bias` are [C].
        eps: added to the variance.
    """

    def __init__(self, channels: int, eps: float = 1e-6) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """Normalise [B, C, H, W]; the shape stays."""
        last = x.permute(0, 2, 3, 1)
        normed = F.layer_norm(last, self.weight.shape, self.weight, self.bias, self.eps)
        return normed.permute(0, 3, 1, 2)
