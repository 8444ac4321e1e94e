"""Columns of numbers with time stamps, as they stand in an instance file."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from icl_core.errors import InputError

_STAMP = re.compile(
    r"[0-9]{4}-[0-9]{2}(-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?)?)?"
)
_YEARS = (1700, 2200)  # nanoseconds count no further than 1678 to 2261
_SPANS = (
    (86_400_000_000_000, "D"),
    (3_600_000_000_000, "h"),
    (60_000_000_000, "min"),
    (1_000_000_000, "s"),
    (1_000_000, "ms"),
    (1, "ns"),
)
"""Nanoseconds of each unit and its alias, longest first."""

_SHORTEST_MONTH = 28


def step_alias(stamps: np.ndarray) -> str | None:
    """Give the pandas alias of the step between time stamps.

    Args:
        stamps: `datetime64[ns]` [N], increasing.

    Returns:
        Such as "h", "10min", "D", "MS" (months from their first day on), "YS"; None where the
        steps differ, or there is one stamp alone.
    """
    if len(stamps) < 2:
        return None
    steps = np.diff(stamps).astype("timedelta64[ns]").astype(np.int64)
    months = stamps.astype("datetime64[M]")
    first_days = bool((months.astype(stamps.dtype) == stamps).all())
    if (steps == steps[0]).all():
        size, unit = next(span for span in _SPANS if steps[0] % span[0] == 0)
        count = int(steps[0]) // size
        # Two stamps a month apart may well be months.
        if unit != "D" or count < _SHORTEST_MONTH or not first_days:
            return unit if count == 1 else f"{count}{unit}"
    apart = np.unique(np.diff(months).astype(np.int64))
    if not first_days or len(apart) != 1:
        return None
    count, unit = int(apart[0]), "MS"
    if count % 12 == 0 and int(months[0].astype(np.int64)) % 12 == 0:
        count, unit = count // 12, "YS"
    return unit if count == 1 else f"{count}{unit}"


def read_column(table: Any, field: str) -> tuple[str, np.ndarray, np.ndarray]:
    """Read the last column of a table `{column: {time stamp: value}}`.

    Args:
        table: such a mapping, or JSON text of one.
        field: what to call it in errors.

    Returns:
        The column's name, its time stamps `datetime64[ns]` [N] and values float64 [N], in the
        order of the table; null is NaN.

    Raises:
        InputError: it is no such table, a stamp is none or comes twice, or a value is no number.
    """
    if isinstance(table, str):
        try:
            table = json.loads(table, object_pairs_hook=_unlike)
        except (ValueError, RecursionError) as error:
            raise InputError(f"{field} is text that is no JSON: {error}") from error
    if not isinstance(table, Mapping) or not table:
        raise InputError(f"{field} is {show(table)}, expected {{column: {{time stamp: value}}}}")
    name = str(list(table)[-1])
    column = table[name]
    if not isinstance(column, Mapping) or not column:
        raise InputError(f"{field} has nothing in its column {name!r}, expected time stamps")
    for stamp in column:
        if not isinstance(stamp, str) or not _STAMP.fullmatch(stamp):
            raise InputError(
                f"{field} has the time stamp {show(stamp)}, expected such as "
                "2024-01-31T13:00:00.000, 2024-01-31T13:00 or 2024-01"
            )
        if not _YEARS[0] <= int(stamp[:4]) <= _YEARS[1]:
            raise InputError(
                f"{field} has the time stamp {stamp!r}, expected a year from {_YEARS[0]} to "
                f"{_YEARS[1]}"
            )
    try:
        stamps = np.array([stamp.replace(" ", "T") for stamp in column], "datetime64[ns]")
    except ValueError as error:
        raise InputError(f"{field} has a time stamp that is no moment: {error}") from error
    values = np.empty(len(column))
    for place, (stamp, value) in enumerate(column.items()):
        number = math.nan if value is None else as_float(value)
        if number is None or math.isinf(number):
            raise InputError(f"{field} has {show(value)} at {stamp}, expected a number or null")
        values[place] = number
    return name, stamps, values


def _unlike(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make a dict; a name that comes twice is an error and not the last one's value."""
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise InputError(f"{twice!r} is there twice")
    return found


def as_float(value: Any) -> float | None:
    """Give a number as float; None for anything else and for whole numbers beyond all floats."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:
        return None


def show(value: Any) -> str:
    """Give a value for a sentence, shortened."""
    shown = repr(value)
    return shown if len(shown) <= 60 else shown[:57] + "..."
