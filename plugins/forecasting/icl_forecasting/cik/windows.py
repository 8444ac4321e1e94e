"""Windows of time, and the clock of a forecast that relative times refer to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

ONE_DAY = np.timedelta64(1, "D")


@dataclass(frozen=True)
class Window:
    """Some time, once or again and again. What is not given does not restrict.

    Args:
        start: first moment; None = ever since.
        end: first moment after it; None = from then on.
        period: the window of length `duration` comes again after each `period`, counted from
            `start`; `end` then says when this stops.
        duration: length of one occurrence, where `period` is given.
        weekdays: 0 = Monday ... 6 = Sunday; empty = all.
        clock: part of the day as two durations since midnight; the second may be the smaller one
            (over midnight). None = all day.
        months: 1 to 12; empty = all.
        loose: the text was vague about the edges ("about", inclusive or exclusive end).
    """

    start: np.datetime64 | None = None
    end: np.datetime64 | None = None
    period: np.timedelta64 | None = None
    duration: np.timedelta64 | None = None
    weekdays: frozenset[int] = frozenset()
    clock: tuple[np.timedelta64, np.timedelta64] | None = None
    months: frozenset[int] = frozenset()
    loose: bool = False

    def covers(self, stamps: np.ndarray) -> np.ndarray:
        """Tell which moments lie in it: `datetime64` [N] -> bool [N]."""
        stamps = np.asarray(stamps, "datetime64[ns]")
        inside = np.ones(stamps.shape, bool)
        if self.start is not None:
            inside &= stamps >= self.start
        if self.end is not None:
            inside &= stamps < self.end
        if self.period is not None and self.duration is not None and self.start is not None:
            inside &= (stamps - self.start) % self.period < self.duration
        days = stamps.astype("datetime64[D]")
        if self.weekdays:
            weekday = (days.astype(np.int64) + 3) % 7  # 1970-01-01 was a Thursday
            inside &= np.isin(weekday, sorted(self.weekdays))
        if self.months:
            month = stamps.astype("datetime64[M]").astype(np.int64) % 12 + 1
            inside &= np.isin(month, sorted(self.months))
        if self.clock is not None:
            first, last = self.clock
            since = (stamps - days) % ONE_DAY
            if first <= last:
                inside &= (since >= first) & (since < last)
            else:
                inside &= (since >= first) | (since < last)
        return inside


@dataclass(frozen=True)
class Clock:
    """When the history was and when the forecast is: what relative times refer to.

    Args:
        history: `datetime64[ns]` [T], stamps of the history.
        future: `datetime64[ns]` [H], stamps of the forecast.
        stamped: False where the series has no time stamps; the stamps then count hours from
            1970-01-01 and only relative times can be resolved.
    """

    history: np.ndarray
    future: np.ndarray
    stamped: bool = True

    @property
    def step(self) -> np.timedelta64:
        """Length of one step (the median, since months differ)."""
        stamps = np.concatenate([self.history, self.future])
        if len(stamps) < 2:
            return np.timedelta64(3_600_000_000_000, "ns")
        steps = np.sort(np.diff(stamps))
        middle: np.timedelta64 = steps[len(steps) // 2]
        return middle

    @property
    def now(self) -> np.datetime64:
        """The first moment of the forecast."""
        first: np.datetime64 = self.future[0]
        return first

    @property
    def end(self) -> np.datetime64:
        """One step past the last moment of the forecast."""
        last: np.datetime64 = self.future[-1] + self.step
        return last
