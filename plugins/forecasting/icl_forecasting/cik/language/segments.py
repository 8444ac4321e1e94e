"""Paths of numbers told in sentences: "0.1 from A until B, 0.2 from B until C"."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import numpy as np

from icl_forecasting.cik.language.almanac import moment, stamp
from icl_forecasting.cik.language.changes import (
    Change,
    is_first,
    listing,
    names_match,
    places,
    subject,
)
from icl_forecasting.cik.language.model import Clause, Listing, Quantity, Sentence, TimePhrase
from icl_forecasting.cik.language.moments import Scene
from icl_forecasting.cik.language.states import states
from icl_forecasting.cik.statements import Span

_Marked = tuple[int, bool, TimePhrase | Quantity]


def segments(scene: Scene, text: str, found: Sequence[Sentence]) -> list[Listing]:
    """Find paths of numbers or states that are told in sentences.

    Args:
        scene: the tokens and the clock.
        text: the text.
        found: the sentences.

    Returns:
        Listings of at least two values; sentences about the same thing that follow each other make
        one listing.
    """
    changes: list[Change] = []
    for n, sentence in enumerate(found):
        changes += numbers(scene, sentence, n) or states(scene, sentence, n)
    made: list[Listing] = []
    group: list[Change] = []
    for change in changes:
        if group and not _belongs(group, change):
            made += listing(text, group, found)
            group = []
        group.append(change)
    made += listing(text, group, found)
    return made


def _belongs(group: Sequence[Change], change: Change) -> bool:
    last = group[-1]
    if change.sentence - last.sentence > 2:
        return False
    if isinstance(change.value, str) != isinstance(last.value, str):
        return False
    named = [one.name for one in group if one.name]
    return not change.name or not named or names_match(change.name, named[-1])


def numbers(scene: Scene, sentence: Sentence, n: int) -> list[Change]:
    """Pair the numbers of a sentence with its times.

    Args:
        scene: the tokens and the clock.
        sentence: the sentence.
        n: its number.
    """
    levels = [q for clause in sentence.clauses for q in clause.quantities if _is_level(q)]
    if not levels:
        return []
    times = [t for clause in sentence.clauses for t in clause.times if places(t)]
    name = _name(sentence.clauses, levels[0].span.start)
    changes: list[Change] = []
    first = _first_level(scene, sentence, levels, times, name, n)
    if first is not None:
        changes.append(first)
        levels = levels[1:]
    if not levels or not times:
        return changes
    narrow = [t for t in times if not _frames(scene, t)]
    first_try, second_try = (narrow, times) if len(narrow) == len(levels) else (times, narrow)
    pairs = _pairs(sentence, levels, first_try) or _pairs(sentence, levels, second_try)
    if pairs is None:
        return []
    paired = [time for time, _ in pairs]
    frames = [t.window.start for t in times if t not in paired and _frames(scene, t)]
    for time, number in pairs:
        start = min(time.span.start, number.span.start)
        end = max(time.span.end, number.span.end)
        before = changes[-1].end if changes else frames[0] if frames else None
        changes.append(_change(scene, name, number, time, Span(start, end, ""), n, before))
    return changes


def _first_level(
    scene: Scene,
    sentence: Sentence,
    levels: Sequence[Quantity],
    times: Sequence[TimePhrase],
    name: str,
    n: int,
) -> Change | None:
    """Read the level that a path begins with: "at first it was 0.2", "load set to 0.0."."""
    if (
        times
        and times[0].span.start < levels[0].span.start
        and not (times[0].window.start == stamp(scene.anchor.first))
    ):
        return None
    clause = next(c for c in sentence.clauses if levels[0] in c.quantities)
    begins = is_first(clause.tokens)
    alone = not times and len(levels) == 1 and levels[0].unit is None and _sets(clause)
    if not begins and not alone:
        return None
    if begins and len(times) >= len(levels) and not alone:
        starts = stamp(scene.anchor.first)
        if times[0].window.start == starts:
            return None
    span = Span(levels[0].span.start, levels[0].span.end, "")
    return Change(name, levels[0].value, stamp(scene.anchor.first), None, False, False, span, n)


def _sets(clause: Clause) -> bool:
    words = {token.lemma for token in clause.tokens}
    return bool(words & {"set", "start", "begin"})


def _pairs(
    sentence: Sentence, levels: Sequence[Quantity], times: Sequence[TimePhrase]
) -> list[tuple[TimePhrase, Quantity]] | None:
    """Pair times and numbers: those in the same part of the sentence, else those that alternate."""
    if not times or not levels:
        return None
    marked: list[_Marked] = [(t.span.start, True, t) for t in times]
    marked += [(q.span.start, False, q) for q in levels]
    marked.sort(key=lambda one: one[0])
    parts = _parts(sentence, marked)
    if len(parts) == len(levels) and all(len(part) == 2 for part in parts):
        return [_pair(part[0], part[1]) for part in parts]
    if len(times) == len(levels) + 1:
        # "for the first two days, the load is ..." frames the rest; "... until B" ends it
        marked = marked[1:] if _covers(times[0], times[1:]) else marked[:-1]
    if len(marked) % 2 or any(a[1] == b[1] for a, b in zip(marked[::2], marked[1::2], strict=True)):
        return None
    if any(one[1] != marked[0][1] for one in marked[::2]):
        return None
    return [_pair(a, b) for a, b in zip(marked[::2], marked[1::2], strict=True)]


def _covers(frame: TimePhrase, others: Sequence[TimePhrase]) -> bool:
    """Tell whether a window holds the beginnings of all others."""
    window = frame.window
    for other in others:
        start = other.window.start
        if start is None or (window.start is not None and start < window.start):
            return False
        if window.end is not None and start >= window.end:
            return False
    return True


def _pair(a: _Marked, b: _Marked) -> tuple[TimePhrase, Quantity]:
    time, number = (a[2], b[2]) if a[1] else (b[2], a[2])
    assert isinstance(time, TimePhrase) and isinstance(number, Quantity)
    return time, number


def _parts(sentence: Sentence, marked: Sequence[_Marked]) -> list[list[_Marked]]:
    """Group times and numbers by the parts between commas, semicolons and conjunctions."""
    cuts = []
    spans = [(one[2].span.start, one[2].span.end) for one in marked]
    for clause in sentence.clauses:
        for token in clause.tokens:
            if token.text in (",", ";", "and", "then") or token.lower in ("and", "then"):
                if not any(low <= token.start < high for low, high in spans):
                    cuts.append(token.start)
    parts: list[list[_Marked]] = []
    k = 0
    part: list[_Marked] = []
    for one in marked:
        while k < len(cuts) and cuts[k] < one[0]:
            if part:
                parts.append(part)
                part = []
            k += 1
        part.append(one)
    if part:
        parts.append(part)
    return [part if part[0][1] != part[-1][1] or len(part) != 2 else [] for part in parts]


def _frames(scene: Scene, time: TimePhrase) -> bool:
    """Tell whether a time is all of the history or forecast, and so only frames others."""
    window, anchor = time.window, scene.anchor
    now, first, end = stamp(anchor.now), stamp(anchor.first), stamp(anchor.end)
    if (window.end is None and window.start == now) or (window.start is None and window.end == now):
        return True
    if (window.start == first and window.end == now) or (window.start == now and window.end == end):
        return True
    return time.span.text.lower() in ("afterwards", "thereafter", "afterward", "subsequently")


def _change(
    scene: Scene,
    name: str,
    number: Quantity,
    time: TimePhrase,
    span: Span,
    n: int,
    before: np.datetime64 | None,
) -> Change:
    window = time.window
    unit = "percent" if number.kind == "percent" else number.unit
    if time.kind == "moment" and time.precision in ("second", "minute", "hour"):
        start = window.start if window.start is not None else stamp(scene.anchor.first)
        return Change(name, number.value, start, None, False, False, span, n, unit)
    begins, end = window.start, window.end
    start = begins if begins is not None else stamp(scene.anchor.first)
    if begins is None:
        start = before if before is not None else start
        if end is not None and time.precision == "day" and time.inclusive is None:
            # in a list, "0.1 until 3 May" holds on that day, as in "from 1 to 3 May"
            end = stamp(moment(end) + timedelta(days=1))
    if begins is not None and end is not None and time.precision == "day":
        if any(one.text.lower().startswith(("until", "till")) for one in time.joined):
            end = stamp(moment(end) + timedelta(days=1))
    word = time.span.text.split(" ", 1)[0].lower()
    reading = time.kind == "window" and word in ("in", "on") and " to " not in time.span.text
    return Change(name, number.value, start, end, end is not None, reading, span, n, unit)


def _is_level(number: Quantity) -> bool:
    return (
        number.kind in ("plain", "percent")
        and number.basis in (None, "to", "of", "by")
        and not (number.kind == "percent" and number.basis in ("of", "by"))
        and number.comparison in (None, "about")
        and number.high is None
        and number.per is None
        and not (number.unit is not None and number.span.text[:1].isalpha())
    )


def _name(parts: Sequence[Clause], before: int) -> str:
    """Return the words for what takes the values: the subject before the first one."""
    words = []
    for clause in parts:
        skip = [(t.span.start, t.span.end) for t in clause.times]
        for token in clause.tokens:
            if token.start >= before:
                break
            if not any(low <= token.start < high for low, high in skip):
                words.append(token)
    return subject(words)
