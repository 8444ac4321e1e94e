"""Pieces of time given by a length: "the next two days", "for 3 hours", "two weeks ago"."""

from __future__ import annotations

from icl_forecasting.cik.language.almanac import Length, floor, shift
from icl_forecasting.cik.language.calendar_dates import period_at
from icl_forecasting.cik.language.dates import date_at, moment_at
from icl_forecasting.cik.language.durations import length_at, unit_at
from icl_forecasting.cik.language.moments import Scene
from icl_forecasting.cik.language.pieces import Piece

_LASTS = frozenset("last lasts lasted lasting continue continues continued continuing".split())


_NEXT = frozenset("next coming following upcoming subsequent ensuing".split())


_PREPOSITIONS = frozenset("in for during over within throughout across".split())
_BEFORE_LASTING = frozenset(
    "will would to can could may might should must shall it'll they'll that'll not which".split()
)
_LAST = frozenset("last past previous preceding latest".split())


_INSIDE = frozenset("in within during over throughout across inside".split())


def relative_span_at(scene: Scene, i: int) -> Piece | None:
    """Read "the next two days", "the first 3 hours of the forecast", "the rest of the day"."""
    j = i
    if scene.word(j) in ("the", "these", "this", "those"):
        j += 1
    word = scene.word(j)
    anchor = scene.anchor
    if word in ("rest", "remainder") and scene.word(j + 1) == "of":
        return _rest(scene, i, j + 2)
    if word == "remaining":
        return _rest(scene, i, j + 1)
    if word in ("whole", "entire", "full", "complete", "forecast", "prediction") or word in (
        "history",
        "historical",
    ):
        bare = word in ("forecast", "prediction", "history", "historical")
        if bare and scene.word(i - 1) not in _PREPOSITIONS | {"of"}:
            return None  # "the forecast says"
        period = period_at(scene, j)
        if period:
            return Piece("span", i, period[2], lo=period[0], hi=period[1], precision="second")
        return None
    if word == "last" and i == j and scene.word(i - 1) in _BEFORE_LASTING:
        return None  # "it will last two hours"
    named = _week_from(scene, i, j)
    if named:
        return named
    first = word in ("first", "initial", "opening")
    last = word in ("last", "final", "closing") or word in _LAST
    if not (first or last or word in _NEXT):
        return None
    length = length_at(scene.tokens, j + 1)
    if length is None and word in ("last", "past", "next", "coming", "previous"):
        unit = unit_at(scene.tokens, j + 1, False)
        if unit and scene.word(j + 1).endswith("s"):
            if word in ("next", "coming") and unit != "second":
                # "the coming days": as far as the forecast goes
                return Piece("span", i, j + 2, lo=anchor.now, hi=anchor.end, loose=True)
            length = Length(((3.0, unit),), loose=True), j + 2
    if length is None:
        return None
    size, k = length
    lo, hi = anchor.now, anchor.end
    stated = False
    if scene.word(k) in ("of", "in", "into", "from"):
        period = period_at(scene, k + 1)
        if period:
            lo, hi, k = period
            stated = True
        else:
            inner = moment_at(scene, k + 1)
            if inner and inner[0].precision in ("month", "year", "week", "day"):
                lo, hi, k = inner[0].lo, inner[0].hi, inner[1]
                stated = True
            elif unit_at(scene.tokens, k + 2, False) and scene.word(k + 1) in (
                "the",
                "each",
                "every",
            ):
                if scene.word(k + 1) != "the":
                    return None
                unit = unit_at(scene.tokens, k + 2, False) or "day"
                lo = floor(anchor.now, unit)
                hi, k, stated = shift(lo, 1, unit), k + 3, True
    step = anchor.step
    if first and not stated and scene.word(i - 1) not in _PREPOSITIONS:
        return None  # "the first hour is the one from noon"
    if first:
        if not stated and (scene.past or _spans_history(scene, size)):
            lo = anchor.first
        hi = size.after(lo, 1, step)
    elif last and (stated or word in ("final", "closing")):
        lo = size.after(hi, -1, step)
    elif last:
        lo, hi = size.after(anchor.now, -1, step), anchor.now
    else:
        mention = scene.mention if word in ("following", "subsequent", "ensuing") else None
        lo = mention or anchor.now
        hi = size.after(lo, 1, step)
    return Piece("span", i, k, lo=lo, hi=hi, precision=size.unit, length=size, loose=size.loose)


def _week_from(scene: Scene, i: int, j: int) -> Piece | None:
    """Read "the week starting 4 December", "the month of May", "the week of June 3rd"."""
    unit = unit_at(scene.tokens, j, False)
    if unit not in ("week", "month", "day", "year", "fortnight") or scene.word(j).endswith("s"):
        return None
    k = j + 1
    if scene.word(k) not in ("starting", "beginning", "commencing", "of", "from"):
        return None
    k += 2 if scene.word(k + 1) in ("on", "at", "with") else 1
    found = moment_at(scene, k)
    if found is None:
        return None
    lo = found[0].lo
    hi = shift(lo, 1, unit)
    return Piece("span", i, found[1], lo=lo, hi=max(hi, found[0].hi), precision=unit)


def _spans_history(scene: Scene, size: Length) -> bool:
    """Tell whether a length is just that of the history, and longer than the forecast."""
    anchor = scene.anchor
    history = (anchor.now - anchor.first).total_seconds()
    seconds = size.seconds(anchor.step)
    forecast = (anchor.end - anchor.now).total_seconds()
    return abs(seconds - history) < anchor.step.total_seconds() and seconds > forecast * 1.01


