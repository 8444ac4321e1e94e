"""Which parts of which series are forecast."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from icl_core.errors import InputError
from icl_core.types import Series
from icl_forecasting.scores.sets import SeriesSet

ROLLING_WINDOWS = 8
ROLLING_SERIES = 8
"""The rolling protocol cuts `ROLLING_WINDOWS` windows where a set has at most so many series."""


@dataclass(frozen=True)
class Protocol:
    """How a set is cut into windows.

    Windows do not overlap and end at the end of the series. One that would leave a context shorter
    than two seasons or than one horizon is left out, except the last, which only needs one value.

    Args:
        windows: windows of each series; 0 = rolling: 8 for sets of at most 8 series, else 1.
        max_items: score only so many series of a set, evenly spaced; None = all.
    """

    windows: int = 1
    max_items: int | None = None

    def __post_init__(self) -> None:
        if self.windows < 0:
            raise InputError(f"windows is {self.windows}, expected at least 1, or 0 for rolling")
        if self.max_items is not None and self.max_items < 1:
            raise InputError(f"max_items is {self.max_items}, expected at least 1")

    def windows_of(self, series_set: SeriesSet) -> int:
        """Say how many windows each series of a set is cut into, at most."""
        return self.windows or (ROLLING_WINDOWS if len(series_set.series) <= ROLLING_SERIES else 1)


@dataclass(frozen=True, eq=False)
class Window:
    """One forecast to be made.

    Args:
        item: name of the series.
        cut: number of values before the test window; with `item` it names the window.
        context: the series up to the cut.
        target: float64 [H], the values after the cut; NaN = not scored.
    """

    item: str
    cut: int
    context: Series
    target: np.ndarray

    @property
    def key(self) -> tuple[str, int]:
        """What the window is called in results."""
        return self.item, self.cut


def evenly_spaced(count: int, wanted: int | None) -> list[int]:
    """Choose indices from `range(count)`, first and last included, always the same ones."""
    if wanted is None or wanted >= count:
        return list(range(count))
    return [int(i) for i in np.unique(np.round(np.linspace(0, count - 1, wanted)).astype(int))]


def cut_windows(
    series_set: SeriesSet,
    protocol: Protocol,
    only: Collection[tuple[str, int]] | None = None,
) -> list[Window]:
    """Cut the windows of a set, series by series, oldest first.

    Args:
        series_set: the series.
        protocol: how many windows of how many series.
        only: keep just the windows with these keys; `max_items` is then not applied.

    Raises:
        InputError: nothing is left, or a key of `only` is no window of this set.
    """
    count = protocol.windows_of(series_set)
    limit = protocol.max_items if only is None else None
    chosen = [series_set.series[i] for i in evenly_spaced(len(series_set.series), limit)]
    windows = [w for series in chosen for w in _of_series(series, series_set, count)]
    if only is not None:
        windows = [window for window in windows if window.key in only]
        if len(windows) != len(set(only)):
            missing = sorted(set(only) - {window.key for window in windows})[0]
            raise InputError(f"{series_set.name} has no window {missing} under this protocol")
    if not windows:
        raise InputError(f"{series_set.name} has no series longer than {series_set.horizon} values")
    return windows


def _of_series(series: Series, series_set: SeriesSet, count: int) -> Sequence[Window]:
    horizon = series_set.horizon
    least = max(2 * series_set.seasonality, horizon)
    windows = []
    for number in range(count):
        cut = len(series) - (number + 1) * horizon
        if cut < (least if number else 1):
            break
        past = np.asarray(series.values)[:cut]
        if not np.isfinite(past).any():
            break
        context = Series(past, series.start, series.freq, series.name)
        target = np.asarray(series.values)[cut : cut + horizon]
        windows.append(Window(str(series.name), cut, context, target))
    return windows[::-1]
