"""Anything that holds a time series becomes a `Series`; anything that says how far, a `Horizon`."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from itertools import pairwise
from typing import Any

import numpy as np

from icl_core.coerce.covariates import to_covariates
from icl_core.coerce.infer import infer_frequency
from icl_core.coerce.stamps import period_start_freq, to_stamps
from icl_core.coerce.timeline import (
    grid,
    place,
    show,
    time_index,
    to_freq,
    to_stamp,
)
from icl_core.coerce.values import to_array, to_float64, warn_if_identifiers
from icl_core.errors import InputError
from icl_core.types import Horizon, Series

__all__ = ["infer_frequency", "regular_series", "time_index", "to_horizon", "to_series"]

logger = logging.getLogger("icl.coerce")


def to_series(
    value: Any, *, start: Any = None, freq: Any = None, name: str | None = None
) -> Series:
    """Turn any form of a time series into a `Series`.

    Args:
        value: a `Series`; a list, numpy array or torch tensor [T] (or [T, 1], [1, T]); a pandas
            Series or one-column DataFrame, whose DatetimeIndex or PeriodIndex gives start and
            frequency; or a GluonTS entry, `{"target": ..., "start": ..., "item_id": ...}`.
            NaN, `None` and `pandas.NA` are missing values. Several variates are accepted as
            `Series(values=[V, T])` only.
        start: time stamp of the first value; may not contradict an index.
        freq: pandas frequency of one step. With it, gaps in an index become NaN.
        name: what to call the series.

    Returns:
        A `Series` with its own float64 values, in time order. float64 keeps whole numbers up to
        2**53, so nothing is lost before the learner. Zoned time stamps become naive ones: UTC
        below daily steps, the local wall clock from daily steps on.

    Raises:
        InputError: empty, all missing, infinite, not numbers, doubled time stamps, mixed time
            zones, or gaps without a known frequency. The first bad value is named.
    """
    if isinstance(value, Series):
        return _from_series(value, start, freq, name)
    pd = sys.modules.get("pandas")  # a value can only be a pandas object once pandas is there
    if pd is not None and isinstance(value, (pd.Series, pd.DataFrame)):
        return _from_pandas(pd, value, start, freq, name)
    if isinstance(value, Mapping):
        return _from_entry(value, start, freq, name)
    what = name or "series"
    array = to_array(value)
    if array.ndim == 2 and 1 in array.shape:
        array = array.reshape(-1)
    if array.ndim != 1:
        raise InputError(
            f"{what} has shape {list(array.shape)}, expected one dimension [T]",
            "several variates go in as icl.Series(values=[V, T])",
        )
    return _finish(array, start, freq, name)


def to_horizon(value: Any) -> Horizon:
    """Turn a number of steps, or a `Horizon`, into a checked `Horizon`.

    Raises:
        InputError: the length is no whole number of at least 1, the quantile levels are not
            strictly increasing numbers between 0 and 1, or a covariate has fewer values than the
            horizon steps. More are cut off.
    """
    if not isinstance(value, Horizon):
        return Horizon(_length(value))
    length = _length(value.length)
    known = to_covariates(value.covariates, length, "the horizon", may_be_longer=True)
    return Horizon(length, _levels(value.quantile_levels), known)


def regular_series(
    values: np.ndarray,
    stamps: np.ndarray,
    freq: str,
    *,
    name: str | None = None,
    covariates: Mapping[str, np.ndarray] | None = None,
    variates: tuple[str, ...] | None = None,
) -> Series:
    """Make a `Series` from values and their time stamps: sorted, gaps filled with NaN.

    Args:
        values: [T] or [V, T] numbers of any kind.
        stamps: naive `datetime64[ns]` [T], any order.
        freq: canonical frequency of the grid.
        name: what to call the series.
        covariates: name -> [T] numbers or words, in the order of the stamps.
        variates: what the V variates are called.

    Raises:
        InputError: as `to_series`, or a time stamp that is not on the grid.
    """
    what = name or "series"
    order, stamps = in_order(np.arange(len(stamps)), stamps, what)
    start, rows = place(stamps, freq, what)
    beside = {key: column[order] for key, column in (covariates or {}).items()}
    series = _finish(np.asarray(values)[..., order], start, freq, name, beside, variates)
    total = int(rows[-1]) + 1
    if len(rows) == total:
        return series
    spread = {
        key: _spread(column, rows, total) for key, column in (series.covariates or {}).items()
    }
    filled = _spread(series.values, rows, total)
    return replace(series, values=filled, covariates=spread or None)


def _spread(values: np.ndarray, rows: np.ndarray, total: int) -> np.ndarray:
    """Put values [..., T] on the rows of a grid; the others are missing."""
    missing = None if values.dtype == object else np.nan
    filled = np.full((*values.shape[:-1], total), missing, dtype=values.dtype)
    filled[..., rows] = values
    return filled


def in_order(
    values: np.ndarray, stamps: np.ndarray, what: str = "series"
) -> tuple[np.ndarray, np.ndarray]:
    """Sort values by time, with a log line if they were not, and refuse doubled time stamps."""
    steps = np.diff(stamps)
    if np.any(steps < np.timedelta64(0, "ns")):
        logger.info("%s: rows were not in time order and have been sorted", what)
        order = np.argsort(stamps, kind="stable")
        values, stamps = values[order], stamps[order]
        steps = np.diff(stamps)
    doubled = np.flatnonzero(steps == np.timedelta64(0, "ns"))
    if doubled.size:
        raise InputError(
            f"{what} has the time stamp {show(stamps[doubled[0]])} more than once",
            "keep one row for each, or name the column that tells the series apart",
        )
    return values, stamps


def _finish(
    array: np.ndarray,
    start: Any,
    freq: Any,
    name: str | None,
    covariates: Mapping[str, Any] | None = None,
    variates: tuple[str, ...] | None = None,
) -> Series:
    """Check values, start and frequency, which every road ends with."""
    what = name or "series"
    if array.size == 0:
        raise InputError(f"{what} is empty, expected at least one value")
    values = to_float64(array, what)
    if np.isnan(values).all():
        raise InputError(f"{what} has only missing values ({values.size} of them)")
    if array.ndim == 1:
        warn_if_identifiers(array, values, what)
    if start is not None:
        start = to_stamp(start, None if freq is None else to_freq(freq))
    if freq is not None:
        freq = to_freq(freq, start)
        if start is not None:
            grid(start, freq, 1)  # refuses a start that is no stamp of the frequency
    known = to_covariates(covariates, values.shape[-1], name or "the series")
    return Series(values, start, freq, name, known, _variates(variates, values, what))


def _from_series(value: Series, start: Any, freq: Any, name: str | None) -> Series:
    array = to_array(value.values)
    what = name or value.name or "series"
    if array.ndim not in (1, 2):
        raise InputError(f"{what} has shape {list(array.shape)}, expected [T] or [V, T]")
    return _finish(
        array,
        value.start if start is None else start,
        value.freq if freq is None else freq,
        value.name if name is None else name,
        value.covariates,
        value.variates,
    )


def _variates(names: Any, values: np.ndarray, what: str) -> tuple[str, ...] | None:
    """Check the names of the variates of [V, T]."""
    if names is None:
        return None
    found = (names,) if isinstance(names, str) else tuple(names)
    count = len(values) if values.ndim == 2 else 1
    if (
        len(found) != count
        or len(set(found)) < count
        or not all(isinstance(name, str) for name in found)
    ):
        raise InputError(f"{what} has the variates {found}, expected {count} different names")
    return found


def _from_entry(value: Mapping[Any, Any], start: Any, freq: Any, name: str | None) -> Series:
    if "target" not in value:
        keys = ", ".join(map(str, list(value)[:8])) or "nothing"
        raise InputError(f"a series given as a mapping needs the key 'target'; it has {keys}")
    own = value.get("start")
    if freq is None:
        freq = value.get("freq")
    if (
        own is not None and hasattr(own, "to_timestamp") and freq is None
    ):  # a Period knows its frequency
        freq = period_start_freq(own.freq)
    item = value.get("item_id")
    if name is None and item is not None:
        name = str(item)
    target = value["target"]
    array = to_array(target)
    if array.ndim == 2 and 1 not in array.shape:
        return _finish(array, own if start is None else start, freq, name)
    return to_series(target, start=own if start is None else start, freq=freq, name=name)


def _from_pandas(pd: Any, value: Any, start: Any, freq: Any, name: str | None) -> Series:
    if isinstance(value, pd.DataFrame):
        if value.shape[1] != 1:
            columns = ", ".join(map(str, value.columns[:8]))
            raise InputError(
                f"the frame has {value.shape[1]} columns ({columns}), expected one",
                'pass one column, such as frame["OT"], or use predict_df for whole frames',
            )
        value = value.iloc[:, 0]
    if name is None and value.name is not None and not isinstance(value.name, int):
        name = str(value.name)
    array = column_array(pd, value)
    if len(value) == 0 or not _holds_time(pd, value.index):
        return _finish(array, start, freq, name)
    what = name or "series"
    stamps = to_stamps(value.index, f"the index of {what}", None if freq is None else to_freq(freq))
    ordered = np.sort(stamps.values)
    if start is not None and to_stamp(start) != ordered[0]:
        raise InputError(
            f"{what} starts at {show(ordered[0])} by its index, but start is {start!r}",
            "leave start out",
        )
    chosen = freq if freq is not None else stamps.freq
    if chosen is None:
        in_order(array, stamps.values, what)  # a doubled stamp is the clearer complaint
        chosen = infer_frequency({what: ordered})
    return regular_series(array, stamps.values, to_freq(chosen, ordered[0]), name=name)


def column_array(pd: Any, column: Any) -> np.ndarray:
    """Take a pandas column as a numpy array, with missing entries kept and integers whole."""
    if pd.api.types.is_extension_array_dtype(column.dtype) and column.isna().any():
        return np.asarray(column.astype(object).to_numpy(dtype=object, na_value=None))
    return np.asarray(column.to_numpy())


def _holds_time(pd: Any, index: Any) -> bool:
    if isinstance(index, (pd.DatetimeIndex, pd.PeriodIndex)):
        return True
    # Stamps of different zones make an index of objects.
    return index.dtype == object and isinstance(index[0], (date, pd.Period))


def _length(value: Any) -> int:
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)):
        raise InputError(
            f"the horizon is {value!r}, expected a whole number of steps or an icl.Horizon"
        )
    if value < 1:
        raise InputError(f"the horizon is {int(value)}, expected at least 1 step")
    return int(value)


def _levels(levels: Any) -> tuple[float, ...] | None:
    if levels is None:
        return None
    try:
        found = tuple(float(level) for level in levels)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"quantile_levels is {levels!r}, expected numbers between 0 and 1"
        ) from error
    if not found:
        raise InputError("quantile_levels is empty; leave it out for the learner's own levels")
    for level in found:
        if not 0.0 < level < 1.0:  # also refuses NaN
            raise InputError(f"quantile level {level} is not between 0 and 1")
    for lower, upper in pairwise(found):
        if lower >= upper:
            raise InputError(
                f"quantile levels must be strictly increasing; {upper} comes after {lower}"
            )
    return found
