"""Batches of canvases of all tasks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from canvases import lessons, marking
from canvases.bank import Bank
from canvases.lessons import Pairs
from icl_painting.canvas import MEAN, STD

Task = Callable[[Bank, int, int, torch.Generator, torch.device], Pairs]
"""From the pictures, the number of canvases, their side and the draws to pairs."""

TASKS: Mapping[str, tuple[float, float, Task]] = {
    "noise": (0.19, 2.5, partial(lessons.repair, "noise")),
    "real-noise": (0.05, 2.5, lessons.real_noise),
    "low-light": (0.07, 1.5, partial(lessons.repair, "low-light")),
    "blur": (0.08, 2.0, partial(lessons.repair, "blur")),
    "coarse": (0.09, 2.5, partial(lessons.repair, "coarse")),
    "grey": (0.05, 1.0, partial(lessons.repair, "grey")),
    "holes": (0.07, 1.5, partial(lessons.repair, "holes")),
    "recolour": (0.06, 1.0, lessons.recolour),
    "spoil": (0.03, 1.0, lessons.spoil),
    "edges": (0.05, 1.0, lessons.edges),
    "masks": (0.13, 1.0, marking.masks),
    "drawn-masks": (0.05, 1.0, marking.drawn_masks),
    "scenes": (0.08, 1.0, marking.scenes),
}
"""Task -> share of the canvases, weight in the loss, and what draws it."""

PARTLY = 0.05
"""Share of canvases of which a random half of all patches is hidden, not the query's answer."""


@dataclass(frozen=True, eq=False)
class Batch:
    """B canvases, shuffled by nothing: those of a task are neighbours.

    Args:
        images: float32 [B, 3, 2s, s], normalised.
        targets: the same.
        masked: float32 [B, L], 1 = hidden.
        valid: float32 [B, 1, 2s, s].
        weight: float32 [B], of the canvas in the loss.
        task: int64 [B], place in `TASKS`.
    """

    images: Tensor
    targets: Tensor
    masked: Tensor
    valid: Tensor
    weight: Tensor
    task: Tensor


class Feed:
    """Draws batches; the same seed and number give the same batch on the same device.

    Args:
        bank: the pictures, on the device.
        patch: side of a patch.
        seed: of all draws.
        shares: task -> share of the canvases; None = those of `TASKS`.
    """

    def __init__(
        self, bank: Bank, patch: int, seed: int, shares: Mapping[str, float] | None = None
    ) -> None:
        self.bank, self.patch, self.seed = bank, patch, seed
        self.device = bank.pictures.device
        self.random = torch.Generator(self.device)
        there = {
            "real-noise": len(bank.noisy) > 0,
            "scenes": len(bank.sprites) > 0,
            "drawn-masks": float(bank.drawn_share.sum()) > 0,
            "masks": float(bank.class_share.sum()) > 0,
        }
        wanted = {name: row[0] for name, row in TASKS.items()} if shares is None else shares
        drawn = np.array([wanted[n] if there.get(n, True) else 0.0 for n in TASKS])
        self.shares = drawn / drawn.sum()
        self.mean, self.std = (
            255 * torch.tensor(values, device=self.device).view(3, 1, 1) for values in (MEAN, STD)
        )

    def counts(self, number: int, size: int) -> list[int]:
        """Return how many canvases of each task a batch has; the fractions are drawn."""
        whole = np.floor(self.shares * size).astype(int)
        random = np.random.default_rng([self.seed, number])
        rest = self.shares * size - whole
        whole += random.multinomial(size - whole.sum(), rest / max(rest.sum(), 1e-9))
        return [int(count) for count in whole]

    @torch.no_grad()
    def batch(self, number: int, size: int, side: int) -> Batch:
        """Draw a batch.

        Args:
            number: of the batch.
            size: B.
            side: s, a multiple of the patch.
        """
        self.random.manual_seed((self.seed << 32) + number)
        parts, tasks, weights = [], [], []
        for place, (count, (_, weight, draw)) in enumerate(
            zip(self.counts(number, size), TASKS.values(), strict=True)
        ):
            if count:
                parts.append(draw(self.bank, count, side, self.random, self.device))
                tasks += [place] * count
                weights += [weight] * count
        images, targets = (
            ((torch.cat(some) - self.mean) / self.std).transpose(1, 2).flatten(2, 3)
            for some in ([part.inputs for part in parts], [part.targets for part in parts])
        )
        valid = torch.cat([part.valid for part in parts]).transpose(1, 2).flatten(2, 3)
        return Batch(
            images.contiguous(),
            targets.contiguous(),
            self._masked(size, side // self.patch),
            valid,
            _sent(weights, torch.float32, self.device),
            _sent(tasks, torch.int64, self.device),
        )

    def _masked(self, size: int, rows: int) -> Tensor:
        """Hide the query's answer, of a few canvases half of all patches."""
        length = 2 * rows * rows
        drawn = torch.rand(size, length + 1, generator=self.random, device=self.device)
        lower = torch.arange(length, device=self.device) >= length // 2
        half = drawn[:, 1:] < 0.5
        return torch.where(drawn[:, :1] < PARTLY, half, lower).float()


def losses_by_task(sums: Tensor, digits: int) -> dict[str, float]:
    """Return the mean loss of each task that was drawn, rounded.

    Args:
        sums: [2, tasks], sums of losses and how many.
        digits: behind the point.
    """
    totals, counts = sums.tolist()
    return {
        name: round(total / count, digits)
        for name, total, count in zip(TASKS, totals, counts, strict=True)
        if count
    }


def _sent(values: list[float] | list[int], dtype: torch.dtype, device: torch.device) -> Tensor:
    """Send a few numbers to the device without waiting for it."""
    tensor = torch.tensor(values, dtype=dtype)
    if device.type == "cuda":
        tensor = tensor.pin_memory()
    return tensor.to(device, non_blocking=True)
