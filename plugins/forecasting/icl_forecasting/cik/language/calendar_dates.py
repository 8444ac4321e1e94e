"""Dates of the calendar and days named by their distance: "28 May", "next Tuesday", "tomorrow"."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from icl_forecasting.cik.language.almanac import floor, shift
from icl_forecasting.cik.language.durations import unit_at
from icl_forecasting.cik.language.moments import (
    Found,
    Moment,
    Scene,
    date,
    day_number_at,
    day_of,
    month_at,
    next_month,
    stamp_at,
    weekday_at,
    whole_day,
    whole_month,
    year_at,
)
from icl_forecasting.cik.language.numbers import ordinal_at
from icl_forecasting.cik.language.vocabulary import DAY_PARTS

_DAY = timedelta(days=1)
NEXT = frozenset("next coming upcoming following subsequent".split())


LAST = frozenset("last past previous preceding".split())


_FORECAST = frozenset("forecast forecasts prediction predictions forecasting horizon".split())


_HISTORY = frozenset("history series data record records dataset observations".split())


_PERIOD = frozenset("period window horizon range interval span".split())


def simple_day(scene: Scene, i: int) -> Found | None:
    """Read "today", "tonight", "tomorrow", "yesterday"."""
    word, anchor = scene.word(i), scene.anchor
    today = day_of(anchor.now)
    if scene.past and day_of(anchor.last) < today:
        today = day_of(anchor.last)
    if word in ("today", "tonight"):
        day = whole_day(today)
        if word == "today":
            return day, i + 1
        lo = today + timedelta(hours=20)
        return replace(day, lo=lo, hi=lo + timedelta(hours=10), precision="hour", loose=True), i + 1
    if word == "tomorrow":
        return whole_day(day_of(anchor.last) + timedelta(days=1)), i + 1
    if word == "yesterday":
        return whole_day(day_of(anchor.now) - timedelta(days=1)), i + 1
    return None


def day_then_month(scene: Scene, i: int) -> Found | None:
    """Read "28 May 2013", "28th of May"."""
    day = day_number_at(scene, i)
    if day is None:
        return None
    j = day[1] + 1 if scene.word(day[1]) == "of" else day[1]
    month = month_at(scene, j)
    if month is None:
        return None
    year = year_at(scene, j + 1)
    if year:
        at = date(year[0], month, day[0])
        return (whole_day(at, dated=True), year[1]) if at else None
    return _without_year(scene, month, day[0], j + 1)


def _without_year(scene: Scene, month: int, day: int, j: int) -> Found | None:
    year = scene.anchor.now.year
    options = [one for y in (year - 1, year, year + 1) if (one := date(y, month, day))]
    first = scene.anchor.first.year
    options += [one for y in range(max(first, year - 60), year - 1) if (one := date(y, month, day))]
    if not options:
        return None
    return whole_day(scene.anchor.sooner(options, scene.past, _DAY), month=month), j


def month_first(scene: Scene, i: int) -> Found | None:
    """Read "May 28th, 2013", "May 2013", "May"."""
    month = month_at(scene, i)
    assert month is not None
    j = i + 2 if scene.word(i + 1) == "." and scene.kind(i + 2) == "number" else i + 1
    year = year_at(scene, j)
    if year and scene.word(j) != ",":
        at = date(year[0], month)
        return (whole_month(at, dated=True), year[1]) if at else None
    k = j + 1 if scene.word(j) == "the" else j
    if scene.word(j) == "-" and scene.kind(j + 1) == "number" and len(scene.word(j + 1)) <= 2:
        k = j + 1
    day = day_number_at(scene, k)
    if day and not _is_amount(scene, day[1]):
        year = year_at(scene, day[1])
        if year:
            at = date(year[0], month, day[0])
            return (whole_day(at, dated=True), year[1]) if at else None
        return _without_year(scene, month, day[0], day[1])
    now = scene.anchor.now
    options = [one for y in (now.year - 1, now.year, now.year + 1) if (one := date(y, month))]
    inside = [one for one in options if one < scene.anchor.end and next_month(one) > now]
    chosen = min(inside) if inside and not scene.past else scene.anchor.sooner(options, scene.past)
    return whole_month(chosen, month=month, generic=True), j


def _is_amount(scene: Scene, j: int) -> bool:
    """Tell whether the number before token `j` counts something: "in May 20 percent more"."""
    return scene.word(j) in ("%", "percent", "times", ":") or (
        scene.word(j) == "." and scene.kind(j + 1) == "number"
    )


def weekday_date(scene: Scene, i: int) -> Found | None:
    """Read "Monday", "Tuesday, 28 May", "Friday 3rd"."""
    weekday = weekday_at(scene, i)
    assert weekday is not None
    j = i + 1
    k = j + 1 if scene.word(j) in (",", "the") else j
    k = k + 1 if scene.word(k) == "the" else k
    dated = None
    if (
        scene.kind(k) in ("number", "stamp")
        or month_at(scene, k) is not None
        or ordinal_at(scene.tokens, k)
    ):
        dated = _dated(scene, k)
    if dated and dated[0].precision != "month":
        return replace(dated[0], weekday=weekday), dated[1]
    plural = scene.word(i).endswith("s") and scene.word(i) not in ("tues", "weds", "thurs")
    return whole_day(_near(scene, weekday), weekday=weekday, generic=plural), j


def _dated(scene: Scene, i: int) -> Found | None:
    """Read the date after a weekday: "28 May", "May 28th", "2013-05-28", "the 28th"."""
    stamp = stamp_at(scene, i)
    if stamp:
        return None if stamp.floating else (stamp, i + 1)
    if month_at(scene, i) is not None:
        return month_first(scene, i)
    found = day_then_month(scene, i)
    if found:
        return found
    day = ordinal_at(scene.tokens, i)
    if day and 1 <= day[0] <= 31 and scene.kind(i) == "number":
        return day_of_month(scene, int(day[0]), day[1])
    return None


def _near(scene: Scene, weekday: int) -> datetime:
    today = day_of(scene.anchor.now)
    base = today + timedelta(days=(weekday - today.weekday()) % 7)
    return scene.anchor.sooner(
        [base + timedelta(days=7 * n) for n in range(-5, 6)], scene.past, _DAY
    )


def relative_unit(scene: Scene, i: int) -> Found | None:
    """Read "next Tuesday", "last week", "this month", "the same day", "the following morning"."""
    word, anchor = scene.word(i), scene.anchor
    sign = 1 if word in NEXT else -1 if word in LAST else 0
    weekday = weekday_at(scene, i + 1)
    if weekday is not None:
        today = day_of(anchor.now)
        base = today + timedelta(days=(weekday - today.weekday()) % 7)
        if sign < 0:
            base = today - timedelta(days=(today.weekday() - weekday - 1) % 7 + 1)
        elif word in ("following", "subsequent") and scene.mention:
            base = day_of(scene.mention) + timedelta(
                days=(weekday - scene.mention.weekday() - 1) % 7 + 1
            )
        elif sign > 0 and base == today and day_of(anchor.last) == today:
            base += timedelta(days=7)
        found: Found = whole_day(base, weekday=weekday), i + 2
        return found
    month = month_at(scene, i + 1)
    if month is not None:
        now = anchor.now
        year = now.year
        if sign > 0 and month <= now.month:
            year += 1
        if sign < 0 and month >= now.month:
            year -= 1
        at = date(year, month)
        return (whole_month(at, month=month), i + 2) if at else None
    unit = scene.word(i + 1)
    if unit in DAY_PARTS and unit not in ("midday",):
        if word not in ("next", "following", "same", "this", "that", "previous"):
            return None
        day = _other_day(scene, word)
        part = DAY_PARTS[unit]
        lo = day + timedelta(hours=part[0])
        hi = day + timedelta(hours=part[1] + (24 if part[1] < part[0] else 0))
        return Moment(lo, hi, "hour", loose=True), i + 2
    name = unit_at(scene.tokens, i + 1, False)
    if name is None or name in ("second", "step", "night") or scene.word(i + 1).endswith("s"):
        return None
    if name == "day":
        return whole_day(_other_day(scene, word)), i + 2
    base = scene.mention if scene.mention and word in ("following", "same", "that") else anchor.now
    lo = shift(floor(base, name), sign, name)
    hi = shift(lo, 1, name)
    precision = name if name in ("minute", "hour", "week", "month", "year") else "day"
    return Moment(lo, hi, precision, loose=name == "week"), i + 2


def _other_day(scene: Scene, word: str) -> datetime:
    anchor = scene.anchor
    mention = day_of(scene.mention) if scene.mention else None
    one = timedelta(days=1)
    if word in ("same", "that"):
        return mention or day_of(anchor.now)
    if word in NEXT:
        return mention + one if mention else day_of(anchor.last) + one
    if word in ("previous", "preceding") and mention:
        return mention - one
    if word in LAST:
        return day_of(anchor.now) - one
    return day_of(anchor.now)


def day_of_month(scene: Scene, day: int, j: int) -> Found | None:
    """Return the nearest day of that number: "the 28th"."""
    base = scene.anchor.now.replace(day=1)
    options = []
    for offset in range(-3, 4):
        month = next_month(base, offset)
        at = date(month.year, month.month, day)
        if at:
            options.append(at)
    return (whole_day(scene.anchor.sooner(options, scene.past, _DAY)), j) if options else None


def period_at(scene: Scene, i: int) -> tuple[datetime, datetime, int] | None:
    """Read a name of the forecast or of the history: its limits and the index after it."""
    j = i
    while scene.word(j) in ("the", "this", "our", "whole", "entire", "full", "complete", "given"):
        j += 1
    word, anchor = scene.word(j), scene.anchor
    if word in _FORECAST or (word in ("future", "target") and scene.word(j + 1) in _PERIOD):
        j += 1
        if scene.word(j) in _PERIOD or scene.word(j) in _FORECAST:
            j += 1
        return anchor.now, anchor.end, j
    if word in _HISTORY or (
        word in ("historical", "observed", "past", "recorded")
        and (scene.word(j + 1) in _HISTORY or scene.word(j + 1) in _PERIOD)
    ):
        j += 1
        if scene.word(j) in _HISTORY or scene.word(j) in _PERIOD:
            j += 1
        return anchor.first, anchor.now, j
    return None
