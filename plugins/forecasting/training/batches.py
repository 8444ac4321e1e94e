"""Training windows: from pools of generated series to normalised tokens and targets.

A window ends with `future` patches that the network must forecast. Everything a forecast may
not see is kept out of the normalisation: location and scale come from the observed context
alone, as at inference. Scaling with the whole window would tell the early tokens where the
series is going.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from corpus import augment, holes
from corpus.pool import Pool
from torch import Tensor

FUTURE_LAW = {1: 0.35, 2: 0.30, 3: 0.12, 4: 0.08, 6: 0.06, 9: 0.06, 11: 0.03}
VISIBLE_FUTURE = 0.15
SHORT_SHARE = 0.5
SHORTEST, SHORT_LIMIT = 8, 160
POOLING = 0.15
EARLY_WEIGHT = 0.15


@dataclass(frozen=True)
class Batch:
    """One batch of windows of equal token count.

    Args:
        tokens: [B, S, 2p] float32, values then mask, as the network takes them.
        targets: [B, S, p] float32, the patch after each token in normalised units; NaN = none.
        weights: [B, S] float32, weight of each token's loss, each series' divisor included.
        leading: tokens of missing values that stand before the window at inference.
    """

    tokens: Tensor
    targets: Tensor
    weights: Tensor
    leading: int


def draw_batch(
    rng: np.random.Generator,
    pools: dict[int, Pool],
    steps: int,
    batch: int,
    *,
    patch: int,
    context_tokens: int,
) -> Batch:
    """Draw one batch.

    Args:
        rng: source of all randomness.
        pools: pools by series length.
        steps: tokens S in the window.
        batch: number of series B.
        patch: steps in one token.
        context_tokens: tokens of a full context; what the window lacks is `Batch.leading`.
    """
    future = _draw_future(rng, steps)
    context = steps + 1 - future
    needed = (steps + 1) * patch
    values = _draw_series(rng, pools, needed, batch)
    span = context * patch
    older = np.arange(span) < span - _lengths(rng, batch, span)[:, None]
    values[:, :span][older] = np.nan  # neither an input nor a target
    observed = values[:, :span]
    inputs = holes(rng, observed)
    empty = np.isnan(inputs).all(axis=1)
    inputs[empty] = observed[empty]

    loc = np.nan_to_num(np.nanmean(inputs, axis=1, keepdims=True, dtype=np.float64))
    scale = np.sqrt(np.nanmean((inputs - loc) ** 2, axis=1, keepdims=True, dtype=np.float64))
    scale = np.where(scale == 0, np.abs(loc) + 1e-5, scale)
    normal = ((values - loc) / scale).astype(np.float32)
    seen = np.full((batch, steps * patch), np.nan, dtype=np.float32)
    seen[:, :span] = (inputs - loc) / scale
    visible = rng.random(batch) < VISIBLE_FUTURE
    seen[visible, span:] = normal[visible, span : steps * patch]

    mask = ~np.isnan(seen)
    stacked = np.concatenate(
        [np.where(mask, seen, 0).reshape(batch, steps, patch), mask.reshape(batch, steps, patch)],
        axis=2,
        dtype=np.float32,
    )
    targets = normal[:, patch:].reshape(batch, steps, patch)
    size = np.abs(targets[:, context - 1 :]).mean(axis=(1, 2))
    weights = np.full((batch, steps), EARLY_WEIGHT, dtype=np.float32)
    weights[:, context - 1 :] = 1.0
    weights /= np.maximum(1.0, size)[:, None]
    return Batch(
        torch.from_numpy(stacked),
        torch.from_numpy(targets),
        torch.from_numpy(weights.astype(np.float32)),
        max(0, context_tokens - context),
    )


def _draw_future(rng: np.random.Generator, steps: int) -> int:
    sizes = np.array([n for n in FUTURE_LAW if n <= max(1, steps // 3)])
    shares = np.array([FUTURE_LAW[n] for n in sizes])
    return int(rng.choice(sizes, p=shares / shares.sum()))


def _lengths(rng: np.random.Generator, batch: int, longest: int) -> np.ndarray:
    """Observed values a series: half of them short (log-uniform), half near the full window."""
    limit = min(SHORT_LIMIT, longest)
    short = np.exp(rng.uniform(np.log(SHORTEST), np.log(limit + 1), batch))
    long = rng.uniform(0.4, 1.0, batch) * longest
    chosen = np.where(rng.random(batch) < SHORT_SHARE, short, long)
    return np.clip(chosen.astype(int), SHORTEST, longest)


def _draw_series(
    rng: np.random.Generator, pools: dict[int, Pool], needed: int, batch: int
) -> np.ndarray:
    """Augmented random crops [batch, needed], some of them mean-pooled from longer stretches."""
    fitting = [length for length in pools if length >= needed]
    length = fitting[0] if len(fitting) == 1 or rng.random() < 0.7 else fitting[-1]
    series = pools[length].sample(rng, batch)
    factor = 1
    if length >= 2 * needed and rng.random() < 3 * POOLING:
        factor = int(rng.integers(2, min(8, length // needed) + 1))
    series = augment(rng, series)
    span = needed * factor
    starts = rng.integers(0, length - span + 1, batch)
    crop = series[np.arange(batch)[:, None], starts[:, None] + np.arange(span)]
    return crop.reshape(batch, needed, factor).mean(axis=2) if factor > 1 else crop
