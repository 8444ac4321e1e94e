"""Links what several sentences say about one time: where it begins, how long, how often."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from icl_forecasting.cik.language.almanac import Length
from icl_forecasting.cik.language.joining import ends_there, is_day, merge
from icl_forecasting.cik.language.moments import Scene, day_of
from icl_forecasting.cik.language.pieces import Piece


def join_sentences(scene: Scene, sentences: list[list[Piece]]) -> None:
    """Complete a start with the length or end that another sentence states.

    "It began at noon. It lasted two hours.", "A two-hour test is planned. It starts at noon.",
    "Begins: 12:00 / Ends: 14:00".

    Args:
        scene: the tokens and the clock.
        sentences: pieces of each sentence; they are changed in place.
    """
    open_start: tuple[int, Piece] | None = None
    loose_length: tuple[int, Piece] | None = None
    for n, pieces in enumerate(sentences):
        for piece in pieces:
            if piece.role == "length" and piece.length is not None:
                if _too_long(scene, piece):
                    continue
                if open_start and n - open_start[0] <= 2 and n > open_start[0]:
                    if _complete(scene, open_start[1], piece):
                        open_start = None
                        continue
                loose_length = (n, piece)
            elif piece.role == "end" or _closes(scene, open_start, piece):
                if open_start and n - open_start[0] <= 2 and n > open_start[0]:
                    if _complete(scene, open_start[1], piece):
                        open_start = None
            elif _is_open(piece):
                if loose_length and n - loose_length[0] <= 2 and n > loose_length[0]:
                    if _complete(scene, piece, loose_length[1]):
                        loose_length = open_start = None
                        continue
                open_start = (n, piece)
            elif piece.role == "span":
                open_start = None
        if len(pieces) > 1 and not any(_is_open(one) for one in pieces):
            loose_length = None


def _too_long(scene: Scene, piece: Piece) -> bool:
    """Tell whether a length is far longer than history and forecast: it is about something else."""
    anchor = scene.anchor
    reach = (anchor.end - anchor.first).total_seconds()
    return piece.length is not None and piece.length.seconds(anchor.step) > 2 * max(reach, 86_400)


def join_rhythms(scene: Scene, sentences: list[list[Piece]]) -> None:
    """Give a rhythm the start and the length that the sentences around it state.

    "It began on 12 August. Each time it took three days. It came again every two weeks."

    Args:
        scene: the tokens and the clock.
        sentences: pieces of each sentence; they are changed in place.
    """
    step = scene.anchor.step
    for n, pieces in enumerate(sentences):
        for rhythm in pieces:
            if rhythm.role != "every" or rhythm.period is None or rhythm.clock is not None:
                continue
            whole = rhythm.period.seconds(step)
            if whole <= step.total_seconds() or (rhythm.lo is not None and rhythm.length):
                continue
            around = [
                p
                for m in (n, n - 1, n + 1, n - 2, n + 2)
                if 0 <= m < len(sentences)
                for p in sentences[m]
                if p is not rhythm
            ]
            size = rhythm.length or next(
                (p.length for p in around if p.length and p.length.seconds(step) < whole), None
            )
            size = size or _first_size(around, whole)
            start = next(
                (
                    p
                    for p in around
                    if p.lo is not None
                    and p.role in _BEGIN
                    and p.precision in ("second", "minute", "hour", "day")
                ),
                None,
            )
            if whole == _DAY and _daily(rhythm, start):
                continue
            if size is None or (rhythm.lo is None and start is None):
                continue
            rhythm.length = size
            if rhythm.lo is None and start is not None:
                rhythm.lo = start.lo
                rhythm.absorbed = (*rhythm.absorbed, (start.first, start.last))
                for name in ("role", "period", "length"):
                    setattr(start, name, getattr(rhythm, name))
                start.hi = None


_BEGIN = ("start", "point", "span")
_DAY = 86_400.0


def _daily(rhythm: Piece, hours: Piece | None) -> bool:
    """Make hours beside "every day" those of each day, in place."""
    if hours is None or hours.role != "span" or hours.lo is None or hours.hi is None:
        return False
    size = (hours.hi - hours.lo).total_seconds()
    if hours.time is None and not (0 < size < _DAY and hours.precision in ("minute", "hour")):
        return False
    if size >= _DAY or rhythm.lo is not None:
        return False
    first, last = hours.lo - day_of(hours.lo), hours.hi - day_of(hours.hi)
    for piece in (rhythm, hours):
        piece.role, piece.clock, piece.lo, piece.hi = "every", (first, last), None, None
        piece.period, piece.length = rhythm.period, None
    return True


def _first_size(around: list[Piece], whole: float) -> Length | None:
    """Return the length of the first time, told by its two ends: "the first (3 to 5 May)"."""
    for piece in around:
        if piece.role == "span" and piece.lo is not None and piece.hi is not None:
            seconds = (piece.hi - piece.lo).total_seconds()
            if 0 < seconds < whole and not is_day(piece):
                return Length(((seconds, "second"),))
    return None


def join_phases(scene: Scene, sentences: list[list[Piece]]) -> None:
    """Read two lengths under the same word in turn: "wet phase: 3 days / dry phase: 5 days".

    Args:
        scene: the tokens and the clock.
        sentences: pieces of each sentence; they are changed in place.
    """
    for a, b in pairwise(sentences):
        lengths = [[p for p in pieces if p.role == "length" and p.length] for pieces in (a, b)]
        if any(len(one) != 1 for one in lengths):
            continue
        first, second = lengths[0][0], lengths[1][0]
        words = [_before(scene, one) for one in (first, second)]
        if not words[0] & words[1] & _PHASES or first.length is None or second.length is None:
            continue
        if first.length.unit == second.length.unit and len(first.length.parts) == 1:
            total = first.length.parts[0][0] + second.length.parts[0][0]
            first.role, first.period = "every", Length(((total, first.length.unit),))
            b.remove(second)


_PHASES = frozenset("phase spell stretch part section stage leg shift".split())


def _before(scene: Scene, piece: Piece) -> frozenset[str]:
    return frozenset(scene.word(k) for k in range(max(0, piece.first - 5), piece.first))


def _is_open(piece: Piece) -> bool:
    """Tell whether a piece can be a beginning whose end is told elsewhere."""
    if piece.lo is None or piece.length is not None:
        return False
    return piece.role in ("start", "point") or is_day(piece)


def _closes(scene: Scene, start: tuple[int, Piece] | None, piece: Piece) -> bool:
    if start is None or piece.role != "point" or start[1].lo is None or piece.lo is None:
        return False
    return piece.lo > start[1].lo and ends_there(scene, replace(start[1], last=0), piece)


def _complete(scene: Scene, start: Piece, last: Piece) -> bool:
    """Close a start with a length or an end in place; False where they do not fit."""
    end = replace(last, role="end", hi=last.lo, lo=None) if last.role == "point" else last
    if end.role == "end" and (end.hi is None or start.lo is None or end.hi <= start.lo):
        return False
    if is_day(start) and end.role == "length" and end.length is not None:
        if end.length.seconds(scene.anchor.step) < 86_400:
            return False
    both = merge(scene, start, end)
    if both is None or both.role != "span":
        return False
    for piece, other in ((start, last), (last, start)):
        piece.absorbed = (*piece.absorbed, (other.first, other.last))
    for piece in (start, last):
        piece.role, piece.lo, piece.hi = both.role, both.lo, both.hi
        piece.length, piece.clock, piece.floating = both.length, both.clock, False
    return True
