"""Finds the pieces of time in a sentence, from left to right."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from icl_forecasting.cik.language.almanac import shift
from icl_forecasting.cik.language.calendar_dates import period_at
from icl_forecasting.cik.language.dates import moment_at
from icl_forecasting.cik.language.intervals import bare_range_at, between_at, from_at, until_at
from icl_forecasting.cik.language.moments import Scene, day_number_at, day_of, weekday_at, year_at
from icl_forecasting.cik.language.pieces import Piece, of_moment
from icl_forecasting.cik.language.rhythms import cycle_at, overnight_at, rhythm_at, weekday_list
from icl_forecasting.cik.language.spans import length_piece_at, relative_span_at
from icl_forecasting.cik.language.time_words import CAN_BEGIN, PERIODS, PREPOSITIONS, TIME_WORDS
from icl_forecasting.cik.language.vocabulary import (
    NUMBERS,
    UNITS,
    WEEKDAYS,
)

_Rule = Callable[[Scene, int], "Piece | None"]


def _that_at(scene: Scene, i: int) -> Piece | None:
    """Read "during that period", "at that time", "in this window", "meanwhile"."""
    j = i
    if scene.word(j) in ("during", "in", "at", "within", "over", "throughout", "for", "by", "on"):
        j += 1
        if scene.word(j) in ("all", "of"):
            j += 1
        if scene.word(j) not in ("that", "this", "these", "those", "the", "which", "its"):
            return None
        same = scene.word(j + 1) in ("same", "entire", "whole", "said", "stated", "given")
        k = j + 2 if same else j + 1
        while scene.word(k) in ("same", "entire", "time", "maintenance") and k < j + 3:
            if scene.word(k) == "time" and scene.word(k + 1) not in PERIODS:
                break
            k += 1
        if scene.word(k) not in PERIODS:
            return None
        if scene.word(j) == "the" and (
            scene.word(k)
            in ("hours", "days", "day", "date", "months", "weeks", "time", "point", "moment")
            or scene.word(k + 1) in ("of", "from", "between", "when")
        ):
            return None
        return Piece("that", i, k + 1)
    return Piece("that", i, i + 1) if scene.word(i) in ("meanwhile", "meantime") else None


def _open_at(scene: Scene, i: int) -> Piece | None:
    """Read what leaves the end open: "thereafter", "from now on", "permanently"."""
    word = scene.word(i)
    anchor = scene.anchor
    if word in ("thereafter", "afterwards", "afterward", "subsequently"):
        if scene.mention is None:
            return None
        return Piece("start", i, i + 1, lo=scene.mention, precision="second", generic=True)
    if word in ("henceforth", "hereafter"):
        return Piece("start", i, i + 1, lo=anchor.now, precision="second")
    if word == "going" and scene.word(i + 1) == "forward":
        return Piece("start", i, i + 2, lo=anchor.now, precision="second")
    if word in ("permanently", "indefinitely"):
        return Piece("end", i, i + 1, precision="year")
    return None


def _whole_at(scene: Scene, i: int) -> Piece | None:
    """Read names of the forecast or history: "in the forecast", "during the whole period"."""
    j = (
        i + 1
        if scene.word(i) in ("in", "during", "over", "throughout", "for", "across", "within")
        else i
    )
    anchor = scene.anchor
    if j > i and scene.word(j) == "the" and scene.word(j + 1) in ("future", "past"):
        if scene.word(j + 2) in ("few", "couple") or scene.kind(j + 2) == "number":
            return None
        if scene.word(j + 1) == "future":
            return Piece("start", i, j + 2, lo=anchor.now, precision="day")
        if scene.word(j + 2) not in NUMBERS and scene.word(j + 2) not in UNITS:
            return Piece("end", i, j + 2, hi=anchor.now, precision="day")
        return None
    period = period_at(scene, j)
    if period and (j > i) and period[2] > j + 1:
        return Piece("span", i, period[2], lo=period[0], hi=period[1], precision="second")
    if j > i:
        year = year_at(scene, j)
        if year and scene.kind(j) == "number" and scene.word(i) != "for":
            moment = moment_of_year(year[0])
            return Piece("span", i, year[1], lo=moment[0], hi=moment[1], precision="year")
    return None


def moment_of_year(year: int) -> tuple:  # type: ignore[type-arg]
    """Return the limits of a year."""

    lo = datetime(year, 1, 1)
    return lo, shift(lo, 1, "year")


def _point_at(scene: Scene, i: int) -> Piece | None:
    """Read "at 14:00", "on 28 May", "tomorrow", "in June"."""
    j = i
    preposition = scene.word(i) if scene.word(i) in PREPOSITIONS else ""
    if preposition:
        j += 1
    found = moment_at(scene, j)
    if found is None and preposition == "at":
        found = _bare_hour(scene, j)
    if found is None:
        return None
    moment, last = found
    if (
        scene.word(i) in ("in", "during", "on", "throughout", "of", "at", "by", "the")
        or not preposition
    ):
        pass
    role = (
        "point"
        if (moment.precision in ("second", "minute", "hour") and moment.clock is not None)
        or (moment.precision == "second")
        else "span"
    )
    piece = of_moment(role, moment, i, last)
    if role == "span" and scene.word(last) in ("onwards", "onward", "forward"):
        piece.role, piece.hi, piece.last = "start", None, last + 1
    return piece


def _bare_hour(scene: Scene, j: int):  # type: ignore[no-untyped-def]
    """Read "at 6" as a time of day where nothing follows that it could count."""
    k = j + 1
    after = scene.word(k)
    if scene.kind(j) == "number" and "." in scene.word(j):
        return None
    ok = (
        after in ("", ".", ",", ";", "on", "and", "every", "each", "in", "daily")
        or after in WEEKDAYS
    )
    sure = (
        scene.word(k + 1) in ("morning", "day", "evening", "afternoon")
        or after
        in (
            "every",
            "each",
            "daily",
        )
        or scene.word(k + 2) in ("morning", "evening", "afternoon")
    )
    return moment_at(scene, j, bare=True) if ok and sure else None


_RULES: dict[str, tuple[_Rule, ...]] = {}


def _rule(words: str, *rules: _Rule) -> None:
    for word in words.split():
        _RULES[word] = _RULES.get(word, ()) + rules


def _edge_day(scene: Scene, i: int) -> Piece | None:
    """Read "first day: 22 November", "the last night is that of 2 December"."""
    j = i + 1
    if scene.word(j) not in ("day", "night", "hour", "date", "morning", "month"):
        return None
    j += 1
    while scene.word(j) in (":", "is", "was", "will", "be", "being", "on", "of", "=", "that"):
        j += 1
    if j == i + 2:
        return None
    found = moment_at(scene, j)
    if found is None or (found[0].generic and found[0].precision != "month"):
        return None
    moment, last = found
    if scene.word(i) in ("first", "opening"):
        return of_moment("start", moment, i, last)
    piece = of_moment("end", moment, i, last)
    piece.lo, piece.hi, piece.inclusive = None, moment.hi, True
    return piece


def _after_preposition(scene: Scene, i: int) -> Piece | None:
    """Read "for the next two days", "during the first hour", "over the last week"."""
    piece = relative_span_at(scene, i + 1)
    if piece:
        piece.first = i
    return piece


def _ranged(scene: Scene, i: int) -> Piece | None:
    """Read "on 28 May from ...", "at 9 am to 5 pm"."""
    j = i + 1 if scene.word(i) in PREPOSITIONS else i
    piece = bare_range_at(scene, j)
    if piece:
        piece.first = i
    return piece


_rule("from since as with after following past", from_at)
_rule("start starts started starting begin begins began beginning begun", from_at)
_rule("commence commences commenced commencing effective", from_at)
_rule("between", between_at)
_rule("no not", until_at)
_rule("until till through up before by prior end ends ended ending thru", until_at)
_rule("finish finishes finished finishing to untill", until_at)
_rule("first last opening final", _edge_day)
_rule("every each periodically regularly repeatedly recurring once twice", rhythm_at)
_rule("hourly daily nightly weekly fortnightly biweekly monthly yearly annually", rhythm_at)
_rule("during in at within over throughout for by on", _that_at)
_rule("meanwhile meantime", _that_at)
_rule("on during over at in all only weekdays weekends workdays", rhythm_at)
_rule("mondays tuesdays wednesdays thursdays fridays saturdays sundays", rhythm_at)
_rule("day night week month hour year", rhythm_at)
_rule(
    "rhythm cycle cycles interval intervals periodicity spacing frequency period in at with on a",
    cycle_at,
)
_rule("overnight", overnight_at)
_rule("thereafter afterwards afterward subsequently henceforth hereafter going", _open_at)
_rule("permanently indefinitely", _open_at)
_rule("the these this those next first last past coming following final initial", relative_span_at)
_rule("remaining upcoming subsequent previous preceding rest opening closing", relative_span_at)
_rule("for over during in within throughout across by of", _after_preposition)
_rule("in during over throughout for across within", _whole_at)
_rule("lasts lasted lasting last duration length continues continued continuing", length_piece_at)
_rule("for over during spanning within throughout in all continue", _ranged, length_piece_at)


_REACH = 6
"""A piece has its first word of time or number at most this many tokens after its beginning."""


def pieces(scene: Scene, first: int, last: int) -> list[Piece]:
    """Find the pieces of time among tokens `first` to `last`, from left to right."""
    found: list[Piece] = []
    near = _near_time(scene, first, last)
    i = first
    while i < last:
        if not near[i - first]:
            i += 1
            continue
        piece = _piece_at(scene, i)
        if piece is None or piece.last <= i or piece.last > last:
            i += 1
            continue
        piece.first = max(piece.first, first)
        found += _other_days(scene, piece, found[-1].last if found else first)
        found.append(piece)
        note_mention(scene, piece)
        i = piece.last
    return found


def _weekday_range(scene: Scene, i: int) -> Piece | None:
    """Read "Monday to Friday" without "from": the days of every week."""
    if weekday_at(scene, i) is None or scene.word(i + 1) not in ("to", "through", "-", "–"):
        return None
    if weekday_at(scene, i + 2) is None or scene.kind(i + 3) in ("number", "stamp"):
        if scene.kind(i + 3) != "number" or scene.word(i + 4) not in ("-", "–", "to"):
            return None
    weekdays, last = weekday_list(scene, i)
    return Piece("every", i, last, weekdays=weekdays, named=(weekdays, frozenset()))


def note_mention(scene: Scene, piece: Piece) -> None:
    """Remember the moment that later words such as "the next day" refer to."""
    if piece.role not in ("span", "point", "start") or piece.lo is None or piece.floating:
        return
    scene.mention = piece.lo
    anchor, day = scene.anchor, timedelta(days=1)
    fine = piece.precision in ("second", "minute", "hour", "day")
    near = anchor.first - day < piece.lo < anchor.end + day
    if fine and near and (piece.role != "span" or (piece.hi or piece.lo) - piece.lo <= day):
        scene.day = day_of(piece.lo)


def _near_time(scene: Scene, first: int, last: int) -> bytearray:
    """Mark the tokens with a word of time among the next ones; all others begin no piece."""
    near = bytearray(last - first)
    reach = 0
    for i in range(last - 1, first - 1, -1):
        token = scene.tokens[i]
        if token.kind == "stamp" or token.kind == "number" or token.lower in TIME_WORDS:
            reach = _REACH
        if reach:
            near[i - first] = 1
            reach -= 1
    return near


def _other_days(scene: Scene, piece: Piece, low: int) -> list[Piece]:
    """Read the days before the last one of "on 4, 7 and 9 December" and after "May 3 and 4"."""
    if piece.role != "span" or piece.precision != "day" or not piece.named[1] or piece.lo is None:
        return []
    days: list[Piece] = []
    i = piece.first - 1
    while i > low and scene.word(i) in (",", "and", "or", "&"):
        while scene.word(i) in (",", "and", "or", "&", "the") and i > low:
            i -= 1
        k = i - 1 if scene.word(i) in ("st", "nd", "rd", "th") else i
        day = day_number_at(scene, k)
        if day is None or day[1] != i + 1:
            break
        try:
            lo = piece.lo.replace(day=day[0])
        except ValueError:
            break
        days.insert(0, Piece("span", k, i + 1, lo=lo, hi=lo + timedelta(days=1), named=piece.named))
        i = k - 1
    return days


def _piece_at(scene: Scene, i: int) -> Piece | None:
    kind, word = scene.tokens[i].kind, scene.tokens[i].lower
    if kind == "symbol":
        return until_at(scene, i) if word == ".." else None
    if kind == "word":
        for rule in _RULES.get(word, ()):
            piece = rule(scene, i)
            if piece:
                return piece
        if word not in CAN_BEGIN:
            return None
    piece = _weekday_range(scene, i) or bare_range_at(scene, i) or _point_at(scene, i)
    if piece:
        return piece
    if (
        kind == "number"
        or word in NUMBERS
        or word in ("a", "an", "half", "several", "few", "another")
    ):
        piece = cycle_at(scene, i) or length_piece_at(scene, i)
        if piece and piece.role == "length" and word in ("a", "an", "another"):
            # "a day" alone says nothing about when; "once a day" and "a week later" do
            rest = scene.word(i + 1)
            if rest in UNITS and piece.last == i + 2:
                return None
        return piece
    return None
