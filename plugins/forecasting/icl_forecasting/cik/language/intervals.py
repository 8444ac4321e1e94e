"""Pieces of time that begin with a preposition: "from", "until", "between", "for", "within"."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from icl_forecasting.cik.language.almanac import Length
from icl_forecasting.cik.language.dates import moment_at
from icl_forecasting.cik.language.day_times import clock_at
from icl_forecasting.cik.language.durations import length_at
from icl_forecasting.cik.language.moments import (
    Moment,
    Scene,
    day_number_at,
    day_of,
    month_at,
)
from icl_forecasting.cik.language.pieces import Piece, between, of_moment
from icl_forecasting.cik.language.vocabulary import DAY_PARTS, WEEKDAYS

_TO = frozenset(".. ... … / -> → -- to until untill till til through thru - – — and".split())
_STARTS = frozenset(
    "start starts started starting begin begins began beginning begun commence commences commenced "
    "commencing effective onset".split()
)
_ENDS = frozenset("end ends ended ending finish finishes finished finishing conclude".split())


def end_at(scene: Scene, i: int, bare: bool) -> tuple[Moment, int, bool | None] | None:
    """Read the second half of an interval: "to 14:00", "until the next day", "through Friday".

    Returns:
        The moment, the index after it, and whether it was said to be part of the interval.
    """
    j = i
    if scene.word(j) in (",",):
        j += 1
    word = scene.word(j)
    including = False
    if word == "up" and scene.word(j + 1) in ("to", "until", "till"):
        j, word = j + 1, scene.word(j + 1)
    if word in ("to", "until", "till") and scene.word(j + 1) == "and":
        if scene.word(j + 2) in ("including", "inclusive"):
            j, word, including = j + 2, "through", True
    if word == "and" and scene.word(j + 1) in _ENDS | {"lasting", "until", "running"}:
        j, word = j + 1, scene.word(j + 1)
    if word in _ENDS:
        j += 1
        if scene.word(j) in ("on", "at", "in", "by"):
            j += 1
        j -= 1
    elif word not in _TO and word != "through":
        return None
    if word == "/" and scene.kind(j - 1) != "stamp":
        return None
    found = moment_at(scene, j + 1, bare=bare)
    if found is None and scene.word(j + 1) in ("the",):
        found = moment_at(scene, j + 2, bare=bare)
    if found is None:
        return None
    moment, k = found
    inclusive: bool | None = None
    if including and moment.precision in ("second", "minute", "hour"):
        moment = replace(moment, lo=moment.lo + scene.anchor.step)
        if moment.floating and moment.clock is not None:
            moment = replace(moment, clock=(moment.clock + scene.anchor.step) % timedelta(days=1))
    if word in ("through", "thru"):
        inclusive = True
    if scene.word(k) in ("inclusive", "included") or (
        scene.word(k) == "(" and scene.word(k + 1) in ("inclusive", "included")
    ):
        inclusive = True
        k += 3 if scene.word(k) == "(" else 1
        if moment.precision in ("second", "minute", "hour"):
            moment = replace(moment, lo=moment.lo + scene.anchor.step)
            if moment.floating and moment.clock is not None:
                clock = (moment.clock + scene.anchor.step) % timedelta(days=1)
                moment = replace(moment, clock=clock)
    elif scene.word(k) in ("exclusive", "excluded"):
        inclusive, k = False, k + 1
    return moment, k, inclusive


def from_at(scene: Scene, i: int) -> Piece | None:
    """Read "from A to B", "from A for two hours", "from A on", "starting at A", "since A"."""
    j = i
    word = scene.word(j)
    if word in _STARTS:
        j += 1
        if scene.word(j) in (":", "=", "time", "date", "is", "was"):
            j += 2 if scene.word(j) in ("time", "date") else 1
        if scene.word(j) in ("at", "on", "from", "in", "with", "off", "around", "about", "by"):
            j += 1
    elif word == "as" and scene.word(j + 1) in ("of", "from"):
        j += 2
    elif word == "with" and scene.word(j + 1) == "effect":
        j += 3
    elif word in ("from", "since", "after", "following", "past"):
        j += 1
        if scene.word(j) == ":" and word == "from":
            j += 1
        if scene.word(j) in _STARTS:
            j += 1
    else:
        return None
    if word in ("after", "following"):
        length = length_at(scene.tokens, j)
        if length and word == "after":
            return _after_length(scene, i, length)
        if length:
            return None
    if word in ("from", "since") and scene.word(j) in (
        "then",
        "there",
        "that",
        "this",
        "now",
        "here",
    ):
        return _from_then(scene, i, j)
    found = moment_at(scene, j, bare=word == "from")
    if found is None:
        return None
    moment, k = found
    if word == "from" and scene.word(k) in ("to", "until", "till", "through", "-", "–"):
        shared = shared_month(scene, j, k)
        if shared:
            shared.first = i
            return shared
    if moment.floating and scene.kind(j) in ("number", "word") and word == "from":
        # "from 8 ..." is a time of day only together with a second one
        if clock_at(scene, j) is None and end_at(scene, k, bare=False) is None:
            end = end_at(scene, k, bare=True)
            if end is None or not _hours_expected(scene, i, end[1]):
                return None
    if moment.floating is False or clock_at(scene, j) is not None or word == "from":
        end = end_at(scene, k, bare=moment.floating) if word not in ("after", "following") else None
        if end and _plausible(scene, moment, end[0], j):
            return between(moment, end[0], i, end[1], end[2])
    piece = of_moment("start", moment, i, k)
    piece.hi = moment.hi if word in ("after", "following", "past") else None
    if word in ("after", "following", "past"):
        if moment.precision not in ("second", "minute", "hour"):
            piece.lo = moment.hi
        piece.hi = None
        piece.inclusive = False
    if scene.word(k) in ("on", "onwards", "onward", "forward", "forth"):
        piece.last = k + 1
        piece.verb = False
    return piece


def _after_length(scene: Scene, i: int, length: tuple[Length, int]) -> Piece | None:
    """Read "after two hours": so long after what began."""
    size, k = length
    if moment_at(scene, k + 1 if scene.word(k) in ("of", "from") else k):
        return None
    return Piece("length", i, k, length=size, precision=size.unit, loose=size.loose, verb=True)


def _plausible(scene: Scene, a: Moment, b: Moment, first: int) -> bool:
    """Reject "from May and ..." where the second moment cannot end the first."""
    return not (a.floating and not b.floating and b.precision not in ("second", "minute", "hour"))


def _from_then(scene: Scene, i: int, j: int) -> Piece | None:
    word = scene.word(j)
    lo = scene.mention or scene.anchor.now
    if word in ("now", "here"):
        lo = scene.anchor.now
        j += 1
    elif word in ("that", "this"):
        nouns = ("point", "time", "moment", "day", "date", "hour", "morning", "instant", "week")
        if scene.word(j + 1) not in nouns:
            return None
        j += 2
    else:
        j += 1
    if scene.word(j) in ("on", "onwards", "onward", "forward"):
        j += 1
    return Piece("start", i, j, lo=lo, precision="second")


def between_at(scene: Scene, i: int) -> Piece | None:
    """Read "between A and B"."""
    found = moment_at(scene, i + 1, bare=True)
    if found is None:
        return None
    a, j = found
    word = scene.word(j)
    if word not in ("and", "to", "-", "–", "until"):
        return None
    shared = shared_month(scene, i + 1, j)
    if shared:
        shared.first = i
        return shared
    second = moment_at(scene, j + 1, bare=True)
    if second is None:
        return None
    b, k = second
    if a.floating and b.floating:
        sure = clock_at(scene, i + 1) or clock_at(scene, j + 1)
        if sure is None and not _hours_expected(scene, i, k):
            return None
        a = _same_half(a, b, scene, i + 1)
    inclusive = True if scene.word(k) in ("inclusive", "included") else None
    if inclusive:
        k += 1
    return between(a, b, i, k, inclusive)


def _hours_expected(scene: Scene, i: int, k: int) -> bool:
    """Tell whether numbers between tokens `i` and `k` are hours: by the words around them."""
    before, after = scene.word(i - 1), scene.word(k)
    rhythm = ("daily", "nightly", "every", "each", "weekdays", "weekends", "tomorrow", "today")
    around = before in DAY_PARTS or before in rhythm or before.endswith("day") or before == "days"
    around = around or after in rhythm or (after == "on" and scene.word(k + 1) in WEEKDAYS)
    tokens = scene.tokens
    numbers = [t for t in tokens[i:k] if t.kind == "number"]
    whole = all("." not in t.text and "," not in t.text for t in numbers)
    return around and whole and after not in ("%", "percent", "times", "x")


def _same_half(a: Moment, b: Moment, scene: Scene, i: int) -> Moment:
    """Give "between 2 and 4 pm" the half of the day that only its second time names."""
    if clock_at(scene, i) is None and a.clock is not None and b.clock is not None:
        noon = timedelta(hours=12)
        if a.clock < noon <= b.clock and a.clock + noon < b.clock:
            return Moment(a.lo + noon, a.hi + noon, a.precision, a.clock + noon, floating=True)
    return a


def until_at(scene: Scene, i: int) -> Piece | None:
    """Read "until A", "through A", "before A", "by A", "no later than A"."""
    word = scene.word(i)
    j = i + 1
    including = False
    if word == "up" and scene.word(j) in ("to", "until", "till"):
        j += 1
    elif word == "prior" and scene.word(j) == "to":
        j += 1
    elif word in ("no", "not") and scene.word(j) == "later" and scene.word(j + 1) == "than":
        j += 2
    elif word == "not" and scene.word(j) in ("before", "until", "till"):
        j += 1  # "not before Monday will it open": what is so goes on until then
    elif word in _ENDS:
        if scene.word(j) in ("time", "date"):
            j += 1
        if scene.word(j) not in ("on", "at", "by", "in", ":", "=", "is", "was"):
            return None
        j += 1
    elif word in ("to", "till", "until") and scene.word(j) == ":":
        j += 1
    elif word == "to" and scene.word(i - 1) == "(":
        pass
    elif word in ("to", "up"):
        return None
    if word in ("until", "till") and scene.word(j) == "further" and scene.word(j + 1) == "notice":
        return Piece("end", i, j + 2, precision="year")
    if word in ("until", "till") and scene.word(j) in ("now", "then", "recently"):
        hi = scene.anchor.now if scene.word(j) != "then" else scene.mention
        return Piece("end", i, j + 1, hi=hi, precision="day") if hi else None
    if scene.word(j) == "and" and scene.word(j + 1) == "including":
        including, j = True, j + 2
    found = moment_at(scene, j, bare=word in ("until", "till"))
    if found is None:
        return None
    moment, k = found
    if moment.floating and clock_at(scene, j) is None and word not in ("until", "till"):
        return None
    piece = of_moment("end", moment, i, k)
    coarse = moment.precision not in ("second", "minute", "hour")
    piece.hi = moment.lo
    if including and coarse:
        piece.hi, piece.inclusive = moment.hi, True
    elif word in ("through", "thru") or (word == "up" and coarse) or (word in _ENDS and coarse):
        piece.hi, piece.inclusive = moment.hi, True
    elif word in ("until", "till", "by") and coarse:
        piece.hi, piece.loose = moment.lo, True
        if scene.word(k) in ("inclusive", "included"):
            piece.hi, piece.inclusive, piece.last = moment.hi, True, k + 1
    piece.lo = None
    return piece


def bare_range_at(scene: Scene, i: int) -> Piece | None:
    """Read "9 am to 5 pm", "28 May - 3 June", "Monday through Friday" without "from"."""
    sure = clock_at(scene, i)
    numeric = scene.kind(i) == "number" and sure is None
    if numeric and scene.word(i + 1) in ("-", "–", "to"):
        second = clock_at(scene, i + 2)
        if second is None and _hours_expected(scene, i, i + 3):
            second = clock_at(scene, i + 2, bare=True)
        value = scene.tokens[i].value
        if second and value is not None and value.is_integer() and 0 <= value <= 24:
            a = moment_at(scene, i, bare=True)
            b = moment_at(scene, i + 2, bare=True)
            if a and b and a[0].floating and a[1] == i + 1 and b[0].floating:
                return between(_same_half(a[0], b[0], scene, i), b[0], i, b[1], None)
        day = shared_month(scene, i, i + 1)
        if day:
            return day
    found = moment_at(scene, i)
    if found is None:
        return None
    moment, j = found
    if scene.word(i - 1) in ("[", "]", "(") and scene.word(j) in (",", ";"):
        return _bracketed(scene, i, moment, j)
    if scene.word(j) in (_TO | {"up"}) - {"and"}:
        end = end_at(scene, j, bare=moment.floating)
        if (end and moment.floating == end[0].floating) or (end and moment.clock is not None):
            if moment.precision == "month" and month_at(scene, i) is None and not moment.dated:
                return None
            return between(moment, end[0], i, end[1], end[2])
    return None


def _bracketed(scene: Scene, i: int, a: Moment, j: int) -> Piece | None:
    """Read "[3 May, 7 May)": a bracket tells whether an end is part of the interval."""
    second = moment_at(scene, j + 1)
    if second is None:
        return None
    b, k = second
    closing = scene.word(k)
    if closing not in (")", "]", "[") or (scene.word(i - 1) == "(" and closing == ")"):
        return None
    if a.floating != b.floating or (not a.floating and b.lo <= a.lo):
        return None
    return between(a, b, i, k, closing == "]")


def shared_month(scene: Scene, i: int, j: int) -> Piece | None:
    """Read "3-7 June", "28th to 30th May 2013": the month stands once.

    Args:
        scene: the tokens and the clock.
        i: index of the first day.
        j: index of the word between the two days.
    """
    first = day_number_at(scene, i + 1 if scene.word(i) == "the" else i)
    if first is None or first[1] != j:
        return None
    b = moment_at(scene, j + 1)
    if b is None or b[0].precision != "day" or b[0].weekday is not None:
        return None
    try:
        lo = day_of(b[0].lo).replace(day=first[0])
    except ValueError:
        return None
    if lo > b[0].lo:
        return None
    return between(Moment(lo, lo + timedelta(days=1), "day"), b[0], i, b[1], None)
