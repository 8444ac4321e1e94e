"""Exponential smoothing, ARIMA and Theta with automatic choice of the model.

The fitting is done by the optional library statsforecast. A series that the library cannot fit
(too short, constant, or a failure inside) is forecast by the seasonal naive method, and
`Forecast.meta["fallback"]` says why.
"""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, ClassVar

import numpy as np

from icl_core.cards import LearnerCard
from icl_core.errors import InputError, MissingExtraError
from icl_core.learner import Learner, LoadOptions
from icl_core.results import Forecast, Prediction
from icl_core.types import Context, Horizon, Series
from icl_forecasting.baselines.exogenous import Regressors, regressors
from icl_forecasting.baselines.history import (
    interpolated,
    latest,
    levels_of,
    one_history,
    to_forecast,
)
from icl_forecasting.baselines.seasonal_naive import naive_arrays
from icl_forecasting.baselines.seasonality import resolve_seasonality

MIN_VALUES = 5
"""Fewer values than this have no residuals left to estimate a spread from."""

MAX_CONTEXT = 2000

log = logging.getLogger("icl.forecasting.baselines")


@dataclass
class _History:
    """A prepared series; models are fitted when first asked for, once for what they read."""

    series: Series
    values: np.ndarray
    filled: np.ndarray
    exponent: int
    models: dict[tuple[Any, ...], Any] = field(default_factory=dict)


