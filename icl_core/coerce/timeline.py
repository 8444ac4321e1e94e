"""Time stamps: reading them, finding their frequency, filling gaps, going on into the future.

Time stamps are naive inside the suite. Zoned ones are brought to UTC when a step is shorter than
a day, so that a change of the clocks neither doubles nor drops an hour; when every stamp has the
same local time of day (daily data and longer) the local wall clock is kept, so that a day stays
a day. pandas is imported only where a calendar is needed.
"""

from __future__ import annotations

import logging
import re
import warnings
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from icl_core.coerce.calendar import MONTHS, OutOfYears, parse_step, rows_of, steps_from
from icl_core.errors import InputError, MissingExtraError

if TYPE_CHECKING:
    from icl_core.types import Series

logger = logging.getLogger("icl.coerce")

_OLD_ALIASES = {"H": "h", "T": "min", "S": "s", "L": "ms", "U": "us", "N": "ns"}
_OLD_PERIODS = {"M": "M", "Q": "Q", "A": "Y", "Y": "Y"}
_FILL_LIMIT = 10_000_000


def pandas() -> Any:
    """Import pandas, or say how to get it."""
    try:
        import pandas
    except ImportError as error:
        raise MissingExtraError(
            "tables and calendar frequencies need pandas", "pip install 'icl-suite[table]'"
        ) from error
    return pandas


def to_freq(freq: Any, start: np.datetime64 | None = None) -> str:
    """Give a frequency its canonical pandas alias, "1H" -> "h".

    Args:
        freq: alias or offset of pandas. Old aliases are read too; "M", "Q" and "Y" are period
            ends, or period starts where `start` lies on one (as with a `Period`).
        start: first time stamp, if known.

    Raises:
        InputError: it is no frequency, or it does not go forward.
    """
    text = str(getattr(freq, "freqstr", freq)).strip()
    match = re.fullmatch(r"([1-9][0-9]*)?([A-Za-z]+)(-[A-Za-z]+)?", text)
    if match:
        count, base, anchor = match[1] or "", match[2], match[3] or ""
        count = "" if count == "1" else count
        base = _OLD_ALIASES.get(base, base)
        if base in _OLD_PERIODS:
            base, anchor = _period_alias(_OLD_PERIODS[base], anchor, start)
        text = count + base + anchor
    step = parse_step(text)
    if step is not None:
        return step.alias
    pd = pandas()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            offset = pd.tseries.frequencies.to_offset(text)
    except ValueError as error:
        offset = None
        cause: Exception | None = error
    else:
        cause = None
    if offset is None or offset.n < 1:
        raise InputError(
            f"freq is {freq!r}, expected a pandas frequency that goes forward",
            'such as "h", "15min", "D", "B", "W-SUN", "MS", "QS", "YS"',
        ) from cause
    return str(offset.freqstr)


def to_stamp(value: Any, freq: str | None = None) -> np.datetime64:
    """Turn one time stamp of any kind into naive `datetime64[ns]`.

    Args:
        value: text in ISO form, `datetime`, `numpy.datetime64`, pandas `Timestamp` or `Period`.
        freq: frequency of the series; it decides what happens to a time zone (see above).
    """
    given = value
    if hasattr(value, "to_timestamp"):
        value = value.to_timestamp(how="start")
    try:
        if isinstance(value, str):
            value = _zoned_text(value)
        if isinstance(value, datetime) and value.tzinfo is not None:
            if freq is not None and is_shorter_than_day(freq):
                value = value.astimezone(UTC)
            value = value.replace(tzinfo=None)
        if isinstance(value, (bool, int, float, np.number)):
            raise ValueError("a number is no time stamp")
        # pandas keeps nanoseconds, which its base class datetime does not show to numpy.
        coarse = value.to_datetime64() if hasattr(value, "to_datetime64") else np.datetime64(value)
        stamp = coarse.astype("datetime64[ns]")
        if np.isnat(stamp) or stamp.astype("datetime64[Y]") != coarse.astype("datetime64[Y]"):
            raise ValueError("not between the years 1678 and 2261")
    except (ValueError, TypeError, OverflowError) as error:
        raise InputError(
            f"start is {given!r}, expected a time stamp such as '2024-01-31' ({error})"
        ) from error
    result: np.datetime64 = stamp
    return result


def is_shorter_than_day(freq: str) -> bool:
    """Whether a step of this canonical frequency is a span of clock time below a day."""
    step = parse_step(freq)
    span = None if step is None else step.span
    return span is not None and span % np.timedelta64(1, "D") != np.timedelta64(0, "ns")


