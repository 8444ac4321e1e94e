"""The demo of this plugin: bundled real series, their last values held out, and forecasts."""

from __future__ import annotations

import io
import os
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import numpy as np

import icl_core as icl
from icl_core.coerce.tables import read_table, series_from_frame
from icl_core.demo import DemoItem
from icl_forecasting.scores.metrics import LEVELS, Score, total, window_sums

FORECASTER = "tirex"
BASELINE = "seasonal-naive"


@dataclass(frozen=True)
class Shown:
    """A bundled series and what is asked of it.

    Args:
        file: its name in the package's data folder; see `SOURCES.md` there.
        title: heading of the item.
        what: one sentence about the series.
        unit: what one step is called.
        horizon: steps that are held out and forecast.
        seasonality: steps in one season; the lag of MASE.
    """

    file: str
    title: str
    what: str
    unit: str
    horizon: int
    seasonality: int


SERIES = (
    Shown(
        file="air_passengers.csv",
        title="Airline passengers, monthly",
        what="International airline passengers in thousands, 1949 to 1960 (Box and Jenkins).",
        unit="months",
        horizon=24,
        seasonality=12,
    ),
    Shown(
        file="us_births_daily.csv",
        title="Births in the United States, daily",
        what="Births on each day, 1986 to 1988 (US Centers for Disease Control and Prevention).",
        unit="days",
        horizon=30,
        seasonality=7,
    ),
    Shown(
        file="us_births_monthly.csv",
        title="Births in the United States, monthly",
        what="Births in each month, 1969 to 1988 (US Centers for Disease Control and Prevention).",
        unit="months",
        horizon=24,
        seasonality=12,
    ),
)


def items() -> Iterator[DemoItem]:
    """Forecast the bundled series with the bundled weights, offline, one item a series."""
    return _items("bundled")


def held_out(shown: Shown) -> tuple[icl.Series, np.ndarray]:
    """Read a bundled series.

    Returns:
        The history, and the values float64 [H] that were cut off its end.
    """
    with as_file(_data(shown.file)) as path:
        frame = read_table(path)
    (whole,) = series_from_frame(frame, column="value", time_column="timestamp")
    values = np.asarray(whole.values)
    history = icl.Series(values[: -shown.horizon], whole.start, whole.freq, shown.title)
    return history, values[-shown.horizon :]


def _items(weights: str | Path) -> Iterator[DemoItem]:
    """Forecast with other weights; `icl demo` uses the bundled ones."""
    forecaster = icl.load(FORECASTER, weights)
    baseline = icl.load(BASELINE)
    for shown in SERIES:
        history, truth = held_out(shown)
        query = icl.Horizon(shown.horizon, LEVELS)
        forecast = icl.predict(forecaster, history, query)
        naive = icl.predict(baseline, history, query, seasonality=shown.seasonality)
        own = _score(history, truth, forecast, shown.seasonality)
        other = _score(history, truth, naive, shown.seasonality)
        yield DemoItem(
            title=shown.title,
            text=(
                f"{shown.what} The learner sees {len(history)} {shown.unit} and forecasts the "
                f"{shown.horizon} that follow; they are drawn over the forecast as a dashed line. "
                "Lower scores are better."
            ),
            learner=FORECASTER,
            command=_command(shown, history, weights),
            svg_or_png=_picture(forecast, truth),
            numbers={
                f"MASE of {FORECASTER}": own.mase,
                f"MASE of {BASELINE}": other.mase,
                f"WQL of {FORECASTER}": own.wql,
                f"WQL of {BASELINE}": other.wql,
            },
        )


def _score(history: icl.Series, truth: np.ndarray, forecast: Any, lag: int) -> Score:
    past = np.asarray(history.values)
    return total([window_sums(past, truth, forecast.quantiles, LEVELS, lag)])


def _picture(forecast: Any, truth: np.ndarray) -> bytes:
    figure = forecast.plot(title="", truth=truth)
    stream = io.BytesIO()
    figure.savefig(stream, format="svg", metadata={"Date": None})
    return stream.getvalue()


def _command(shown: Shown, history: icl.Series, weights: str | Path) -> str:
    """The command line that forecasts the same; it cuts off what is held out."""
    file = Path(str(_data(shown.file)))
    place = os.path.relpath(file) if file.is_relative_to(Path.cwd()) else str(file)
    rows = len(history) + 1  # and the header
    return (
        f"head -n {rows} {shlex.quote(place)} | icl predict {FORECASTER} --series - "
        f"--time-column timestamp --column value --horizon {shown.horizon} "
        f"--weights {shlex.quote(str(weights))}"
    )


def _data(name: str) -> Any:
    return files("icl_forecasting").joinpath("data", name)
