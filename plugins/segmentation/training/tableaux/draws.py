"""Random numbers on the device, without a wait for any of them."""

from __future__ import annotations

import torch
from torch import Tensor

_STRIDE = 1_000_003
"""Seeds of consecutive batches lie so far apart."""


class Draws:
    """The draws of one batch; they depend on the seed and on the batch's number alone.

    Args:
        seed: of the run.
        number: of the batch.
        device: that everything is drawn on.
    """

    def __init__(self, seed: int, number: int, device: torch.device | str) -> None:
        self.device = torch.device(device)
        self._generator = torch.Generator(self.device)
        self._generator.manual_seed(seed * _STRIDE + number)

    def uniform(self, *shape: int, low: float = 0.0, high: float = 1.0) -> Tensor:
        """Draw float32 numbers between two limits."""
        found = torch.rand(shape, generator=self._generator, device=self.device)
        return found * (high - low) + low

    def normal(self, *shape: int, scale: float = 1.0) -> Tensor:
        """Draw normal numbers about 0."""
        return torch.randn(shape, generator=self._generator, device=self.device) * scale

    def chance(self, probability: float, *shape: int) -> Tensor:
        """Draw bool: True with a probability."""
        return self.uniform(*shape) < probability

    def sign(self, *shape: int) -> Tensor:
        """Draw -1 or 1."""
        return self.chance(0.5, *shape).float() * 2 - 1

    def below(self, counts: Tensor) -> Tensor:
        """Draw a whole number from 0 to below each of some counts."""
        found = (self.uniform(*counts.shape) * counts).long()
        return torch.minimum(found, counts.long() - 1)

    def pick(self, weights: Tensor, *shape: int) -> Tensor:
        """Draw places in a list of weights [n]."""
        ends = weights.cumsum(0) / weights.sum()
        return torch.searchsorted(ends, self.uniform(*shape)).clamp_max(len(weights) - 1)


def tied(values: Tensor, together: Tensor, amount: float) -> Tensor:
    """Let the pictures of some tableaux differ little from their first.

    Args:
        values: [B, G, ...].
        together: bool [B], or numbers: 0 = not at all, else a factor on the amount.
        amount: share of the differences that stays.
    """
    factor = together.float().view(-1, *[1] * (values.ndim - 1))
    first = values[:, :1]
    near = first + (amount * factor).clamp_max(1) * (values - first)
    return torch.where(factor > 0, near, values)