class StatisticalLearner(Learner):
    """A model class of statsforecast behind the two verbs.

    Args:
        card: the learner's card.
        load: how it was asked to be loaded.
        seasonality: steps in one season; None = from the frequency of each series.
        max_context: read only so many of the last values; None = all of them, which can take a
            minute for a series of 10,000 values.
        options: none others.

    Raises:
        MissingExtraError: statsforecast is not installed.
    """

    predict_options: ClassVar[frozenset[str]] = frozenset({"seasonality"})
    model_name: ClassVar[str]
    max_seasonality: ClassVar[int | None] = None
    """Seasons longer than this are ignored, since the method cannot fit them."""

    takes_regressors: ClassVar[bool] = False
    """Whether the model regresses on covariates."""

    def __init__(
        self,
        card: LearnerCard,
        load: LoadOptions,
        seasonality: int | None = None,
        max_context: int | None = MAX_CONTEXT,
        **options: Any,
    ) -> None:
        super().__init__(card, load, **options)
        if max_context is not None and max_context < 1:
            raise InputError(f"max_context is {max_context}, expected at least 1")
        self._seasonality = seasonality
        self._max_context = max_context
        try:
            self._models = import_module("statsforecast.models")
        except ImportError as error:
            raise MissingExtraError(
                f"{card.name} needs the library statsforecast, which is not installed",
                hint=f"pip install '{card.extra}'",
            ) from error

    def _new_model(self, season: int, size: int) -> Any:
        """Make an unfitted model for `size` values with the given season."""
        return getattr(self._models, self.model_name)(season_length=season)

    def _prepare(self, context: Context) -> _History:
        series = one_history(context, self.card.name)
        values = latest(series.values, self._max_context, self.card.name)
        if not np.isfinite(values).any():
            raise InputError(
                f"{self.card.name}: none of the last {values.size} values of the history is known"
            )
        filled = interpolated(values)
        # The optimisers work with absolute tolerances; a power of two changes no digit.
        exponent = math.frexp(float(np.abs(filled).max()))[1]
        exponent = exponent if abs(exponent) > 30 else 0
        return _History(series, values, filled, exponent)

    def _predict(
        self, prepared: _History, queries: Sequence[Horizon], **options: Any
    ) -> list[Prediction]:
        asked = options.get("seasonality", self._seasonality)
        season = resolve_seasonality(asked, prepared.series)
        return [self._forecast(prepared, horizon, season) for horizon in queries]

    def _forecast(self, history: _History, horizon: Horizon, season: int) -> Forecast:
        levels = levels_of(horizon)
        meta: dict[str, Any] = {"seasonality": season}
        if history.values.size < history.series.values.size:
            meta["context_used"] = history.values.size
        fitted = season
        if self.max_seasonality is not None and season > self.max_seasonality:
            fitted = 1
            meta["note"] = f"a season of {season} is more than {self.model_name} can fit: ignored"
        beside = None
        if self.takes_regressors and history.series.covariates:
            read = history.values.size
            beside = regressors(history.series, horizon, read, self.card.name, fitted)
            meta["covariates"] = list(beside.names) if beside else []
        try:
            point, quantiles = self._fit_and_forecast(
                history, horizon.length, levels, fitted, beside
            )
        except Exception as error:
            # The library raises whatever its optimiser met; a baseline must answer all the same.
            meta["fallback"] = f"{type(error).__name__}: {error}"
            log.info("%s falls back to seasonal naive: %s", self.card.name, meta["fallback"])
            point, quantiles = naive_arrays(history.values, season, horizon.length, levels)
        return to_forecast(history.series, levels, quantiles, point, meta)

    def _fit_and_forecast(
        self,
        history: _History,
        length: int,
        levels: Sequence[float],
        season: int,
        beside: Regressors | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        filled = history.filled
        if filled.size < MIN_VALUES:
            raise ValueError(f"{filled.size} values are too few")
        if np.ptp(filled) == 0:
            raise ValueError("the history is constant")
        coverages = sorted({_coverage(level) for level in levels} - {0.0})
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            key = (season, beside and beside.names)
            past = {} if beside is None else {"X": beside.past}
            future = {} if beside is None else {"X": beside.future}
            if key not in history.models:
                model = self._new_model(season, filled.size)
                history.models[key] = model.fit(np.ldexp(filled, -history.exponent), **past)
            # Some interval formulas simulate with numpy's global generator.
            state = np.random.get_state()
            np.random.seed(0)
            try:
                answer = history.models[key].predict(h=length, level=coverages or None, **future)
            finally:
                np.random.set_state(state)
        point = np.asarray(answer["mean"], dtype=np.float64)
        rows = [_row(answer, point, level) for level in levels]
        quantiles = np.ldexp(np.stack(rows), history.exponent)
        point = np.ldexp(point, history.exponent)
        if not (np.isfinite(point).all() and np.isfinite(quantiles).all()):
            raise ValueError("the fitted model forecasts values that are not finite")
        return point, quantiles


class AutoETS(StatisticalLearner):
    """Exponential smoothing in state-space form; error, trend and season chosen by AICc."""

    model_name = "AutoETS"
    max_seasonality = 24


class AutoTheta(StatisticalLearner):
    """The best of four Theta models, after the series is seasonally adjusted."""

    model_name = "AutoTheta"


class AutoARIMA(StatisticalLearner):
    """Seasonal ARIMA by stepwise search over its orders.

    A history of more than 150 values, or a season of more than 12, is searched with conditional
    sums of squares and only the winner is refitted by maximum likelihood, as R's `auto.arima`
    does. Covariates whose future is known are regressed on; the errors are the ARIMA process.
    """

    model_name = "AutoARIMA"
    takes_regressors = True
    max_seasonality = 24

    def _new_model(self, season: int, size: int) -> Any:
        fast = size > 150 or season > 12
        return self._models.AutoARIMA(season_length=season, approximation=fast)


def _coverage(level: float) -> float:
    """Give the coverage in percent of the symmetric interval that ends at a quantile level."""
    return round(abs(2 * level - 1) * 100, 9)


def _row(answer: Any, point: np.ndarray, level: float) -> np.ndarray:
    """Take one quantile [H]; the median is the point forecast, and no quantile crosses it."""
    coverage = _coverage(level)
    if coverage == 0.0:
        return point
    below = level < 0.5
    end = np.asarray(answer[f"{'lo' if below else 'hi'}-{coverage}"], dtype=np.float64)
    row: np.ndarray = np.minimum(end, point) if below else np.maximum(end, point)
    return row
