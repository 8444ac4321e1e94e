"""The answer of a forecasting learner to a history of several variates."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TextIO

import numpy as np

from icl_core.errors import InputError, PluginError
from icl_core.results.forecast import Forecast
from icl_core.results.prediction import Prediction
from icl_core.results.save import (
    atomic_path,
    check_suffix,
    strict_json,
    write_json,
    write_parquet,
)

if TYPE_CHECKING:
    from icl_core.types import Series


@dataclass(frozen=True, eq=False, repr=False)
class MultiForecast(Prediction):
    """The future of several variates that were forecast together: one `Forecast` each, in order.

    One answer to one query, as a history [V, T] with V > 1 gets it. It iterates over its
    forecasts and is indexed by a variate's number or name. Tables have the rows of one variate
    after the other, told apart by `item_id`, as those of several series have.

    Args:
        forecasts: one a variate; they share levels, steps and time stamps.
        variates: what the variates are called, each name once.
        name: what the series is called.
        meta: how the answer came about.

    Raises:
        PluginError: there is none, or two differ in levels, steps, time stamps or name.
    """

    forecasts: tuple[Forecast, ...]
    variates: tuple[str, ...]
    name: str | None = None
    meta: dict[str, Any] = field(default_factory=dict)

    suffixes: ClassVar[tuple[str, ...]] = Forecast.suffixes

    def __post_init__(self) -> None:
        object.__setattr__(self, "forecasts", tuple(self.forecasts))
        object.__setattr__(self, "variates", tuple(self.variates))
        object.__setattr__(self, "meta", dict(self.meta))
        if not self.forecasts:
            raise PluginError("MultiForecast has no forecasts, expected one a variate")
        for number, forecast in enumerate(self.forecasts):
            if not isinstance(forecast, Forecast):
                kind = type(forecast).__name__
                raise PluginError(f"MultiForecast.forecasts[{number}] is {kind}")
            if not _alike(self.forecasts[0], forecast):
                raise PluginError(
                    f"MultiForecast.forecasts[{number}] has other levels, steps or time stamps "
                    "than the first"
                )
        if len(self.variates) != len(self.forecasts) or len(set(self.variates)) < len(
            self.variates
        ):
            raise PluginError(
                f"MultiForecast.variates are {self.variates}, expected {len(self.forecasts)} "
                "different names"
            )

    @classmethod
    def of(
        cls,
        quantiles: np.ndarray,
        levels: tuple[float, ...],
        mean: np.ndarray,
        index: np.ndarray | None,
        history: Series,
        meta: dict[str, Any],
    ) -> Forecast | MultiForecast:
        """The answer to a history: a `Forecast` for one variate, else a `MultiForecast`.

        Args:
            quantiles: float32 [V, Q, H].
            levels: the Q levels.
            mean: float32 [V, H].
            index: `datetime64[ns]` [H], if known.
            history: what was continued, [T] or [V, T].
            meta: how the answer came about.
        """
        from icl_core.coerce.variates import one_variate, variate_names

        if len(quantiles) == 1:
            own = one_variate(history, 0)
            return Forecast(quantiles[0], levels, mean[0], index, None, history.name, own, meta)
        names = variate_names(history)
        forecasts = tuple(
            Forecast(
                quantiles[number],
                levels,
                mean[number],
                index,
                None,
                f"{history.name}/{name}" if history.name else name,
                one_variate(history, number),
            )
            for number, name in enumerate(names)
        )
        return cls(forecasts, names, history.name, meta)

    def __len__(self) -> int:
        return len(self.forecasts)

    def __iter__(self) -> Iterator[Forecast]:
        return iter(self.forecasts)

    def __getitem__(self, variate: int | str) -> Forecast:
        if isinstance(variate, str):
            if variate not in self.variates:
                raise InputError(
                    f"the forecast has no variate {variate!r}; it has {', '.join(self.variates)}"
                )
            variate = self.variates.index(variate)
        return self.forecasts[variate]

    def __repr__(self) -> str:
        first = self.forecasts[0]
        shown = ", ".join(self.variates[:8]) + (", ..." if len(self.variates) > 8 else "")
        return f"MultiForecast({self.name or 'unnamed'}, {shown}; {len(first)} steps each)"

    @property
    def quantiles(self) -> np.ndarray:
        """Float32 [V, Q, H]."""
        return np.stack([forecast.quantiles for forecast in self.forecasts])

    @property
    def mean(self) -> np.ndarray:
        """Float32 [V, H], the point forecasts."""
        return np.stack([forecast.mean for forecast in self.forecasts])

    @property
    def levels(self) -> tuple[float, ...]:
        """The quantile levels, the same for every variate."""
        return self.forecasts[0].levels

    @property
    def index(self) -> np.ndarray | None:
        """`datetime64[ns]` [H], the time stamps of the steps, if known."""
        return self.forecasts[0].index

    def level_names(self) -> list[str]:
        """Return what the levels are called in tables."""
        return self.forecasts[0].level_names()

    def save(self, path: str | Path, overwrite: bool = False) -> Path:
        """Write a `.csv` or `.parquet` with one row a variate and step, or a `.json`.

        Raises:
            MissingExtraError: a `.parquet` is asked for and pandas or pyarrow is not installed.
        """
        suffix = check_suffix(path, self.suffixes)
        if suffix == ".json":
            return write_json(path, self.to_dict(), overwrite)
        frame = self.to_pandas() if suffix == ".parquet" else None
        with atomic_path(path, overwrite) as temporary:
            if frame is None:
                with temporary.open("w", newline="", encoding="utf-8") as file:
                    self.write_csv(file)
            else:
                write_parquet(frame, temporary)
        return Path(path)

    def write_csv(self, file: TextIO, header: bool = True) -> None:
        """Write one row a variate and step to an open text file; see `Forecast.write_csv`."""
        for number, forecast in enumerate(self.forecasts):
            forecast.write_csv(file, header=header and number == 0)

    def plot(
        self,
        path: str | Path | None = None,
        *,
        history_steps: int | None = None,
        title: str | None = None,
        truth: Any = None,
        overwrite: bool = False,
    ) -> Any:
        """Draw each variate as `Forecast.plot` does, one below the other.

        Args:
            path: where to write the drawing (.png, .svg, .pdf), if anywhere.
            history_steps: how much of the history to show.
            title: text above the drawing; the series' name where not given.
            truth: [V, H], what really came, if known.
            overwrite: whether an existing file may be replaced.

        Returns:
            A `matplotlib.figure.Figure`.

        Raises:
            InputError: the truth has another shape than the forecast.
            MissingExtraError: matplotlib is not installed.
        """
        from icl_core.results.forecast_plot import stacked_charts, write_figure

        figure = stacked_charts(self, history_steps=history_steps, title=title, truth=truth)
        if path is not None:
            write_figure(figure, path, overwrite)
        return figure

    def to_dict(self) -> dict[str, Any]:
        """Return all fields as strict JSON data, each variate as `Forecast.to_dict` gives it."""
        return {
            "type": "multi-forecast",
            "name": self.name,
            "variates": list(self.variates),
            "forecasts": [forecast.to_dict() for forecast in self.forecasts],
            "meta": strict_json(self.meta),
        }

    def to_pandas(self) -> Any:
        """Return a `DataFrame` with one row a variate and step; see `Forecast.to_pandas`."""
        frames = [forecast.to_pandas() for forecast in self.forecasts]
        import pandas

        return pandas.concat(frames, ignore_index=True)

    def to_gluonts(self, start_date: Any = None) -> list[Any]:
        """Return one `gluonts.model.forecast.QuantileForecast` a variate."""
        return [forecast.to_gluonts(start_date) for forecast in self.forecasts]


def _alike(one: Forecast, other: Forecast) -> bool:
    if one.levels != other.levels or len(one) != len(other):
        return False
    if one.index is None or other.index is None:
        return one.index is other.index
    return np.array_equal(one.index, other.index)
