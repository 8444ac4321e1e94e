"""Trends: linear, exponential, logistic, random walks and piecewise linear.

The shapes follow the trend components of ForecastPFN, TempoPFN (arXiv 2510.25502) and Reverso
(arXiv 2602.17634).  About 62 % of the drifts point upwards: measured series grow more often than
they fall, and symmetric drifts leave the upper quantiles of a trained model too low.
"""

from __future__ import annotations

import numpy as np

POSITIVE_SHARE = 0.62
_SHARES = np.array([0.20, 0.10, 0.07, 0.30, 0.23, 0.10])


def drifts(rng: np.random.Generator, size: int | tuple[int, ...]) -> np.ndarray:
    """Standard normal magnitudes of which about 62 % are positive."""
    sign = np.where(rng.random(size) < POSITIVE_SHARE, 1.0, -1.0)
    return np.abs(rng.standard_normal(size)) * sign


def trends(rng: np.random.Generator, n: int, length: int, absent: float = 0.2) -> np.ndarray:
    """Random trends with lognormal amplitude.

    Args:
        rng: Source of randomness.
        n: Number of series.
        length: Number of steps.
        absent: Share of series without trend.

    Returns:
        float32 of shape [n, length], zero where the trend is absent.
    """
    kind = rng.choice(len(_SHARES), size=n, p=_SHARES / _SHARES.sum())
    grid = np.arange(length, dtype=np.float32) / length
    result = np.zeros((n, length), dtype=np.float32)
    for index, shape in enumerate(
        (_linear, _exponential, _logistic, _walk, _piecewise, _integrated_walk)
    ):
        rows = np.flatnonzero(kind == index)
        if len(rows):
            result[rows] = shape(rng, len(rows), grid)
    amplitude = rng.lognormal(-0.3, 1.2, (n, 1)) * (rng.random((n, 1)) >= absent)
    return result * amplitude.astype(np.float32)


def random_walks(rng: np.random.Generator, n: int, length: int) -> np.ndarray:
    """Random walks whose last value has unit variance."""
    steps = rng.standard_normal((n, length), dtype=np.float32)
    return np.cumsum(steps, axis=1) / np.float32(np.sqrt(length))


def lean_upwards(rng: np.random.Generator, values: np.ndarray) -> np.ndarray:
    """Mirror series so that about 62 % end higher than they start.

    Meant for families whose law does not change when a series is negated.

    Args:
        rng: Source of randomness.
        values: float32 of shape [n, length].

    Returns:
        The series, each with its own sign or the opposite one.
    """
    part = max(1, values.shape[1] // 8)
    rising = values[:, -part:].mean(axis=1) > values[:, :part].mean(axis=1)
    wanted = rng.random(len(values)) < POSITIVE_SHARE
    return np.where((rising == wanted)[:, None], values, -values)


def _linear(rng: np.random.Generator, n: int, grid: np.ndarray) -> np.ndarray:
    return drifts(rng, (n, 1)) * grid


def _exponential(rng: np.random.Generator, n: int, grid: np.ndarray) -> np.ndarray:
    return np.expm1(np.clip(1.5 * drifts(rng, (n, 1)) * grid, -4.0, 4.0))


def _logistic(rng: np.random.Generator, n: int, grid: np.ndarray) -> np.ndarray:
    centre = rng.uniform(0.05, 0.95, (n, 1))
    steepness = np.exp(rng.uniform(np.log(4.0), np.log(60.0), (n, 1)))
    return np.sign(drifts(rng, (n, 1))) / (
        1.0 + np.exp(np.clip(-steepness * (grid - centre), -50, 50))
    )


def _walk(rng: np.random.Generator, n: int, grid: np.ndarray) -> np.ndarray:
    return random_walks(rng, n, len(grid)) + drifts(rng, (n, 1)) * grid


def _piecewise(rng: np.random.Generator, n: int, grid: np.ndarray) -> np.ndarray:
    total = drifts(rng, (n, 1)) * grid
    for _ in range(6):
        knot = rng.random((n, 1))
        change = drifts(rng, (n, 1)) * 2.0 * (rng.random((n, 1)) < 0.5)
        # A change of slope around the mean drift keeps the share of rising segments.
        centre = 2.0 * (2 * POSITIVE_SHARE - 1) * np.sqrt(2 / np.pi)
        total = total + np.where(change != 0, change - centre, 0.0) * np.maximum(grid - knot, 0.0)
    return total


def _integrated_walk(rng: np.random.Generator, n: int, grid: np.ndarray) -> np.ndarray:
    length = len(grid)
    slope = random_walks(rng, n, length) + 0.5 * drifts(rng, (n, 1)).astype(np.float32)
    return np.cumsum(slope, axis=1) * (2.0 / length)
