"""Series, clocks and a cheap forecaster for the tests of conditioning."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from icl_core import Forecast, Horizon, Series
from icl_forecasting.cik.clocks import clock_of
from icl_forecasting.cik.condition import Conditioned, condition
from icl_forecasting.cik.statements import Reading, Statement

LEVELS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


def naive(season: int = 1, spread: float = 1.0) -> Callable[[Series, Horizon], Forecast]:
    """A forecaster: the last season again, missing values skipped, with a fixed spread."""

    def forecast(history: Series, horizon: Horizon) -> Forecast:
        values = np.asarray(history.values, float)
        filled = np.where(np.isfinite(values), values, np.nanmean(values))
        middle = np.resize(filled[-season:], horizon.length)
        levels = horizon.quantile_levels or LEVELS
        steps = spread * 2 * (np.array(levels)[:, None] - 0.5)
        quantiles = (middle + steps).astype(np.float32)
        return Forecast(quantiles, tuple(levels), middle.astype(np.float32), history=history)

    return forecast


def conditioned(
    values: Sequence[float] | np.ndarray,
    length: int,
    *statements: Statement,
    start: str = "2023-05-01",
    freq: str = "h",
    season: int = 24,
    levels: tuple[float, ...] | None = None,
) -> Conditioned:
    """Condition the naive forecast of a series on statements."""
    series = Series(np.asarray(values, float), np.datetime64(start, "ns"), freq, "y")
    clock = clock_of(series, length)
    horizon = Horizon(length, levels)
    return condition(Reading(tuple(statements)), series, clock, horizon, naive(season))


def daily(days: int, level: float = 100.0) -> np.ndarray:
    """A smooth daily course of hourly values, [24 * days]."""
    hours = np.arange(24 * days)
    return level + 0.4 * level * np.sin(2 * np.pi * (hours - 8) / 24)


def stamp(text: str) -> np.datetime64:
    """A moment in nanoseconds."""
    return np.datetime64(text, "ns")


def hours(count: float) -> np.timedelta64:
    """A duration in nanoseconds."""
    return np.timedelta64(int(count * 3_600_000_000_000), "ns")
