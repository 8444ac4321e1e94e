"""Short-memory business series: yearly, quarterly and monthly figures.

Local linear trends whose slope changes every few dozen steps, so that any short crop shows a trend
with little noise; often with a stable season of 4 or 12.  Local trends with shocks to level and
slope are the structural form of the ETS models (Hyndman et al., 2008).
"""

from __future__ import annotations

import numpy as np

from corpus.trends import POSITIVE_SHARE

_SEASONS = np.array([1, 4, 12, 6, 2, 3])
_SEASON_SHARES = np.array([0.40, 0.22, 0.26, 0.05, 0.03, 0.04])


def generate(rng: np.random.Generator, n: int, length: int) -> np.ndarray:
    """Draw local-trend series, two thirds of them in logarithms.

    Args:
        rng: Source of randomness.
        n: Number of series.
        length: Number of steps.

    Returns:
        float32 of shape [n, length].
    """
    slope = _slopes(rng, n, length)
    size = np.exp(rng.uniform(np.log(0.004), np.log(0.08), (n, 1)))
    wander = rng.choice([0.0, 0.3, 1.0], size=(n, 1), p=[0.35, 0.4, 0.25])
    steps = size * (slope + wander * rng.standard_normal((n, length)))
    noise = size * rng.lognormal(-0.7, 1.0, (n, 1)) * rng.standard_normal((n, length))
    season = _season(rng, n, length) * size * rng.lognormal(1.2, 0.8, (n, 1))
    level = _bound(np.cumsum(steps, axis=1))
    total = level + season + noise
    logs = rng.random((n, 1)) < 0.67
    return np.where(logs, np.exp(np.clip(total, -12, 12)), total).astype(np.float32)


def _slopes(rng: np.random.Generator, n: int, length: int) -> np.ndarray:
    """Slopes that stay for a geometric time of 12 to 120 steps, mostly positive."""
    stay = np.exp(rng.uniform(np.log(12.0), np.log(120.0), (n, 1)))
    change = rng.random((n, length)) < 1.0 / stay
    change[:, 0] = True
    sign = np.where(rng.random((n, length)) < POSITIVE_SHARE + 0.05, 1.0, -1.0)
    fresh = sign * rng.gamma(1.2, 0.8, (n, length))
    latest = np.maximum.accumulate(np.where(change, np.arange(length)[None, :], 0), axis=1)
    slope = np.take_along_axis(fresh, latest, axis=1)
    fading = rng.random((n, 1)) < 0.3
    age = np.arange(length)[None, :] - latest
    return np.where(fading, slope * rng.uniform(0.85, 0.98, (n, 1)) ** age, slope)


def _season(rng: np.random.Generator, n: int, length: int) -> np.ndarray:
    """Stable or slowly changing patterns of short integer period; absent for yearly series."""
    period = rng.choice(_SEASONS, size=n, p=_SEASON_SHARES)
    phase = (np.arange(length)[None, :] + rng.integers(0, 12, (n, 1))) % period[:, None]
    cells = np.arange(int(_SEASONS.max()))[None, :] < period[:, None]
    patterns = rng.standard_normal((2, n, cells.shape[1])) * cells
    patterns -= patterns.sum(axis=2, keepdims=True) / period[:, None] * cells
    first, second = (np.take_along_axis(pattern, phase, axis=1) for pattern in patterns)
    change = np.where(rng.random((n, 1)) < 0.3, rng.uniform(0, 1, (n, 1)), 0.0) * np.linspace(
        0, 1, length
    )
    return np.where(period[:, None] > 1, (1 - change) * first + change * second, 0.0)


def _bound(level: np.ndarray) -> np.ndarray:
    """Keep the range of long series within about a factor of e^3.5 by subtracting excess drift."""
    length = level.shape[1]
    end = level[:, -1:]
    excess = np.where(np.abs(end) > 3.5, end - 3.5 * np.sign(end), 0.0)
    return level - excess * np.linspace(0, 1, length)
