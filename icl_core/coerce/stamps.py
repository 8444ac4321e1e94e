"""A column or index of time stamps becomes naive `datetime64[ns]`, or is refused by row."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from icl_core.coerce.timeline import is_shorter_than_day, pandas, show
from icl_core.errors import InputError

_ZONE = re.compile(r"(Z|UTC|GMT|[T ]\d\d[\d.:]*\s*[+-]\d\d(:?\d\d)?)\s*$", re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class Stamps:
    """Time stamps as they were read.

    Args:
        values: naive `datetime64[ns]` [T], in the order given.
        zone: the time zone they were in, or None.
        utc: whether zoned stamps were brought to UTC (else: local wall clock).
        freq: frequency that the index itself carries (a PeriodIndex, a regular DatetimeIndex).
    """

    values: np.ndarray
    zone: Any = None
    utc: bool = False
    freq: str | None = None

    def restore(self, stamps: np.ndarray) -> Any:
        """Put stamps of this kind back into the zone: a pandas `DatetimeIndex`."""
        index = pandas().DatetimeIndex(stamps)
        if self.zone is None:
            return index
        if self.utc:
            return index.tz_localize("UTC").tz_convert(self.zone)
        return index.tz_localize(self.zone, ambiguous=True, nonexistent="shift_forward")


def to_stamps(column: Any, what: str = "timestamp", freq: str | None = None) -> Stamps:
    """Read time stamps.

    Args:
        column: DatetimeIndex, PeriodIndex, or a column of time stamps, periods, `datetime`
            objects or text. Text is ISO 8601, or any one format that is not ambiguous.
        what: name of the column, for errors.
        freq: frequency if known; decides about time zones (see `timeline`).

    Raises:
        InputError: an entry is missing or no time stamp (with its row), zones are mixed, day and
            month cannot be told apart, or the column holds numbers.
    """
    pd = pandas()
    column = column if isinstance(column, pd.Index) else pd.Series(column).reset_index(drop=True)
    own = None
    if isinstance(column.dtype, pd.PeriodDtype):
        own = period_start_freq(column.dtype.freq)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # business-day periods are deprecated, and still used
            column = pd.PeriodIndex(column).to_timestamp(how="start")
    elif isinstance(column, pd.DatetimeIndex) and column.freq is not None and column.freq.n > 0:
        own = column.freqstr
    missing = np.flatnonzero(np.asarray(pd.isna(column)))
    if missing.size:
        raise InputError(f"{what} is missing in row {missing[0]} (from 0); each row needs one")
    index = _parse(pd, column, what)
    if index.hasnans:  # text such as "nan" is missing too
        row = int(np.flatnonzero(np.asarray(index.isna()))[0])
        raise InputError(f"{what} is missing in row {row} (from 0); each row needs one")
    if index.tz is None:
        return Stamps(_nanoseconds(pd, index, what), freq=own)
    wall = index.tz_localize(None)
    if freq is None:
        utc = len(np.unique(wall.to_numpy() - wall.normalize().to_numpy())) > 1
    else:
        utc = is_shorter_than_day(freq)
    naive = index.tz_convert("UTC").tz_localize(None) if utc else wall
    return Stamps(_nanoseconds(pd, naive, what), zone=index.tz, utc=utc, freq=own)


@cache
def period_start_freq(offset: Any) -> str | None:
    """Give the frequency of the start stamps of periods: monthly periods -> "MS"."""
    pd = pandas()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sample = pd.period_range("2020-01-01", periods=12, freq=offset).to_timestamp(how="start")
        found = pd.infer_freq(sample)
    return None if found is None else str(found)


def _parse(pd: Any, column: Any, what: str) -> Any:
    if isinstance(column.dtype, pd.DatetimeTZDtype) or column.dtype.kind == "M":
        return pd.DatetimeIndex(column)
    if column.dtype.kind in "biuf":
        raise InputError(
            f"{what} holds numbers (first {column[0]!r}), expected dates or times",
            "convert them first, for example with pandas.to_datetime(..., unit='s')",
        )
    values = column.to_numpy(dtype=object)
    numbers = [i for i, v in enumerate(values) if isinstance(v, (bool, int, float, np.number))]
    if numbers:
        raise InputError(
            f"{what} holds {values[numbers[0]]!r} in row {numbers[0]} (from 0), expected a date"
        )
    if len(values) and all(isinstance(v, pd.Period) for v in values):
        values = np.array([v.to_timestamp(how="start") for v in values], dtype=object)
    try:
        return pd.DatetimeIndex(_read_text(pd, values, what))
    except InputError:
        raise
    except (ValueError, TypeError, OverflowError) as error:
        raise _not_a_date(pd, values, what, error) from error


def _read_text(pd: Any, values: np.ndarray, what: str) -> Any:
    with warnings.catch_warnings():
        # A mixture of offsets is a FutureWarning in pandas 2 and an error in pandas 3.
        warnings.simplefilter("ignore")
        try:
            return _one_zone(values, pd.to_datetime(values, format="ISO8601"), what)
        except InputError:
            raise
        except (ValueError, TypeError) as error:
            if _mixes_zones(error):
                raise _mixed(what) from error
        readings = []
        for day_first in (False, True):
            try:
                readings.append(pd.to_datetime(values, dayfirst=day_first))
            except (ValueError, TypeError) as error:
                if _mixes_zones(error):
                    raise _mixed(what) from error
                last = error
    if not readings:
        raise last
    if len(readings) == 2 and not np.array_equal(readings[0], readings[1]):
        differ = int(np.flatnonzero(np.asarray(readings[0] != readings[1]))[0])
        raise InputError(
            f"{what} {values[differ]!r} in row {differ} (from 0) can be read day first or month "
            "first",
            f"write {show(readings[0][differ].to_datetime64())} or "
            f"{show(readings[1][differ].to_datetime64())}",
        )
    return _one_zone(values, readings[0], what)


def _one_zone(values: np.ndarray, parsed: Any, what: str) -> Any:
    if parsed.dtype == object:  # pandas 2 answers like this when offsets differ
        raise _mixed(what)
    # Text without a zone among text with UTC is taken for UTC by pandas.
    if parsed.tz is not None and any(isinstance(v, str) and not _ZONE.search(v) for v in values):
        raise _mixed(what)
    return parsed


def _mixes_zones(error: Exception) -> bool:
    text = str(error).lower()
    return "time zone" in text or "timezone" in text or "tz-aware" in text or "utc=true" in text


def _mixed(what: str) -> InputError:
    return InputError(
        f"{what} mixes time zones, or stamps with and without one",
        "bring them to one zone first, for example with pandas.to_datetime(..., utc=True)",
    )


def _not_a_date(pd: Any, values: np.ndarray, what: str, cause: Exception) -> InputError:
    for row, value in enumerate(values):
        try:
            pd.Timestamp(value).as_unit("ns")
        except pd.errors.OutOfBoundsDatetime:
            return InputError(
                f"{what} holds {value!r} in row {row} (from 0), outside the years 1678 to 2261"
            )
        except (ValueError, TypeError, OverflowError):
            return InputError(
                f"{what} holds {value!r} in row {row} (from 0), which is no date or time",
                "use ISO dates such as 2024-01-31 or 2024-01-31T13:00",
            )
    return InputError(f"{what} cannot be read as dates of one format: {str(cause).splitlines()[0]}")


def _nanoseconds(pd: Any, index: Any, what: str) -> np.ndarray:
    try:
        result: np.ndarray = index.as_unit("ns").to_numpy()
    except (pd.errors.OutOfBoundsDatetime, OverflowError) as error:
        raise InputError(f"{what} leaves the years 1678 to 2261: {error}") from error
    return result
