"""Made-up series with a daily and a weekly rhythm, and a forecast that knows what happens."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import numpy as np

Effect = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Values [..., H] and their stamps [H] -> values [..., H] with what happens."""

DRAWS = 25
HOUR = np.timedelta64(1, "h")
DAY = np.timedelta64(1, "D")


@dataclass(frozen=True, eq=False)
class Problem:
    """A made-up problem before it has a text.

    Args:
        past: stamps [T].
        coming: stamps [H].
        history: values [T].
        future: values [H].
        oracle: forecast [25, H] that knows the effect: the same-phase past with the effect on it.
        slots: what the texts say.
        region: steps that the text is about.
        period: steps of a season; -1 = none.
        lower: least value allowed.
        upper: largest value allowed.
        upper_steps: steps with a limit of their own.
        upper_values: these limits.
    """

    past: np.ndarray
    coming: np.ndarray
    history: np.ndarray
    future: np.ndarray
    oracle: np.ndarray
    slots: Mapping[str, Any]
    region: tuple[int, ...] = ()
    period: int = -1
    lower: float = -math.inf
    upper: float = math.inf
    upper_steps: tuple[int, ...] = ()
    upper_values: tuple[float, ...] = field(default=())


@dataclass(frozen=True, eq=False)
class Usual:
    """A positive series: level times hour of the day times day of the week, with noise.

    Args:
        level: mean.
        day: [24] factors of the hours; ones for daily data.
        week: [7] factors from Monday on.
        spread: standard deviation of the noise, as a share.
    """

    level: float
    day: np.ndarray
    week: np.ndarray
    spread: float

    def path(self, stamps: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Draw the series at these moments."""
        hours, weekdays = phase(stamps)
        noise = rng.normal(size=len(stamps))
        for step in range(1, len(noise)):
            noise[step] = 0.5 * noise[step - 1] + math.sqrt(0.75) * noise[step]
        factors: np.ndarray = self.day[hours] * self.week[weekdays] * np.exp(self.spread * noise)
        return self.level * factors


def usual(
    rng: np.random.Generator, level: float, hourly: bool = True, weekend: float = 0.7
) -> Usual:
    """Draw a rhythm: two daily peaks (for hourly data) and quieter or busier weekends."""
    hours = np.arange(24)
    peaks = rng.normal([8.5, 17.5], 0.8)
    shape = sum(np.exp(-0.5 * ((hours - peak) / 2.2) ** 2) for peak in peaks)
    day = 0.25 + shape if hourly else np.ones(24)
    week = np.r_[rng.normal(1, 0.05, 5), rng.normal(weekend, 0.04, 2)].clip(0.1)
    return Usual(level, day / day.mean(), week / week.mean(), 0.08)


def phase(stamps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give hour of the day and weekday (0 = Monday) of moments."""
    days = stamps.astype("datetime64[D]")
    hours = ((stamps - days) // HOUR).astype(int)
    return hours, (days.astype(np.int64) + 3) % 7


def stamps_from(start: datetime, steps: int, step: np.timedelta64 = HOUR) -> np.ndarray:
    """List moments, `datetime64[ns]` [steps]."""
    return np.datetime64(start, "ns") + np.arange(steps) * step


def months_from(start: datetime, steps: int) -> np.ndarray:
    """List first days of months, `datetime64[ns]` [steps]."""
    months = np.datetime64(start, "M") + np.arange(steps)
    return months.astype("datetime64[ns]")


def climatology(
    history: np.ndarray, past: np.ndarray, coming: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Draw [25, H] from the past at the same hour of the same kind of day."""
    hours, weekdays = phase(past)
    ahead, days = phase(coming)
    draws = np.empty((DRAWS, len(coming)))
    for step in range(len(coming)):
        same = (hours == ahead[step]) & (weekdays == days[step])
        if same.sum() < 4:
            same = (hours == ahead[step]) & ((weekdays >= 5) == (days[step] >= 5))
        if same.sum() < 2:
            same = hours == ahead[step]
        draws[:, step] = rng.choice(history[same], DRAWS)
    return draws


def with_effect(
    series: Usual,
    past: np.ndarray,
    coming: np.ndarray,
    rng: np.random.Generator,
    effect: Effect | None = None,
    **more: Any,
) -> Problem:
    """Draw history and future, and lay the effect on the future and on the climatology."""
    values = series.path(np.concatenate([past, coming]), rng)
    history, future = values[: len(past)], values[len(past) :]
    oracle = climatology(history, past, coming, rng)
    if effect is not None:
        future, oracle = effect(future.copy(), coming), effect(oracle.copy(), coming)
    slots = more.pop("slots", {})
    clock = {
        "now": moment_of(coming[0]),
        "latest": moment_of(past[-1]),
        "first": moment_of(past[0]),
    }
    return Problem(past, coming, history, future, oracle, {**clock, **slots}, **more)


def moment_of(stamp: np.datetime64) -> datetime:
    """Turn a stamp into a moment."""
    seconds = int(stamp.astype("datetime64[s]").astype(np.int64))
    return datetime(1970, 1, 1) + timedelta(seconds=seconds)


def day_drawn(rng: np.random.Generator, year: int = 2019) -> datetime:
    """Draw a date from March 2019 to October 2023."""
    return datetime(year, 3, 1) + timedelta(days=int(rng.integers(0, 1700)))


def steps_in(stamps: np.ndarray, start: datetime, end: datetime) -> tuple[int, ...]:
    """List the steps from `start` to before `end`."""
    inside = (stamps >= np.datetime64(start, "ns")) & (stamps < np.datetime64(end, "ns"))
    return tuple(int(step) for step in np.flatnonzero(inside))


def scaled(factor: float, start: datetime, end: datetime) -> Effect:
    """Multiply in a window."""

    def effect(values: np.ndarray, stamps: np.ndarray) -> np.ndarray:
        values[..., list(steps_in(stamps, start, end))] *= factor
        return values

    return effect


def added(amount: float, start: datetime, end: datetime) -> Effect:
    """Add in a window."""

    def effect(values: np.ndarray, stamps: np.ndarray) -> np.ndarray:
        values[..., list(steps_in(stamps, start, end))] += amount
        return values

    return effect
