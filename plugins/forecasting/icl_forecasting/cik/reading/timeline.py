"""The times of an event that is told over several clauses: begun here, over there, so long.

The grammar gives each clause its own times. Here the ones that belong together are joined: "It set
in at noon. Two hours later it was gone." Times that only say what is usual when are left out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from icl_forecasting.cik.language.model import TimePhrase
from icl_forecasting.cik.reading.remarks import Remark, tells_when
from icl_forecasting.cik.windows import Clock, Window

REACH = 3
"""So many sentences on an end or a length may follow a beginning."""

_LASTS = re.compile(
    r"lasts?\s+(?:about |around |roughly |for )?(?:\d+|[a-z]+(?:-[a-z]+)?)\s+"
    r"(?:second|minute|hour|day|week|month|step)s?"
)
_VAGUE = re.compile(
    r"\b(?:now|season|time of (?:the |that )?year|years?|these days|nowadays|today|period)\b",
    re.IGNORECASE,
)
_AFTER = re.compile(r"(?:afterwards?|thereafter|after that|before or after)\b", re.IGNORECASE)
_THEN = re.compile(r"(?:until|till|by|since) then\b", re.IGNORECASE)
_FIRST = re.compile(
    r"(?:on |in |during )?(?:the )?(?:first|last) (?:hour|day|week)$", re.IGNORECASE
)
_LENGTHS = frozenset(
    """last stay persist take long duration length endure hold continue remain keep for after within
    over gone later rage need require while take run""".split()
)


def dated(remarks: Sequence[Remark], clock: Clock) -> list[Remark]:
    """Give each clause the times that its event has by the clauses around it.

    Args:
        remarks: the clauses of a text, in order.
        clock: of the forecast.
    """
    times = [_own(one, clock) for one in remarks]
    open_at: list[tuple[int, int]] = []
    pending, told_at = None, -9
    until: tuple[int, np.datetime64] | None = None
    closed: dict[int, np.datetime64] = {}
    for number, remark in enumerate(remarks):
        times[number] = [_pointed(one, closed) for one in times[number]]
        open_at = [at for at in open_at if remark.order - remarks[at[0]].order <= REACH]
        length = _length(remark)
        if length is not None and length > 2 * (clock.end - clock.now):
            length = None
        if open_at:
            row, place = open_at[-1]
            begun = times[row][place]
            end = _end(remark, times[number], begun, remark.order == remarks[row].order)
            if end is None and length is not None and not times[number]:
                end = begun.window.start + length  # type: ignore[operator]
            if end is not None:
                closed[_key(begun.window.start)] = end
                joined = replace(begun, window=replace(begun.window, end=end), kind="window")
                times[row][place] = joined
                times[number] = [joined] if times[number] or row != number else times[number]
                open_at = []
        begun_here = _begun(remark, times[number], until, remarks)
        if begun_here != times[number] and until is not None:
            times[number] = begun_here
            times[until[0]] = list(begun_here)
        until = _until(number, times, clock) or until
        for place, time in enumerate(times[number]):
            if _is_open(time, remark, clock):
                open_at = [(number, place)]
                before = pending if remark.order - told_at <= 1 else None
                if before is not None and length is None:
                    times[number][place] = _with_length(time, before)
                    open_at = []
        for time in times[number]:
            window = time.window
            if window.start is not None and window.end is not None and not _cyclic(window):
                key = _key(window.start)
                closed[key] = max(window.end, closed.get(key, window.end))
        told = length if length is not None else _any_length(remark)
        short = told is not None and told <= 2 * (clock.end - clock.now)
        if short and not times[number]:
            pending, told_at = told, remark.order
    return [replace(one, told=tuple(found)) for one, found in zip(remarks, times, strict=True)]


def _until(
    number: int, times: list[list[TimePhrase]], clock: Clock
) -> tuple[int, np.datetime64] | None:
    """Note an end in the forecast whose beginning is not known yet: "until 3 December"."""
    for time in times[number]:
        window = time.window
        if window.start is None and window.end is not None and not _cyclic(window):
            if clock.now < window.end < clock.end:
                return number, window.end
    return None


def _begun(
    remark: Remark,
    own: list[TimePhrase],
    until: tuple[int, np.datetime64] | None,
    remarks: Sequence[Remark],
) -> list[TimePhrase]:
    """Join a beginning with the end that was told before: "until Friday ... opens on Monday"."""
    if until is None or not 0 <= remark.order - remarks[until[0]].order <= 2:
        return own
    if not remark.has("begin", "open"):
        return own
    return [
        replace(one, window=replace(one.window, end=until[1]), kind="window")
        if one.window.start is not None
        and one.window.start < until[1]
        and not _cyclic(one.window)
        and (one.window.end is None or _single(one, one.window.end - one.window.start))
        else one
        for one in own
    ]


def _any_length(remark: Remark) -> np.timedelta64 | None:
    """Return a length that a clause mentions at all, as in "seven days of festival are coming"."""
    if remark.clause.past or remark.has("usual", "former"):
        return None
    found = [t.duration for t in remark.clause.times if t.kind == "duration" and t.duration]
    return found[0] if found else None


def _own(remark: Remark, clock: Clock) -> list[TimePhrase]:
    """The times of a clause that say when something happens."""
    found = []
    usual = [m.last for m in remark.marks.get("usual", ())]
    for time in remark.clause.times:
        if not tells_when(time):
            continue
        at = remark.token_at(time.span.start)
        ahead = remark.text[time.span.start - remark.span.start :][: len(time.span.text) + 14]
        reference = any(at > last for last in usual) and _VAGUE.search(ahead)
        after = _AFTER.match(time.span.text) and (usual or remark.has("open", "same"))
        first = _FIRST.match(time.span.text) and not remark.says(
            "forecast", "prediction", "horizon"
        )
        if reference or after or first or _lasts(time, remark) is not None:
            continue
        if _THEN.match(time.span.text):
            continue
        window = time.window
        if window.period is not None:
            if window.period <= clock.step:
                continue
            short = window.start is not None and window.end is not None
            if short and window.end - window.start <= window.period:  # type: ignore[operator]
                time = replace(time, window=replace(window, end=None))
        elif window.start is None and window.end is not None and not _cyclic(window):
            by = time.span.text.lower().startswith("by ")
            if by and remark.has("stop", "close", "begin"):
                time = replace(time, window=replace(window, start=window.end, end=None))
        found.append(_daily(time, remark))
    length = _length(remark)
    return found if length is None else [_with_length(one, length) for one in found]


def _pointed(time: TimePhrase, closed: dict[int, np.datetime64]) -> TimePhrase:
    """Give "during that time" the end that the event got meanwhile."""
    window = time.window
    vague = time.kind == "deictic" or not any(c.isdigit() for c in time.span.text)
    end = closed.get(_key(window.start))
    if not vague or window.start is None or end is None:
        return time
    if window.end is not None and window.end >= end:
        return time
    return replace(time, window=replace(window, end=end))


_EACH_DAY = re.compile(
    r"\b(?:daily|(?:every|each)(?: single)? (?:day|night|morning|afternoon|evening)|day after day|"
    r"day in,? day out|(?:on |for )?all days|day by day|nightly|always|each day's)\b",
    re.IGNORECASE,
)
_DATED = re.compile(
    r"\d{4}|[A-Za-z]{3,}day\b|\d{1,2}(?:st|nd|rd|th)\b|tomorrow|today", re.IGNORECASE
)


def _daily(time: TimePhrase, remark: Remark) -> TimePhrase:
    """Read times of day beside "daily" as times of every day."""
    window = time.window
    if window.clock is not None or window.start is None or window.end is None:
        return time
    fine = time.precision in ("second", "minute", "hour") and window.end - window.start < _DAY
    if not fine or _cyclic(window) or _DATED.search(time.span.text):
        return time
    if not _EACH_DAY.search(remark.sentence.span.text):
        return time
    first = window.start - window.start.astype("datetime64[D]")
    last = window.end - window.end.astype("datetime64[D]")
    clock = (first.astype("timedelta64[ns]"), last.astype("timedelta64[ns]"))
    return replace(time, window=Window(clock=clock, loose=window.loose), kind="recurrence")


def _key(moment: np.datetime64 | None) -> int:
    return 0 if moment is None else int(moment.astype("datetime64[ns]").astype(np.int64))


def _lasts(time: TimePhrase, remark: Remark) -> np.timedelta64 | None:
    """Read "will last one week", which looks like "the last week", as a length."""
    window = time.window
    if window.start is None or window.end is None or not _LASTS.fullmatch(time.span.text.lower()):
        return None
    at = remark.token_at(time.span.start)
    before = remark.tokens[at - 1].lower if at else ""
    if before in ("the", "these", "those", "past", "our", "in", "over", "during", "of"):
        return None
    return window.end - window.start


def _with_length(time: TimePhrase, length: np.timedelta64) -> TimePhrase:
    window = time.window
    if window.start is None or _cyclic(window) or time.kind == "deictic":
        return time
    if window.end is not None and (
        window.end - window.start >= length or not _single(time, window.end - window.start)
    ):
        return time
    return replace(time, window=replace(window, end=window.start + length))


_HOUR = np.timedelta64(3_600_000_000_000, "ns")
_DAY = np.timedelta64(86_400_000_000_000, "ns")


def _single(time: TimePhrase, span: np.timedelta64) -> bool:
    """Tell whether a window is only a point: a moment, or one day that was named."""
    return time.kind == "moment" or (time.precision == "day" and bool(span <= _DAY))


def _length(remark: Remark) -> np.timedelta64 | None:
    """Return the length of time that a clause tells of an event."""
    if remark.has("usual") and remark.clause.past and not remark.says(*_LENGTHS):
        return None
    for time in remark.clause.times:
        lasts = _lasts(time, remark)
        if lasts is not None:
            return lasts
        if time.kind == "duration" and time.duration is not None:
            if _tells_length(remark):
                return time.duration
    return None


def _tells_length(remark: Remark) -> bool:
    if remark.says(*_LENGTHS) or remark.has("end", "begin"):
        return True
    words = remark.sentence.span.text.lower()
    return any(word in words for word in ("duration", "how long", "length", "lasts", "takes"))


def _end(
    remark: Remark, own: list[TimePhrase], begun: TimePhrase, same: bool
) -> np.datetime64 | None:
    """Return when what has begun is over, by the times of a later clause."""
    start = begun.window.start
    for time in own:
        window = time.window
        until = window.start is None and window.end is not None and not _cyclic(window)
        ends = window.end if until else window.start
        if ends is None or start is None or ends <= start or _cyclic(window):
            continue
        over = remark.has("end", "open") and not remark.has("begin")
        over = over or (not same and _resumes(remark))
        if until or over or (same and remark.says("next")):
            return ends
    return None


_AGAIN = re.compile(
    r"\b(?:again|back|anew|once more|resum\w+|reopen\w*|refill\w*|restor\w+|is over|no longer|"
    r"no more|filled(?: up)?|ends?|gone)\b",
    re.IGNORECASE,
)


def _resumes(remark: Remark) -> bool:
    """Tell whether the sentence says that something is as before: "it is filled, open again"."""
    if remark.clause.negated or remark.has("usual"):
        return False
    return bool(_AGAIN.search(remark.sentence.span.text))


def _cyclic(window: Window) -> bool:
    return bool(window.period is not None or window.weekdays or window.months or window.clock)


def _is_open(time: TimePhrase, remark: Remark, clock: Clock) -> bool:
    """Tell whether a time is a beginning whose end is not known."""
    window = time.window
    if window.start is None or _cyclic(window) or time.relation == "past":
        return False
    if window.start >= clock.end or window.start < clock.now - clock.step:
        return False
    if window.end is None:
        return True
    fine = time.precision in ("second", "minute", "hour") or bool(clock.step >= _DAY)
    return fine and bool(window.end - window.start <= max(clock.step, _HOUR))
