"""How slots are written: one moment, number or duration in many spellings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

SMALL = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen"
).split()
TENS = "zero ten twenty thirty forty fifty sixty seventy eighty ninety".split()
PARTS = {2: "half", 3: "a third", 4: "a quarter", 5: "a fifth"}
VERBS = {2: "doubled", 3: "tripled", 4: "quadrupled", 5: "quintupled"}
INFINITIVES = {2: "double", 3: "triple", 4: "quadruple", 5: "quintuple"}


class Figure(float):
    """A number that remembers how the original wrote it."""

    text: str

    def __new__(cls, text: str) -> Figure:
        """Read a number from its text."""
        made = super().__new__(cls, float(text))
        made.text = text
        return made


@dataclass(frozen=True)
class Length:
    """A duration.

    Args:
        count: how many units.
        unit: "hour", "day", "month" or "second".
    """

    count: int
    unit: str


def in_words(number: int) -> str:
    """Write a whole number from 0 to 999 in words."""
    if number < 20:
        return SMALL[number]
    if number < 100:
        tail = f"-{SMALL[number % 10]}" if number % 10 else ""
        return TENS[number // 10] + tail
    tail = f" and {in_words(number % 100)}" if number % 100 else ""
    return f"{SMALL[number // 100]} hundred{tail}"


def ordinal(number: int) -> str:
    """Write 1 as 1st, 22 as 22nd."""
    if 10 <= number % 100 <= 20:
        return f"{number}th"
    return f"{number}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th') }"


def write(value: object, style: str) -> str:
    """Write a slot in a style.

    Args:
        value: text, moment, figure, whole number or length.
        style: a key of the table of its type; "" = the plain one.

    Raises:
        KeyError: the type has no such style.
    """
    if isinstance(value, datetime):
        return MOMENTS[style or "iso"](value)
    if isinstance(value, Length):
        return LENGTHS[style or "digits"](value)
    if isinstance(value, Figure):
        return FIGURES[style or "plain"](value)
    if isinstance(value, int) and not isinstance(value, bool):
        return FIGURES[style or "plain"](Figure(str(value)))
    return TEXTS[style or "plain"](str(value))


def _clock(moment: datetime, noon: str, midnight: str, glue: str) -> str:
    if moment.minute == 0 and moment.hour in (0, 12):
        return noon if moment.hour else midnight
    half = "am" if moment.hour < 12 else "pm"
    hour = moment.hour % 12 or 12
    return f"{hour}{glue}{half}" if moment.minute == 0 else f"{hour}:{moment:%M}{glue}{half}"


def _spoken(moment: datetime) -> str:
    """Write a full hour as it is spoken: "three in the afternoon"."""
    if moment.minute or moment.hour in (0, 12):
        return _clock(moment, "noon", "midnight", " ")
    hour = moment.hour
    part = "morning" if hour < 12 else "afternoon" if hour < 18 else "evening"
    return f"{SMALL[hour % 12]} in the {part}"


MOMENTS: dict[str, Callable[[datetime], str]] = {
    "iso": lambda m: f"{m:%Y-%m-%d %H:%M}",
    "isot": lambda m: f"{m:%Y-%m-%dT%H:%M:%S}",
    "isoz": lambda m: f"{m:%Y-%m-%d %H:%M:%S}",
    "date": lambda m: f"{m:%Y-%m-%d}",
    "slash": lambda m: f"{m:%Y/%m/%d}",
    "dots": lambda m: f"{m:%d.%m.%Y}",
    "dash": lambda m: f"{m:%d-%b-%Y}",
    "dmy": lambda m: f"{m.day} {m:%B %Y}",
    "dm": lambda m: f"{m.day} {m:%B}",
    "dthm": lambda m: f"{ordinal(m.day)} {m:%B}",
    "dthmy": lambda m: f"{ordinal(m.day)} {m:%B %Y}",
    "theofm": lambda m: f"the {ordinal(m.day)} of {m:%B}",
    "theofmy": lambda m: f"the {ordinal(m.day)} of {m:%B %Y}",
    "mdy": lambda m: f"{m:%B} {m.day}, {m:%Y}",
    "md": lambda m: f"{m:%B} {m.day}",
    "mdth": lambda m: f"{m:%B} {ordinal(m.day)}",
    "mdthy": lambda m: f"{m:%B} {ordinal(m.day)}, {m:%Y}",
    "short": lambda m: f"{m:%b} {m.day}",
    "dshort": lambda m: f"{m.day} {m:%b}",
    "shortd": lambda m: f"{m.day} {m:%b} {m:%Y}",
    "wd": lambda m: f"{m:%A}",
    "wdmd": lambda m: f"{m:%A}, {m:%B} {m.day}",
    "wdmdy": lambda m: f"{m:%A}, {m:%B} {m.day}, {m:%Y}",
    "wddm": lambda m: f"{m:%A} {m.day} {m:%B}",
    "dth": lambda m: f"{ordinal(m.day)}",
    "day": lambda m: f"{m.day}",
    "hm": lambda m: f"{m:%H:%M}",
    "h": lambda m: f"{m.hour}h",
    "oclock": lambda m: f"{m.hour} o'clock",
    "hdot": lambda m: f"{m:%H.%M}h",
    "zulu": lambda m: f"{m:%Y-%m-%dT%H:%M}",
    "comma": lambda m: f"{m:%b %d %Y, %H:%M}",
    "mdash": lambda m: f"{m:%B}-{m:%d}",
    "wdthe": lambda m: f"{m:%A} the {ordinal(m.day)}",
    "wdshort": lambda m: f"{m:%a %d %b}",
    "hms": lambda m: f"{m:%H:%M:%S}",
    "hhmm": lambda m: f"{m:%H%M} hours",
    "dot": lambda m: f"{m:%H.%M}",
    "t12": lambda m: _clock(m, "12 pm", "12 am", " "),
    "tight": lambda m: _clock(m, "12pm", "12am", ""),
    "ampm": lambda m: (
        _clock(m, "12 noon", "midnight", " ").replace("am", "a.m.").replace("pm", "p.m.")
    ),
    "noon": lambda m: _clock(m, "noon", "midnight", " "),
    "spoken": _spoken,
    "12hms": lambda m: f"{m.hour % 12 or 12}:{m:%M:%S} {m:%p}",
    "month": lambda m: f"{m:%B %Y}",
    "mon": lambda m: f"{m:%B}",
    "monshort": lambda m: f"{m:%b %Y}",
    "ym": lambda m: f"{m:%Y-%m}",
    "ymslash": lambda m: f"{m:%Y/%m}",
    "monbare": lambda m: f"{m:%b}",
    "my": lambda m: f"{m:%m/%Y}",
    "year": lambda m: f"{m:%Y}",
}

LENGTHS: dict[str, Callable[[Length], str]] = {
    "digits": lambda v: f"{v.count} {v.unit}{'s' * (v.count != 1)}",
    "words": lambda v: f"{in_words(v.count)} {v.unit}{'s' * (v.count != 1)}",
    "one": lambda v: (
        f"{'an' if v.unit == 'hour' else 'a'} {v.unit}"
        if v.count == 1
        else f"{in_words(v.count)} {v.unit}s"
    ),
    "adj": lambda v: f"{v.count}-{v.unit}",
    "adjwords": lambda v: f"{in_words(v.count)}-{v.unit}",
    "abbr": lambda v: f"{v.count}{v.unit[0]}",
    "hrs": lambda v: f"{v.count} hr{'s' * (v.count != 1)}",
    "full": lambda v: f"{v.count} full {v.unit}{'s' * (v.count != 1)}",
    "minutes": lambda v: f"{v.count * 60} minutes",
    "hours": lambda v: f"{v.count * 24} hours",
    "nights": lambda v: f"{in_words(v.count)} day{'s' * (v.count != 1)} and nights",
    "weeks": lambda v: (
        f"{in_words(v.count // 7)} week{'s' * (v.count != 7)}"
        if v.count % 7 == 0
        else f"{in_words(v.count)} days"
    ),
    "aweek": lambda v: (
        "a week" if v.count == 7 else f"{in_words(v.count)} day{'s' * (v.count > 1)}"
    ),
    "in": lambda v: f"{v.count} {v.unit}{'s' * (v.count != 1)}",
    "seconds": lambda v: f"{v.count} s",
    "count": lambda v: str(v.count),
    "countword": lambda v: in_words(v.count),
    "ordinal": lambda v: ordinal(v.count),
}

FIGURES: dict[str, Callable[[Figure], str]] = {
    "plain": lambda v: v.text,
    "g": lambda v: f"{v:g}",
    "word": lambda v: in_words(round(v)),
    "capword": lambda v: in_words(round(v)).capitalize(),
    "x": lambda v: f"{v:g}x",
    "cross": lambda v: f"{v:g} ×",
    "fold": lambda v: f"{in_words(round(v))}fold",
    "verb": lambda v: VERBS[round(v)],
    "infinitive": lambda v: INFINITIVES[round(v)],
    "part": lambda v: PARTS[round(v)],
    "percent": lambda v: f"{100 * v:.6g} %",
    "pct": lambda v: f"{100 * v:.6g}%",
    "per_cent": lambda v: f"{100 * v:.6g} per cent",
    "more": lambda v: f"{100 * (v - 1):.6g}%",
    "moreword": lambda v: f"{100 * (v - 1):.6g} percent",
    "hundred": lambda v: f"{100 * v:.6g}",
    "comma": lambda v: v.text.replace(".", ","),
    "thousands": lambda v: f"{v:,.0f}",
    "decimal": lambda v: f"{v:.8f}".rstrip("0"),
    "sci": lambda v: f"{v:.3e}",
    "tenpower": lambda v: f"{v:.3e}".replace("e-0", " x 10^-"),
    "size": lambda v: v.text.lstrip("-"),
    "sign": lambda v: "-" if v < 0 else "+",
    "minus": lambda v: "minus" if v < 0 else "plus",
    "ordinal": lambda v: ordinal(round(v)),
}

TEXTS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "upper": str.upper,
    "lower": str.lower,
    "title": str.title,
    "first": lambda t: t[:1].upper() + t[1:],
    "abbr": lambda t: t[:3],
}
