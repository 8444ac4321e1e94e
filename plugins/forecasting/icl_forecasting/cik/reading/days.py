"""Days that do not behave as their weekday: holidays, strikes, "behaves like a Sunday"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from icl_forecasting.cik.reading.holidays import dates_of, named_holidays
from icl_forecasting.cik.reading.remarks import Remark
from icl_forecasting.cik.reading.topic import Topic
from icl_forecasting.cik.statements import Change, SpecialDays
from icl_forecasting.cik.windows import Clock, Window

_LIKE = frozenset("like resemble resembles similar follows follow".split())
_LONGEST = 21
"""A holiday of more days than this is a season."""


def special_days_of(remarks: Sequence[Remark], topic: Topic, clock: Clock) -> list[SpecialDays]:
    """Read special days of the history and the forecast."""
    found: list[SpecialDays] = []
    for remark in remarks:
        clause = remark.clause
        if remark.hypothetical or topic.away(remark) or remark.has("cancel"):
            continue
        named = named_holidays(remark.text)
        festive = remark.has("holiday") or bool(named)
        like = _like(remark)
        if not festive and not like:
            continue
        if clause.negated and festive:
            continue
        days = _days(remark, clock, after_like(remark)) or (
            _days_of_sentence(remark, remarks, clock) if festive or like else ()
        )
        if like and not days:
            before = [one for one in remarks if 0 <= remark.order - one.order <= 1]
            near = [day for one in before for day in _days(one, clock, after_like(one))]
            days = tuple(dict.fromkeys(near))
        name = named[0][0] if named else ""
        if named and (not days or len(days) > 3):
            years = range(_year(clock.history[:1], clock), _year(clock.future[-1:], clock) + 1)
            days = dates_of(tuple(rule for _, rules in named for rule in rules), years)
            days = tuple(day for day in days if _known(day, clock)) or ()
        if days and len(days) <= _LONGEST:
            found.append(SpecialDays(days=days, like=like, name=name, span=remark.span))
    change = _change(remarks, topic)
    return _joined([replace(one, change=change) if change else one for one in found])


def _year(stamps: np.ndarray, clock: Clock) -> int:
    first = stamps[0] if len(stamps) else clock.now
    return int(first.astype("datetime64[Y]").astype(np.int64)) + 1970


def _known(day: np.datetime64, clock: Clock) -> bool:
    first = clock.history[0] if len(clock.history) else clock.now
    return bool(first.astype("datetime64[D]") <= day < clock.end)


def after_like(remark: Remark) -> int:
    """Return the character after which weekdays are only compared with: "like a Sunday"."""
    if remark.says("as", *_LIKE):
        for i, token in enumerate(remark.tokens):
            if _compares(remark, i):
                return token.start
    return remark.span.end


def _compares(remark: Remark, i: int) -> bool:
    """Tell whether a token begins a comparison: "like a Sunday", "as on Sundays"."""
    word = remark.tokens[i].lower
    after = remark.tokens[i + 1].lower if i + 1 < len(remark.tokens) else ""
    return word in _LIKE or (word == "as" and after in ("on", "a", "an", "if", "though"))


def _days(remark: Remark, clock: Clock, stop: int) -> tuple[np.datetime64, ...]:
    days: list[np.datetime64] = []
    for time in remark.times:
        if time.span.start < stop:
            days += _of_window(time.window, clock)
    return tuple(dict.fromkeys(days))


def _of_window(window: Window, clock: Clock) -> list[np.datetime64]:
    """Days that a window covers; none where it is open or longer than holidays are."""
    if window.start is None and window.end is None:
        return []
    first = (window.start if window.start is not None else clock.now).astype("datetime64[D]")
    if window.end is None:
        return [first] if window.start is not None else []
    last = (window.end - np.timedelta64(1, "ns")).astype("datetime64[D]")
    count = int((last - first).astype(np.int64)) + 1
    return [first + np.timedelta64(i, "D") for i in range(count)] if 0 < count <= _LONGEST else []


def _days_of_sentence(
    remark: Remark, remarks: Sequence[Remark], clock: Clock
) -> tuple[np.datetime64, ...]:
    for one in remarks:
        if one.order == remark.order and one is not remark:
            days = _days(one, clock, after_like(one))
            if days:
                return days
    return ()


def _like(remark: Remark) -> frozenset[int]:
    """Read the weekdays that a day is said to behave like."""
    tokens = remark.tokens
    if not remark.says("as", *_LIKE):
        return frozenset()
    for i, token in enumerate(tokens):
        if _compares(remark, i):
            after = tokens[i + 1 : i + 7]
            stop = after[-1].end if after else token.end
            for time in remark.clause.times:
                if token.end <= time.span.start <= stop:
                    named = time.weekdays | time.window.weekdays
                    if named:
                        return named
            words = [t.lower for t in after]
            for place, name in enumerate(_WEEKDAYS):
                if name in words or name + "s" in words:
                    return frozenset({place})
            if "weekend" in words or "weekends" in words:
                return frozenset({5, 6})
    return frozenset()


_WEEKDAYS = "monday tuesday wednesday thursday friday saturday sunday".split()


def _change(remarks: Sequence[Remark], topic: Topic) -> Change | None:
    """Read "lower on holidays" anywhere in the text."""
    spoken = {one.order for one in remarks if one.has("holiday") or named_holidays(one.text)}
    later = {order + 1 for order in spoken}
    for remark in remarks:
        near = remark.order in spoken
        near |= remark.order in later and remark.says("such", "then", "that", "those", "these")
        if not near or remark.hypothetical or remark.clause.negated or remark.numbers:
            continue
        if topic.others(remark) and not topic.mentions(remark):
            continue
        falls, rises = _directed(remark, "fall"), _directed(remark, "rise")
        if falls != rises:
            return Change.LOWER if falls else Change.RAISE
    return None


def _directed(remark: Remark, meaning: str) -> bool:
    return any(remark.tokens[m.first].lower not in _EMPTY for m in remark.marks.get(meaning, ()))


_EMPTY = frozenset("up down over off out add".split())


def _joined(found: list[SpecialDays]) -> list[SpecialDays]:
    """Join statements about the same day: its name from one, what it is like from another."""
    joined: list[SpecialDays] = []
    for special in found:
        for place, other in enumerate(joined):
            if set(other.days) & set(special.days):
                joined[place] = replace(
                    other,
                    days=tuple(sorted({*other.days, *special.days})),
                    like=other.like or special.like,
                    name=other.name or special.name,
                    change=other.change or special.change,
                )
                break
        else:
            joined.append(special)
    return joined
