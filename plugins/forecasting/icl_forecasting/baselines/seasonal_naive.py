"""The last season, repeated; with quantiles from how wrong that was in the past."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from icl_core.cards import LearnerCard
from icl_core.errors import InputError
from icl_core.learner import Learner, LoadOptions
from icl_core.results import Prediction
from icl_core.types import Context, Horizon, Series
from icl_forecasting.baselines.history import levels_of, one_history, to_forecast
from icl_forecasting.baselines.seasonality import resolve_seasonality

QUANTILES = ("errors", "point")


def repeat_season(values: np.ndarray, seasonality: int, length: int) -> np.ndarray:
    """Repeat the last season.

    A missing value is taken from the season before, and so on; a phase that was never seen takes
    the last known value. A history shorter than one season repeats its last known value.

    Args:
        values: float64 [T], at least one finite.
        seasonality: steps in one season, at least 1.
        length: steps to forecast, H.

    Returns:
        float64 [H], finite.
    """
    last = values[np.flatnonzero(np.isfinite(values))[-1]]
    if values.size < seasonality:
        return np.full(length, last)
    cycles = -(-values.size // seasonality)
    missing = np.full(cycles * seasonality - values.size, np.nan)
    grid = np.concatenate([missing, values]).reshape(cycles, seasonality)
    known = np.isfinite(grid)
    newest = cycles - 1 - np.argmax(known[::-1], axis=0)
    season: np.ndarray = np.where(known.any(axis=0), grid[newest, np.arange(seasonality)], last)
    return np.resize(season, length)


def error_quantiles(
    values: np.ndarray, seasonality: int, length: int, levels: Sequence[float]
) -> np.ndarray:
    """Tell how far the seasonal naive forecast of each step may be off.

    The errors one season ahead that the method made inside the history, taken with both signs,
    give the quantiles of the first season; in the k-th season they grow with the square root of
    k, as they would for a seasonal random walk. Without any such error the answer is zero.

    Args:
        values: float64 [T], NaN = missing.
        seasonality: steps in one season; a history shorter than that is treated as having none.
        length: steps to forecast, H.
        levels: Q quantile levels.

    Returns:
        float64 [Q, H], to be added to the point forecast.
    """
    lag = seasonality if values.size > seasonality else 1
    errors = values[lag:] - values[:-lag]
    errors = np.abs(errors[np.isfinite(errors)])
    if not errors.size:
        return np.zeros((len(levels), length))
    spread = np.quantile(np.concatenate([-errors, errors]), levels)
    growth = np.sqrt(np.arange(length) // lag + 1)
    return np.outer(spread, growth)


def naive_arrays(
    values: np.ndarray,
    seasonality: int,
    length: int,
    levels: Sequence[float],
    quantiles: str = "errors",
) -> tuple[np.ndarray, np.ndarray]:
    """Forecast with the seasonal naive method.

    Args:
        values: float64 [T], at least one finite.
        seasonality: steps in one season.
        length: steps to forecast, H.
        levels: Q quantile levels.
        quantiles: "errors" (see `error_quantiles`) or "point" (every level is the point).

    Returns:
        The point forecast [H] and the quantiles [Q, H].
    """
    point = repeat_season(values, seasonality, length)
    if quantiles == "point":
        return point, np.tile(point, (len(levels), 1))
    return point, point + error_quantiles(values, seasonality, length, levels)


class SeasonalNaive(Learner):
    """The last season, repeated.

    Args:
        card: the learner's card.
        load: how it was asked to be loaded.
        seasonality: steps in one season; None = from the frequency of each series.
        quantiles: "errors" for quantiles from past errors, "point" for the point forecast on
            every level, which is how benchmarks score this method.
        options: none others.
    """

    predict_options: ClassVar[frozenset[str]] = frozenset({"seasonality", "quantiles"})

    def __init__(
        self,
        card: LearnerCard,
        load: LoadOptions,
        seasonality: int | None = None,
        quantiles: str = "errors",
        **options: Any,
    ) -> None:
        super().__init__(card, load, **options)
        self._seasonality = seasonality
        self._quantiles = _checked(quantiles)

    def _prepare(self, context: Context) -> Series:
        return one_history(context, self.card.name)

    def _predict(
        self, prepared: Series, queries: Sequence[Horizon], **options: Any
    ) -> list[Prediction]:
        season = resolve_seasonality(options.get("seasonality", self._seasonality), prepared)
        kind = _checked(options.get("quantiles", self._quantiles))
        meta: dict[str, Any] = {"seasonality": season}
        if season > prepared.values.size:
            meta["fallback"] = (
                f"the history has {prepared.values.size} values and a season {season}: "
                "the last value is repeated"
            )
        forecasts: list[Prediction] = []
        for horizon in queries:
            levels = levels_of(horizon)
            point, spread = naive_arrays(prepared.values, season, horizon.length, levels, kind)
            forecasts.append(to_forecast(prepared, levels, spread, point, meta))
        return forecasts


def _checked(quantiles: str) -> str:
    if quantiles not in QUANTILES:
        raise InputError(f"quantiles is {quantiles!r}, expected one of {QUANTILES}")
    return quantiles
