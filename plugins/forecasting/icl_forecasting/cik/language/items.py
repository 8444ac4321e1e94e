"""Numbers, moments and lengths of a text in order, whatever the words between them are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from icl_forecasting.cik.language.almanac import Anchor, Length
from icl_forecasting.cik.language.dates import date_at, moment_at
from icl_forecasting.cik.language.day_times import clock_at
from icl_forecasting.cik.language.durations import length_at
from icl_forecasting.cik.language.moments import Moment, Scene, day_of
from icl_forecasting.cik.language.numbers import number_at
from icl_forecasting.cik.language.vocabulary import MONTHS, NUMBERS

_MOST = 1000
"""Items that are looked at."""
_ONE_DAY = timedelta(days=1)
_ENDS = frozenset(
    "until till to through thru before ends end ended ending over finish finishes finished expires "
    "up stops closes lasts lasting".split()
)
_STARTS = frozenset(
    "from since of starting starts start started begins begin began beginning after when come once "
    "onset effective".split()
)
_AT = frozenset("at on in by with time @".split())
_ONWARD = frozenset("on onward onwards forward".split())
_BREAKS = frozenset({".", ";", "!", "?", ":"})


@dataclass(frozen=True)
class Item:
    """A number, moment or length; `kind` is "V", "T" or "D"."""

    kind: str
    first: int
    last: int
    value: float = 0.0
    percent: bool = False
    moment: Moment | None = None
    length: Length | None = None


def lines_of(scene: Scene, text: str) -> list[int]:
    """Return the number of the line of each token."""
    lines, n, at = [], 0, 0
    for token in scene.tokens:
        n += text.count("\n", at, token.start)
        at = token.start
        lines.append(n)
    return lines


def items_of(scene: Scene) -> Iterator[Item]:
    """Yield the numbers, moments and lengths of a text in order."""
    tokens, i, count = scene.tokens, 0, 0
    while i < len(tokens) and count < _MOST:
        item = _item(scene, i)
        if item is None:
            i += 1
            continue
        item = _with_hour(scene, item)
        yield item
        count += 1
        i = max(item.last, i + 1)


def _with_hour(scene: Scene, item: Item) -> Item:
    """Join "3 May, 14:00": a day and a time of day with a comma between them."""
    day = item.moment
    if day is None or day.precision != "day" or day.floating or scene.word(item.last) != ",":
        return item
    following = _item(scene, item.last + 1)
    clock = following.moment if following is not None else None
    if following is None or clock is None or not clock.floating or clock.clock is None:
        return item
    lo = day_of(day.lo) + clock.clock
    joined = replace(day, lo=lo, hi=lo + (clock.hi - clock.lo), precision=clock.precision)
    return replace(item, last=following.last, moment=replace(joined, clock=clock.clock))


def _item(scene: Scene, i: int) -> Item | None:
    tokens = scene.tokens
    kind, word = scene.kind(i), scene.word(i)
    if kind == "stamp":
        found = moment_at(scene, i)
        return Item("T", i, found[1], moment=found[0]) if found else None
    if kind == "word":
        if word in MONTHS:
            found = date_at(scene, i)
            return Item("T", i, found[1], moment=found[0]) if found else None
        if word in NUMBERS:
            size = length_at(tokens, i)
            return Item("D", i, size[1], length=size[0]) if size else None
        return None
    if kind != "number":
        return None
    found = date_at(scene, i) or (moment_at(scene, i) if clock_at(scene, i) else None)
    if found:
        return Item("T", i, found[1], moment=found[0])
    size = length_at(tokens, i)
    if size:
        return Item("D", i, size[1], length=size[0])
    number = number_at(tokens, i)
    if number is None:
        return None
    value, last = number
    if scene.word(i - 1) in ("-", "−", "–") and i > 1 and tokens[i - 1].end == tokens[i].start:
        if scene.kind(i - 2) == "symbol" or tokens[i - 2].end < tokens[i - 1].start:
            value = -value
    percent = scene.word(last) in ("%", "percent")
    return Item("V", i, last + percent, value=value, percent=percent)


def placed(scene: Scene, items: Sequence[Item]) -> list[tuple[datetime, datetime]]:
    """Return where each moment begins and where an interval that ends with it is over."""
    anchor = scene.anchor
    one_day = timedelta(days=1)
    base = day_of(anchor.first) if anchor.now - anchor.first < one_day else day_of(anchor.now)
    found: list[tuple[datetime, datetime]] = []
    previous: datetime | None = None
    for item in items:
        moment = item.moment
        assert moment is not None
        lo = moment.lo
        if moment.floating and moment.clock is not None:
            lo = base + moment.clock
            while previous is not None and lo < previous:
                base += one_day
                lo = base + moment.clock
        elif not moment.dated and moment.weekday is None:
            lo = _in_reach(anchor, lo)
            if previous is not None and lo < previous:
                lo = _other_year(lo, 1)
        fine = moment.precision in ("second", "minute", "hour")
        found.append((lo, lo if fine else lo + (moment.hi - moment.lo)))
        previous = lo
    return found


def _other_year(at: datetime, years: int) -> datetime:
    try:
        return at.replace(year=at.year + years)
    except ValueError:
        return at


def _in_reach(anchor: Anchor, at: datetime) -> datetime:
    """Return a moment without a year in the year that puts it into the series, if there is one."""
    for candidate in (at, _other_year(at, -1), _other_year(at, 1)):
        if anchor.first - _ONE_DAY <= candidate <= anchor.end:
            return candidate
    return at


def role_of(scene: Scene, items: Sequence[Item], k: int, line: Sequence[int]) -> str:
    """Tell by the words around a moment whether it is a "start", an "end" or only "at"."""
    first = items[k].first
    low = items[k - 1].last if k else 0
    weak = ""
    for i in range(first - 1, max(low, first - 7) - 1, -1):
        word = scene.word(i)
        if (word in _BREAKS and word != ":") or line[i] != line[first]:
            break
        if word in _ENDS and not (word == "up" and scene.word(i + 1) != "to"):
            return "end"
        if word == "of" and scene.word(i - 1) != "as":
            continue
        if word in _STARTS:
            return "start"
        if word in _AT or word in ("->", "→"):
            weak = weak or ("at" if word in _AT else "")
    after = scene.word(items[k].last)
    if after in _ONWARD:
        return "start"
    if after == "(" and scene.word(items[k].last + 1) in ("end", "until"):
        return "end"
    return weak
