"""One value of a statement as JSON and back: numbers, moments, durations, windows.

A codec knows how a value is written, how it is read with a check, and how JSON schema describes
it. Every refusal is an `InputError` that starts with the path of the entry, such as
`statements[2].window.start`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from icl_core import InputError
from icl_forecasting.cik.windows import Window

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
SECOND = 1_000_000_000
UNITS = (
    ("week", 604_800 * SECOND),
    ("day", 86_400 * SECOND),
    ("hour", 3_600 * SECOND),
    ("minute", 60 * SECOND),
    ("second", SECOND),
    ("millisecond", 1_000_000),
    ("nanosecond", 1),
)
"""Units of a duration, largest first. A week is read; days are written."""

_DURATION = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-z]+?)s?\s*$", re.IGNORECASE)
_YEAR = re.compile(r"(?:1[789]|20|21)\d\d-")
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?$")
Path = str


@dataclass(frozen=True)
class Codec:
    """How one kind of value is written and read.

    Args:
        write: value -> JSON.
        read: (JSON, path of the entry) -> value; raises `InputError`.
        schema: JSON schema of what `read` accepts and `write` gives.
    """

    write: Callable[[Any], Any]
    read: Callable[[Any, Path], Any]
    schema: dict[str, Any]


def refuse(path: Path, found: object, expected: str) -> InputError:
    """Make the error for an entry that cannot be used."""
    shown = repr(found)
    return InputError(f"{path} is {shown[:80]}, expected {expected}")


def _read_number(found: Any, path: Path) -> float:
    if isinstance(found, bool) or not isinstance(found, (int, float)) or not math.isfinite(found):
        raise refuse(path, found, "a finite number")
    return float(found)


def _read_whole(found: Any, path: Path) -> int:
    if isinstance(found, bool) or not isinstance(found, int) or found < 0:
        raise refuse(path, found, "a whole number from 0")
    return found


def _read_text(found: Any, path: Path) -> str:
    if not isinstance(found, str):
        raise refuse(path, found, "text")
    return found


def _read_flag(found: Any, path: Path) -> bool:
    if not isinstance(found, bool):
        raise refuse(path, found, "true or false")
    return found


def _read_state(found: Any, path: Path) -> float | str:
    return found if isinstance(found, str) else _read_number(found, path)


def _read_moment(found: Any, path: Path) -> np.datetime64:
    expected = "a time such as '2024-05-01T08:00:00'"
    if not isinstance(found, str) or not _YEAR.match(found.strip()):
        raise refuse(path, found, expected)
    try:
        read = np.datetime64(found.strip().replace(" ", "T", 1), "ns")
    except ValueError:
        raise refuse(path, found, expected) from None
    if np.isnat(read):
        raise refuse(path, found, expected)
    return read


def write_moment(moment: np.datetime64) -> str:
    """Write a moment without needless digits: 'YYYY-MM-DDTHH:MM:SS'."""
    text = str(moment.astype("datetime64[ns]"))
    return text.rstrip("0").rstrip(".") if text.endswith("0" * 9) else text


def _read_day(found: Any, path: Path) -> np.datetime64:
    day: np.datetime64 = _read_moment(found, path).astype("datetime64[D]")
    return day


def _read_duration(found: Any, path: Path) -> np.timedelta64:
    expected = "a duration such as '15 days' or a number of seconds"
    if isinstance(found, str):
        match = _DURATION.match(found)
        scale = dict(UNITS).get(match[2].lower()) if match else None
        if match is None or scale is None:
            raise refuse(path, found, expected)
        length = float(match[1]) * scale
    elif isinstance(found, (int, float)) and not isinstance(found, bool):
        length = float(found) * SECOND
    else:
        raise refuse(path, found, expected)
    if not 0 < length < 2**62:
        raise refuse(path, found, "a duration above 0")
    return np.timedelta64(round(length), "ns")


def write_duration(duration: np.timedelta64) -> str:
    """Write a duration in the largest unit from days on that divides it."""
    length = int(duration.astype("timedelta64[ns]").astype(np.int64))
    for name, scale in UNITS[1:]:
        if length % scale == 0:
            count = length // scale
            return f"{count} {name}" + ("" if count == 1 else "s")
    raise AssertionError  # a nanosecond divides everything


def _read_clock(found: Any, path: Path) -> np.timedelta64:
    match = _CLOCK.match(found.strip()) if isinstance(found, str) else None
    if match is None or int(match[1]) > 24 or int(match[2]) > 59 or int(match[3] or 0) > 59:
        raise refuse(path, found, "a clock time such as '08:30'")
    hours, minutes, seconds = int(match[1]), int(match[2]), int(match[3] or 0)
    fraction = int((match[4] or "").ljust(9, "0"))
    length = (hours * 3600 + minutes * 60 + seconds) * SECOND + fraction
    if length > 24 * 3600 * SECOND:
        raise refuse(path, found, "a clock time up to '24:00'")
    return np.timedelta64(length, "ns")


def write_clock(since: np.timedelta64) -> str:
    """Write time since midnight as 'HH:MM' or 'HH:MM:SS'."""
    length = int(since.astype("timedelta64[ns]").astype(np.int64))
    seconds, rest = divmod(length, SECOND)
    text = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}"
    if seconds % 60 or rest:
        text += f":{seconds % 60:02d}"
    return text + (f".{rest:09d}".rstrip("0") if rest else "")


def _named(names: Sequence[str], first: int, what: str) -> Codec:
    """Weekdays or months: written as names, read as names or numbers from `first` on."""

    def read(found: Any, path: Path) -> int:
        if isinstance(found, str):
            for index, name in enumerate(names):
                if len(found) >= 3 and name.lower().startswith(found.strip().lower()):
                    return index + first
        elif isinstance(found, int) and not isinstance(found, bool):
            if first <= found < first + len(names):
                return found
        raise refuse(path, found, f"a {what} such as {names[0]!r}")

    return Codec(lambda index: names[index - first], read, {"enum": list(names)})


def choice(kind: type[StrEnum]) -> Codec:
    """One of the values of an enumeration."""
    known = [one.value for one in kind]

    def read(found: Any, path: Path) -> StrEnum:
        if not isinstance(found, str) or found not in known:
            raise refuse(path, found, f"one of {', '.join(known)}")
        return kind(found)

    return Codec(lambda value: value.value, read, {"enum": known})


def one_of(*known: str) -> Codec:
    """One of some words."""

    def read(found: Any, path: Path) -> str:
        if not isinstance(found, str) or found not in known:
            raise refuse(path, found, f"one of {', '.join(known)}")
        return found

    return Codec(lambda value: value, read, {"enum": list(known)})


def optional(codec: Codec) -> Codec:
    """The same or null."""
    return Codec(
        lambda value: None if value is None else codec.write(value),
        lambda found, path: None if found is None else codec.read(found, path),
        {"anyOf": [codec.schema, {"type": "null"}]},
    )


def many(
    codec: Codec, into: Callable[[list[Any]], Any] = tuple, length: int | None = None
) -> Codec:
    """A list of them; `length` where only one length is right."""

    def read(found: Any, path: Path) -> Any:
        if isinstance(found, str) or not isinstance(found, (list, tuple)):
            raise refuse(path, found, "a list")
        if length is not None and len(found) != length:
            raise refuse(path, found, f"a list of {length}")
        return into([codec.read(one, f"{path}[{index}]") for index, one in enumerate(found)])

    def write(values: Any) -> list[Any]:
        ordered = sorted(values) if isinstance(values, frozenset) else values
        return [codec.write(one) for one in ordered]

    schema: dict[str, Any] = {"type": "array", "items": codec.schema}
    if length is not None:
        schema |= {"minItems": length, "maxItems": length}
    return Codec(write, read, schema)


def _same(value: Any) -> Any:
    return value


NUMBER = Codec(float, _read_number, {"type": "number"})
WHOLE = Codec(int, _read_whole, {"type": "integer", "minimum": 0})
TEXT = Codec(_same, _read_text, {"type": "string"})
FLAG = Codec(bool, _read_flag, {"type": "boolean"})
STATE = Codec(_same, _read_state, {"type": ["number", "string"]})
MOMENT = Codec(write_moment, _read_moment, {"type": "string", "format": "date-time"})
DAY = Codec(
    lambda day: str(day.astype("datetime64[D]")), _read_day, {"type": "string", "format": "date"}
)
DURATION = Codec(
    write_duration, _read_duration, {"type": "string", "examples": ["2 hours", "15 days"]}
)
CLOCK = Codec(write_clock, _read_clock, {"type": "string", "examples": ["08:30"]})
WEEKDAY = _named(WEEKDAYS, 0, "weekday")
MONTH = _named(MONTHS, 1, "month")


def record(kind: Callable[..., Any], fields: dict[str, Codec], needed: Sequence[str] = ()) -> Codec:
    """A JSON object whose keys are fields of `kind`; defaults are not written."""
    plain = {name: getattr(kind, name, None) for name in fields}

    def read(found: Any, path: Path) -> Any:
        if not isinstance(found, dict):
            raise refuse(path, found, "an object")
        for name in found:
            if name not in fields:
                raise InputError(f"{path} has {name!r}, expected some of {', '.join(fields)}")
        for name in needed:
            if name not in found:
                raise InputError(f"{path} lacks {name!r}")
        return kind(
            **{name: fields[name].read(one, f"{path}.{name}") for name, one in found.items()}
        )

    def write(value: Any) -> dict[str, Any]:
        return {
            name: codec.write(getattr(value, name))
            for name, codec in fields.items()
            if name in needed or getattr(value, name) != plain[name]
        }

    schema: dict[str, Any] = {
        "type": "object",
        "properties": {name: codec.schema for name, codec in fields.items()},
        "required": list(needed),
        "additionalProperties": False,
    }
    return Codec(write, read, schema)


_EMPTY: frozenset[int] = frozenset()
_WINDOW = record(
    Window,
    {
        "start": optional(MOMENT),
        "end": optional(MOMENT),
        "period": optional(DURATION),
        "duration": optional(DURATION),
        "weekdays": many(WEEKDAY, frozenset),
        "clock": optional(many(CLOCK, length=2)),
        "months": many(MONTH, frozenset),
        "loose": FLAG,
    },
)


def _read_window(found: Any, path: Path) -> Window:
    window: Window = _WINDOW.read(found, path)
    if window.start is not None and window.end is not None and window.start >= window.end:
        raise refuse(f"{path}.end", found["end"], "a time after start")
    if window.period is not None and (window.duration is None or window.start is None):
        raise InputError(f"{path} has a period, and so needs start and duration")
    return window


WINDOW = Codec(_WINDOW.write, _read_window, _WINDOW.schema)
