"""Joins pieces of time that belong together: a start and a length, a rhythm and its hours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

from icl_forecasting.cik.language.moments import Scene, day_of
from icl_forecasting.cik.language.pieces import Piece
from icl_forecasting.cik.language.verbs import BE

ONE_DAY = timedelta(days=1)
_CONNECTORS = frozenset(
    ", ( ) : ; and then on of at in the which that lasting it for to about a an by is was "
    "were will be "
    "runs ran running until periodically only but as with over each - – — are also".split()
)
_FINE = ("second", "minute", "hour")


def join(scene: Scene, pieces: Sequence[Piece]) -> list[Piece]:
    """Join the pieces of one sentence: first neighbours, then those apart that complete each other.

    Args:
        scene: the tokens and the clock.
        pieces: from left to right.
    """
    joined: list[Piece] = []
    for piece in pieces:
        while joined and _near(scene, joined[-1], piece) and not _adjective(joined[-1], piece):
            both = merge(scene, joined[-1], piece)
            if both is None:
                break
            joined.pop()
            piece = _extent(both, both.first, piece.last)
        joined.append(piece)
    joined = _apart(scene, joined)
    return [one for one in joined if not (one.role == "every" and one.generic and not one.absorbed)]


def _extent(piece: Piece, first: int, last: int) -> Piece:
    return replace(piece, first=first, last=last)


def _near(scene: Scene, a: Piece, b: Piece) -> bool:
    gap = range(a.last, b.first)
    if len(gap) > 5:
        return False
    return all(scene.word(i) in _CONNECTORS for i in gap)


def _apart(scene: Scene, pieces: list[Piece]) -> list[Piece]:
    """Join pieces with other words between them, each incomplete one with its nearest partner."""
    changed = True
    while changed and len(pieces) > 1:
        changed = False
        for i, (a, b) in enumerate(pairwise(pieces)):
            if _adjective(a, b):
                continue
            if not _incomplete(a) and not _incomplete(b):
                continue
            if _breaks(scene, a, b):
                continue
            if {a.role, b.role} == {"end", "length"}:
                continue
            both = merge(scene, a, b)
            if both is None:
                continue
            anchor, other = (
                (b, a) if a.role in ("length", "clock") and b.role != "length" else (a, b)
            )
            whole = _extent(both, anchor.first, anchor.last)
            whole.absorbed = (*anchor.absorbed, *other.absorbed, (other.first, other.last))
            pieces[i : i + 2] = [whole]
            changed = True
            break
    return pieces


def _breaks(scene: Scene, a: Piece, b: Piece) -> bool:
    """Tell whether the words between belong to another statement."""
    gap = [scene.word(i) for i in range(a.last, b.first)]
    if len(gap) > 40:
        return True
    if (_is_frame(scene, a) or _is_frame(scene, b)) and set(gap) & _TURNS:
        return True
    if len(gap) <= 25 and {a.role, b.role} & {"length", "every"} and _starts(a, b):
        gap = [word for word in gap if word not in (";", "then", "while")]
    return any(
        word in (";", ".", "whereas", "while", "then", "?", "before", "unlike") for word in gap
    )


def _adjective(a: Piece, b: Piece) -> bool:
    """Tell whether "hourly" or "daily" only describes a noun: it then goes with hours alone."""
    if a.generic and a.role == "every" and b.role != "clock":
        return True
    return b.generic and b.role == "every" and a.role != "clock"


_TURNS = frozenset("; : but however not never no won't will assume suppose although though".split())
"""Words after which a text may speak of another part of the time."""


def _is_frame(scene: Scene, piece: Piece) -> bool:
    """Tell whether a piece is all of the past or all of the future."""
    now = scene.anchor.now
    if piece.precision != "day":
        return False
    return (piece.role == "start" and piece.lo == now) or (piece.role == "end" and piece.hi == now)


def _starts(a: Piece, b: Piece) -> bool:
    """Tell whether one of two pieces is a beginning without an end."""
    return any(one.role in ("start", "point") and one.length is None for one in (a, b))


def _incomplete(piece: Piece) -> bool:
    return (
        piece.role in ("start", "length", "clock", "end")
        or (piece.role == "point")
        or (piece.role == "every")
        or piece.floating
    )


def is_day(piece: Piece) -> bool:
    """Tell whether a piece is one whole day."""
    return (
        piece.role == "span"
        and piece.lo is not None
        and piece.hi is not None
        and piece.hi - piece.lo == ONE_DAY
        and piece.lo == day_of(piece.lo)
    )


_ENDING = frozenset(
    "leave exit expire lift back over again resume reopen finish complete restore return "
    "end stop cease conclude subside "
    "reconnect recover repair restart normal finished gone ended completed restored "
    "reopened".split()
)
"""Words for the end of what was going on."""


def ends_there(scene: Scene, x: Piece, y: Piece) -> bool:
    """Tell whether the words before or after a second moment say that something ends then."""
    if x.lo is None or y.lo is None or (not (x.floating or y.floating) and y.lo <= x.lo):
        return False
    around = [*range(max(x.last, y.first - 6), y.first), *range(y.last, y.last + 4)]
    for k in around:
        word = scene.word(k)
        if word == "over" and scene.word(k - 1) not in BE:
            continue  # "it clouded over" ends nothing
        if word in _ENDING or _lemma(scene, k) in _ENDING:
            return True
    return any(scene.word(k) in ("until", "till") for k in range(y.first - 6, y.first))


def _lemma(scene: Scene, k: int) -> str:
    return scene.tokens[k].lemma if 0 <= k < len(scene.tokens) else ""


def _is_day_part(piece: Piece) -> bool:
    """Tell whether a piece is the morning, evening or night of a day."""
    return (
        piece.role == "span"
        and piece.loose
        and piece.precision == "hour"
        and piece.lo is not None
        and piece.hi is not None
        and timedelta(0) < piece.hi - piece.lo <= timedelta(hours=14)
    )


def _fits(x: Piece, y: Piece) -> bool:
    assert x.role == "end" or x.lo is not None
    at = x.hi if x.role == "end" else x.lo
    return at is None or y.lo is None or at - day_of(at) >= y.lo - day_of(y.lo)


def merge(scene: Scene, a: Piece, b: Piece) -> Piece | None:
    """Return what two pieces mean together, None where they do not belong together."""
    roles = {a.role, b.role}
    if "that" in roles:
        return None
    for x, y in ((a, b), (b, a)):
        both = _merge(scene, x, y, x is a)
        if both is not None:
            both.named = (a.named[0] | b.named[0], a.named[1] | b.named[1])
            both.loose = a.loose or b.loose
            both.first, both.last = min(a.first, b.first), max(a.last, b.last)
            both.absorbed = a.absorbed + b.absorbed
            return both
    return None


def _merge(scene: Scene, x: Piece, y: Piece, in_order: bool) -> Piece | None:
    """Merge an ordered pair of roles; `merge` tries both orders."""
    if x.role == "every":
        return _with_rhythm(scene, x, y)
    if y.role == "every":
        return None
    if x.role in ("start", "point") and y.role == "point" and in_order and ends_there(scene, x, y):
        return closed(x, replace(y, role="end", hi=y.lo, lo=None))
    if y.role == "length":
        return _with_length(scene, x, y)
    if x.role == "clock":
        return _with_hours(x, y)
    if x.floating and x.role in ("start", "point", "end") and y.lo is not None:
        if is_day(y):
            placed = _on_day(x, y.lo)
            if y.length is not None and placed.role != "end":
                return _with_length(scene, placed, Piece("length", 0, 0, length=y.length))
            return placed
        if _is_day_part(y):
            return _on_day(x, y.lo if _fits(x, y) else y.lo + ONE_DAY)
    if x.role in ("start", "point") and y.role == "end" and in_order:
        return closed(x, y)
    if x.role == "end" and y.role == "start" and y.lo is not None and not x.floating:
        return closed(y, x) if x.hi is None or x.hi > y.lo else None
    if x.role == "span" and y.role == "end" and in_order and x.lo is not None:
        if y.hi is None or (x.hi is not None and y.hi >= x.hi and is_day(x)):
            return closed(x, y)
    return None


def _on_day(piece: Piece, day: datetime) -> Piece:
    """Give a floating moment its day."""
    base = day_of(day)
    if piece.role == "end" and piece.hi is not None:
        return replace(piece, hi=base + (piece.hi - day_of(piece.hi)), floating=False)
    if piece.lo is None:
        return replace(piece, floating=False)
    lo = base + (piece.lo - day_of(piece.lo))
    hi = None if piece.hi is None else lo + (piece.hi - piece.lo)
    return replace(piece, lo=lo, hi=hi, floating=False)


def closed(x: Piece, y: Piece) -> Piece | None:
    """Return the interval from a beginning to an end, None where the end is not after it."""
    if x.lo is None:
        return None
    if y.hi is None:
        return replace(x, role="start", hi=None)
    hi = y.hi
    if y.floating and not x.floating:
        hi = day_of(x.lo) + (y.hi - day_of(y.hi))
        if hi <= x.lo:
            hi += ONE_DAY
    elif x.floating and y.floating:
        first, last = x.lo - day_of(x.lo), hi - day_of(hi)
        return replace(x, role="clock", clock=(first, last or ONE_DAY), hi=None)
    if hi <= x.lo:
        return None
    return replace(x, role="span", hi=hi, floating=x.floating, inclusive=y.inclusive)


def _with_length(scene: Scene, x: Piece, y: Piece) -> Piece | None:
    assert y.length is not None
    step = scene.anchor.step
    if x.length is not None or x.role == "length":
        return None
    if scene.anchor.now in (x.hi, x.lo) and x.role in ("end", "start") and x.precision == "day":
        return None  # "in the past", "in the future", "until now"
    if x.role in ("start", "point") and x.lo is not None:
        hi = y.length.after(x.lo, 1, step)
        role = "span"
        if hi <= x.lo:
            return None
        return replace(x, role=role, hi=hi, length=y.length)
    if x.role == "span" and x.lo is not None and x.hi is not None:
        if x.precision in _FINE and not is_day(x):
            return None
        hi = y.length.after(x.lo, 1, step)
        if hi >= x.hi and (is_day(x) or x.hi - x.lo <= timedelta(days=31)):
            return replace(x, hi=hi, length=y.length)
        return replace(x, length=y.length) if is_day(x) else None
    if x.role == "end" and x.hi is not None:
        return replace(x, role="span", lo=y.length.after(x.hi, -1, step), length=y.length)
    return None


def _with_hours(x: Piece, y: Piece) -> Piece | None:
    """Put a part of the day on a day, or on every day of an interval."""
    assert x.clock is not None
    if y.role == "clock" or (y.lo is None and y.hi is None) or y.floating:
        return None
    if y.role == "point" or (y.precision in _FINE and y.role != "span"):
        return None
    if _is_day_part(y) and y.lo is not None and y.hi is not None:
        for day in (day_of(y.lo), day_of(y.lo) + ONE_DAY):
            for half in (timedelta(0), timedelta(hours=12)):
                lo, hi = day + x.clock[0] + half, day + x.clock[1] + half
                hi += ONE_DAY if hi <= lo else timedelta(0)
                if y.lo <= lo < y.hi:
                    return replace(x, role="span", lo=lo, hi=hi, clock=None, floating=False)
        return None
    if is_day(y) and y.lo is not None:
        lo, hi = y.lo + x.clock[0], y.lo + x.clock[1]
        if hi <= lo:
            hi += ONE_DAY
        return replace(x, role="span", lo=lo, hi=hi, clock=None, floating=False)
    if y.role == "span" and y.lo is not None and y.hi is not None and y.hi - y.lo < ONE_DAY:
        return None
    return replace(x, role="every", lo=y.lo, hi=y.hi, floating=False, length=y.length)


def _within(
    clock: tuple[timedelta, timedelta], part: tuple[timedelta, timedelta]
) -> tuple[timedelta, timedelta]:
    """Move "6 to 8" into the evening where it was said to be one."""
    half = timedelta(hours=12)
    if clock[1] <= half and not _inside(clock[0], part) and _inside(clock[0] + half, part):
        return clock[0] + half, clock[1] + half
    return clock


def _inside(time: timedelta, part: tuple[timedelta, timedelta]) -> bool:
    if part[0] <= part[1]:
        return part[0] <= time < part[1]
    return time >= part[0] or time < part[1]


def _with_rhythm(scene: Scene, x: Piece, y: Piece) -> Piece | None:
    """Complete a rhythm with hours, a length, a start, an end or days."""
    step = scene.anchor.step
    if y.role == "every":
        if (x.months and y.weekdays) or (x.weekdays and y.months):
            return replace(x, weekdays=x.weekdays | y.weekdays, months=x.months | y.months)
        if x.clock is None and y.clock is not None and y.period is not None:
            return replace(x, clock=y.clock, generic=False)
        if x.period and x.generic:
            return replace(y)
        return None
    if y.role == "clock" and y.clock is not None and (x.clock is None or x.loose):
        clock = y.clock if x.clock is None else _within(y.clock, x.clock)
        return replace(x, clock=clock, generic=False, precision=y.precision)
    if y.role == "length" and y.length is not None and x.length is None:
        if x.clock is not None and x.time is not None:
            seconds = y.length.seconds(step)
            if 0 < seconds <= 86_400:
                end = (x.clock[0] + timedelta(seconds=seconds)) % ONE_DAY
                return replace(x, clock=(x.clock[0], end or ONE_DAY), length=y.length)
        return replace(x, length=y.length, generic=False)
    if x.time is not None and x.clock is not None and y.role == "point" and y.floating:
        if y.time is not None and any(
            _lemma(scene, k) in _ENDING for k in range(max(x.last, y.first - 4), y.first)
        ):
            return replace(x, clock=(x.clock[0], y.time or ONE_DAY), generic=False)
    if y.role in ("point", "start") and y.floating and y.lo is not None and x.clock is None:
        time = y.lo - day_of(y.lo)
        if y.length is not None:
            end = (time + timedelta(seconds=y.length.seconds(step))) % ONE_DAY or ONE_DAY
        else:
            end = (time + max(step, timedelta(minutes=1))) % ONE_DAY or ONE_DAY
        if x.length is not None and x.length.seconds(step) <= 86_400:
            end = (time + timedelta(seconds=x.length.seconds(step))) % ONE_DAY or ONE_DAY
        return replace(x, clock=(time, end), time=time, generic=False, precision=y.precision)
    if (
        y.role in ("start", "point", "span", "end")
        and not y.floating
        and x.lo is None
        and x.hi is None
    ):
        hi = None if y.role in ("start", "point") else y.hi
        lo = None if y.role == "end" else y.lo
        if y.role == "span" and y.length is not None and x.period is not None and x.length is None:
            # "every 15 days, for 7 days, from A": the length is that of each time
            if x.period.seconds(step) > y.length.seconds(step):
                return replace(x, lo=lo, hi=None, length=y.length, generic=False)
        return replace(x, lo=lo, hi=hi, generic=False)
    return None
