"""Trending targets are forecast by their differences; bands widen with the horizon.

The network squeezes values by arcsinh, which bends a steep trend. The released code therefore
finds targets that follow a straight line, shows the network their first differences, and adds
the forecast differences up. All constants here are those of the released code.
"""

from __future__ import annotations

import numpy as np

LEAST_VALUES = 4
LEAST_RISE = 1.5
"""Rise of the line over the series, in standard deviations, from which it is a trend."""

LEAST_FIT = 0.87
"""R^2 of the line from which it is a trend."""

_LEAST_SPREAD = 1e-12
LEVEL_BAND = (0.90, 0.02)
"""Factor under the root and exponent of the step, for targets forecast as they are."""

DIFFERENCE_BAND = (1.68, 0.01)
"""The same for targets forecast by their differences."""


def has_trend(values: np.ndarray) -> bool:
    """Whether a target follows a straight line steeply and closely enough.

    Args:
        values: float64 [T], NaN = missing.
    """
    steps = np.flatnonzero(np.isfinite(values)).astype(np.float64)
    if len(steps) < LEAST_VALUES:
        return False
    seen = values[np.isfinite(values)]
    spread = seen.std(ddof=1)
    if not spread >= _LEAST_SPREAD:
        return False
    z = (seen - seen.mean()) / spread
    centred = steps - steps.mean()
    slope = float(centred @ z / (centred @ centred))
    if abs(slope) * len(values) < LEAST_RISE:
        return False
    rest = z - slope * centred
    return bool(1.0 - (rest @ rest) / (z @ z) >= LEAST_FIT)


def differences(values: np.ndarray) -> np.ndarray:
    """First differences with a leading 0; those that touch a missing value are missing."""
    return np.concatenate([np.zeros(1, values.dtype), np.diff(values)])


def last_level(values: np.ndarray) -> float:
    """The last known value; 0 where there is none."""
    seen = np.flatnonzero(np.isfinite(values))
    return float(values[seen[-1]]) if len(seen) else 0.0


def level_forecast(quantiles: np.ndarray, median: int) -> np.ndarray:
    """Scale the bands of targets that were forecast as they are.

    Args:
        quantiles: [..., Q, P].
        median: index of the median among the Q levels.
    """
    middle = quantiles[..., median : median + 1, :]
    factor, exponent = LEVEL_BAND
    steps = np.arange(1, quantiles.shape[-1] + 1, dtype=quantiles.dtype)
    widened: np.ndarray = middle + np.sqrt(factor) * steps**exponent * (quantiles - middle)
    return widened


def summed_forecast(quantiles: np.ndarray, median: int, level: np.ndarray) -> np.ndarray:
    """Add up forecast differences; distances from the median add as independent errors do.

    Args:
        quantiles: [..., Q, P] of the differences.
        median: index of the median among the Q levels.
        level: [...], the last known value of each target.
    """
    middle = quantiles[..., median : median + 1, :]
    away = quantiles - middle
    factor, exponent = DIFFERENCE_BAND
    steps = np.arange(1, quantiles.shape[-1] + 1, dtype=quantiles.dtype)
    side = np.sign(away.sum(axis=-1, keepdims=True))
    band = np.sqrt(factor) * steps**exponent * side * np.sqrt(np.cumsum(away**2, axis=-1))
    summed: np.ndarray = np.cumsum(middle, axis=-1) + band + level[..., None, None]
    return summed
