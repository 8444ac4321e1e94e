"""Simulated ETS innovations state-space models (Hyndman, Koehler, Ord and Snyder, 2008).

Additive or multiplicative error and season, optional (damped) trend, random smoothing parameters.
"""

from __future__ import annotations

import numpy as np

from corpus.periods import draw_periods
from corpus.trends import drifts, lean_upwards

_CAP = 96


def generate(rng: np.random.Generator, n: int, length: int) -> np.ndarray:
    """Simulate ETS models, all series at once, step by step.

    Fully additive models are symmetric and may be mirrored; they end upwards more often.

    Args:
        rng: Source of randomness.
        n: Number of series.
        length: Number of steps.

    Returns:
        float32 of shape [n, length].
    """
    alpha = rng.beta(1, 2, n) * (rng.random(n) >= 0.15)
    beta = alpha * rng.beta(1, 6, n) * (rng.random(n) < 0.5)
    gamma = (1 - alpha) * rng.beta(1, 5, n) * (rng.random(n) < 0.6)
    trending = rng.random(n) < 0.6
    damped = trending & (rng.random(n) < 0.4)
    phi = np.where(damped, rng.uniform(0.8, 0.98, n), 1.0)
    slope = np.where(trending, 0.006 * drifts(rng, n) * np.where(damped, 4.0, 1.0), 0.0)
    beta *= trending
    times_error, times_season = rng.random(n) < 0.5, rng.random(n) < 0.5
    errors = _errors(rng, n, length)
    errors[:, times_error] = np.maximum(errors[:, times_error], -0.9)
    seasonal = rng.random(n) < 0.65
    gamma *= seasonal
    table, cells = _patterns(rng, n, length)
    table *= seasonal[:, None]
    rows, level = np.arange(n), np.ones(n)
    result = np.empty((length, n))
    for t in range(length):
        base = level + phi * slope
        cell = cells[t]
        season = table[rows, cell]
        factor = np.where(times_season, 1 + season, 1.0)
        mean = base * factor + np.where(times_season, 0.0, season)
        error = errors[t] * np.where(times_error, mean, 1.0)
        result[t] = mean + error
        shock = error / factor
        level = base + alpha * shock
        slope = phi * slope + beta * shock
        away = np.where(times_season, np.where(np.abs(base) > 0.05, base, 0.05), 1.0)
        table[rows, cell] = np.clip(season + gamma * error / away, -0.9, 3.0)
    series = np.ascontiguousarray(result.T, dtype=np.float32)
    additive = ~times_error & ~times_season
    series[additive] = lean_upwards(rng, series[additive])
    return series


def _errors(rng: np.random.Generator, n: int, length: int) -> np.ndarray:
    """Innovations of lognormal scale, a quarter of them Student-t with 4 degrees of freedom."""
    errors = rng.standard_normal((length, n))
    heavy = np.flatnonzero(rng.random(n) < 0.25)
    errors[:, heavy] /= np.sqrt(rng.chisquare(4, (length, len(heavy))) / 2)
    return errors * rng.lognormal(-3.0, 0.9, n)


def _patterns(rng: np.random.Generator, n: int, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Initial seasonal table [n, cells] and the cell of every step [length, n]."""
    periods = draw_periods(rng, n, length, cap=_CAP)
    continuous = rng.random(n) < 0.15
    periods = np.where(continuous, rng.uniform(2, 60, n), np.round(periods))
    steps = np.arange(_CAP)[None, :]
    free = rng.standard_normal((n, _CAP))
    angle = 2 * np.pi * steps / periods[:, None]
    shift = 2 * np.pi * rng.random((2, n, 1))
    weight = rng.standard_normal((2, n, 1))
    waves = weight[0] * np.sin(angle + shift[0]) + weight[1] * np.sin(2 * angle + shift[1])
    table = np.where(rng.random((n, 1)) < 0.5, free, waves)
    inside = steps < np.ceil(periods)[:, None]
    size = np.maximum(inside.sum(axis=1, keepdims=True), 1)
    table = (table - (table * inside).sum(axis=1, keepdims=True) / size) * inside
    spread = np.sqrt((table**2).sum(axis=1, keepdims=True) / size)
    table = table / np.maximum(spread, 1e-6) * rng.lognormal(-1.7, 0.8, (n, 1))
    table = np.clip(table, -0.9, 3.0)
    cells = np.mod(np.arange(length)[:, None] + np.floor(rng.random(n) * periods), periods).astype(
        np.int64
    )
    return table, cells
