"""Muon (Jordan et al. 2024): momentum whose update is orthogonalised, for matrices.

Matrices of equal shape are stacked, so that a network of many small ones costs a few batched
products a step instead of hundreds of small ones.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import torch
import torch.distributed as dist
from torch import Tensor

_COEFFICIENTS = (3.4445, -4.7750, 2.0315)


def orthogonalise(matrices: Tensor, steps: int = 5) -> Tensor:
    """Push the singular values of a stack [N, R, C] towards 1 by Newton-Schulz iterations."""
    a, b, c = _COEFFICIENTS
    x = matrices
    wide = x.shape[1] <= x.shape[2]
    if not wide:
        x = x.transpose(1, 2)
    x = x / (x.flatten(1).norm(dim=1)[:, None, None] + 1e-7)
    for _ in range(steps):
        gram = x @ x.transpose(1, 2)
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x if wide else x.transpose(1, 2)


class Muon(torch.optim.Optimizer):
    """Nesterov momentum, orthogonalised, with decoupled weight decay.

    Args:
        params: tensors whose last two axes are matrices; leading axes are stacks of them.
        lr: step size; each update is scaled by max(1, rows / columns) ** 0.5.
        momentum: of the running gradient.
        weight_decay: relative to `lr`.
        share: (rank, world): of several processes with equal gradients, each orthogonalises its
            share of the matrices and the updates are added up.
    """

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float = 0.02,
        momentum: float = 0.95,
        weight_decay: float = 0.02,
        share: tuple[int, int] = (0, 1),
    ) -> None:
        self.rank, self.world = share
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Update every parameter that has a gradient."""
        for group in self.param_groups:
            by_shape: dict[tuple[int, ...], list[tuple[Tensor, Tensor]]] = defaultdict(list)
            for p in group["params"]:
                if p.grad is None:
                    continue
                state = self.state[p]
                if not state:
                    state["momentum"] = torch.zeros_like(p)
                state["momentum"].lerp_(p.grad, 1 - group["momentum"])
                update = p.grad.lerp(state["momentum"], group["momentum"])
                by_shape[tuple(p.shape[-2:])].append((p, update.reshape(-1, *p.shape[-2:])))
            for (rows, columns), pairs in by_shape.items():
                stacked = self._orthogonalise(torch.cat([update for _, update in pairs]))
                scale = group["lr"] * max(1.0, rows / columns) ** 0.5
                parts = stacked.split([update.shape[0] for _, update in pairs])
                for (p, _), part in zip(pairs, parts, strict=True):
                    p.mul_(1 - group["lr"] * group["weight_decay"])
                    p.add_(part.reshape(p.shape), alpha=-scale)

    def _orthogonalise(self, stacked: Tensor) -> Tensor:
        if self.world == 1:
            return orthogonalise(stacked)
        own = torch.zeros_like(stacked)
        own[self.rank :: self.world] = orthogonalise(stacked[self.rank :: self.world])
        dist.all_reduce(own)
        return own
