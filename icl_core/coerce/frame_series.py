"""A data frame, long or wide, becomes a list of series."""

from __future__ import annotations

import difflib
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from icl_core.coerce.infer import infer_frequency
from icl_core.coerce.series import column_array, regular_series, to_series
from icl_core.coerce.stamps import Stamps, to_stamps
from icl_core.coerce.timeline import pandas, show, to_freq
from icl_core.coerce.values import to_float64, warn_if_identifiers
from icl_core.errors import InputError
from icl_core.types import Series

logger = logging.getLogger("icl.coerce")

ITEM_COLUMNS = ("item_id", "unique_id")
TIME_COLUMNS = ("timestamp", "ds", "date", "datetime", "time")
TARGET_COLUMNS = ("target", "y")


@dataclass(frozen=True)
class FrameSeries:
    """One series of a frame.

    Args:
        item: its value in the item column; None where there is no such column.
        column: the column its values come from; of several variates all of them, with commas.
        series: the series, on a regular grid where there is a time column.
    """

    item: Any
    column: str
    series: Series


@dataclass(frozen=True, eq=False)
class SplitFrame:
    """All series of a frame.

    Args:
        freq: the frequency they share; None where there is no time column.
        stamps: the time column as it was read; None where there is none.
        count: how many series there are.
        series: the series, made one at a time.
    """

    freq: str | None
    stamps: Stamps | None
    count: int
    series: Iterator[FrameSeries]


def series_from_frame(
    frame: Any,
    column: str | Sequence[str] | None = None,
    time_column: str | None = None,
    item_column: str | None = None,
    freq: Any = None,
    *,
    covariates: Sequence[str] = (),
    together: bool = False,
) -> list[Series]:
    """Take the series out of a data frame; see `frame_series`, which also tells their items."""
    found = frame_series(
        frame, column, time_column, item_column, freq, covariates=covariates, together=together
    )
    return [one.series for one in found]


def frame_series(
    frame: Any,
    column: str | Sequence[str] | None = None,
    time_column: str | None = None,
    item_column: str | None = None,
    freq: Any = None,
    *,
    covariates: Sequence[str] = (),
    together: bool = False,
) -> list[FrameSeries]:
    """Take the series out of a data frame.

    A long frame has one row a time stamp and item, and a column that tells the items apart; a
    wide one has one column a series. Columns that are not named are found under their usual
    names: item_id or unique_id; timestamp, ds, date, datetime or time (or the index); target or
    y. A frame read from GluonTS JSON lines has one row a series.

    Args:
        frame: `pandas.DataFrame`, rows in any order.
        column: column of the values; a list of them, or None where no column is called target
            or y, for several series (None: every column of numbers).
        time_column: column with the time stamps.
        item_column: column that tells the items apart.
        freq: frequency of the time stamps; found over all series where not given.
        covariates: columns of numbers or words that go with every series of their row's item.
        together: whether several value columns are the variates of one series.

    Returns:
        One series an item and column, in the order they first appear, named after the item, the
        column, or both; with `together` one an item, whose variates are named after the columns.

    Raises:
        InputError: a column is not there or not numbers, time stamps are doubled or off the grid,
            or an item has no value. One sentence names the column, item and row.
    """
    frame = flat_frame(frame)
    if "target" in frame and column in (None, "target") and _holds_lists(frame["target"]):
        return [FrameSeries(None, "target", one) for one in _entries(frame, freq)]
    item_column = find_column(frame, item_column, ITEM_COLUMNS, "item")
    time_column = find_column(frame, time_column, TIME_COLUMNS, "time")
    beside = [find_column(frame, name, (), "covariate") or name for name in covariates]
    columns = _value_columns(frame, column, {item_column, time_column, *beside})
    split = split_frame(
        frame,
        columns,
        time_column,
        item_column,
        freq,
        covariates=beside,
        together=together and len(columns) > 1,
    )
    return list(split.series)


