"""The answer of a forecasting learner."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TextIO

import numpy as np

from icl_core.errors import InputError, MissingExtraError, PluginError
from icl_core.results.prediction import Prediction, check_array
from icl_core.results.save import (
    atomic_path,
    check_suffix,
    csv_cell,
    strict_json,
    write_json,
    write_parquet,
)

if TYPE_CHECKING:
    from icl_core.types import Series

LEVEL_TOLERANCE = 1e-9
"""Two quantile levels this close are the same level."""


@dataclass(frozen=True, eq=False, repr=False)
class Forecast(Prediction):
    """The future of a series, as quantiles.

    Quantiles are kept as the learner gave them: they are not sorted, so a network's may cross.

    Args:
        quantiles: float32 [Q, H], one row a level.
        levels: [Q], strictly increasing, between 0 and 1.
        mean: float32 [H], the learner's point forecast. Where a learner only has quantiles, such
            as TiRex, it is the median.
        index: `datetime64[ns]` [H], the time stamps of the steps, if known.
        samples: float32 [S, H], sample paths of a learner that has them.
        name: what the series is called.
        history: the series that was continued, for plots.
        meta: how the answer came about: what was cut, how levels were filled in.

    Raises:
        PluginError: a field has another type or shape, or levels are out of order.
    """

    quantiles: np.ndarray
    levels: tuple[float, ...]
    mean: np.ndarray
    index: np.ndarray | None = None
    samples: np.ndarray | None = None
    name: str | None = None
    history: Series | None = None
    meta: dict[str, Any] = field(default_factory=dict)

    suffixes: ClassVar[tuple[str, ...]] = (".csv", ".json", ".parquet")

    def __post_init__(self) -> None:
        levels = tuple(float(level) for level in self.levels)
        object.__setattr__(self, "levels", levels)
        object.__setattr__(self, "meta", dict(self.meta))
        ordered = all(a < b for a, b in pairwise(levels))
        if not levels or not ordered or not all(0 < level < 1 for level in levels):
            raise PluginError(
                f"Forecast.levels are {levels}, expected strictly increasing ones between 0 and 1"
            )
        check_array("Forecast", "quantiles", self.quantiles, np.float32, (len(levels), None))
        steps = self.quantiles.shape[1]
        if steps == 0:
            raise PluginError("Forecast.quantiles have no step, expected at least one")
        check_array("Forecast", "mean", self.mean, np.float32, (steps,))
        if self.samples is not None:
            check_array("Forecast", "samples", self.samples, np.float32, (None, steps))
        if self.index is not None:
            index = np.asarray(self.index)
            if index.dtype.kind != "M" or index.shape != (steps,):
                raise PluginError(
                    f"Forecast.index is {index.dtype} {list(index.shape)}, "
                    f"expected datetime64 [{steps}]"
                )
            object.__setattr__(self, "index", index.astype("datetime64[ns]"))

    def __len__(self) -> int:
        return int(self.quantiles.shape[1])

    def __repr__(self) -> str:
        start = "" if self.index is None else f" from {self._stamps()[0]}"
        levels = ", ".join(self.level_names()[:9]) + (", ..." if len(self.levels) > 9 else "")
        return f"Forecast({self.name or 'unnamed'}, {len(self)} steps{start}, levels {levels})"

    def quantile(self, level: float) -> np.ndarray:
        """Return the values at one of the levels that were asked for: float32 [H].

        Raises:
            InputError: the forecast does not have this level; nothing is interpolated here.
        """
        near = np.flatnonzero(np.abs(np.array(self.levels) - level) <= LEVEL_TOLERANCE)
        if not near.size:
            known = ", ".join(self.level_names())
            raise InputError(
                f"the forecast has no quantile level {level}; it has {known}",
                "ask for it with icl.Horizon(length, quantile_levels=...)",
            )
        row: np.ndarray = self.quantiles[near[0]]
        return row

    def level_names(self) -> list[str]:
        """Return what the levels are called in tables: "0.1" also where 0.1 was computed."""
        return [f"{level:.10g}" for level in self.levels]

    def save(self, path: str | Path, overwrite: bool = False) -> Path:
        """Write a `.csv` or `.parquet` with one row a step, or a `.json` with everything.

        Columns are as in `to_pandas`. See `Prediction.save`.

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
        """Write one row a step to an open text file, such as standard output.

        Args:
            file: where to; open it with `newline=""`.
            header: whether to write the line with the column names first.
        """
        table = csv.writer(file, lineterminator="\n")
        columns = self._columns()
        if header:
            table.writerow(columns)
        for row in zip(*columns.values(), strict=True):
            table.writerow([_cell(value) for value in row])

    def plot(
        self,
        path: str | Path | None = None,
        *,
        history_steps: int | None = None,
        title: str | None = None,
        truth: Any = None,
        overwrite: bool = False,
    ) -> Any:
        """Draw the end of the history and the forecast with its quantiles as a fan.

        Args:
            path: where to write the drawing (.png, .svg, .pdf), if anywhere.
            history_steps: how much of the history to show; four horizons, and at least 64 steps,
                where not given.
            title: text above the drawing; the series' name where not given.
            truth: [H], what really came, if known; drawn as a dashed line.
            overwrite: whether an existing file may be replaced.

        Returns:
            A `matplotlib.figure.Figure`. No state of pyplot is read or changed.

        Raises:
            InputError: the truth has another length than the forecast.
            MissingExtraError: matplotlib is not installed.
        """
        from icl_core.results.forecast_plot import fan_chart, write_figure

        figure = fan_chart(self, history_steps=history_steps, title=title, truth=truth)
        if path is not None:
            write_figure(figure, path, overwrite)
        return figure

    def to_dict(self) -> dict[str, Any]:
        """Return all fields but the history as strict JSON data; each float32 at its shortest."""
        return {
            "type": "forecast",
            "name": self.name,
            "levels": list(self.levels),
            "quantiles": _shortest(self.quantiles),
            "mean": _shortest(self.mean),
            "index": None if self.index is None else self._stamps(),
            "samples": None if self.samples is None else _shortest(self.samples),
            "meta": strict_json(self.meta),
        }

    def to_pandas(self) -> Any:
        """Return a `DataFrame` with one row a step.

        Its columns are `item_id` (where the series has a name), `timestamp` (or `step`, counted
        from 1, where time stamps are not known), `mean`, and one for each level: "0.1", "0.2".

        Raises:
            MissingExtraError: pandas is not installed.
        """
        try:
            import pandas
        except ImportError as error:
            raise MissingExtraError(
                "Forecast.to_pandas needs pandas", "pip install 'icl-suite[table]'"
            ) from error
        columns: dict[str, Any] = self._columns()
        if self.index is not None:
            columns["timestamp"] = self.index
        return pandas.DataFrame(columns)

    def to_gluonts(self, start_date: Any = None, item_id: str | None = None) -> Any:
        """Return a `gluonts.model.forecast.QuantileForecast`; its keys are the levels and "mean".

        Args:
            start_date: `pandas.Period` of the first step. Where not given it follows from the
                index and the history's frequency; for a series without time, GluonTS needs one
                all the same, and the history is taken to start at 2000-01-01 in hourly steps.
            item_id: the series' name where not given.

        Raises:
            MissingExtraError: GluonTS is not installed.
        """
        from icl_core.results.forecast_gluonts import quantile_forecast

        return quantile_forecast(self, start_date, item_id)

    def _columns(self) -> dict[str, Any]:
        """Columns of the table in order, with time stamps as text."""
        columns: dict[str, Any] = {}
        if self.name is not None:
            columns["item_id"] = [self.name] * len(self)
        if self.index is None:
            columns["step"] = list(range(1, len(self) + 1))
        else:
            columns["timestamp"] = self._stamps()
        columns["mean"] = self.mean
        columns.update(zip(self.level_names(), self.quantiles, strict=True))
        return columns

    def _stamps(self) -> list[str]:
        """The index in ISO 8601, as short as all of it allows."""
        assert self.index is not None
        for unit in ("D", "m", "s", "us"):
            if np.array_equal(self.index.astype(f"datetime64[{unit}]"), self.index):
                return [str(stamp) for stamp in self.index.astype(f"datetime64[{unit}]")]
        return [str(stamp) for stamp in self.index]


def _cell(value: Any) -> Any:
    if isinstance(value, np.floating):
        return "" if np.isnan(value) else str(value)
    return csv_cell(value)


def _shortest(values: np.ndarray) -> list[Any]:
    """Nested lists of the shortest decimals that read back as the same float32."""
    if values.ndim > 1:
        return [_shortest(row) for row in values]
    return [float(str(value)) if np.isfinite(value) else None for value in values]
