"""From a context to an array a baseline can use, and back from arrays to a `Forecast`."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np

from icl_core.coerce.series import time_index
from icl_core.errors import InputError
from icl_core.results import Forecast
from icl_core.types import Context, Horizon, Series

DEFAULT_LEVELS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)

log = logging.getLogger("icl.forecasting.baselines")


def one_history(context: Context, learner: str) -> Series:
    """Take the history of a context as a series of one variate.

    Args:
        context: its `history` holds values [T] or [1, T].
        learner: name for the sentences.

    Returns:
        A series with float64 values [T] of which at least one is finite.

    Raises:
        InputError: there is no history, it has several variates, or every value is missing.
    """
    series = context.history
    if series is None:
        raise InputError(f"{learner} needs the past of a series, but the context has no history")
    values = np.asarray(series.values, dtype=np.float64)
    if values.ndim == 2 and len(values) == 1:
        values = values[0]
    if values.ndim != 1:
        raise InputError(
            f"{learner} forecasts one variate, but the history has shape {values.shape}",
            hint="forecast each variate by itself",
        )
    if not np.isfinite(values).any():
        raise InputError(f"{learner} got a history of {values.size} values, none of them known")
    return Series(values, series.start, series.freq, series.name, series.covariates)


def interpolated(values: np.ndarray) -> np.ndarray:
    """Fill missing values by straight lines; at both ends the nearest known value is held.

    Args:
        values: float64 [T], at least one finite.

    Returns:
        A new array [T] without missing values.
    """
    known = np.isfinite(values)
    steps = np.arange(values.size)
    filled: np.ndarray = np.interp(steps, steps[known], values[known])
    return filled


def latest(values: np.ndarray, max_context: int | None, learner: str) -> np.ndarray:
    """Cut a history to its last values, and say so in the log."""
    if max_context is None or values.size <= max_context:
        return values
    log.info("%s reads the last %d of %d values", learner, max_context, values.size)
    return values[-max_context:]


def levels_of(horizon: Horizon) -> tuple[float, ...]:
    """Give the quantile levels that were asked for, or 0.1 to 0.9."""
    return DEFAULT_LEVELS if horizon.quantile_levels is None else tuple(horizon.quantile_levels)


def to_forecast(
    series: Series,
    levels: tuple[float, ...],
    quantiles: np.ndarray,
    mean: np.ndarray,
    meta: Mapping[str, Any],
) -> Forecast:
    """Wrap float64 arrays as a `Forecast`.

    Args:
        series: the history; its time stamps continue into the forecast.
        levels: Q quantile levels.
        quantiles: [Q, H].
        mean: [H].
        meta: notes about how the forecast was made.
    """
    limit = np.finfo(np.float32).max
    return Forecast(
        quantiles=np.clip(quantiles, -limit, limit).astype(np.float32),
        levels=levels,
        mean=np.clip(mean, -limit, limit).astype(np.float32),
        index=time_index(series, mean.size),
        name=series.name,
        history=series,
        meta=dict(meta),
    )
