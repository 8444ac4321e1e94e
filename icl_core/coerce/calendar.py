"""Regular grids of time stamps in numpy: spans, weeks, business days, months, quarters, years.

These are the frequencies that nearly all series have. pandas counts calendar steps one by one;
here a grid is one array operation, and no import of pandas is needed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

DAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")

_PATTERN = re.compile(r"([1-9][0-9]*)?([A-Za-z]+?)(?:-([A-Z]{3}))?")
_SPANS = {"D": "D", "h": "h", "min": "m", "s": "s", "ms": "ms", "us": "us", "ns": "ns"}
_IN_MONTHS = {"MS": 1, "ME": 1, "QS": 3, "QE": 3, "YS": 12, "YE": 12}
_ANCHORS = {"W": "SUN", "QS": "JAN", "QE": "DEC", "YS": "JAN", "YE": "DEC"}
_LAST_DAY = np.datetime64("2262-04-10")
_EPOCH_WEEKDAY = 3  # 1970-01-01 was a Thursday


class OutOfYears(ValueError):  # noqa: N818 - it becomes an `InputError` with more words
    """A grid leaves the years that nanoseconds can count."""


@dataclass(frozen=True)
class Step:
    """A frequency that numpy can count.

    Args:
        count: how many units make one step.
        unit: "D", "h", "min", "s", "ms", "us", "ns", "W", "B", "MS", "ME", "QS", "QE", "YS", "YE".
        anchor: weekday or month, for weeks, quarters and years; else empty.
    """

    count: int
    unit: str
    anchor: str = ""

    @property
    def alias(self) -> str:
        """The canonical pandas alias."""
        number = "" if self.count == 1 else str(self.count)
        return number + self.unit + (f"-{self.anchor}" if self.anchor else "")

    @property
    def span(self) -> np.timedelta64 | None:
        """The length of a step, `timedelta64[ns]`; None where it varies."""
        if self.unit in _SPANS:
            units = np.timedelta64(self.count, _SPANS[self.unit])  # type: ignore[call-overload]
            return np.timedelta64(units.astype("timedelta64[ns]"))
        return None


@lru_cache(maxsize=256)
def parse_step(alias: str) -> Step | None:
    """Read a pandas alias; None for one that only pandas can count, or that is none."""
    match = _PATTERN.fullmatch(alias)
    if match is None or len(match[1] or "") > 9:
        return None
    count, unit, anchor = int(match[1] or 1), match[2], match[3] or ""
    if unit in _ANCHORS:
        anchor = anchor or _ANCHORS[unit]
        known = anchor in (DAYS if unit == "W" else MONTHS)
    else:
        known = not anchor and (unit in _SPANS or unit in _IN_MONTHS or unit == "B")
    return Step(count, unit, anchor) if known else None


def steps_from(start: np.datetime64, step: Step, length: int) -> np.ndarray | None:
    """Give `length` stamps from `start` on: `datetime64[ns]` [length].

    Returns:
        None where `start` is no stamp of this frequency.

    Raises:
        OutOfYears: the stamps leave the years 1678 to 2261.
    """
    numbers = np.arange(length, dtype=np.int64) * step.count
    span = step.span
    if span is not None:
        last = int(start.astype(np.int64)) + int(span.astype(np.int64)) * max(length - 1, 0)
        if last > np.iinfo(np.int64).max:
            raise OutOfYears
        return start + np.arange(length, dtype=np.int64) * span
    day = start.astype("datetime64[D]")
    clock = start - day  # the time of day, which each stamp keeps
    if step.unit == "W":
        if _weekday(day) != DAYS.index(step.anchor):
            return None
        found = day + numbers * 7
    elif step.unit == "B":
        if not np.is_busday(day):
            return None
        found = np.busday_offset(day, numbers)
    else:
        month = day.astype("datetime64[M]")
        at_end = step.unit.endswith("E")
        per = _IN_MONTHS[step.unit]
        anchor = MONTHS.index(step.anchor) if step.anchor else 0
        if (int(month.astype(np.int64)) - anchor) % per or day != _day_of(month, at_end):
            return None
        found = _day_of(month + numbers * per, at_end)
    if length and found[-1] > _LAST_DAY:
        raise OutOfYears
    stamps: np.ndarray = found.astype("datetime64[ns]") + clock
    return stamps


def rows_of(stamps: np.ndarray, step: Step) -> np.ndarray:
    """Give each stamp's row on the grid that starts at the first: int64 [T].

    The row of a stamp that lies between two is the earlier one's, or near it: compare with
    `steps_from` to find out.
    """
    span = step.span
    if span is not None:
        rows = (stamps - stamps[0]).astype(np.int64) // int(span.astype(np.int64))
    else:
        days = stamps.astype("datetime64[D]")
        if step.unit == "W":
            rows = (days - days[0]).astype(np.int64) // (7 * step.count)
        elif step.unit == "B":
            rows = np.busday_count(days[0], days).astype(np.int64) // step.count
        else:
            months = days.astype("datetime64[M]").astype(np.int64)
            rows = (months - months[0]) // (_IN_MONTHS[step.unit] * step.count)
    result: np.ndarray = rows
    return result


def _weekday(day: np.datetime64) -> int:
    return (int(day.astype(np.int64)) + _EPOCH_WEEKDAY) % 7


def _day_of(month: np.ndarray | np.datetime64, at_end: bool) -> np.ndarray:
    """The first or last day of each month."""
    if at_end:
        return (month + 1).astype("datetime64[D]") - 1
    return month.astype("datetime64[D]")