def grid(start: np.datetime64, freq: str, length: int) -> np.ndarray:
    """Give the time stamps of `length` steps, the first at `start`: `datetime64[ns]` [length].

    Raises:
        InputError: `start` is no stamp of the frequency, or the stamps leave the years that
            nanoseconds can count (1678 to 2261).
    """
    start = start.astype("datetime64[ns]")
    step = parse_step(freq)
    if step is not None:
        try:
            counted = steps_from(start, step, length)
        except OutOfYears as error:
            raise _out_of_years(start, freq, length) from error
        if counted is not None:
            return counted
    pd = pandas()
    try:
        stamps = pd.date_range(pd.Timestamp(start), periods=length, freq=freq)
    except (pd.errors.OutOfBoundsDatetime, OverflowError) as error:
        raise _out_of_years(start, freq, length) from error
    result: np.ndarray = stamps.to_numpy().astype("datetime64[ns]")
    if length and result[0] != start:
        raise InputError(
            f"the start {show(start)} is no time stamp of freq {freq!r}; the next one is "
            f"{show(result[0])}",
            "pass the freq that the time stamps have",
        )
    return result


def time_index(series: Series, length: int) -> np.ndarray | None:
    """Give the exact time stamps of the `length` steps that follow a series.

    Args:
        series: its `start` and `freq` decide; month ends, business days and the like are exact.
        length: number of steps after the last value.

    Returns:
        `datetime64[ns]` [length], or None when start or freq is not known.
    """
    if series.start is None or series.freq is None:
        return None
    past = len(series)
    start = np.datetime64(series.start).astype("datetime64[ns]")
    return grid(start, to_freq(series.freq, start), past + length)[past:]


def place(stamps: np.ndarray, freq: str, what: str = "series") -> tuple[np.datetime64, np.ndarray]:
    """Find each time stamp's row on the regular grid.

    Args:
        stamps: sorted `datetime64[ns]` [T] without duplicates, at least one.
        freq: canonical frequency.
        what: what to call the series.

    Returns:
        The start, and int64 [T] row numbers; rows that are skipped are missing values.

    Raises:
        InputError: a stamp is not on the grid, or the gaps would be absurdly long.
    """
    start = stamps[0]
    step = parse_step(freq)
    if step is not None:
        rows = rows_of(stamps, step)
        total = int(rows[-1]) + 1
        _check_fill(total, freq, what)
        bad = np.flatnonzero(grid(start, freq, total)[rows] != stamps)
    else:
        pd = pandas()
        full = pd.date_range(start, stamps[-1], freq=freq).to_numpy().astype("datetime64[ns]")
        rows = np.searchsorted(full, stamps)
        total = len(full)
        inside = rows < total
        inside[inside] = full[rows[inside]] == stamps[inside]
        bad = np.flatnonzero(~inside)
    if bad.size:
        raise InputError(
            f"{what}: time stamp {show(stamps[bad[0]])} is not on the grid of freq {freq!r} "
            f"that starts at {show(start)}",
            "pass the freq that the time stamps have, or resample them first",
        )
    if total > len(stamps):
        logger.info("%s: %d missing time stamps filled with NaN", what, total - len(stamps))
    return start, rows.astype(np.int64)


def show(stamp: np.datetime64) -> str:
    """Write a time stamp as briefly as it can be read back."""
    text = str(np.datetime_as_string(stamp))
    text = re.sub(r"(\.\d*?)0+$", r"\1", text).rstrip(".")
    return text.removesuffix("T00:00:00")


def _zoned_text(text: str) -> Any:
    """Read text that has a time zone; leave other text to numpy, which would drop the zone."""
    if not text[:1].isdigit():
        raise ValueError("not in ISO form")  # numpy would take "now"
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    return text if moment.tzinfo is None else moment


def _check_fill(total: int, freq: str, what: str) -> None:
    if total > _FILL_LIMIT:
        raise InputError(
            f"{what}: filling the gaps up to freq {freq!r} would make {total} rows",
            "is freq much finer than the data?",
        )


def _period_alias(base: str, anchor: str, start: np.datetime64 | None) -> tuple[str, str]:
    """Turn the alias of a period into that of its start or end stamps."""
    first_of_month = start is not None and start.astype("datetime64[D]") == start.astype(
        "datetime64[M]"
    ).astype("datetime64[D]")
    if not first_of_month:
        return base + "E", anchor
    if base == "M":
        return "MS", ""
    end = anchor[1:].upper() if anchor else "DEC"
    if end not in MONTHS:
        return base + "S", anchor
    return base + "S", "-" + MONTHS[(MONTHS.index(end) + 1) % 12]


def _out_of_years(start: np.datetime64, freq: str, length: int) -> InputError:
    return InputError(
        f"{length} steps of freq {freq!r} from {show(start)} leave the years 1678 to 2261",
        "leave start out to forecast without time stamps",
    )
