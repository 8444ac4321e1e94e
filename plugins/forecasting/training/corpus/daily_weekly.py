"""High-frequency series with a sharp day profile inside a week.

Load, traffic, sales and sensor series repeat a day within a week (24 x 168, 48 x 336, 96 x 672 and
288 x 2016 steps). Forecasting them needs an exact copy of a long pattern, so the noise is low. The
idea of products of calendar seasons is that of ForecastPFN; shapes and ranges are this project's.
"""

from __future__ import annotations

import numpy as np
from scipy.signal import lfilter

from corpus.trends import random_walks, trends

_DAYS = {24: 0.34, 48: 0.26, 96: 0.18, 144: 0.08, 288: 0.14}


def generate(rng: np.random.Generator, n: int, length: int) -> np.ndarray:
    """Draw day-within-week series; at least two days fit the length.

    Args:
        rng: Source of randomness.
        n: Number of series.
        length: Number of steps.

    Returns:
        float32 of shape [n, length].
    """
    days = np.array([d for d in _DAYS if 2 * d <= length] or [max(2, length // 8)])
    weights = np.array([_DAYS.get(int(d), 1.0) for d in days])
    steps = rng.choice(days, size=n, p=weights / weights.sum())
    season = np.empty((n, length), dtype=np.float32)
    for day in np.unique(steps):
        rows = np.flatnonzero(steps == day)
        season[rows] = _weeks(rng, len(rows), int(day), length)
    return _finish(rng, season)


def _weeks(rng: np.random.Generator, n: int, day: int, length: int) -> np.ndarray:
    """Lay out day by day: working days, weekends, and now and then a holiday."""
    work, rest = _day_profiles(rng, n, day), _day_profiles(rng, n, day)
    likeness = rng.choice([1.0, 0.85, 0.5, 0.0], size=(n, 1), p=[0.3, 0.3, 0.25, 0.15]).astype(
        np.float32
    )
    rest = likeness * work + (1 - likeness) * rest
    rest *= np.where(rng.random((n, 1)) < 0.25, 1.0, rng.uniform(0.2, 1.2, (n, 1))).astype(
        np.float32
    )
    total = length // day + 2
    weekday = (np.arange(total)[None, :] + rng.integers(0, 7, (n, 1))) % 7
    free = weekday >= np.where(rng.random((n, 1)) < 0.8, 5, 6)
    free |= rng.random((n, total)) < np.where(rng.random((n, 1)) < 0.3, 0.02, 0.0)
    level = 1 + rng.choice([0.0, 0.05, 0.2], size=(n, 1)) * rng.standard_normal((n, 7))
    level = np.take_along_axis(level, weekday, axis=1)
    level = level * (
        1 + rng.choice([0.0, 0.04, 0.15], size=(n, 1)) * rng.standard_normal((n, total))
    )
    shape = np.where(free[:, :, None], rest[:, None, :], work[:, None, :]) * level[
        :, :, None
    ].astype(np.float32)
    flat = shape.reshape(n, total * day)
    index = rng.integers(0, day, (n, 1)) + np.arange(length)[None, :]
    return np.take_along_axis(flat, index, axis=1)


def _day_profiles(rng: np.random.Generator, n: int, day: int) -> np.ndarray:
    """Non-negative profiles of one day: peaks, plateaus with sharp edges, and daylight."""
    hour = np.arange(day, dtype=np.float32)[None, :] / day
    total = np.zeros((n, day), dtype=np.float32)
    for _ in range(4):
        centre, width = rng.random((n, 1)), np.exp(rng.uniform(np.log(0.012), np.log(0.18), (n, 1)))
        height = rng.gamma(1.5, 0.6, (n, 1)) * (rng.random((n, 1)) < 0.65)
        distance = np.abs(hour - centre)
        distance = np.minimum(distance, 1 - distance)
        bump = np.exp(-0.5 * (distance / width) ** 2)
        flank = np.clip((1.6 * width - distance) / np.maximum(0.01, 0.3 * width) + 0.5, 0, 1)
        total += (height * np.where(rng.random((n, 1)) < 0.7, bump, flank)).astype(np.float32)
    dawn, span = rng.uniform(0, 1, (n, 1)), rng.uniform(0.3, 0.6, (n, 1))
    sun = np.maximum(np.sin(np.pi * np.mod(hour - dawn, 1.0) / span), 0) * (
        np.mod(hour - dawn, 1.0) < span
    )
    daylight = rng.random((n, 1)) < 0.15
    rough = rng.choice([0.0, 0.05, 0.3], size=(n, 1), p=[0.5, 0.3, 0.2]) * rng.standard_normal(
        (n, day)
    )
    floor = rng.choice([0.0, 0.3, 1.0], size=(n, 1), p=[0.3, 0.4, 0.3])
    flat = total.max(axis=1, keepdims=True) <= 0
    usual = np.maximum(total + rough + floor, 0) + 0.2 * flat * (1 + np.sin(6.2832 * hour))
    return np.where(daylight, sun, usual).astype(np.float32)


def _finish(rng: np.random.Generator, season: np.ndarray) -> np.ndarray:
    """Add slow changes and low noise; a third multiplicative, so that zeros stay zero."""
    n, length = season.shape
    spread = np.maximum(season.std(axis=1, keepdims=True), 1e-3)
    slow = trends(rng, n, length, absent=0.5) * np.float32(0.5)
    noise = rng.standard_normal((n, length), dtype=np.float32)
    for row in np.flatnonzero(rng.random(n) < 0.6):
        noise[row] = lfilter([1.0], [1.0, -rng.uniform(0.3, 0.97)], noise[row])
    noise /= noise.std(axis=1, keepdims=True)
    noise *= rng.lognormal(-2.6, 0.9, (n, 1)).astype(np.float32)
    swing = 1 + np.where(rng.random((n, 1)) < 0.4, rng.uniform(0, 0.4, (n, 1)), 0.0) * random_walks(
        rng, n, length
    )
    scaled = season * swing.astype(np.float32)
    times = scaled * np.exp(np.clip(0.4 * slow, -3, 3)) * np.maximum(1 + noise, 0)
    return np.where(rng.random((n, 1)) < 0.35, times, scaled + spread * (slow + noise)).astype(
        np.float32
    )
