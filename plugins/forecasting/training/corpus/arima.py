"""Random ARMA, SARIMA and integrated processes (Box and Jenkins).

Polynomials are built from random roots, so that every stationary factor is stable; the processes
are the autoregressive generators that Chronos-2 (arXiv 2510.15821) lists among its bases.
"""

from __future__ import annotations

import numpy as np
from scipy.signal import lfilter

from corpus.periods import draw_periods, unit_variance
from corpus.trends import drifts

_WARM_UP = 128


def generate(rng: np.random.Generator, n: int, length: int) -> np.ndarray:
    """Draw random ARIMA series, a fifth of them exponentiated.

    Args:
        rng: Source of randomness.
        n: Number of series.
        length: Number of steps.

    Returns:
        float32 of shape [n, length].
    """
    total = length + _WARM_UP
    values = _innovations(rng, n, total)
    periods = np.maximum(np.round(draw_periods(rng, n, length)), 2).astype(int)
    seasonal, moving = rng.random(n) < 0.5, rng.random(n) < 0.7
    unit, root = rng.random(n) < 0.5, rng.uniform(0.3, 0.98, n)
    season_moving = rng.uniform(0, 0.9, n) * moving
    for row in range(n):
        numerator, denominator = _polynomials(rng, periods[row])
        values[row] = lfilter(numerator, denominator, values[row])
        if seasonal[row]:
            factor = 1.0 if unit[row] else root[row]
            values[row] = _seasonal_filter(values[row], periods[row], factor, season_moving[row])
    values = values[:, _WARM_UP:]
    values /= np.maximum(values.std(axis=1, keepdims=True), 1e-9)
    order = rng.choice(3, size=n, p=[0.45, 0.48, 0.07])
    drift = 0.08 * drifts(rng, n) * (rng.random(n) < 0.4)
    once = order >= 1
    values[once] = np.cumsum(values[once] + drift[once, None], axis=1)
    twice = order == 2
    values[twice] = np.cumsum(values[twice], axis=1)
    result = unit_variance(values)
    grown = rng.random(n) < 0.2
    result[grown] = np.exp(
        rng.uniform(0.1, 1.0, (int(grown.sum()), 1)) * np.clip(result[grown], -8, 8)
    )
    return result.astype(np.float32)


def _innovations(rng: np.random.Generator, n: int, total: int) -> np.ndarray:
    """Normal or Student-t (3) innovations, a fifth with stochastic volatility."""
    values = rng.standard_normal((n, total))
    heavy = np.flatnonzero(rng.random(n) < 0.2)
    values[heavy] /= np.sqrt(rng.chisquare(3, (len(heavy), total)) / 3)
    for row in np.flatnonzero(rng.random(n) < 0.2):
        decay = rng.uniform(0.9, 0.995)
        spread = rng.uniform(0.3, 1.0) * np.sqrt(1 - decay * decay)
        values[row] *= np.exp(
            np.clip(lfilter([spread], [1, -decay], rng.standard_normal(total)), -4, 4)
        )
    return values


def _polynomials(rng: np.random.Generator, period: int) -> tuple[np.ndarray, np.ndarray]:
    """Moving-average and autoregressive polynomials from 0-2 and 0-3 random factors."""
    numerator, denominator = np.ones(1), np.ones(1)
    for _ in range(rng.integers(0, 4)):
        if rng.random() < 0.6:
            factor = [1.0, -rng.uniform(-0.7, 0.99)]
        else:
            modulus = rng.uniform(0.3, 0.995)
            factor = [1.0, -2 * modulus * np.cos(2 * np.pi / period), modulus * modulus]
        denominator = np.convolve(denominator, factor)
    for _ in range(rng.integers(0, 3)):
        numerator = np.convolve(numerator, [1.0, rng.uniform(-0.8, 0.8)])
    return numerator, denominator


def _seasonal_filter(values: np.ndarray, period: int, root: float, moving: float) -> np.ndarray:
    """Filter (1 - moving L^p) / (1 - root L^p), one phase of the period per column."""
    total = len(values)
    cycles = -(-total // period)
    padded = np.zeros(cycles * period)
    padded[:total] = values
    table = lfilter([1.0, -moving], [1.0, -root], padded.reshape(cycles, period), axis=0)
    return table.reshape(-1)[:total]
