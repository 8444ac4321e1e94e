"""Limits that change: tables of limits, "and 440 from then on", "it is set to 440 on Friday"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from icl_forecasting.cik.reading.remarks import Remark
from icl_forecasting.cik.reading.topic import Topic, concepts_of
from icl_forecasting.cik.statements import TARGET, Bound, Covariate, Reference, Statement
from icl_forecasting.cik.windows import Clock, Window

_UPPER = frozenset("maximum max cap limit ceiling upper most permitted allowed".split())
_LOWER = frozenset("minimum min floor lower least guaranteed".split())
_THEN = re.compile(
    r"\b(?:from\s+then(?:\s+on(?:wards?)?)?|after\s+that|thereafter|afterwards?|then\s+on|"
    r"after\s+which|subsequently)\b",
    re.IGNORECASE,
)
_MOVED = re.compile(
    r"\b(?:it|this|that|which)\s+(?:is|will\s+be|gets|has\s+been)\s+(?:then\s+)?(?:set|lowered|cut|"
    r"reduced|raised|lifted|changed|increased|moved|tightened|relaxed|brought)\s+(?:\w+\s+)?to\b",
    re.IGNORECASE,
)


def limits_in(listings: Sequence[Statement], topic: Topic) -> list[Statement]:
    """Turn a listing of limits of the series into bounds; other listings stay as they are.

    "maximum (kW)" beside the moments from which it holds is no other quantity.
    """
    found: list[Statement] = []
    for one in listings:
        bounds = _rows(one, topic) if isinstance(one, Covariate | Reference) else []
        found += bounds or [one]
    return found


def _rows(listing: Covariate | Reference, topic: Topic) -> list[Bound]:
    words = frozenset(re.findall(r"[a-z]+", listing.name.lower()))
    upper, lower = bool(words & _UPPER), bool(words & _LOWER)
    numbers = [value for value in listing.values if isinstance(value, int | float)]
    if upper == lower or len(numbers) < len(listing.values) or not numbers:
        return []
    theirs = concepts_of(listing.name) - concepts_of(topic.subject.unit or "")
    if theirs - topic.concepts - topic.family:
        return []
    end = listing.end if isinstance(listing, Covariate) else None
    ends = [*listing.stamps[1:], end]
    return [
        Bound(
            lower=float(value) if lower else None,
            upper=float(value) if upper else None,
            window=Window(start=start, end=stop),
            span=listing.span,
        )
        for start, stop, value in zip(listing.stamps, ends, numbers, strict=True)
        if stop is None or stop > start
    ]


def moved(remark: Remark, limit: Bound | None, clock: Clock) -> list[Bound]:
    """Read "It is set to 440 on Friday", said of the limit before."""
    if limit is None or limit.of != TARGET or remark.hypothetical or remark.clause.negated:
        return []
    found = _MOVED.search(remark.text)
    numbers = [one for one in remark.numbers if one.kind == "plain" and one.basis == "to"]
    if found is None or len(numbers) != 1 or (limit.lower is None) == (limit.upper is None):
        return []
    starts = [one.window.start for one in remark.times if one.window.start is not None]
    if not starts:
        return []
    value = numbers[0].value
    return [
        Bound(
            lower=None if limit.lower is None else value,
            upper=None if limit.upper is None else value,
            window=Window(start=starts[0]),
            span=remark.span,
        )
    ]


def in_sequence(statements: Sequence[Statement], text: str) -> list[Statement]:
    """Let limits of one side follow each other in time.

    A limit that holds "from then on" begins where the one before ends, and one with a later
    beginning and no end takes the place of the one before.
    """
    found = list(statements)
    last: int | None = None
    before: Bound | None = None
    for place, one in enumerate(found):
        if not isinstance(one, Bound) or one.of != TARGET or one.span is None:
            continue
        if last is not None and before is not None and _same_side(before, one):
            start = _end_of(before)
            joined = one.window is None or one.window == before.window or not one.window.start
            words = text[before.span.start if before.span else 0 : one.span.end]
            if start is not None and joined and _THEN.search(words):
                one = replace(one, window=Window(start=start))
                found[place] = one
            begins = one.window.start if one.window is not None else None
            open_ended = one.window is not None and one.window.end is None
            if begins is not None and open_ended and not _recurs(one.window):
                earlier = before.window or Window()
                if earlier.end is None and not _recurs(earlier) and _starts(earlier) < begins:
                    found[last] = replace(before, window=replace(earlier, end=begins))
        last, before = place, one
    return found


def _same_side(one: Bound, other: Bound) -> bool:
    return (one.lower is None) == (other.lower is None) and (one.upper is None) == (
        other.upper is None
    )


def _end_of(bound: Bound) -> np.datetime64 | None:
    window = bound.window
    return None if window is None or _recurs(window) else window.end


def _starts(window: Window) -> np.datetime64:
    return np.datetime64("1677-10-01", "ns") if window.start is None else window.start


def _recurs(window: Window | None) -> bool:
    return window is not None and bool(
        window.period is not None or window.weekdays or window.clock or window.months
    )
