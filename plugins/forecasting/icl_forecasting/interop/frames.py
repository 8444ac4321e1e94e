"""Forecasting a whole data frame of series in one call."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from icl_core.coerce.frame_future import FutureTable
from icl_core.coerce.frame_series import FrameSeries, find_column, flat_frame, split_frame
from icl_core.coerce.series import to_horizon
from icl_core.coerce.stamps import Stamps
from icl_core.coerce.timeline import pandas, time_index
from icl_core.errors import InputError, PluginError
from icl_core.learner import Learner
from icl_core.results import Forecast
from icl_core.types import Context, Episode, Horizon
from icl_forecasting.interop.loading import forecaster

logger = logging.getLogger("icl.forecasting")

_NIXTLA = {"item_id": "unique_id", "timestamp": "ds", "target": "y"}


def predict_df(
    learner: str | Learner,
    frame: Any,
    horizon: int | Horizon,
    *,
    id_column: str = "item_id",
    timestamp_column: str = "timestamp",
    target: str | Sequence[str] = "target",
    quantile_levels: Sequence[float] | None = None,
    freq: Any = None,
    covariates: Sequence[str] = (),
    future: Any = None,
    batch_size: int = 256,
    **options: Any,
) -> Any:
    """Forecast every series of a long data frame.

    Args:
        learner: a loaded learner, or a name, which is loaded for this call.
        frame: `pandas.DataFrame`, one row an item and time stamp, in any order; NaN = missing. A
            frame indexed by item and time works too. The names unique_id, ds and y are read
            where the default ones are not there, and the answer uses the same names.
        horizon: number of steps, or a `Horizon`.
        id_column: column that tells the series apart.
        timestamp_column: column with the time stamps. Gaps become missing values.
        target: column to forecast, or several; each is forecast by itself.
        quantile_levels: levels in (0, 1), strictly increasing; the learner's own where not given.
        freq: pandas frequency; found over all series where not given. Series of fewer than three
            rows need it, unless a longer one shows it.
        covariates: columns of numbers or words that help, for learners that read them.
        future: `DataFrame` with the id, the time stamps of the steps to come, and those
            covariates that are known for them; the others are past-only.
        batch_size: series in one forward pass; bounds the memory.
        **options: the learner's predict options; with a name also the arguments of `icl.load`.

    Returns:
        A `DataFrame` with the columns id, time stamp (in the frame's time zone), `target_name`,
        `predictions` (the learner's point forecast) and one for each level, "0.1", "0.2", ...;
        sorted by id and target, one row a step.

    Raises:
        InputError: the frame cannot be used; the sentence names the column, id and row.
    """
    asked = _horizon(horizon, quantile_levels)
    flat = flat_frame(frame)
    id_column = _column(flat, id_column, "item")
    timestamp_column = _column(flat, timestamp_column, "time")
    targets = [target] if isinstance(target, str) else list(target)
    targets = [_column(flat, name, "target") for name in targets]
    if not targets:
        raise InputError("target is empty, expected at least one column")
    for name in covariates:
        find_column(flat, name, (), "covariate")
    _note_unused(flat, {id_column, timestamp_column, *targets, *covariates})
    split = split_frame(
        flat,
        targets,
        timestamp_column,
        id_column,
        freq,
        sort_items=True,
        covariates=list(covariates),
    )
    loaded, for_predict = forecaster(learner, options)
    if covariates and not loaded.card.takes_covariates:
        raise InputError(f"{loaded.card.name} reads no covariates, expected none")
    table_ahead = None
    if future is not None:
        table_ahead = FutureTable(future, covariates, asked.length, timestamp_column, id_column)

    waiting: deque[FrameSeries] = deque()

    def episodes() -> Iterator[Episode]:
        for one in split.series:
            waiting.append(one)
            ahead = asked
            if table_ahead is not None:
                ahead = replace(asked, covariates=table_ahead.of(one))
            yield Episode(Context(history=one.series), ahead, meta={"id": one.series.name})

    table = _Table(id_column, timestamp_column)
    for forecast in loaded.predict_episodes(episodes(), batch_size=batch_size, **for_predict):
        assert isinstance(forecast, Forecast)  # `predict_episodes` has checked it
        table.add(waiting.popleft(), forecast)
    return table.frame(flat[id_column].dtype, split.stamps)


class _Table:
    """The answer as it grows: one block of rows a series."""

    def __init__(self, id_column: str, timestamp_column: str) -> None:
        self.id_column = id_column
        self.timestamp_column = timestamp_column
        self.levels: list[str] = []
        self.keys: list[tuple[Any, str]] = []
        self.stamps: list[np.ndarray] = []
        self.values: list[np.ndarray] = []

    def add(self, one: FrameSeries, forecast: Forecast) -> None:
        names = forecast.level_names()
        if self.values and names != self.levels:
            raise PluginError(f"the levels changed from {self.levels} to {names} between series")
        stamps = time_index(one.series, len(forecast))
        if stamps is None:
            raise PluginError(f"{one.series!r} of a frame has no time stamps")
        self.levels = names
        self.keys.append((one.item, one.column))
        self.stamps.append(stamps)
        self.values.append(np.concatenate([forecast.mean[None], forecast.quantiles]))

    def frame(self, id_dtype: Any, stamps: Stamps | None) -> Any:
        pd = pandas()
        steps = [value.shape[1] for value in self.values]
        items, columns = zip(*self.keys, strict=True)
        rows = np.concatenate(self.values, axis=1)
        when = np.concatenate(self.stamps)
        ids = pd.Series(items, dtype=id_dtype).repeat(steps).reset_index(drop=True)
        answer = {
            self.id_column: ids,
            self.timestamp_column: when if stamps is None else stamps.restore(when),
            "target_name": np.repeat(np.array(columns, dtype=object), steps),
            "predictions": rows[0],
        }
        answer.update(zip(self.levels, rows[1:], strict=True))
        return pd.DataFrame(answer)


def _horizon(horizon: int | Horizon, levels: Sequence[float] | None) -> Horizon:
    checked = to_horizon(horizon)
    if levels is None:
        return checked
    if checked.quantile_levels is not None:
        raise InputError("quantile_levels is given twice: by itself and in the horizon")
    return to_horizon(replace(checked, quantile_levels=tuple(levels)))


def _column(frame: Any, name: str, what: str) -> str:
    """Return the column, or its Nixtla name where a default name is not there."""
    other = _NIXTLA.get(name)
    if name not in frame.columns and other in frame.columns:
        return str(other)
    found = find_column(frame, name, (), what)
    assert found is not None
    return found


def _note_unused(frame: Any, used: set[str]) -> None:
    unused = [str(column) for column in frame.columns if column not in used]
    if unused:
        logger.info("columns that are not used: %s", ", ".join(unused[:12]))
