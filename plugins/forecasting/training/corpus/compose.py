"""Compositions of seasons, trend and noise.

Additive, exponentiated and multiplicative forms of the trend-season-noise decomposition, after
ForecastPFN, the TSI generator of Reverso (arXiv 2602.17634) and Chronos-2 (arXiv 2510.15821).
A part of the family are the denser recipes of `daily_weekly` and `business`.
"""

from __future__ import annotations

import numpy as np
from scipy.signal import lfilter

from corpus import business, daily_weekly
from corpus.periods import draw_periods, further_periods, profiles
from corpus.trends import random_walks, trends

SHARES = {"general": 0.72, "daily_weekly": 0.13, "business": 0.15}


def generate(rng: np.random.Generator, n: int, length: int) -> np.ndarray:
    """Draw composed series.

    Args:
        rng: Source of randomness.
        n: Number of series.
        length: Number of steps.

    Returns:
        float32 of shape [n, length].
    """
    kind = rng.choice(len(SHARES), size=n, p=list(SHARES.values()))
    result = np.empty((n, length), dtype=np.float32)
    for index, recipe in enumerate((general, daily_weekly.generate, business.generate)):
        rows = np.flatnonzero(kind == index)
        if len(rows):
            result[rows] = recipe(rng, len(rows), length)
    return result


def general(rng: np.random.Generator, n: int, length: int) -> np.ndarray:
    """The general form: up to three seasons, a trend and autoregressive noise."""
    season = seasons(rng, n, length)
    trend = trends(rng, n, length)
    noise = autoregressive_noise(rng, n, length) * rng.lognormal(-1.2, 1.0, (n, 1)).astype(
        np.float32
    )
    form = rng.choice(3, size=n, p=[0.45, 0.30, 0.25])
    result = season + trend + noise
    grow = np.flatnonzero(form == 1)
    strength = rng.uniform(0.03, 0.6, (len(grow), 1)).astype(np.float32)
    result[grow] = np.exp(np.clip(strength * result[grow], -20, 20))
    scale = np.flatnonzero(form == 2)
    base = 3 * rng.lognormal(0, 1, (len(scale), 1)).astype(np.float32)
    swing = 0.3 * rng.uniform(0.2, 1.0, (len(scale), 1)).astype(np.float32)
    result[scale] = (
        (base + 2 * trend[scale]) * (1 + swing * np.tanh(season[scale])) * (1 + 0.15 * noise[scale])
    )
    return result


def seasons(rng: np.random.Generator, n: int, length: int) -> np.ndarray:
    """Sum of 0 to 3 seasonal profiles, 30 % of them with drifting amplitude."""
    count = rng.choice(4, size=n, p=[0.20, 0.45, 0.30, 0.05])
    amplitude = rng.lognormal(0.0, 0.7, n)
    periods = draw_periods(rng, n, length)
    total = np.zeros((n, length), dtype=np.float32)
    for order in range(3):
        rows = np.flatnonzero(count > order)
        if not len(rows):
            break
        if order:
            periods = further_periods(rng, periods, length)
        factor = amplitude[rows] * (rng.uniform(0.1, 1.0, len(rows)) if order else 1.0)
        total[rows] += profiles(rng, periods[rows], length) * factor[:, None].astype(np.float32)
    drifting = np.flatnonzero(rng.random(n) < 0.3)
    depth = rng.uniform(0, 0.5, (len(drifting), 1)).astype(np.float32)
    total[drifting] *= 1 + depth * random_walks(rng, len(drifting), length)
    return total


def autoregressive_noise(rng: np.random.Generator, n: int, length: int) -> np.ndarray:
    """AR(1) noise of unit variance: half of it white, a quarter with Student-t innovations."""
    noise = rng.standard_normal((n, length), dtype=np.float32)
    heavy = np.flatnonzero(rng.random(n) < 0.25)
    freedom = rng.uniform(2.5, 8.0, (len(heavy), 1))
    chi = rng.chisquare(freedom, (len(heavy), length)) / freedom
    noise[heavy] *= np.sqrt((freedom - 2) / (freedom * chi)).astype(np.float32)
    for row in np.flatnonzero(rng.random(n) >= 0.5):
        phi = rng.uniform(-0.3, 0.98)
        innovation = np.sqrt(1 - phi * phi)
        start = phi * noise[row, 0]
        noise[row] = lfilter([innovation], [1.0, -phi], noise[row], zi=[start])[0]
    return noise
