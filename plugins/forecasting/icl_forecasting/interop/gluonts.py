"""Forecasting GluonTS data sets, and standing in as a GluonTS predictor for its evaluation."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from icl_core.coerce.series import to_horizon, to_series
from icl_core.coerce.timeline import time_index
from icl_core.errors import InputError, MissingExtraError
from icl_core.learner import Learner
from icl_core.results import Forecast
from icl_core.results.forecast_gluonts import period
from icl_core.types import Context, Episode, Horizon, Series
from icl_forecasting.interop.loading import forecaster

try:
    from gluonts.model.forecast import QuantileForecast
    from gluonts.model.predictor import Predictor
except ImportError as error:
    raise MissingExtraError(
        "forecasting GluonTS data sets needs GluonTS", "pip install 'icl-forecasting[gluonts]'"
    ) from error


def predict_dataset(
    learner: str | Learner,
    dataset: Iterable[Mapping[str, Any]],
    prediction_length: int,
    *,
    quantile_levels: Sequence[float] | None = None,
    batch_size: int = 64,
    **options: Any,
) -> Iterator[QuantileForecast]:
    """Forecast every entry of a GluonTS data set: streaming, batched, in order.

    Args:
        learner: a loaded learner, or a name, which is loaded for this call.
        dataset: entries with `target` and, where known, `start` (a `pandas.Period`) and
            `item_id`; it is read one batch at a time.
        prediction_length: number of steps after each entry's target.
        quantile_levels: levels in (0, 1), strictly increasing; the learner's own where not given.
        batch_size: entries in one forward pass.
        **options: the learner's predict options; with a name also the arguments of `icl.load`.

    Returns:
        An iterator of `QuantileForecast`s whose keys are the levels ("0.1", ...) and "mean", the
        learner's point forecast (the median, for TiRex). They start where the entry's target
        ends; without a `start` in the entry, as if it were hourly since 2000.

    Raises:
        InputError: an argument, at the call; an entry (its number and item are named), when it
            is read.
    """
    levels = None if quantile_levels is None else tuple(quantile_levels)
    asked = to_horizon(Horizon(prediction_length, levels))
    loaded, for_predict = forecaster(learner, options)
    return _stream(loaded, dataset, asked, batch_size, for_predict)


def _stream(
    learner: Learner,
    dataset: Iterable[Mapping[str, Any]],
    asked: Horizon,
    batch_size: int,
    options: dict[str, Any],
) -> Iterator[QuantileForecast]:
    waiting: deque[tuple[Any, Any]] = deque()

    def episodes() -> Iterator[Episode]:
        for number, entry in enumerate(dataset):
            try:
                series = to_series(entry)
            except InputError as error:
                item = entry.get("item_id", "") if isinstance(entry, Mapping) else ""
                raise InputError(
                    f"entry {number} {item}".rstrip() + f": {error.message}", error.hint
                ) from error
            waiting.append((_first_period(entry.get("start"), series), entry.get("item_id")))
            yield Episode(Context(history=series), asked, meta={"id": series.name or number})

    for forecast in learner.predict_episodes(episodes(), batch_size=batch_size, **options):
        after, item_id = waiting.popleft()
        assert isinstance(forecast, Forecast)  # `predict_episodes` has checked it
        yield forecast.to_gluonts(start_date=after, item_id=item_id)


def _first_period(start: Any, series: Series) -> Any:
    """The period after the series; None where neither its start nor its frequency is known."""
    if start is not None and hasattr(start, "to_timestamp"):
        return start + len(series)  # a period knows its own steps
    index = time_index(series, 1)
    return None if index is None or series.freq is None else period(index[0], series.freq)


class ICLPredictor(Predictor):  # type: ignore[misc] # GluonTS has no types
    """A learner as a GluonTS predictor, for `gluonts.model.evaluate_model` and the like.

    Args:
        learner: a loaded learner, or a name, which is loaded once.
        prediction_length: number of steps to forecast.
        quantile_levels: levels in (0, 1), strictly increasing; the learner's own where not given.
        batch_size: entries in one forward pass.
        **options: as in `predict_dataset`.
    """

    def __init__(
        self,
        learner: str | Learner,
        prediction_length: int,
        *,
        quantile_levels: Sequence[float] | None = None,
        batch_size: int = 64,
        **options: Any,
    ) -> None:
        to_horizon(prediction_length)
        super().__init__(prediction_length=prediction_length)
        self.learner, self.options = forecaster(learner, options)
        self.quantile_levels = None if quantile_levels is None else tuple(quantile_levels)
        self.batch_size = batch_size

    def predict(
        self, dataset: Iterable[Mapping[str, Any]], num_samples: int | None = None, **options: Any
    ) -> Iterator[QuantileForecast]:
        """Forecast every entry; see `predict_dataset`.

        Args:
            dataset: entries of GluonTS.
            num_samples: given by GluonTS to predictors that sample; quantiles need none.
            **options: predict options, over those of the constructor.
        """
        return predict_dataset(
            self.learner,
            dataset,
            self.prediction_length,
            quantile_levels=self.quantile_levels,
            batch_size=self.batch_size,
            **{**self.options, **options},
        )

    def serialize(self, path: Path) -> None:
        """Refuse: a learner's weights are not copied into a predictor's folder.

        Raises:
            InputError: always; the hint says what to keep instead.
        """
        raise InputError(
            "an ICLPredictor is not written to a folder",
            f"keep the learner's name and weights: icl.load({self.learner.card.name!r}, ...)",
        )
