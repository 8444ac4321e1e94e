"""Training of a linear map on embeddings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class LinearTraining:
    """Settings of a linear head; the defaults are the released ones.

    Args:
        learning_rate: of AdamW.
        weight_decay: of AdamW.
        epochs: at most.
        batch_size: samples a step.
        patience: epochs without improvement after which training stops.
        delta: by how much the validation loss must fall to count as improvement.
        dropout: share of features that are dropped while training.
    """

    learning_rate: float = 1e-4
    weight_decay: float = 0.01
    epochs: int = 10
    batch_size: int = 512
    patience: int = 7
    delta: float = 0.001
    dropout: float = 0.0


def train_linear(
    x: Tensor,
    target: Tensor,
    held: np.ndarray,
    outputs: int,
    loss: Callable[[Tensor, Tensor], Tensor],
    training: LinearTraining,
    seed: int,
) -> dict[str, Tensor]:
    """Train a linear map and keep the epoch with the lowest validation loss.

    Args:
        x: [N, D] float32.
        target: [N] classes or [N, outputs] numbers.
        held: [N] bool, the samples that validate; with none the training samples do.
        outputs: classes or numbers a sample.
        loss: mean loss of outputs and targets.
        training: settings.
        seed: of initial weights, order and dropout; the global state is not touched.

    Returns:
        "weight" [outputs, D] and "bias" [outputs].
    """
    rng = torch.Generator().manual_seed(seed)
    bound = x.shape[1] ** -0.5
    weight = ((torch.rand(outputs, x.shape[1], generator=rng) * 2 - 1) * bound).requires_grad_()
    bias = ((torch.rand(outputs, generator=rng) * 2 - 1) * bound).requires_grad_()
    optimiser = torch.optim.AdamW(
        [weight, bias], lr=training.learning_rate, weight_decay=training.weight_decay
    )
    mask = torch.from_numpy(held)
    train_x, train_target = x[~mask], target[~mask]
    check_x, check_target = (x[mask], target[mask]) if held.any() else (train_x, train_target)
    best, best_loss, waited = (weight.detach().clone(), bias.detach().clone()), float("inf"), 0
    for _ in range(training.epochs):
        order = torch.randperm(len(train_x), generator=rng)
        for first in range(0, len(order), training.batch_size):
            chosen = order[first : first + training.batch_size]
            part = train_x[chosen]
            if training.dropout:
                kept = torch.rand(part.shape, generator=rng) >= training.dropout
                part = part * kept / (1 - training.dropout)
            optimiser.zero_grad()
            with torch.enable_grad():
                torch.autograd.backward(loss(part @ weight.T + bias, train_target[chosen]))
            optimiser.step()
        with torch.no_grad():
            now = float(loss(check_x @ weight.T + bias, check_target))
        if now < best_loss - training.delta:
            best_loss, waited = now, 0
            best = (weight.detach().clone(), bias.detach().clone())
        else:
            waited += 1
            if waited >= training.patience:
                break
    return {"weight": best[0], "bias": best[1]}
