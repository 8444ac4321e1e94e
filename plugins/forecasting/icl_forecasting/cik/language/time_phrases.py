"""Phrases of time in a sentence: pieces are found, joined, and put on the clock."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import numpy as np

from icl_forecasting.cik.language.almanac import stamp
from icl_forecasting.cik.language.hour_pairs import pairs_of_hours
from icl_forecasting.cik.language.joining import join
from icl_forecasting.cik.language.linking import join_phases, join_rhythms, join_sentences
from icl_forecasting.cik.language.model import TimePhrase
from icl_forecasting.cik.language.moments import Scene, day_of
from icl_forecasting.cik.language.pieces import Piece
from icl_forecasting.cik.language.rhythms import alternation
from icl_forecasting.cik.language.scanning import note_mention, pieces
from icl_forecasting.cik.statements import Span
from icl_forecasting.cik.windows import Window


def time_phrases(
    scene: Scene,
    text: str,
    sentences: Sequence[tuple[int, int, bool | None]],
    usual: Sequence[bool],
) -> list[list[TimePhrase]]:
    """Read the phrases of time of each sentence.

    Args:
        scene: the tokens and the clock.
        text: the text.
        sentences: first token, index after the last one, and tense of each sentence.
        usual: whether a sentence speaks of what is so in general.
    """
    found: list[list[Piece]] = []
    latest: Piece | None = None
    for (first, last, past), general in zip(sentences, usual, strict=True):
        scene.past = past
        found_here = pieces(scene, first, last)
        alternation(scene, found_here, last)
        joined = join(scene, pairs_of_hours(scene, found_here))
        for piece in joined:
            if piece.role == "that":
                _point_back(piece, latest)
            elif piece.floating:
                _settle(scene, piece, general)
            note_mention(scene, piece)
            if piece.role in ("span", "start", "point", "every"):
                latest = piece
        found.append(joined)
    join_phases(scene, found)
    join_rhythms(scene, found)
    join_sentences(scene, found)
    return [[_phrase(scene, text, piece) for piece in joined] for joined in found]


def _point_back(piece: Piece, latest: Piece | None) -> None:
    """Give "during that time" the time that was named last."""
    if latest is None:
        return
    piece.lo, piece.hi, piece.clock = latest.lo, latest.hi, latest.clock
    piece.weekdays, piece.months = latest.weekdays, latest.months
    piece.period, piece.length, piece.loose = latest.period, latest.length, True
    piece.precision = latest.precision


def _span(scene: Scene, text: str, first: int, last: int) -> Span:
    start, end = scene.tokens[first].start, scene.tokens[last - 1].end
    return Span(start, end, text[start:end])


def _nanoseconds(time: timedelta) -> np.timedelta64:
    return np.timedelta64(time // timedelta(microseconds=1) * 1000, "ns")


def _phrase(scene: Scene, text: str, piece: Piece) -> TimePhrase:
    """Put a joined piece on the clock."""
    anchor, step = scene.anchor, scene.anchor.step
    lo, hi, clock = piece.lo, piece.hi, piece.clock
    kind = {
        "span": "window",
        "start": "window",
        "end": "window",
        "point": "moment",
        "length": "duration",
        "every": "recurrence",
        "clock": "recurrence",
        "that": "deictic",
    }[piece.role]
    if piece.role == "length":
        lo = hi = None
    if piece.role == "point" and lo is not None:
        hi = max(hi or lo, lo + step) if hi is None or hi - lo < step else hi
    if piece.role == "end":
        lo = None
    period = piece.period.delta(step) if piece.period is not None and clock is None else None
    duration = piece.length.delta(step) if piece.length is not None else None
    plain_daily = (
        piece.period is not None
        and piece.period.parts == ((1.0, "day"),)
        and (clock is not None or bool(piece.weekdays))
    )
    if plain_daily:
        period = None
    window = Window(
        start=None if lo is None else stamp(lo),
        end=None if hi is None else stamp(hi),
        period=period if duration is not None and lo is not None else None,
        duration=duration if period is not None else None,
        weekdays=piece.weekdays,
        months=piece.months,
        clock=None if clock is None else (_nanoseconds(clock[0]), _nanoseconds(clock[1])),
        loose=piece.loose,
    )
    relation = "both"
    now = anchor.now
    if hi is not None and hi <= now:
        relation = "past"
    elif lo is not None and lo >= now:
        relation = "future"
    precision = piece.precision
    if precision not in ("second", "minute", "hour", "day", "week", "month", "year"):
        precision = "day"
    return TimePhrase(
        window=window,
        span=_span(scene, text, piece.first, piece.last),
        kind=kind,
        duration=duration,
        relation=relation,
        precision=precision,
        weekdays=piece.named[0] | piece.weekdays,
        months=piece.named[1] | piece.months,
        clock=None if piece.time is None else _nanoseconds(piece.time),
        joined=tuple(_span(scene, text, a, b) for a, b in piece.absorbed),
        inclusive=piece.inclusive,
        period=None if piece.period is None else piece.period.delta(step),
    )


def _settle(scene: Scene, piece: Piece, usual: bool) -> None:
    """Give a time of day without a date a day, or every day where it is meant in general."""
    anchor = scene.anchor
    piece.floating = False
    one = timedelta(days=1)
    mention = scene.day
    if piece.role == "clock":
        assert piece.clock is not None
        if usual or piece.generic:
            piece.role = "every"
            return
        first, last = piece.clock
        length = (last - first) if last > first else last - first + one
        days = [day_of(anchor.first) + n * one for n in range(-1, 2)]
        days += [day_of(anchor.now) + n * one for n in range(-2, 3)]
        candidates = sorted({day + first for day in days})
        lo = anchor.sooner(candidates, scene.past)
        known = [at for at in candidates if anchor.first <= at + length and at <= anchor.end]
        if known and anchor.end - anchor.first < one:
            lo = known[0]  # a series within a day has each time of day once
        elif mention is not None:
            lo = mention + first
        covered = [
            d + first for d in sorted(set(days)) if d + first < anchor.now < d + first + length
        ]
        if covered and lo >= anchor.end and not scene.past:
            lo = covered[0]
        piece.role, piece.lo, piece.hi, piece.clock = "span", lo, lo + length, None
        return
    at = piece.hi if piece.role == "end" else piece.lo
    if at is None:
        return
    time = at - day_of(at)
    if usual and piece.role == "point":
        piece.role, piece.clock, piece.lo, piece.hi = "every", None, None, None
        piece.clock = (time, time + max(anchor.step, timedelta(minutes=1)))
        return
    base = mention
    days = [day_of(anchor.first) + n * one for n in range(0, 2)]
    days += [day_of(anchor.now) + n * one for n in range(-2, 3)]
    candidates = [day + time for day in sorted(set(days))]
    chosen = anchor.sooner(candidates, scene.past)
    known = [one for one in candidates if anchor.first <= one <= anchor.end]
    if known and anchor.end - anchor.first < one:
        chosen = known[0]  # a series within a day has each time of day once
    if base is not None and anchor.end - anchor.first > 2 * one:
        chosen = base + time
    if piece.role == "end" or piece.lo is None:
        piece.hi = chosen
        return
    size = (piece.hi - piece.lo) if piece.hi is not None else None
    piece.lo = chosen
    piece.hi = None if size is None else chosen + size
