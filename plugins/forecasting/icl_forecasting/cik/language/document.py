"""Text to document: sentences, clauses, quantities, times, listings and equations."""

from __future__ import annotations

from bisect import bisect_left

from icl_forecasting.cik.language.almanac import Anchor
from icl_forecasting.cik.language.clauses import clauses
from icl_forecasting.cik.language.courses import courses
from icl_forecasting.cik.language.equations import equation_systems
from icl_forecasting.cik.language.listings import listings
from icl_forecasting.cik.language.memory import with_memory
from icl_forecasting.cik.language.model import Document, Sentence, TimePhrase, Token
from icl_forecasting.cik.language.moments import Scene
from icl_forecasting.cik.language.quantities import quantities
from icl_forecasting.cik.language.segments import segments
from icl_forecasting.cik.language.sentences import sentences
from icl_forecasting.cik.language.time_phrases import time_phrases
from icl_forecasting.cik.language.tokens import tokens as tokenize
from icl_forecasting.cik.language.verbs import mood
from icl_forecasting.cik.statements import Span
from icl_forecasting.cik.windows import Clock

LONGEST_TEXT = 200_000
"""Characters that are read; what comes after them is left out."""


def parse(text: str, clock: Clock) -> Document:
    """Read a text without knowing what it is about.

    Args:
        text: any text. It never raises; what is not understood yields nothing.
        clock: the stamps that relative times are resolved against.

    Returns:
        Sentences with clauses, quantities and times, listings and equations, each with its
        characters in `text`.
    """
    words = tokenize(text[:LONGEST_TEXT])
    scene = Scene(words, Anchor.of(clock))
    tables, hidden = listings(scene, text)
    pieces = sentences(words, text, hidden)
    bounds = []
    usual = []
    for piece in pieces:
        state = mood(words[piece.first : piece.last])
        bounds.append((piece.first, piece.last, _tense(state.past, state.future)))
        usual.append(state.usual)
    times = time_phrases(scene, text, bounds, usual)
    taken = bytearray(hidden)
    inside = bytearray(len(words))
    starts = [word.start for word in words]
    for phrases in times:
        for phrase in phrases:
            _mark(words, starts, phrase.span, inside, 1)
            _mark_dates(words, starts, phrase, taken)
    for i, word in enumerate(words):
        if word.kind == "stamp":
            taken[i] = 1
    numbers = quantities(words, taken, text, scene.anchor.step)
    for number in numbers:
        _mark(words, starts, number.core or number.span, inside, 1)
    found = []
    n = 0
    for piece, phrases in zip(pieces, times, strict=True):
        part = words[piece.first : piece.last]
        start, end = part[0].start, part[-1].end
        while n < len(numbers) and numbers[n].span.start < start:
            n += 1
        m = n
        while m < len(numbers) and numbers[m].span.start < end:
            m += 1
        parts = clauses(
            part,
            text,
            numbers[n:m],
            phrases,
            piece.quoted,
            [bool(one) for one in inside[piece.first : piece.last]],
        )
        found.append(
            Sentence(
                Span(start, end, text[start:end]),
                piece.heading,
                parts,
                piece.quoted,
                piece.question,
                piece.paragraph,
            )
        )
        n = m
    lists = courses(scene, text, (*tables, *segments(scene, text, found)))
    return Document(
        text,
        clock,
        tuple(found),
        tuple(sorted(lists, key=lambda one: one.span.start)),
        with_memory(equation_systems(text, found), found, lists, text),
    )


def _tense(past: bool, future: bool) -> bool | None:
    if past == future:
        return None
    return past


def _mark(words: list[Token], starts: list[int], span: Span, flags: bytearray, value: int) -> None:
    """Mark the tokens of a span, but its first one: a clause may begin with a phrase of time."""
    i = bisect_left(starts, span.start) + 1
    while i < len(words) and words[i].end <= span.end:
        flags[i] = value
        i += 1


def _mark_dates(
    words: list[Token], starts: list[int], phrase: TimePhrase, taken: bytearray
) -> None:
    """Mark numbers of dates; numbers before a unit of time stay quantities."""
    i = bisect_left(starts, phrase.span.start)
    while i < len(words) and words[i].end <= phrase.span.end:
        taken[i] = 0 if phrase.kind == "duration" else 1
        i += 1
