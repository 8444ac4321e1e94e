"""Readings as short words, so that a table of sentences can say what each must give."""

from __future__ import annotations

from typing import Any

import numpy as np

from icl_forecasting.cik import statements as s
from icl_forecasting.cik.reading import read
from icl_forecasting.cik.windows import Clock, Window

HOUR = np.timedelta64(3_600_000_000_000, "ns")


def clock(start: str, history: int, horizon: int, step: str = "h") -> Clock:
    """A clock with steps of one hour ("h"), day ("D"), month ("M"), second ("s") or minute."""
    unit = {"h": "h", "D": "D", "M": "M", "s": "s", "m": "m"}[step]
    stamps = np.datetime64(start, unit) + np.arange(history + horizon)
    stamps = stamps.astype("datetime64[ns]")
    return Clock(stamps[:history], stamps[history:])


HOURS = clock("2023-03-06T00", 168, 48)
"""A week of hours from a Monday on, then two days from Monday 2023-03-13 on."""
DAYS = clock("2023-01-02", 70, 28, "D")
"""Ten weeks of days from a Monday on, then four weeks from Monday 2023-03-13 on."""
MONTHS = clock("2022-01", 9, 6, "M")
"""January to September 2022, then October 2022 to March 2023."""


def moment(value: np.datetime64 | None) -> str:
    if value is None:
        return ""
    text = str(value.astype("datetime64[s]"))
    return text[:10] if text.endswith("T00:00:00") else text[:16]


def hours(value: np.timedelta64) -> str:
    return f"{value / HOUR:g}h"


def when(window: Window | None) -> str:
    if window is None:
        return "always"
    words = []
    if window.start is not None or window.end is not None:
        words.append(f"{moment(window.start)}..{moment(window.end)}")
    if window.period is not None and window.duration is not None:
        words.append(f"every {hours(window.period)} for {hours(window.duration)}")
    if window.weekdays:
        words.append("days " + "".join(map(str, sorted(window.weekdays))))
    if window.months:
        words.append("months " + ",".join(map(str, sorted(window.months))))
    if window.clock is not None:
        words.append(f"{hours(window.clock[0])}-{hours(window.clock[1])}")
    return " ".join(words) or "always"


def number(value: Any) -> str:
    return "" if value is None else f"{value:.4g}"


def words(statement: s.Statement) -> str:
    """One statement in short: kind, numbers, window."""
    match statement:
        case s.Effect():
            kind = f"{statement.change.value} {number(statement.value)}".strip()
            return f"{kind} {when(statement.window)}"
        case s.Artefact():
            kind = f"{statement.damage.value} {number(statement.value)}".strip()
            per = f" per {hours(statement.per)}" if statement.per is not None else ""
            return f"false {kind}{per} {when(statement.window)}"
        case s.Bound():
            of = "" if statement.of == s.TARGET else f" of {statement.of}"
            limits = f"{number(statement.lower)}..{number(statement.upper)}"
            return f"bound {limits}{of} {when(statement.window)}"
        case s.Statistic():
            of = "" if statement.of == s.TARGET else f" of {statement.of}"
            kind = f"{statement.amount.value} {number(statement.value)} per {statement.per}"
            return f"{kind}{of} {when(statement.window)}"
        case s.Peak():
            parts = sorted(statement.months or statement.weekdays)
            at = (
                hours(statement.clock) if statement.clock is not None else ",".join(map(str, parts))
            )
            return f"{'low' if statement.low else 'peak'} {statement.cycle} {at}"
        case s.SpecialDays():
            like = "".join(map(str, sorted(statement.like)))
            days = ",".join(str(day) for day in statement.days)
            change = f" {statement.change.value}" if statement.change else ""
            return f"special {days}{' like ' + like if like else ''}{change}"
    return type(statement).__name__


def reading(text: str, at: Clock = HOURS, name: str | None = None) -> s.Reading:
    return read(text, at, name)


def said(text: str, at: Clock = HOURS, name: str | None = None) -> list[str]:
    """What a text says, without the subject."""
    found = reading(text, at, name).statements
    return [words(one) for one in found if not isinstance(one, s.Subject)]
