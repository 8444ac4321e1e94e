"""Episodes with covariates, cut at seeded places out of public series.

All sources read a folder as `icl_forecasting.scores.sets` describes it. The target of an episode
is float64 [H], or [V, H] where several variates are forecast together.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from icl_core.coerce.timeline import grid
from icl_core.errors import InputError
from icl_core.sources.episodes import EpisodeList, checked_counts, episode_rng
from icl_core.types import Context, Episode, Horizon, Series
from icl_forecasting.scores.sets import SeriesSet, read_sets

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_OIL = "OT"


def ett_oil(
    folder: str | Path, episodes: int = 100, seed: int = 0, *, context: int = 512, horizon: int = 24
) -> EpisodeList:
    """Oil temperature of a transformer, with its six loads as past-only covariates (ETTh1, hourly).

    Args:
        folder: holds ETTh1.
        episodes: how many.
        seed: of the places where the series are cut.
        context: steps of the history.
        horizon: steps to forecast.

    Raises:
        InputError: the folder or a number cannot be used.
    """
    found = _one_set(folder, "ETTh1")
    columns = {_short(one.name): np.asarray(one.values) for one in found.series}
    oil = _column(columns, _OIL)
    loads = {name: values for name, values in columns.items() if name != _OIL}

    def make(begin: int, cut: int) -> Episode:
        history = _part(found.series[0], oil, begin, cut, _OIL)
        beside = {name: values[begin:cut] for name, values in loads.items()}
        shown = Series(history.values, history.start, history.freq, _OIL, beside)
        return _episode(shown, Horizon(horizon), oil[cut : cut + horizon], found.seasonality)

    return _cut("ett-oil", oil, make, episodes, seed, context, horizon, folder)


def ett_together(
    folder: str | Path, episodes: int = 100, seed: int = 0, *, context: int = 512, horizon: int = 24
) -> EpisodeList:
    """The seven columns of ETTh1 as variates that are forecast together; arguments of `ett_oil`."""
    found = _one_set(folder, "ETTh1")
    names = tuple(_short(one.name) for one in found.series)
    values = np.stack([np.asarray(one.values) for one in found.series])

    def make(begin: int, cut: int) -> Episode:
        own = _part(found.series[0], values, begin, cut, "ETTh1")
        shown = Series(own.values, own.start, own.freq, "ETTh1", variates=names)
        truth = values[:, cut : cut + horizon]
        return _episode(shown, Horizon(horizon), truth, found.seasonality)

    return _cut("ett-together", values, make, episodes, seed, context, horizon, folder)


def births_calendar(
    folder: str | Path, episodes: int = 100, seed: int = 0, *, context: int = 730, horizon: int = 30
) -> EpisodeList:
    """Daily births in the US, with weekday and holiday as covariates known into the future.

    The holidays are six US federal ones whose dates follow from the calendar alone. Arguments
    are those of `ett_oil`.
    """
    found = _one_set(folder, "us_births")
    series = found.series[0]
    values = np.asarray(series.values)
    if series.start is None or series.freq is None:
        raise InputError(f"us_births in {folder} has no start, expected daily time stamps")
    days = grid(series.start.astype("datetime64[ns]"), series.freq, len(values))
    dates = [day.item() for day in days.astype("datetime64[D]")]
    calendar = {
        "weekday": np.array([WEEKDAYS[day.weekday()] for day in dates], dtype=object),
        "holiday": np.array([float(is_holiday(day)) for day in dates]),
    }

    def make(begin: int, cut: int) -> Episode:
        own = _part(series, values, begin, cut, "births")
        past = {name: column[begin:cut] for name, column in calendar.items()}
        ahead = {name: column[cut : cut + horizon] for name, column in calendar.items()}
        shown = Series(own.values, own.start, own.freq, "births", past)
        asked = Horizon(horizon, None, ahead)
        return _episode(shown, asked, values[cut : cut + horizon], found.seasonality)

    return _cut("births-calendar", values, make, episodes, seed, context, horizon, folder)


def is_holiday(day: date) -> bool:
    """Whether a day is New Year, Memorial Day, 4 July, Labor Day, Thanksgiving or Christmas."""
    if (day.month, day.day) in {(1, 1), (7, 4), (12, 25)}:
        return True
    if day.month == 5:  # the last Monday
        return day.weekday() == 0 and (day + timedelta(days=7)).month == 6
    if day.month == 9:  # the first Monday
        return day.weekday() == 0 and day.day <= 7
    return day.month == 11 and day.weekday() == 3 and 22 <= day.day <= 28  # the fourth Thursday


def _cut(
    name: str,
    values: np.ndarray,
    make: Callable[[int, int], Episode],
    episodes: int,
    seed: int,
    context: int,
    horizon: int,
    folder: str | Path,
) -> EpisodeList:
    """Episodes whose histories end at seeded places."""
    checked_counts(1, episodes, seed)
    for what, value in (("context", context), ("horizon", horizon)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise InputError(f"{what} is {value!r}, expected a whole number from 1")
    length = values.shape[-1]
    if context + horizon > length:
        raise InputError(
            f"{name} has {length} steps, too few for a context of {context} and a horizon of "
            f"{horizon}"
        )

    def one(number: int) -> Episode:
        cut = int(episode_rng(seed, number).integers(context, length - horizon + 1))
        made = make(cut - context, cut)
        return Episode(
            made.context, made.query, made.target, {**made.meta, "id": f"{name}-{number}"}
        )

    title = f"{name} context {context} horizon {horizon} seed {seed}"
    return EpisodeList(title, episodes, one, lambda: [_sha(values)])


def _episode(history: Series, query: Horizon, truth: np.ndarray, seasonality: int) -> Episode:
    return Episode(Context(history=history), query, truth, {"seasonality": seasonality})


def _part(series: Series, values: np.ndarray, begin: int, cut: int, name: str) -> Series:
    """Steps begin to cut, with the start that follows."""
    start = None
    if series.start is not None and series.freq is not None:
        start = grid(series.start.astype("datetime64[ns]"), series.freq, begin + 1)[begin]
    return Series(values[..., begin:cut], start, series.freq, name)


def _sha(values: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()


def _one_set(folder: str | Path, name: str) -> SeriesSet:
    return next(iter(read_sets(folder, [name])))


def _column(columns: dict[str, np.ndarray], name: str) -> np.ndarray:
    if name not in columns:
        raise InputError(f"the set has no series {name!r}; it has {', '.join(columns)}")
    return columns[name]


def _short(name: str | None) -> str:
    """The column's own name: sets call their series "set/column"."""
    return (name or "").rpartition("/")[2]
