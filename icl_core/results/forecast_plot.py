"""Drawing a forecast: the end of the history, the median, and quantiles as a fan."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from icl_core.errors import InputError, MissingExtraError
from icl_core.results.explanation import draw_marks
from icl_core.results.save import atomic_path

if TYPE_CHECKING:
    from icl_core.results.forecast import Forecast
    from icl_core.results.multi_forecast import MultiForecast

SUFFIXES = (".png", ".svg", ".pdf")

_PAST = "#444444"
_FUTURE = "#1f5fa8"
_SIZE = (8.0, 3.6)
_LEAST_HISTORY = 64


def fan_chart(
    forecast: Forecast,
    *,
    history_steps: int | None = None,
    title: str | None = None,
    truth: Any = None,
) -> Any:
    """Draw a forecast; see `Forecast.plot`.

    Returns:
        A `matplotlib.figure.Figure` that belongs to nobody else: pyplot is not touched, so this
        works without a display and in threads.
    """
    known = _truth(truth, (len(forecast),))
    figure = _new_figure(history_steps, 1)
    _draw(figure.add_subplot(), forecast, history_steps, title, known)
    return figure


def stacked_charts(
    forecasts: MultiForecast,
    *,
    history_steps: int | None = None,
    title: str | None = None,
    truth: Any = None,
) -> Any:
    """Draw the forecast of each variate below the other; see `MultiForecast.plot`.

    Returns:
        A `matplotlib.figure.Figure`, as from `fan_chart`.
    """
    count = len(forecasts)
    known = _truth(truth, (count, len(forecasts[0])))
    figure = _new_figure(history_steps, count)
    for number, (name, one) in enumerate(zip(forecasts.variates, forecasts, strict=True)):
        axes = figure.add_subplot(count, 1, number + 1)
        _draw(axes, one, history_steps, name, None if known is None else known[number])
    if title or forecasts.name:
        figure.suptitle(title or forecasts.name, parse_math=False)
    return figure


def _truth(truth: Any, shape: tuple[int, ...]) -> np.ndarray | None:
    known = None if truth is None else np.asarray(truth, dtype=np.float64)
    if known is not None and known.shape != shape:
        raise InputError(f"the truth has shape {list(known.shape)}, expected {list(shape)}")
    return known


def _new_figure(history_steps: int | None, charts: int) -> Any:
    if history_steps is not None and history_steps < 0:
        raise InputError(f"history_steps is {history_steps}, expected 0 or more")
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError(
            "drawing a forecast needs matplotlib", "pip install 'icl-suite[plot]'"
        ) from error
    figure = Figure(figsize=(_SIZE[0], charts * _SIZE[1]), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _draw(
    axes: Any,
    forecast: Forecast,
    history_steps: int | None,
    title: str | None,
    known: np.ndarray | None,
) -> None:
    past_x, past_y, future_x = _time_axis(forecast, history_steps)
    if past_y.size:
        # A lone point between gaps is no line, and would not be seen.
        marker = "." if past_y.size < 2 or np.isnan(past_y).any() else None
        axes.plot(past_x, past_y, color=_PAST, linewidth=1.2, marker=marker, label="history")
    lone = "." if len(forecast) == 1 else None
    _draw_bands(axes, forecast, future_x)
    middle, label = _middle(forecast)
    axes.plot(future_x, middle, color=_FUTURE, linewidth=1.6, marker=lone, label=label)
    if known is not None:
        axes.plot(future_x, known, "--", color=_PAST, linewidth=1.2, marker=lone, label="truth")
    draw_marks(axes, forecast, future_x)
    axes.set_title(forecast.name or "" if title is None else title, parse_math=False)
    axes.set_xlabel("" if forecast.index is not None else "step")
    axes.spines[["top", "right"]].set_visible(False)
    axes.margins(x=0.01)
    axes.legend(loc="best", frameon=False, fontsize="small")
    if forecast.index is not None:
        from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

        locator = AutoDateLocator()  # type: ignore[no-untyped-call]
        axes.xaxis.set_major_locator(locator)
        formatter = ConciseDateFormatter(locator)  # type: ignore[no-untyped-call]
        axes.xaxis.set_major_formatter(formatter)


def write_figure(figure: Any, path: str | Path, overwrite: bool = False, dpi: int = 144) -> Path:
    """Write a figure atomically, in the format of the suffix."""
    with atomic_path(path, overwrite, suffixes=SUFFIXES) as temporary:
        figure.savefig(temporary, format=Path(path).suffix[1:].lower(), dpi=dpi)
    return Path(path)


def _draw_bands(axes: Any, forecast: Forecast, x: np.ndarray) -> None:
    """Fill between levels that mirror each other: 0.1 to 0.9, 0.2 to 0.8, ..."""
    levels = forecast.levels
    pairs = [
        (low, high)
        for low, level in enumerate(levels)
        for high, other in enumerate(levels)
        if level < 0.5 and abs(level + other - 1.0) < 1e-6
    ]
    if not pairs and len(levels) > 1:
        pairs = [(0, len(levels) - 1)]
    for number, (low, high) in enumerate(pairs):
        share = f"{levels[low]:g} to {levels[high]:g}"
        if len(forecast) == 1:
            edges = forecast.quantiles[[low, high], 0]
            axes.vlines(x, *edges, color=_FUTURE, alpha=0.3, linewidth=4)
            continue
        axes.fill_between(
            x,
            forecast.quantiles[low],
            forecast.quantiles[high],
            color=_FUTURE,
            alpha=0.45 / len(pairs) + 0.05,
            linewidth=0,
            label=share if number == 0 else None,
        )


def _middle(forecast: Forecast) -> tuple[np.ndarray, str]:
    try:
        return forecast.quantile(0.5), "median"
    except InputError:
        return forecast.mean, "mean"


def _time_axis(
    forecast: Forecast, history_steps: int | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The x of the past, its y, and the x of the future."""
    horizon = len(forecast)
    history = forecast.history
    values = np.empty(0) if history is None else np.asarray(history.values, dtype=np.float64)
    if values.ndim != 1:
        values = np.empty(0)
    shown = max(4 * horizon, _LEAST_HISTORY) if history_steps is None else history_steps
    shown = min(shown, values.size)
    past = values[values.size - shown :]
    if forecast.index is None:
        return np.arange(1 - shown, 1), past, np.arange(1, horizon + 1)
    if not shown or history is None or history.start is None or history.freq is None:
        return np.empty(0), np.empty(0), forecast.index
    from icl_core.coerce.timeline import grid

    stamps = grid(history.start, history.freq, values.size)
    return stamps[values.size - shown :], past, forecast.index
