"""The windows of claims: from their clause, their sentence, or the event they speak of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from icl_forecasting.cik.language.model import TimePhrase
from icl_forecasting.cik.reading.claims import Claim
from icl_forecasting.cik.reading.remarks import Remark
from icl_forecasting.cik.windows import Clock, Window

REACH = 8
"""So many sentences back an event may have been dated."""

AHEAD = 3
"""So many sentences on it may be dated."""


def windows_of(claim: Claim, remarks: Sequence[Remark], claims: int, clock: Clock) -> list[Window]:
    """Return when a claim holds; empty where the text does not say.

    Args:
        claim: what is said.
        remarks: all clauses of the text.
        claims: how many claims its clause makes.
        clock: of the forecast.
    """
    own = list(claim.remark.times)
    if own and claims > 1 and len(own) > 1:
        own = [_nearest(claim, own)]
    if not own:
        own = _of_sentence(claim.remark, remarks)
    if not own and (claim.strength > 1 or _points_back(claim.remark)):
        own = _of_event(claim.remark, remarks, clock)
    own = [_narrowed(one, claim.remark, remarks, clock) for one in own]
    fitting = _fitting(own, claim.remark)
    length = _length(claim.remark, remarks)
    return merged([_closed(one, length) for one in fitting])


def _narrowed(
    time: TimePhrase, remark: Remark, remarks: Sequence[Remark], clock: Clock
) -> TimePhrase:
    """Replace a day by the hours in it that the sentences around it give for the event."""
    window = time.window
    if time.precision != "day" or clock.step >= _HALF_DAY or recurring(window):
        return time
    if window.start is None or window.end is None or window.clock is not None:
        return time
    best, distance = time, 3
    for one in remarks:
        for other in one.times:
            inner = other.window
            if other.precision not in ("hour", "minute", "second") or None in (
                inner.start,
                inner.end,
            ):
                continue
            inside = inner.start >= window.start and inner.end <= window.end  # type: ignore[operator]
            if inside and abs(one.order - remark.order) < distance and not _aside(one):
                best, distance = other, abs(one.order - remark.order)
    return best


_HALF_DAY = np.timedelta64(43_200_000_000_000, "ns")


def _length(remark: Remark, remarks: Sequence[Remark]) -> np.timedelta64 | None:
    """Return how long the event of a sentence lasts, where the sentence says so."""
    clauses = [one.clause for one in remarks if one.order == remark.order]
    lengths = [
        time.duration
        for clause in [remark.clause, *clauses]
        for time in clause.times
        if time.kind == "duration" and time.duration is not None
    ]
    return lengths[0] if lengths else None


def _closed(time: TimePhrase, length: np.timedelta64 | None) -> Window:
    """Give a start its length."""
    window = time.window
    bare = time.kind == "moment" or window.end is None
    if length is None or not bare or window.start is None or recurring(window):
        return window
    return replace(window, end=window.start + length)


def _nearest(claim: Claim, times: list[TimePhrase]) -> TimePhrase:
    at = claim.remark.tokens[min(claim.at, len(claim.remark.tokens) - 1)].start
    return min(times, key=lambda one: min(abs(one.span.start - at), abs(one.span.end - at)))


def _fitting(times: list[TimePhrase], remark: Remark) -> list[TimePhrase]:
    """Keep the times that fit the tense where a clause names past and future ones."""
    sides = {one.relation for one in times}
    if len(sides) > 1:
        side = "past" if remark.clause.past and not remark.clause.future else "future"
        told = remark.clause.past and not remark.clause.future
        if told and "past" in sides:
            return [one for one in times if one.relation == "past"]
        fitting = [one for one in times if one.relation in (side, "both")]
        if "past" in sides and "future" in sides and fitting:
            return fitting
    return times


def _of_sentence(remark: Remark, remarks: Sequence[Remark]) -> list[TimePhrase]:
    others = [
        one for one in remarks if one.order == remark.order and one is not remark and one.times
    ]
    for one in sorted(others, key=lambda other: (abs(other.index - remark.index), other.index)):
        if not _aside(one):
            return list(one.times)
    return []


def _aside(remark: Remark) -> bool:
    """Tell whether a clause is about what does not hold."""
    unsure = remark.hypothetical and remark.says("might", "may", "if", "unless", "would")
    return unsure or remark.has("former", "elsewhere")


def _of_event(remark: Remark, remarks: Sequence[Remark], clock: Clock) -> list[TimePhrase]:
    """Times of the event that a sentence goes on about, or that a later one dates."""
    best: list[TimePhrase] = []
    rank = (-1, 0)
    for one in remarks:
        gap = remark.order - one.order
        if not one.times or gap == 0 or gap > REACH or gap < -AHEAD or _aside(one):
            continue
        known = [
            time
            for time in one.times
            if _ahead(time.window, clock)
            and (_event_time(time, clock) or _starts_inside(time, clock) or recurring(time.window))
        ]
        if not known or (gap > 0 and not _dates_event(one, remark, clock)):
            continue
        if gap < 0 and not (_tells_when(one) or _event_time(known[0], clock)):
            continue
        worth = (4 if _event_time(known[0], clock) else 0) + (gap > 0) + 2 * one.has("begin")
        if (worth, -abs(gap)) >= rank:
            best, rank = known, (worth, -abs(gap))
    return best


def _starts_inside(time: TimePhrase, clock: Clock) -> bool:
    start = time.window.start
    return start is not None and time.window.end is None and bool(start >= clock.now)


def _event_time(time: TimePhrase, clock: Clock) -> bool:
    """Tell whether a time is a limited part of the forecast."""
    window = time.window
    if window.start is None or window.end is None or recurring(window):
        return False
    return bool(window.start > clock.now or window.end < clock.end)


def _points_back(remark: Remark) -> bool:
    """Tell whether a sentence goes on about what was said: "as a result", "this", "it"."""
    first = [t.lower for clause in remark.sentence.clauses[:1] for t in clause.tokens[:4]]
    words = {"this", "these", "that", "it", "during", "consequently", "therefore", "then", "such"}
    return bool(words & set(first)) or (remark.has("cause") and remark.clause.link is not None)


def _dates_event(one: Remark, later: Remark, clock: Clock) -> bool:
    """Tell whether an earlier clause can date what a later one says without a date."""
    ahead = bool(any(_ahead(time.window, clock) for time in one.times))
    if not ahead and not (later.clause.past and one.clause.past):
        return False
    if one.sentence.heading == later.sentence.heading or one.sentence.heading is None:
        return True
    return later.says("this", "these", "that", "during", "then", "it")


def _ahead(window: Window, clock: Clock) -> bool:
    if window.start is not None and window.start >= clock.end:
        return False
    return window.end is None or bool(window.end > clock.now)


def _tells_when(remark: Remark) -> bool:
    first = [t.lower for t in remark.sentence.clauses[0].tokens[:2]] if remark.sentence else []
    points = bool(first) and first[0] in ("it", "this", "these", "that", "the", "they")
    return points and (remark.has("begin") or remark.says("last", "run", "end", "place", "happen"))


def merged(windows: list[Window]) -> list[Window]:
    """Join parts of one time: weekdays here and dates there restrict each other.

    Several dates stay several windows.
    """
    unique = list(dict.fromkeys(windows))
    dated = [one for one in unique if one.start is not None or one.end is not None]
    cyclic = [one for one in unique if one.start is None and one.end is None]
    if not dated or not cyclic:
        return unique
    joined = []
    for date in dated:
        for cycle in cyclic:
            joined.append(
                replace(
                    date,
                    weekdays=date.weekdays or cycle.weekdays,
                    clock=date.clock if date.clock is not None else cycle.clock,
                    months=date.months or cycle.months,
                    loose=date.loose or cycle.loose,
                )
            )
    return joined


def recurring(window: Window) -> bool:
    """Tell whether a window comes again and again."""
    cyclic = window.weekdays or window.clock is not None or window.months
    return window.period is not None or bool(cyclic)


def side_of(window: Window, clock: Clock) -> str:
    """Tell where a window lies: "past", "future", "both", "before" or "after" all that is known."""
    first = clock.history[0] if len(clock.history) else clock.now
    if window.end is not None and window.end <= first:
        return "before"
    if window.start is not None and window.start >= clock.end:
        return "after"
    if window.end is not None and window.end <= clock.now:
        return "past"
    if window.start is not None and window.start >= clock.now:
        return "future"
    return "both"


def overlap(one: Window, other: Window, clock: Clock) -> bool:
    """Tell whether two windows share a step of the forecast."""
    stamps = np.asarray(clock.future, "datetime64[ns]")
    return bool((one.covers(stamps) & other.covers(stamps)).any())


def same_steps(one: Window, other: Window, clock: Clock) -> bool:
    """Tell whether two windows cover the same steps of the forecast."""
    stamps = np.asarray(clock.future, "datetime64[ns]")
    return bool((one.covers(stamps) == other.covers(stamps)).all())