def _rest(scene: Scene, first: int, j: int) -> Piece | None:
    lo = scene.mention or scene.anchor.now
    period = period_at(scene, j)
    if period:
        return Piece(
            "span", first, period[2], lo=max(lo, period[0]), hi=period[1], precision="second"
        )
    k = j + 1 if scene.word(j) in ("the", "this", "that") else j
    unit = unit_at(scene.tokens, k, False)
    if unit in ("day", "week", "month", "year", "hour"):
        hi = shift(floor(lo, unit), 1, unit)
        return Piece("span", first, k + 1, lo=lo, hi=hi, precision=unit)
    length = length_at(scene.tokens, j)
    if length:
        lo = length[0].after(scene.anchor.end, -1, scene.anchor.step)
        return Piece("span", first, length[1], lo=lo, hi=scene.anchor.end, length=length[0])
    found = moment_at(scene, j)
    if found and found[0].precision in ("day", "week", "month", "year"):
        moment = found[0]
        return Piece("span", first, found[1], lo=max(lo, moment.lo), hi=moment.hi)
    return None


def length_piece_at(scene: Scene, i: int) -> Piece | None:
    """Read a length: "for 2 hours", "lasting a day", "two-hour", "over three days"."""
    word = scene.word(i)
    j = i
    verb = False
    if word in _LASTS:
        verb = True
        j += 1
        if scene.word(j) in ("for", "only", "just", "at", "about"):
            j += 1 if scene.word(j) != "at" else 0
    elif word in ("for", "over", "during", "throughout", "spanning", "within", "in"):
        j += 1
    elif word in ("duration", "length") and scene.word(j + 1) in ("of", ":", "is", "was"):
        j += 2
    if scene.word(j) == "a" and scene.word(j + 1) in ("duration", "period", "total", "span"):
        j += 3 if scene.word(j + 2) == "of" else 2
    if scene.word(j) in ("all", "the"):
        k = j + 1
        if scene.word(j) == "all" and date_at(scene, k + 1):
            return None  # "all day Thursday": the day itself is read
        if scene.word(j) == "the" and scene.word(k) in ("whole", "entire", "full"):
            k += 1
        elif scene.word(j) == "the":
            return None
        unit = unit_at(scene.tokens, k, False)
        if unit in ("day", "week", "month", "night", "year") and not scene.word(k).endswith("s"):
            lo = floor(scene.mention or scene.anchor.now, unit)
            return Piece("span", i, k + 1, lo=lo, hi=shift(lo, 1, unit), precision=unit, loose=True)
        return None
    found = length_at(scene.tokens, j)
    if found is None:
        return None
    size, k = found
    if scene.word(k) in ("long", "straight", "altogether"):
        k += 1
    elif scene.word(k) in ("in", "of") and scene.word(k + 1) in ("length", "duration"):
        k += 2
    return _placed(scene, i, k, size, word, verb)


def _placed(scene: Scene, i: int, k: int, size: Length, word: str, verb: bool) -> Piece:
    """Place a length by the word after it: "ago", "later", "before A", "from now"."""
    anchor, step = scene.anchor, scene.anchor.step
    after = scene.word(k)
    unit = size.unit
    precision = (
        unit if unit in ("second", "minute", "hour", "day", "week", "month", "year") else "day"
    )
    if after in ("ago", "earlier", "back") or (after == "in" and scene.word(k + 1) == "advance"):
        base = anchor.now if after in ("ago", "back") or scene.mention is None else scene.mention
        lo = floor(size.after(base, -1, step), unit if unit != "step" else "second")
        hi = shift(lo, 1, unit, step)
        return Piece("span", i, k + 1, lo=lo, hi=hi, precision=precision, loose=True)
    from_now = after == "from" and scene.word(k + 1) in ("now", "today", "then")
    if after in ("later", "afterwards", "afterward", "thereafter", "hence") or from_now:
        last = k + 2 if from_now else k + 1
        now = from_now and scene.word(k + 1) != "then"
        base = anchor.now if now or scene.mention is None else scene.mention
        lo = size.after(base, 1, step)
        piece = Piece("point", i, last, lo=lo, hi=shift(lo, 1, unit, step), precision=precision)
        piece.loose = size.loose
        return piece
    if after in ("after", "before", "into", "following", "prior", "past", "from", "starting"):
        j = k + 2 if after == "prior" and scene.word(k + 1) == "to" else k + 1
        period = period_at(scene, j)
        found = None if period else moment_at(scene, j)
        near = scene.word(i - 1) in ("the", "these", "those", "first")
        if (period or found) and (near or after not in ("from", "starting")):
            base_lo = period[0] if period else found[0].lo  # type: ignore[index]
            last = period[2] if period else found[1]  # type: ignore[index]
            sign = -1 if after in ("before", "prior") else 1
            lo = size.after(base_lo, sign, step)
            if word in ("for", "within", "over", "during", "throughout") or near:
                return Piece(
                    "span", i, last, lo=min(lo, base_lo), hi=max(lo, base_lo), precision=precision
                )
            if after not in ("from", "starting"):
                hi = shift(lo, 1, unit, step)
                return Piece("point", i, last, lo=lo, hi=hi, precision=precision)
    if word == "in":
        if after in ("time", "'", "’"):
            k += 1
        lo = size.after(anchor.now, 1, step)
        return Piece(
            "point", i, k, lo=lo, hi=shift(lo, 1, unit, step), precision=precision, loose=True
        )
    if word == "within" and after == "of":
        found = moment_at(scene, k + 1)
        if found:
            lo, hi = size.after(found[0].lo, -1, step), size.after(found[0].hi, 1, step)
            return Piece("span", i, found[1], lo=lo, hi=hi, precision=precision, loose=True)
    piece = Piece("length", i, k, length=size, precision=precision, loose=size.loose, verb=verb)
    return piece
