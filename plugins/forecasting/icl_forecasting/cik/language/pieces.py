"""What a sentence says about time, piece by piece, before the pieces are joined."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from icl_forecasting.cik.language.almanac import Length
from icl_forecasting.cik.language.moments import Moment


@dataclass
class Piece:
    """A start, an end, a length, a rhythm, a part of the day or a closed interval.

    Args:
        role: "span" (closed), "start", "end", "point" (a moment), "length", "every" (a rhythm),
            "clock" (a part of the day without a date), "that" (points to an earlier one).
        first: index of its first token.
        last: index after its last token.
        lo: beginning, where it has one.
        hi: first moment after it, where it has one.
        precision: unit of its finest part.
        length: the length that was said.
        period: the length after which it comes again.
        weekdays: weekdays it is limited to.
        months: months it is limited to.
        clock: part of the day.
        time: time of day of a moment.
        floating: its times of day have no date yet.
        loose: vague edges.
        inclusive: the end was said to be included; None = not said.
        generic: it may mean every such time.
        verb: it is the predicate of its clause ("lasted two hours").
        named: months or weekdays that were named, for those who need the words.
        absorbed: spans of token indices of other pieces that were joined to it.
    """

    role: str
    first: int
    last: int
    lo: datetime | None = None
    hi: datetime | None = None
    precision: str = "day"
    length: Length | None = None
    period: Length | None = None
    weekdays: frozenset[int] = frozenset()
    months: frozenset[int] = frozenset()
    clock: tuple[timedelta, timedelta] | None = None
    time: timedelta | None = None
    floating: bool = False
    loose: bool = False
    inclusive: bool | None = None
    generic: bool = False
    verb: bool = False
    named: tuple[frozenset[int], frozenset[int]] = (frozenset(), frozenset())
    absorbed: tuple[tuple[int, int], ...] = ()


def of_moment(role: str, moment: Moment, first: int, last: int) -> Piece:
    """Return the piece that a single moment makes."""
    weekdays = frozenset() if moment.weekday is None else frozenset({moment.weekday})
    months = frozenset() if moment.month is None else frozenset({moment.month})
    return Piece(
        role,
        first,
        last,
        lo=moment.lo,
        hi=moment.hi,
        precision=moment.precision,
        time=moment.clock,
        floating=moment.floating,
        loose=moment.loose,
        generic=moment.generic,
        named=(weekdays, months),
    )


def between(a: Moment, b: Moment, first: int, last: int, inclusive: bool | None) -> Piece:
    """Return the interval between two moments; a day or month at its end is part of it.

    Args:
        a: beginning.
        b: end.
        first: index of the first token.
        last: index after the last token.
        inclusive: the end was said to be part of it, or not to be; None = not said.
    """
    named = (
        frozenset(one for one in (a.weekday, b.weekday) if one is not None),
        frozenset(one for one in (a.month, b.month) if one is not None),
    )
    if a.floating and b.floating and a.clock is not None and b.clock is not None:
        return Piece(
            "clock",
            first,
            last,
            precision=b.precision,
            clock=(a.clock, b.clock or timedelta(days=1)),
            floating=True,
            loose=inclusive is None or a.loose or b.loose,
            inclusive=inclusive,
            lo=a.lo,
        )
    lo, hi = a.lo, b.lo
    if b.floating and b.clock is not None:
        hi = lo.replace(hour=0, minute=0, second=0, microsecond=0) + b.clock
        if hi <= lo:
            hi += timedelta(days=1)
    elif a.floating and a.clock is not None:
        lo = b.lo.replace(hour=0, minute=0, second=0, microsecond=0) + a.clock
        if lo > b.lo:
            lo -= timedelta(days=1)
    fine = b.precision in ("second", "minute", "hour")
    if not fine and inclusive is not False:
        hi = b.hi
    if hi < lo and (b.weekday is not None or b.month is not None):
        hi = _later(b, hi, lo)
    return Piece(
        "span",
        first,
        last,
        lo=lo,
        hi=hi,
        precision=b.precision if fine or a.precision == b.precision else a.precision,
        loose=inclusive is None or a.loose or b.loose,
        inclusive=inclusive,
        named=named,
    )


def _later(b: Moment, hi: datetime, lo: datetime) -> datetime:
    """Move an end that was guessed too early behind the beginning."""
    if b.dated:
        return hi
    if b.weekday is not None:
        weeks = (lo - hi) // timedelta(days=7) + 1
        return hi + weeks * timedelta(days=7)
    try:
        later = hi.replace(year=lo.year)
        return later if later > lo else later.replace(year=lo.year + 1)
    except ValueError:
        return hi
