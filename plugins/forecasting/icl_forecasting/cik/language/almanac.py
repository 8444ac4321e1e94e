"""Arithmetic of the calendar, and the moments that relative times refer to."""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from icl_forecasting.cik.language.vocabulary import MONTHS_IN, SECONDS
from icl_forecasting.cik.windows import Clock

EARLIEST, LATEST = datetime(1678, 1, 1), datetime(2262, 1, 1)
"""Limits of `datetime64[ns]`; what lies outside is moved to them."""

_EPOCH = datetime(1970, 1, 1)
_DAYS_IN_MONTH = 30.436875
LONGEST = 1e9
"""Longest length in seconds that is added to a moment."""


def stamp(moment: datetime) -> np.datetime64:
    """Return a moment as `datetime64[ns]`."""
    return np.datetime64(min(max(moment, EARLIEST), LATEST), "ns")


def moment(value: np.datetime64) -> datetime:
    """Return a `datetime64` as a datetime with microseconds; NaT gives 1970-01-01."""
    found = value.astype("datetime64[us]").item()
    return found if isinstance(found, datetime) else _EPOCH


def floor(at: datetime, unit: str) -> datetime:
    """Return the beginning of the hour, day, week (Monday), month or year around a moment."""
    if unit == "second":
        return at.replace(microsecond=0)
    if unit == "minute":
        return at.replace(second=0, microsecond=0)
    if unit == "hour":
        return at.replace(minute=0, second=0, microsecond=0)
    day = at.replace(hour=0, minute=0, second=0, microsecond=0)
    if unit in ("week", "fortnight"):
        return shift(day, -day.weekday(), "day")
    if unit == "weekend":
        return shift(day, 5 - day.weekday(), "day")
    if unit == "month":
        return day.replace(day=1)
    if unit == "quarter":
        return day.replace(day=1, month=day.month - (day.month - 1) % 3)
    if unit == "year":
        return day.replace(day=1, month=1)
    if unit == "decade":
        return day.replace(day=1, month=1, year=max(1, day.year - day.year % 10))
    return day


def shift(at: datetime, count: float, unit: str, step: timedelta | None = None) -> datetime:
    """Move a moment by a number of units; months keep the day of the month where it exists."""
    try:
        if unit in MONTHS_IN:
            whole = int(count * MONTHS_IN[unit])
            rest = count * MONTHS_IN[unit] - whole
            index = at.year * 12 + at.month - 1 + whole
            year, month = index // 12, index % 12 + 1
            day = min(at.day, monthrange(year, month)[1])
            moved = at.replace(year=year, month=month, day=day)
            moved += timedelta(days=round(rest * _DAYS_IN_MONTH))
        elif unit == "step":
            moved = at + count * (step or timedelta(hours=1))
        else:
            moved = at + timedelta(seconds=count * SECONDS.get(unit, 86_400))
    except (ValueError, OverflowError):
        return LATEST if count > 0 else EARLIEST
    return min(max(moved, EARLIEST), LATEST)


@dataclass(frozen=True)
class Length:
    """A length of time as it was said: parts in units, since months differ.

    Args:
        parts: counts and units.
        loose: "about", "a few", a range.
    """

    parts: tuple[tuple[float, str], ...]
    loose: bool = False

    @property
    def unit(self) -> str:
        """Unit of the finest part."""
        return self.parts[-1][1]

    def after(self, start: datetime, times: float = 1.0, step: timedelta | None = None) -> datetime:
        """Return the moment `times` lengths after a start (before it, where negative)."""
        for count, unit in self.parts:
            start = shift(start, count * times, unit, step)
        return start

    def seconds(self, step: timedelta) -> float:
        """Return the length in seconds; a month counts 30.44 days."""
        total = 0.0
        for count, unit in self.parts:
            if unit in MONTHS_IN:
                total += count * MONTHS_IN[unit] * _DAYS_IN_MONTH * 86_400
            elif unit == "step":
                total += count * step.total_seconds()
            else:
                total += count * SECONDS.get(unit, 86_400)
        return max(-LONGEST, min(LONGEST, total))

    def delta(self, step: timedelta) -> np.timedelta64:
        """Return the length as `timedelta64[ns]`."""
        return np.timedelta64(round(self.seconds(step) * 1e9), "ns")


@dataclass(frozen=True)
class Anchor:
    """The moments that relative times refer to.

    Args:
        first: first moment of the history.
        last: last moment of the history: when the text was said.
        now: first moment of the forecast.
        end: one step past the last moment of the forecast.
        step: length of one step.
    """

    first: datetime
    last: datetime
    now: datetime
    end: datetime
    step: timedelta

    @classmethod
    def of(cls, clock: Clock) -> Anchor:
        """Read them from a clock; an empty clock gives 1970-01-01."""
        future = clock.future if len(clock.future) else clock.history[-1:]
        history = clock.history if len(clock.history) else future[:1]
        if not len(history):
            return cls(_EPOCH, _EPOCH, _EPOCH, _EPOCH, timedelta(hours=1))
        micros = int(clock.step.astype("timedelta64[us]").astype(np.int64))
        step = timedelta(microseconds=micros) if micros > 0 else timedelta(hours=1)
        last = moment(future[-1])
        monthly = timedelta(days=27) < step < timedelta(days=32)
        end = shift(last, 1, "month") if monthly else shift(last, 1, "step", step)
        return cls(moment(history[0]), moment(history[-1]), moment(future[0]), end, step)

    def sooner(
        self, candidates: list[datetime], past: bool | None, size: timedelta = timedelta(0)
    ) -> datetime:
        """Choose among moments that a phrase can mean, or among days where `size` is a day.

        In a past tense the last one before the forecast, else the first one that lies in it, else
        the nearest one to its beginning.
        """
        inside = [one for one in candidates if self.now < one + size and one < self.end]
        if not size:
            inside = [one for one in candidates if self.now <= one < self.end]
        before = [one for one in candidates if self.first < one + size and one < self.now]
        if not size:
            before = [one for one in candidates if self.first <= one < self.now]
        if past and before:
            return max(before)
        if past is None or not past:
            if inside:
                return min(inside)
            later = [one for one in candidates if one >= self.end]
            if past is False and later:
                return min(later)
            if before:
                return max(before)
        return min(candidates, key=lambda one: abs(one - self.now))
