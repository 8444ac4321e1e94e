"""The forecast while it is conditioned: a dense set of quantiles for each step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from statistics import NormalDist

import numpy as np

from icl_core import Forecast

LEVELS = tuple(round(0.02 * k, 2) for k in range(1, 50))
"""Levels that are carried through: 0.02 to 0.98."""

MEDIAN = LEVELS.index(0.5)


@dataclass(frozen=True, eq=False)
class Predictive:
    """Marginal distributions of H steps, and how paths run through them.

    Args:
        quantiles: float64 [49, H] at `LEVELS`, not decreasing along the first axis.
        ranks: [N, H] in (0, 1): the levels that simulated paths run through; None where the
            forecast was not simulated.
    """

    quantiles: np.ndarray
    ranks: np.ndarray | None = None

    def __len__(self) -> int:
        return int(self.quantiles.shape[1])

    @property
    def median(self) -> np.ndarray:
        """The middle [H]."""
        middle: np.ndarray = self.quantiles[MEDIAN]
        return middle

    def at(self, levels: Sequence[float]) -> np.ndarray:
        """Quantiles [len(levels), H] at other levels; beyond 0.02 and 0.98 normal tails."""
        return np.sort(_between(LEVELS, tuple(levels)) @ self.quantiles, axis=0)

    def with_steps(self, steps: np.ndarray, quantiles: np.ndarray) -> Predictive:
        """Replace the quantiles of some steps.

        Args:
            steps: bool [H], or indices [K].
            quantiles: [49, K], in any order along the first axis.
        """
        changed = self.quantiles.copy()
        changed[:, steps] = np.sort(quantiles, axis=0)
        return replace(self, quantiles=changed)


def from_forecast(forecast: Forecast) -> Predictive:
    """Take a forecaster's quantiles, sorted, with normal tails beyond its outermost levels."""
    quantiles = np.asarray(forecast.quantiles, dtype=np.float64)
    if len(forecast.levels) == 1:
        return Predictive(np.repeat(quantiles, len(LEVELS), axis=0))
    dense = _between(tuple(forecast.levels), LEVELS) @ np.sort(quantiles, axis=0)
    return Predictive(np.sort(dense, axis=0))


def from_paths(paths: np.ndarray) -> Predictive:
    """Take simulated paths: float [N, H], N of some hundred."""
    order = np.argsort(np.argsort(paths, axis=0, kind="stable"), axis=0, kind="stable")
    ranks = (order + 0.5) / len(paths)
    return Predictive(np.quantile(paths, LEVELS, axis=0, method="hazen"), ranks)


def mixture(parts: Sequence[np.ndarray], shares: Sequence[np.ndarray | float]) -> np.ndarray:
    """Mix distributions that are given as quantiles.

    Args:
        parts: quantiles [49, K] each.
        shares: probability of each part, a number or [K]; they sum to 1.

    Returns:
        Quantiles [49, K] of the mixture.
    """
    steps = parts[0].shape[1]
    values = np.concatenate(parts)
    weights = np.concatenate(
        [
            np.broadcast_to(np.asarray(share, float) / len(part), (len(part), steps))
            for part, share in zip(parts, shares, strict=True)
        ]
    )
    order = np.argsort(values, axis=0, kind="stable")
    values = np.take_along_axis(values, order, axis=0)
    weights = np.take_along_axis(weights, order, axis=0)
    reached = np.cumsum(weights, axis=0) - weights / 2
    mixed = np.empty((len(LEVELS), steps))
    for step in range(steps):
        mixed[:, step] = np.interp(LEVELS, reached[:, step], values[:, step])
    return mixed


def averaged(parts: Sequence[np.ndarray], shares: Sequence[np.ndarray | float]) -> np.ndarray:
    """Average distributions level by level: [49, K] each, with shares that sum to 1."""
    total = np.zeros_like(parts[0])
    for part, share in zip(parts, shares, strict=True):
        total += np.asarray(share, float) * part
    return total


def normal(mean: np.ndarray, sd: np.ndarray | float) -> np.ndarray:
    """Quantiles [49, K] of normal distributions with mean [K] and standard deviation [K]."""
    spread = np.broadcast_to(np.asarray(sd, float), mean.shape)
    return mean + np.outer(_NORMAL, spread)


@lru_cache(maxsize=64)
def _between(known: tuple[float, ...], asked: tuple[float, ...]) -> np.ndarray:
    """Weights [asked, known] that turn quantiles at known levels into those at asked levels.

    Linear in the level between two known ones, along normal tails beyond the outermost two.
    """
    weights = np.zeros((len(asked), len(known)))
    if len(known) == 1:
        return np.ones_like(weights)
    z = NormalDist().inv_cdf
    for row, level in enumerate(asked):
        upper = min(max(int(np.searchsorted(known, level)), 1), len(known) - 1)
        low, high = known[upper - 1], known[upper]
        if known[0] <= level <= known[-1]:
            share = (level - low) / (high - low)
        else:
            share = (z(level) - z(low)) / (z(high) - z(low))
        weights[row, upper - 1], weights[row, upper] = 1 - share, share
    return weights


_NORMAL = np.array([NormalDist().inv_cdf(level) for level in LEVELS])
