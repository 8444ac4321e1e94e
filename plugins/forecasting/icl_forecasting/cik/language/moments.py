"""Dates and times of day, at a token: "28 May at noon", "2013-05-28 12:00", "next Tuesday"."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from icl_forecasting.cik.language.almanac import Anchor
from icl_forecasting.cik.language.model import Token
from icl_forecasting.cik.language.numbers import ordinal_at
from icl_forecasting.cik.language.vocabulary import MONTHS, WEEKDAYS

_ISO = re.compile(
    r"(\d{4})[-/.](\d{1,2})(?:[-/.](\d{1,2}))?(?:[T ,]+(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,]\d+)?)?)?"
)
_DAY_FIRST = re.compile(
    r"(\d{1,2})[-/.](\d{1,2})[-/.](\d{4}|\d{2})(?:[T ,]+(\d{1,2})[:.](\d{2})(?::(\d{2}))?)?"
)
_NAMED_MONTH = re.compile(
    r"(\d{1,2})-([A-Za-z]+)-(\d{4}|\d{2})(?:[T ]+(\d{1,2}):(\d{2})(?::(\d{2}))?)?"
)
_MONTH_YEAR = re.compile(r"(\d{2})/(\d{4})$")
_CLOCK = re.compile(r"(\d{1,2})(?:[:.h](\d{2}))?(?::(\d{2})(?:[.,]\d+)?)?\s*(?:([ap])\.?m)?", re.I)

PRECISIONS = ("second", "minute", "hour", "day", "week", "month", "year")


@dataclass(frozen=True)
class Moment:
    """A date, a time of day, or both.

    Args:
        lo: its beginning.
        hi: the beginning of what comes after it, by its precision.
        precision: unit of the finest part that was said.
        clock: the time of day, if one was said.
        floating: only a time of day was said; `lo` lies on an arbitrary day.
        weekday: the weekday that stood for the date.
        month: the month that was named without a year.
        loose: it is vague ("early May", "in the morning").
        dated: the year was said, so nothing was guessed.
        generic: it has no article or year and can mean every such day or month.
    """

    lo: datetime
    hi: datetime
    precision: str
    clock: timedelta | None = None
    floating: bool = False
    weekday: int | None = None
    month: int | None = None
    loose: bool = False
    dated: bool = False
    generic: bool = False


@dataclass
class Scene:
    """What the text said so far, as far as times refer to it.

    Args:
        tokens: of the text.
        anchor: moments of the forecast.
        past: tense of the sentence; None = unknown.
        mention: the moment that was named last.
        day: the day near the series that was named last, for times of day without a date.
        word: the token at an index in lower case, empty behind the ends.
        kind: the kind of the token at an index, empty behind the ends.
        stamps: the stamps that were read, by index.
        clocks: the times of day that were read, by index and whether bare numbers counted.
    """

    tokens: Sequence[Token]
    anchor: Anchor
    past: bool | None = None
    mention: datetime | None = None
    day: datetime | None = None
    word: Callable[[int], str] = field(init=False, repr=False)
    kind: Callable[[int], str] = field(init=False, repr=False)
    stamps: dict[int, Moment | None] = field(default_factory=dict, repr=False)
    clocks: dict[tuple[int, bool], tuple[timedelta, str, int] | None] = field(
        default_factory=dict, repr=False
    )

    def __post_init__(self) -> None:
        # A few empty tokens at the end answer for the places before the first and after the last.
        padding = [""] * _PADDING
        self.word = [*(token.lower for token in self.tokens), *padding].__getitem__
        self.kind = [*(token.kind for token in self.tokens), *padding].__getitem__


_PADDING = 256
Found = tuple[Moment, int]
_UNIT_SPAN = {
    "second": timedelta(seconds=1),
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(days=7),
}


def day_of(at: datetime) -> datetime:
    """Return midnight of a moment's day."""
    return at.replace(hour=0, minute=0, second=0, microsecond=0)


