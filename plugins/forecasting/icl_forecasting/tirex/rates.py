"""Sampling rates: read a series more coarsely or more finely, and bring its forecast back.

A network of fixed patch and context sees few cycles of a slow season and little of the shape of
a short one. Reading block means (a factor above 1) or interpolated values (below 1) brings the
dominant cycle to where the network is at its best.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from icl_forecasting.tirex.config import TirexConfig

COARSER = (2, 3, 4, 6, 8, 12)
FINER = (Fraction(1, 2), Fraction(1, 3), Fraction(1, 4))
SHORTEST_FORECAST = 6
"""A coarser rate must leave at least this many steps to forecast."""


def coarser(length: int, horizon: int, config: TirexConfig) -> list[int]:
    """Factors above 1 that leave enough to read and to forecast."""
    return [
        k
        for k in COARSER
        if length // k >= 2 * config.patch and -(-horizon // k) >= SHORTEST_FORECAST
    ]


def finer(length: int, horizon: int, config: TirexConfig) -> list[Fraction]:
    """Factors below 1 at which history and horizon still fit well."""
    return [
        f
        for f in FINER
        if length / f <= config.context_length / 4 and horizon / f <= 4 * config.patch
    ]


def at_rate(values: np.ndarray, factor: Fraction) -> np.ndarray:
    """Read a history at another rate.

    Above 1: means of blocks of `factor` values, right-aligned, an incomplete first block left
    out; below 1: values interpolated linearly between their own places, the ends kept level.
    """
    if factor == 1:
        return values
    if factor > 1:
        k = factor.numerator
        blocks = values[len(values) % k :].reshape(-1, k)
        seen = ~np.isnan(blocks)
        count = seen.sum(axis=1)
        total = np.where(seen, blocks, 0.0).sum(axis=1)
        return np.where(count > 0, total / np.maximum(count, 1), np.nan)
    k = factor.denominator
    places = (np.arange(len(values) * k) + 0.5) / k - 0.5
    between: np.ndarray = np.interp(places, np.arange(len(values)), values)
    return between


def from_rate(quantiles: np.ndarray, factor: Fraction, horizon: int) -> np.ndarray:
    """Bring quantiles [Q, steps] at a factor back to the series' own steps [Q, horizon]."""
    if factor == 1:
        return quantiles[:, :horizon]
    if factor < 1:
        k = factor.denominator
        means: np.ndarray = quantiles[:, : horizon * k].reshape(-1, horizon, k).mean(axis=2)
        return means
    k = factor.numerator
    centres = np.arange(quantiles.shape[1]) * k + (k - 1) / 2
    steps = np.arange(horizon)
    return np.stack([np.interp(steps, centres, row) for row in quantiles]).astype(np.float32)
