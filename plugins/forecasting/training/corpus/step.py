"""Level jumps, saws, square waves, pulses and Ornstein-Uhlenbeck parts.

After the step, sawtooth, spike and OU generators of TempoPFN (arXiv 2510.25502) and the trapezoid
pulses of Reverso (arXiv 2602.17634).
"""

from __future__ import annotations

import numpy as np
from scipy.signal import lfilter

from corpus.periods import draw_periods, unit_variance
from corpus.trends import lean_upwards

_PRESENCE = (0.5, 0.25, 0.2, 0.2, 0.4)


def generate(rng: np.random.Generator, n: int, length: int) -> np.ndarray:
    """Draw series of jumps, sharp periodic shapes and OU noise.

    Args:
        rng: Source of randomness.
        n: Number of series.
        length: Number of steps.

    Returns:
        float32 of shape [n, length].
    """
    result = np.zeros((n, length), dtype=np.float32)
    present = rng.random((len(_PRESENCE), n)) < np.array(_PRESENCE)[:, None]
    alone = np.flatnonzero(~present.any(axis=0))
    present[rng.integers(0, len(_PRESENCE), len(alone)), alone] = True
    for mask, part in zip(
        present, (_jumps, _saw, _square, _pulses, _ornstein_uhlenbeck), strict=True
    ):
        rows = np.flatnonzero(mask)
        if len(rows):
            result[rows] += part(rng, len(rows), length) * rng.lognormal(
                0, 0.5, (len(rows), 1)
            ).astype(np.float32)
    result = lean_upwards(rng, result)
    noise = rng.standard_normal((n, length), dtype=np.float32)
    return result + noise * rng.lognormal(-2.5, 1.2, (n, 1)).astype(np.float32)


def _jumps(rng: np.random.Generator, n: int, length: int) -> np.ndarray:
    """Level shifts at random times; half are a fresh level, half add up."""
    rate = np.exp(rng.uniform(np.log(1 / 300), np.log(1 / 20), (n, 1)))
    jump = rng.random((n, length)) < rate
    size = rng.standard_normal((n, length))
    added = np.cumsum(jump * size, axis=1)
    latest = np.maximum.accumulate(np.where(jump, np.arange(length)[None, :], 0), axis=1)
    fresh = np.take_along_axis(size, latest, axis=1)
    return np.where(rng.random((n, 1)) < 0.5, added, fresh)


def _position(rng: np.random.Generator, n: int, length: int) -> tuple[np.ndarray, np.ndarray]:
    periods = draw_periods(rng, n, length)[:, None]
    return np.mod(
        np.arange(length)[None, :] + np.floor(rng.random((n, 1)) * periods), periods
    ), periods


def _saw(rng: np.random.Generator, n: int, length: int) -> np.ndarray:
    position, periods = _position(rng, n, length)
    return unit_variance(position / periods) * rng.choice([-1.0, 1.0], size=(n, 1))


def _square(rng: np.random.Generator, n: int, length: int) -> np.ndarray:
    position, periods = _position(rng, n, length)
    return unit_variance(
        (position < np.maximum(1.0, rng.uniform(0.1, 0.9, (n, 1)) * periods)).astype(float)
    )


def _pulses(rng: np.random.Generator, n: int, length: int) -> np.ndarray:
    """Trapezoids: a quarter rise, half flat, a quarter fall."""
    position, periods = _position(rng, n, length)
    width = np.maximum(2.0, rng.uniform(0.05, 0.5, (n, 1)) * periods)
    shape = np.clip(4 * np.minimum(position, width - position) / width, 0.0, 1.0)
    shape[:, :] = np.where(periods < 6, position < 1, shape)
    return shape * rng.uniform(0.5, 3.0, (n, 1)) * rng.choice([-1.0, 1.0], size=(n, 1))


def _ornstein_uhlenbeck(rng: np.random.Generator, n: int, length: int) -> np.ndarray:
    """OU processes of unit variance, started from their stationary law."""
    rate = np.exp(rng.uniform(np.log(0.002), np.log(0.3), n))
    values = rng.standard_normal((n, length))
    for row in range(n):
        decay = np.exp(-rate[row])
        values[row] = lfilter(
            [np.sqrt(1 - decay**2)], [1, -decay], values[row], zi=[decay * values[row, 0]]
        )[0]
    return values