def split_frame(
    frame: Any,
    columns: Sequence[str],
    time_column: str | None,
    item_column: str | None,
    freq: Any = None,
    *,
    sort_items: bool = False,
    covariates: Sequence[str] = (),
    together: bool = False,
) -> SplitFrame:
    """Check a frame as a whole, then give its series one by one.

    Args:
        frame: a flat frame, see `flat_frame`; rows in any order.
        columns: columns of values; each gives one series an item.
        time_column: column with the time stamps, or None to take rows as they come.
        item_column: column that tells the items apart, or None for one item.
        freq: frequency; found over all items where not given.
        sort_items: whether items come sorted instead of in the order they appear.
        covariates: columns of numbers or words that go with every series of their item.
        together: whether the columns are the variates of one series an item.

    Raises:
        InputError: as `series_from_frame`. Values of an item (all missing) are only looked at
            when its series is made.
    """
    if len(frame) == 0:
        raise InputError("the frame has no rows, expected at least one")
    values = {column: _numbers(frame, column) for column in columns}
    beside = {column: covariate_column(frame, column) for column in covariates}
    codes, items = _items(frame, item_column, sort_items)
    order = np.argsort(codes, kind="stable")
    stamps, when = None, None
    if time_column is not None:
        known = None if freq is None else to_freq(freq)
        stamps = to_stamps(frame[time_column], f"column {time_column!r}", known)
        when = stamps.values
        by_time = np.lexsort((when, codes))
        if not np.array_equal(by_time, order):
            logger.info("rows of the frame were not in time order and have been sorted")
        order = by_time
        when = when[order]
    ends = np.cumsum(np.bincount(codes, minlength=len(items)))
    cuts = [slice(int(a), int(b)) for a, b in zip([0, *ends[:-1]], ends, strict=True)]
    shared = None if freq is None else to_freq(freq)
    if stamps is not None and when is not None:
        keys = items if item_column is not None else [columns[0]]
        by_item = dict(zip(keys, (when[cut] for cut in cuts), strict=True))
        for item, own in by_item.items():
            doubled = np.flatnonzero(np.diff(own) == np.timedelta64(0, "ns"))
            if doubled.size:
                where = "" if item_column is None else f" for {item_column} {item!r}"
                raise InputError(
                    f"column {time_column!r} has {show(own[doubled[0]])} more than once{where}",
                    None if item_column else "name the column that tells the series apart",
                )
        shared = infer_frequency(by_item, stamps.freq if freq is None else freq)

    parts = list(values.items())
    if together:
        parts = [(",".join(columns), np.stack(list(values.values())))]

    def make() -> Iterator[FrameSeries]:
        for item, cut in zip(items, cuts, strict=True):
            known = {key: column[order[cut]] for key, column in beside.items()}
            for column, numbers in parts:
                title = _name(item, column, item_column is not None, len(parts) > 1)
                name = None if together and item_column is None else title
                own = numbers[..., order[cut]]
                variates = tuple(columns) if together else None
                if when is None or shared is None:
                    series = to_series(Series(own, None, shared, name, known, variates))
                else:
                    series = regular_series(
                        own, when[cut], shared, name=name, covariates=known, variates=variates
                    )
                yield FrameSeries(item, column, series)

    return SplitFrame(shared, stamps, len(items) * len(parts), make())


def covariate_column(frame: Any, column: str) -> np.ndarray:
    """Take a column of numbers, booleans or words; entries are only checked with the series."""
    array = column_array(pandas(), frame[column])
    if array.dtype.kind in "biufO":
        return array
    return np.asarray(frame[column].astype(object).to_numpy(dtype=object))


def flat_frame(frame: Any) -> Any:
    """Return a frame whose item and time index levels, if it has such, are columns."""
    pd = pandas()
    if not isinstance(frame, pd.DataFrame):
        raise InputError(f"the table is {type(frame).__name__}, expected a pandas DataFrame")
    if not frame.columns.is_unique:
        twice = frame.columns[frame.columns.duplicated()][0]
        raise InputError(f"the frame has several columns named {twice!r}, expected one")
    index = frame.index
    if isinstance(index, pd.MultiIndex):
        return frame.reset_index()
    if isinstance(index, (pd.DatetimeIndex, pd.PeriodIndex)):
        named = index.name if index.name is not None else "timestamp"
        if named in frame.columns:
            return frame.reset_index(drop=True)
        return frame.rename_axis(index=named).reset_index()
    if index.name in (*ITEM_COLUMNS, *TIME_COLUMNS) and index.name not in frame.columns:
        return frame.reset_index()
    return frame


