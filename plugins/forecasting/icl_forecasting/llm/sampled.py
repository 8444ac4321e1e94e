"""From sample paths to a `Forecast`, and from a forecast to paths."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import NormalDist
from typing import Any

import numpy as np

from icl_core import Forecast, Horizon, Series
from icl_forecasting.baselines.history import levels_of, to_forecast
from icl_forecasting.baselines.seasonal_naive import naive_arrays
from icl_forecasting.baselines.seasonality import resolve_seasonality
from icl_forecasting.llm.problem import Problem
from icl_forecasting.llm.writers.writer import Usage

_log = logging.getLogger("icl.forecasting.llm")


def forecast_of(
    samples: np.ndarray, series: Series, horizon: Horizon, meta: Mapping[str, Any]
) -> Forecast:
    """Make a forecast of sample paths.

    Args:
        samples: float64 [S, H], at least one path.
        series: the history.
        horizon: its levels, or 0.1 to 0.9, are the quantiles of the samples at each step.
        meta: notes about how the forecast was made.

    Returns:
        Its `mean` is that of the samples.
    """
    levels = levels_of(horizon)
    quantiles = np.quantile(samples, levels, axis=0)
    plain = to_forecast(series, levels, quantiles, samples.mean(axis=0), meta)
    return replace(plain, samples=samples.astype(np.float32))


def paths_of(forecast: Forecast, count: int, seed: int) -> np.ndarray:
    """Return independent paths of a forecast: its own samples where it has enough.

    A forecast that only has quantiles gives paths that keep to one random level all the way:
    smooth courses as a person would draw them. Beyond the outermost two levels they go on as the
    normal distribution through these does, at most to the levels 0.01 and 0.99.

    Args:
        forecast: of any learner.
        count: paths wanted, S.
        seed: of the levels.

    Returns:
        float64 [S, H].
    """
    if forecast.samples is not None and len(forecast.samples) >= count:
        return forecast.samples[:count].astype(np.float64)
    levels = np.random.default_rng(seed).uniform(0.01, 0.99, count)
    return _at(forecast, [float(level) for level in levels])


def median_of(forecast: Forecast) -> np.ndarray:
    """Return the median at each step: of the samples where there are some; float64 [H]."""
    if forecast.samples is not None and len(forecast.samples):
        found: np.ndarray = np.median(forecast.samples.astype(np.float64), axis=0)
        return found
    row: np.ndarray = _at(forecast, [0.5])[0]
    return row


def _at(forecast: Forecast, levels: Sequence[float]) -> np.ndarray:
    """Return the quantiles at other levels, as of normal distributions between the known ones."""
    normal = NormalDist()
    known = np.array([normal.inv_cdf(level) for level in forecast.levels])
    places = np.array([normal.inv_cdf(level) for level in levels])
    rows = np.sort(forecast.quantiles.astype(np.float64), axis=0)
    if len(known) == 1:
        return np.tile(rows[0], (len(levels), 1))
    after = np.clip(np.searchsorted(known, places), 1, len(known) - 1)
    share = (places - known[after - 1]) / (known[after] - known[after - 1])
    found: np.ndarray = rows[after - 1] + share[:, None] * (rows[after] - rows[after - 1])
    return found


def usage_of(usage: Usage) -> dict[str, Any]:
    """Return what samples cost, for the notes of a forecast."""
    tokens = {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
    }
    if usage.uncounted:
        tokens["uncounted_requests"] = usage.uncounted
    return {
        "requests": usage.requests,
        "from_log": usage.from_log,
        "usage": tokens,
        "cost": usage.cost,
    }


def naive(problem: Problem, count: int, meta: Mapping[str, Any]) -> Forecast:
    """Return the seasonal naive forecast, with `count` paths, in place of one that failed.

    Its notes say why, under "fallback".
    """
    series, horizon = problem.series, problem.horizon
    season = resolve_seasonality(None, series)
    levels = levels_of(horizon)
    point, quantiles = naive_arrays(series.values, season, horizon.length, levels)
    _log.warning("%s", meta["fallback"])
    found = to_forecast(series, levels, quantiles, point, meta)
    return replace(found, samples=paths_of(found, count, 0).astype(np.float32))
