"""Dates at a token, resolved against the clock of the forecast."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from icl_forecasting.cik.language.almanac import floor, shift
from icl_forecasting.cik.language.calendar_dates import (
    LAST,
    NEXT,
    day_of_month,
    day_then_month,
    month_first,
    period_at,
    relative_unit,
    simple_day,
    weekday_date,
)
from icl_forecasting.cik.language.day_times import clock_at
from icl_forecasting.cik.language.durations import unit_at
from icl_forecasting.cik.language.moments import (
    Found,
    Moment,
    Scene,
    day_of,
    month_at,
    stamp_at,
    weekday_at,
    whole_day,
    with_clock,
    year_at,
)
from icl_forecasting.cik.language.numbers import ordinal_at
from icl_forecasting.cik.language.vocabulary import DAY_PARTS, SECONDS


def moment_at(scene: Scene, i: int, bare: bool = False) -> Found | None:
    """Read a date, a time of day or both that begin at token `i`."""
    if i >= len(scene.tokens):
        return None
    if scene.word(i) in (
        "the",
        "around",
        "about",
        "approximately",
        "roughly",
        "exactly",
        "at",
        "on",
    ):
        if scene.word(i) == "the" and scene.word(i + 1) != "same":
            return _from_date(scene, date_at(scene, i))
        if scene.word(i) == "the":
            return _same_time(scene, i) or _from_date(scene, date_at(scene, i))
        inner = moment_at(scene, i + 1, bare or scene.word(i) == "at")
        if inner and scene.word(i) in ("around", "about", "approximately", "roughly"):
            return replace(inner[0], loose=True), inner[1]
        return inner
    found = date_at(scene, i)
    if found:
        return _from_date(scene, found)
    clock = clock_at(scene, i, bare)
    if clock is None:
        return None
    time, precision, j = clock
    k = j
    while scene.word(k) in ("on", "of", ",", "the", "in") and k < j + 2:
        if scene.tokens[k].text[0].isupper():
            break  # the next sentence begins, "p.m." was its full stop too
        k += 1
    dated = date_at(scene, k - 1 if scene.word(k - 1) == "the" and k > j else k)
    if dated and dated[0].precision == "day":
        return with_clock(dated[0], time, precision), dated[1]
    lo = day_of(scene.anchor.now) + time
    return Moment(lo, lo + timedelta(seconds=SECONDS[precision]), precision, time, floating=True), j


def _same_time(scene: Scene, i: int) -> Found | None:
    """Read "the same time the next day"."""
    clock = clock_at(scene, i)
    if clock is None:
        return None
    k = clock[2] + 1 if scene.word(clock[2]) in (",", "on", "of") else clock[2]
    dated = date_at(scene, k)
    if dated is None or dated[0].precision != "day":
        return None
    return with_clock(dated[0], clock[0], clock[1]), dated[1]


def _from_date(scene: Scene, found: Found | None) -> Found | None:
    """Add the time of day that may follow a date: "28 May | at 12:00", "Friday | morning"."""
    if found is None:
        return None
    moment, j = found
    if moment.precision != "day" or moment.clock is not None:
        return found
    k = j
    while scene.word(k) in ("at", ",", "around", "about", "from") and k < j + 2:
        if scene.word(k) == "from":
            return found
        k += 1
    clock = clock_at(scene, k, bare=scene.word(k - 1) == "at" and k > j)
    if clock and not _opens_range(scene, clock[2], k > j):
        return with_clock(moment, clock[0], clock[1]), clock[2]
    part = DAY_PARTS.get(scene.word(j))
    if part and scene.word(j) != "daylight":
        lo = day_of(moment.lo) + timedelta(hours=part[0])
        hi = day_of(moment.lo) + timedelta(hours=part[1] + (24 if part[1] < part[0] else 0))
        return replace(moment, lo=lo, hi=hi, precision="hour", loose=True), j + 1
    return found


def _opens_range(scene: Scene, j: int, at: bool) -> bool:
    """Tell whether a time of day is the first of two: "on Friday 8:00-10:00"."""
    return (
        not at
        and scene.word(j) in ("-", "–", "to", "until")
        and bool(clock_at(scene, j + 1, bare=True))
    )


def date_at(scene: Scene, i: int) -> Found | None:
    """Read a date without a time of day; a stamp may bring its own."""
    word, kind = scene.word(i), scene.kind(i)
    if kind == "stamp":
        stamp = stamp_at(scene, i)
        return (stamp, i + 1) if stamp and not stamp.floating else None
    if kind == "number":
        return day_then_month(scene, i)
    if kind != "word":
        return None
    if word == "the":
        return _after_the(scene, i + 1)
    if word in ("early", "late", "mid", "middle"):
        return _vague_month(scene, i)
    simple = simple_day(scene, i)
    if simple:
        return simple
    if month_at(scene, i) is not None:
        return month_first(scene, i)
    if weekday_at(scene, i) is not None:
        return weekday_date(scene, i)
    if word in NEXT or word in LAST or word in ("this", "same", "that"):
        return relative_unit(scene, i)
    if word in ("day", "hour", "week", "month") and scene.kind(i + 1) == "number":
        return _numbered(scene, i)
    return day_then_month(scene, i) or _ordinal_unit(scene, i)


def _after_the(scene: Scene, i: int) -> Found | None:
    """Read what follows "the": "28th of May", "second day of the forecast", "end of the month"."""
    word = scene.word(i)
    if word == "day" and scene.word(i + 1) in ("after", "before"):
        sign = 1 if scene.word(i + 1) == "after" else -1
        inner = date_at(scene, i + 2)
        if inner and inner[0].precision == "day":
            return whole_day(inner[0].lo + timedelta(days=sign)), inner[1]
        if scene.kind(i + 2) == "word" and scene.word(i + 2) not in _AFTER_DAY:
            return None  # "the day after the storm": nothing says when that is
        base = scene.mention or (scene.anchor.last if sign > 0 else scene.anchor.now)
        return whole_day(day_of(base) + timedelta(days=sign)), i + 2
    if word in ("start", "beginning", "end", "middle", "onset", "outset", "close"):
        return _edge(scene, i)
    if word in NEXT or word in LAST or word in ("same",):
        return relative_unit(scene, i)
    full = day_then_month(scene, i)
    if full:
        return full
    ordinal = _ordinal_unit(scene, i)
    if ordinal:
        return ordinal
    if month_at(scene, i) is not None:
        return None
    day = ordinal_at(scene.tokens, i)
    if day and 1 <= day[0] <= 31 and not scene.kind(day[1]) == "word":
        return day_of_month(scene, int(day[0]), day[1])
    if (
        day
        and scene.word(day[1]) in _AFTER_DAY
        and 1 <= day[0] <= 31
        and scene.tokens[i].kind == "number"
    ):
        return day_of_month(scene, int(day[0]), day[1])
    if word in ("early", "late", "mid", "middle"):
        return _vague_month(scene, i)
    part = DAY_PARTS.get(word)
    if (part and scene.word(i + 1) == "of" and word != "night") or (
        word == "night" and scene.word(i + 1) == "of"
    ):
        inner = date_at(scene, i + 2)
        if inner and inner[0].precision == "day" and part:
            lo = day_of(inner[0].lo) + timedelta(hours=part[0])
            hi = day_of(inner[0].lo) + timedelta(hours=part[1] + (24 if part[1] < part[0] else 0))
            return Moment(lo, hi, "hour", loose=True), inner[1]
    return None


_AFTER_DAY = frozenset(
    "at from to until through and on in there the we it for is will was when , . ; onwards onward "
    "between till by with".split()
)


def _edge(scene: Scene, i: int) -> Found | None:
    """Read "start of the forecast", "end of next week", "middle of May"."""
    edge = scene.word(i)
    if scene.word(i + 1) != "of":
        return None
    period = period_at(scene, i + 2)
    if period:
        lo, hi, j = period
        unit: Moment | None = None
    else:
        inner = _whole(scene, i + 2)
        if inner is None:
            return None
        unit, j = inner
        lo, hi = unit.lo, unit.hi
    if edge in ("start", "beginning", "onset", "outset"):
        return Moment(lo, lo + scene.anchor.step, "second", loose=True, dated=period is not None), j
    if edge in ("end", "close"):
        return Moment(hi, hi + scene.anchor.step, "second", loose=True), j
    middle = lo + (hi - lo) / 2
    return Moment(middle, middle + scene.anchor.step, "second", loose=True), j


def _whole(scene: Scene, i: int) -> Found | None:
    """Read a day, week, month or year that something can be the end of."""
    found = date_at(scene, i)
    if found:
        return found
    j = i + 1 if scene.word(i) in ("the", "this", "that") else i
    unit = unit_at(scene.tokens, j, False)
    if unit in ("day", "week", "month", "year", "hour", "weekend"):
        base = scene.mention if scene.mention and unit in ("day", "hour") else scene.anchor.now
        lo = floor(base, unit)
        precision = unit if unit != "weekend" else "day"
        return Moment(lo, shift(lo, 1, unit), precision), j + 1
    year = year_at(scene, j)
    if year:
        at = datetime(year[0], 1, 1)
        return Moment(at, shift(at, 1, "year"), "year", dated=True), year[1]
    return None


def _vague_month(scene: Scene, i: int) -> Found | None:
    """Read "early May", "mid-June", "late 2013"."""
    word = scene.word(i)
    j = i + 1
    if scene.word(j) in ("-", "in", "of"):
        j += 1
    month = month_at(scene, j)
    inner = month_first(scene, j) if month is not None else None
    if inner is None:
        year = year_at(scene, j)
        if year is None or scene.word(j) in (",", "of"):
            return None
        at = datetime(year[0], 1, 1)
        inner = Moment(at, shift(at, 1, "year"), "year", dated=True), year[1]
    moment, j = inner
    third = (moment.hi - moment.lo) / 3
    part = {"early": 0, "mid": 1, "middle": 1, "late": 2}[word]
    lo = day_of(moment.lo + part * third)
    hi = day_of(moment.lo + (part + 1) * third)
    return replace(moment, lo=lo, hi=hi, precision="day", loose=True, generic=False), j


def _numbered(scene: Scene, i: int) -> Found | None:
    """Read "day 3", "hour 14", "week 2": counted from the beginning of the forecast."""
    unit = scene.word(i)
    value = scene.tokens[i + 1].value
    if value is None or not value.is_integer() or not 1 <= value <= 10_000:
        return None
    return _nth(scene, int(value), unit, None, i + 2)


def _ordinal_unit(scene: Scene, i: int) -> Found | None:
    """Read "second day (of the forecast)", "last day of May", "first week of June"."""
    word = scene.word(i)
    if word in ("last", "final"):
        count, j = -1, i + 1
    else:
        ordinal = ordinal_at(scene.tokens, i)
        if ordinal is None or not 1 <= ordinal[0] <= 10_000:
            return None
        count, j = int(ordinal[0]), ordinal[1]
    weekday = weekday_at(scene, j)
    if weekday is not None and scene.word(j + 1) in ("of", "in"):
        inner = _whole(scene, j + 2)
        if inner is None or inner[0].precision not in ("month", "year"):
            return None
        lo = inner[0].lo
        first = lo + timedelta(days=(weekday - lo.weekday()) % 7)
        at = first + timedelta(days=7 * (count - 1))
        if count < 0:
            last = inner[0].hi - timedelta(days=1)
            at = last - timedelta(days=(last.weekday() - weekday) % 7)
        return whole_day(at, weekday=weekday), inner[1]
    unit = unit_at(scene.tokens, j, False)
    if unit is None or scene.word(j).endswith("s") or unit in ("second",):
        return None
    if unit in ("hour", "minute", "step") and scene.word(j + 1) not in ("of", "in"):
        before = scene.word(i - 2) if scene.word(i - 1) == "the" else scene.word(i - 1)
        if before not in (
            "in",
            "for",
            "during",
            "over",
            "within",
            "after",
            "before",
            "from",
            "until",
        ):
            return None  # "the first hour affected is the one from noon"
    return _nth(scene, count, unit, j + 1, j + 1)


def _nth(scene: Scene, count: int, unit: str, of: int | None, j: int) -> Found | None:
    """Return the n-th unit of what follows "of", else of the forecast."""
    anchor = scene.anchor
    lo, hi = anchor.now, anchor.end
    stated = False
    if of is not None and scene.word(of) in ("of", "in", "into", "within"):
        period = period_at(scene, of + 1)
        if period:
            lo, hi, j = period
            stated = True
        else:
            inner = _whole(scene, of + 1)
            if inner is None:
                if scene.word(of) == "of":
                    return None
            else:
                lo, hi, j = inner[0].lo, inner[0].hi, inner[1]
                stated = True
    if not stated and unit not in ("day", "hour", "week", "minute", "step"):
        return None
    if count < 0 and not stated:
        return None
    if unit == "day" and lo != day_of(lo) and not stated:
        # Days of a forecast that begins within a day are counted as days of the calendar.
        lo = day_of(lo)
    start = (
        shift(lo, count - 1, unit, anchor.step)
        if count > 0
        else shift(hi, count, unit, anchor.step)
    )
    precision = unit if unit in SECONDS or unit in ("month", "year") else "second"
    if precision in ("night", "weekend", "fortnight"):
        precision = "day"
    return Moment(start, shift(start, 1, unit, anchor.step), precision), j