def find_column(frame: Any, name: str | None, usual: Sequence[str], what: str) -> str | None:
    """Return a column that was named, checked, or the first usual one that is there, or None.

    Raises:
        InputError: the named column is not there; the closest names are given.
    """
    if name is None:
        found = next((known for known in usual if known in frame.columns), None)
        if found is not None:
            logger.debug("column %r is taken as the %s column", found, what)
        return found
    if name in frame.columns:
        return name
    titles = [str(title) for title in frame.columns]
    close = difflib.get_close_matches(str(name), titles, n=3)
    shown = ", ".join(titles[:12]) + (", ..." if len(titles) > 12 else "")
    raise InputError(
        f"the table has no {what} column {name!r}; it has {shown}",
        f"did you mean {' or '.join(map(repr, close))}?" if close else None,
    )


def _value_columns(frame: Any, column: str | Sequence[str] | None, taken: set[Any]) -> list[str]:
    if column is None:
        found = find_column(frame, None, TARGET_COLUMNS, "value")
        if found is not None:
            return [found]
        numeric = [c for c in frame.select_dtypes("number").columns if c not in taken]
        if not numeric:
            raise InputError("the table has no column of numbers to forecast")
        return numeric
    names = [column] if isinstance(column, str) or not isinstance(column, Sequence) else column
    if not names:
        raise InputError("no value column is named, expected at least one")
    for name in names:
        find_column(frame, name, (), "value")
    return list(names)


def _numbers(frame: Any, column: str) -> np.ndarray:
    array = column_array(pandas(), frame[column])
    what = f"column {column!r}"
    if array.dtype == object:
        # A column of text that is mostly numbers: what is not one is what needs to be seen.
        for row, cell in enumerate(array):
            if isinstance(cell, str) and not _is_number(cell):
                raise InputError(
                    f"{what} holds text {cell[:40]!r} in row {row} (from 0); expected a number",
                    'a decimal comma needs decimal=","' if "," in cell else None,
                )
    values = to_float64(array, what)
    warn_if_identifiers(array, values, what)
    return values


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _items(frame: Any, item_column: str | None, sort: bool) -> tuple[np.ndarray, list[Any]]:
    if item_column is None:
        return np.zeros(len(frame), dtype=np.int64), [None]
    pd = pandas()
    column = frame[item_column]
    missing = np.flatnonzero(column.isna().to_numpy())
    if missing.size:
        raise InputError(f"column {item_column!r} is missing in row {missing[0]} (from 0)")
    codes, items = pd.factorize(column.astype(object) if column.dtype == "category" else column)
    items = list(items)
    if not sort:
        return codes, items
    try:
        order = sorted(range(len(items)), key=items.__getitem__)
    except TypeError:  # numbers and words
        order = sorted(range(len(items)), key=lambda at: (str(type(items[at])), str(items[at])))
    rank = np.empty(len(items), dtype=np.int64)
    rank[order] = np.arange(len(items))
    return rank[codes], [items[at] for at in order]


def _name(item: Any, column: str, has_item: bool, several: bool) -> str:
    if not has_item:
        return str(column)
    return f"{item}/{column}" if several else str(item)


def _holds_lists(column: Any) -> bool:
    return len(column) > 0 and isinstance(column.iloc[0], (list, tuple, np.ndarray))


def _entries(frame: Any, freq: Any) -> list[Series]:
    found = []
    for row, record in enumerate(frame.to_dict("records")):
        entry = {key: record.get(key) for key in ("target", "start", "item_id", "freq")}
        try:
            found.append(to_series({k: v for k, v in entry.items() if v is not None}, freq=freq))
        except InputError as error:
            raise InputError(f"row {row} (from 0): {error.message}", error.hint) from error
    return found
