"""No text may break the parser, and every piece must say which characters it comes from."""

from __future__ import annotations

import time

import numpy as np
import pytest

from icl_forecasting.cik.language import Document, parse
from icl_forecasting.cik.windows import Clock

hypothesis = pytest.importorskip("hypothesis")
from hypothesis import strategies as st  # noqa: E402

WORDS = (
    "from until between and or to at on in for the a of every each day days hours week 28 "
    "May 2013 3 0.5 12:00 14h00 2 pm noon midnight % percent times x4 twice half quarter "
    "first second last next tomorrow Monday Sundays weekends nightly daily not no will "
    "would if unless suppose that said 2024-01-18 2024-01 28/05/2013 1e9 99999999999 -3,5 "
    "1,000,000 ( ) [ | , . ; : - = \n \n\n * # \" ' X_1 X_0^{t-1} t-2 lag parents depends "
    "itself noise Background: Scenario: initially became clear set raised ago later before "
    "after starting ending lasting through since thereafter forecast history end start "
    "beginning rest ½ − – 31 30th February 0 24:00 25:61 9999-99-99 0000-01-01"
).split(" ")


def _clock(start: str, count: int, horizon: int, step: np.timedelta64) -> Clock:
    stamps = np.datetime64(start, "ns") + np.arange(count + horizon) * step
    return Clock(stamps[:count], stamps[count:])


CLOCKS = (
    _clock("2024-01-11T00", 168, 24, np.timedelta64(1, "h")),
    _clock("1970-01-01T05:46:27", 95, 58, np.timedelta64(1, "s")),
    _clock("2023-08-01", 120, 60, np.timedelta64(1, "D")),
    Clock(
        np.arange("2018-12", "2019-06", dtype="datetime64[M]").astype("datetime64[ns]"),
        np.arange("2019-06", "2020-01", dtype="datetime64[M]").astype("datetime64[ns]"),
    ),
    Clock(np.zeros(0, "datetime64[ns]"), np.zeros(1, "datetime64[ns]"), stamped=False),
)


def _check(document: Document) -> None:
    text = document.text
    last = 0
    for sentence in document.sentences:
        assert last <= sentence.span.start < sentence.span.end <= len(text)
        last = sentence.span.end
        assert text[sentence.span.start : sentence.span.end] == sentence.span.text
        assert sentence.clauses
        for clause in sentence.clauses:
            assert text[clause.span.start : clause.span.end] == clause.span.text
            for quantity in clause.quantities:
                assert text[quantity.span.start : quantity.span.end] == quantity.span.text
            for phrase in clause.times:
                assert text[phrase.span.start : phrase.span.end] == phrase.span.text
                assert not np.isnat(phrase.window.start or np.datetime64(0, "ns"))
    for listing in document.listings:
        assert len(listing.stamps) == len(listing.values)
        assert list(listing.stamps) == sorted(listing.stamps)
    for phrase in (p for s in document.sentences for c in s.clauses for p in c.times):
        phrase.window.covers(document.clock.future)


@hypothesis.given(st.text(max_size=200), st.sampled_from(CLOCKS))
@hypothesis.settings(max_examples=60, deadline=None)
def test_any_characters(text: str, clock: Clock) -> None:
    """Any string gives a document."""
    _check(parse(text, clock))


@hypothesis.given(st.lists(st.sampled_from(WORDS), max_size=40), st.sampled_from(CLOCKS))
@hypothesis.settings(max_examples=150, deadline=None)
def test_any_words(words: list[str], clock: Clock) -> None:
    """Words of time and number in any order give a document."""
    _check(parse(" ".join(words), clock))


def test_no_quadratic_time() -> None:
    """Ten times the text takes about ten times as long."""
    line = "On 2024-01-18 the pump, which was off for 2 hours, runs at 0.5 from 08:00 until 10:00. "
    clock = CLOCKS[0]
    parse(line * 20, clock)
    taken = []
    for count in (10, 100):
        begin = time.process_time()
        parse(line * count, clock)
        taken.append(time.process_time() - begin)
    assert taken[1] < 30 * max(taken[0], 1e-3)


def test_empty_and_blank() -> None:
    """An empty text is an empty document."""
    for text in ("", "   \n\n\t", "....", "|||", '""'):
        document = parse(text, CLOCKS[0])
        assert not document.listings
        assert not document.equations
