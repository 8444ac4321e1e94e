"""Counts: Poisson and negative binomial with seasonal rates, and intermittent demand.

Gamma-mixed Poisson and zero-inflated draws, as in the intermittent-demand and event generators of
public synthetic corpora (TimeJEPA, TempoPFN arXiv 2510.25502).  Zeros are exact.
"""

from __future__ import annotations

import numpy as np

from corpus.compose import seasons
from corpus.periods import unit_variance
from corpus.trends import trends

_HIGHEST_RATE = 5000.0


def generate(rng: np.random.Generator, n: int, length: int) -> np.ndarray:
    """Draw count series.

    Args:
        rng: Source of randomness.
        n: Number of series.
        length: Number of steps.

    Returns:
        float32 of shape [n, length] holding whole numbers.
    """
    base = np.exp(rng.uniform(np.log(0.05), np.log(60.0), (n, 1)))
    season = unit_variance(seasons(rng, n, length))
    trend = np.clip(trends(rng, n, length, absent=0.4), -2.5, 2.5)
    rate = base * np.exp(rng.uniform(0, 0.9, (n, 1)) * season + trend)
    mixed = np.flatnonzero(rng.random(n) < 0.5)
    shape = np.exp(rng.uniform(np.log(0.5), np.log(50.0), (len(mixed), 1)))
    rate[mixed] *= rng.standard_gamma(shape, (len(mixed), length)) / shape
    counts = rng.poisson(np.minimum(rate, _HIGHEST_RATE)).astype(np.float32)
    thinned = np.flatnonzero(rng.random(n) < 0.3)
    share = rng.uniform(0.2, 0.9, (len(thinned), 1))
    counts[thinned] *= rng.random((len(thinned), length)) >= share
    _ensure_events(rng, counts)
    return counts


def _ensure_events(rng: np.random.Generator, counts: np.ndarray) -> None:
    """Give series without any variation one event, in place."""
    rows = np.flatnonzero(counts.std(axis=1) == 0)
    counts[rows, rng.integers(0, counts.shape[1], len(rows))] += 1