def next_month(at: datetime, months: int = 1) -> datetime:
    """Return the first of a later month."""
    index = at.year * 12 + at.month - 1 + months
    return datetime(max(1, min(9999, index // 12)), index % 12 + 1, 1)


def date(year: int, month: int, day: int = 1) -> datetime | None:
    """Return a day, None where the calendar has none or `datetime64[ns]` cannot hold it."""
    try:
        return datetime(year, month, day) if 1700 <= year <= 2250 else None
    except ValueError:
        return None


def whole_day(at: datetime, **flags: object) -> Moment:
    """Return the day of a moment."""
    lo = day_of(at)
    return replace(Moment(lo, lo + timedelta(days=1), "day"), **flags)  # type: ignore[arg-type]


def whole_month(at: datetime, **flags: object) -> Moment:
    """Return the month of a moment."""
    lo = day_of(at).replace(day=1)
    return replace(Moment(lo, next_month(lo), "month"), **flags)  # type: ignore[arg-type]


def with_clock(day: Moment, clock: timedelta, precision: str, loose: bool = False) -> Moment:
    """Put a time of day on a day."""
    lo = day_of(day.lo) + clock
    return replace(
        day,
        lo=lo,
        hi=lo + _UNIT_SPAN[precision],
        precision=precision,
        clock=clock % timedelta(days=1),
        floating=False,
        loose=day.loose or loose,
        generic=False,
    )


def stamp_at(scene: Scene, i: int) -> Moment | None:
    """Read a token of digits that is a date, a time of day, or both."""
    if scene.kind(i) != "stamp":
        return None
    if i not in scene.stamps:
        scene.stamps[i] = _stamp(scene, i)
    return scene.stamps[i]


def _stamp(scene: Scene, i: int) -> Moment | None:
    text = scene.tokens[i].text
    iso = _ISO.match(text)
    if iso:
        year, month, day, hour, minute, second = (int(g) if g else None for g in iso.groups())
        assert year is not None and month is not None
        at = date(year, month, day or 1)
        if at is None:
            return None
        found = whole_day(at, dated=True) if day else whole_month(at, dated=True)
        return _at_clock(found, hour, minute, second)
    dmy = _DAY_FIRST.match(text)
    if dmy:
        found_day = _ambiguous(scene, int(dmy[1]), int(dmy[2]), int(dmy[3]))
        if found_day is None:
            return None
        numbers = (int(g) if g else None for g in dmy.groups()[3:])
        return _at_clock(found_day, *numbers)
    named = _NAMED_MONTH.match(text)
    if named:
        month = MONTHS.get(named[2].lower())
        at = date(_full_year(scene, int(named[3])), month, int(named[1])) if month else None
        if at is None:
            return None
        return _at_clock(
            whole_day(at, dated=True), *(int(g) if g else None for g in named.groups()[3:])
        )
    short = _MONTH_YEAR.match(text)
    if short:
        at = date(int(short[2]), int(short[1]))
        return whole_month(at, dated=True) if at else None
    clock = clock_of(text)
    if clock is None:
        return None
    time, precision = clock
    lo = day_of(scene.anchor.now) + time
    return Moment(lo, lo + _UNIT_SPAN[precision], precision, time, floating=True)


def _at_clock(day: Moment, hour: int | None, minute: int | None, second: int | None) -> Moment:
    if hour is None or hour > 24 or (minute or 0) > 59 or (second or 0) > 59:
        return day
    time = timedelta(hours=hour, minutes=minute or 0, seconds=second or 0)
    return with_clock(day, time, "minute" if second is None else "second")


def clock_of(text: str) -> tuple[timedelta, str] | None:
    """Read digits such as "14:00", "2.30 pm", "14h00", "05:47:09": the time and its precision."""
    match = _CLOCK.match(text)
    if match is None:
        return None
    hour, minute, second = int(match[1]), int(match[2] or 0), int(match[3] or 0)
    half = (match[4] or "").lower()
    if half and 1 <= hour <= 12:
        hour = hour % 12 + (12 if half == "p" else 0)
    if hour > 24 or minute > 59 or second > 59 or (hour == 24 and minute + second):
        return None
    precision = "second" if match[3] else "minute" if match[2] else "hour"
    return timedelta(hours=hour, minutes=minute, seconds=second), precision


def _full_year(scene: Scene, year: int) -> int:
    """Complete a year of two digits to the one nearest to the forecast."""
    if year >= 100:
        return year
    now = scene.anchor.now.year
    century = now // 100 * 100
    return min((century + year, century - 100 + year), key=lambda y: abs(y - now))


def _ambiguous(scene: Scene, a: int, b: int, year: int) -> Moment | None:
    """Resolve "28/05/2013": the only reading, else the one near the series, day first if both."""
    year = _full_year(scene, year)
    options = [one for one in (date(year, b, a), date(year, a, b)) if one is not None]
    if not options:
        return None
    anchor = scene.anchor
    inside = [one for one in options if day_of(anchor.first) <= one < anchor.end]
    if not inside:
        inside = (
            [min(options, key=lambda one: abs(one - anchor.now))] if len(options) > 1 else options
        )
    return whole_day(inside[0], dated=True, loose=len(set(inside)) > 1)


def month_at(scene: Scene, i: int) -> int | None:
    """Return the month that a token names; "may" and "march" only where they can be months."""
    word = scene.word(i)
    month = MONTHS.get(word)
    if month is None or scene.kind(i) != "word":
        return None
    text = scene.tokens[i].text
    if word in ("may", "march", "mar", "dec", "jan", "sep", "oct", "nov", "jun", "jul", "apr"):
        if text[0].islower():
            return None
        if word in ("may", "march") and not _beside_date(scene, i):
            return None
    return month


def _beside_date(scene: Scene, i: int) -> bool:
    before, after = scene.word(i - 1), scene.word(i + 1)
    if scene.kind(i + 1) == "number" or scene.kind(i - 1) in ("number", "stamp"):
        return True
    if before in ("st", "nd", "rd", "th") or before in MONTHS or after in MONTHS:
        return True
    return before in _BEFORE_MONTHS or (before in ("and", "or", ",", "-", "to") and i > 1)


_BEFORE_MONTHS = frozenset(
    "in of was is until till through by from since during before after early late mid every each "
    "this last next throughout between for around to as".split()
)


def weekday_at(scene: Scene, i: int) -> int | None:
    """Return the weekday that a token names; short forms only with a capital."""
    word = scene.word(i)
    day = WEEKDAYS.get(word)
    if day is None or scene.kind(i) != "word":
        return None
    if len(word) < 6 and not scene.tokens[i].text[0].isupper():
        return None
    if word in ("sun", "sat", "wed", "mon") and not _beside_days(scene, i):
        return None
    return day


def _beside_days(scene: Scene, i: int) -> bool:
    """Tell whether a short form stands where a day can: after "on", beside a day or a date."""
    before, after = scene.word(i - 1), scene.word(i + 1)
    if before in ("on", "every", "each", "until", "till", "by", "from", "next", "last", "since"):
        return True
    if scene.kind(i + 1) in ("number", "stamp") or after in MONTHS or after in WEEKDAYS:
        return True
    joined = before in (",", "-", "/", "and", "to", "&")
    return (joined and scene.word(i - 2) in WEEKDAYS) or (
        after in (",", "-", "/", "and", "to", "&") and scene.word(i + 2) in WEEKDAYS
    )


def year_at(scene: Scene, i: int) -> tuple[int, int] | None:
    """Read a year of four digits, after a comma or "of" too: year and index after it."""
    j = i + 1 if scene.word(i) in (",", "of") else i
    if scene.kind(j) != "number" or len(scene.word(j)) != 4:
        return None
    value = scene.tokens[j].value
    if value is None or not value.is_integer() or not 1700 <= value <= 2250:
        return None
    return int(value), j + 1


def day_number_at(scene: Scene, i: int) -> tuple[int, int] | None:
    """Read a day of the month, "28", "28th", "twenty-first": the day and the index after it."""
    ordinal = ordinal_at(scene.tokens, i)
    if ordinal is None and scene.kind(i) == "number":
        value = scene.tokens[i].value
        if value is not None and len(scene.word(i)) <= 2:
            ordinal = (value, i + 1)
    if ordinal is None or not ordinal[0].is_integer() or not 1 <= ordinal[0] <= 31:
        return None
    return int(ordinal[0]), ordinal[1]
