"""What a text consists of, once it was parsed: tokens, quantities, times, clauses, listings.

Nothing here knows what a text is about. Every piece carries the characters that it comes from.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from icl_forecasting.cik.statements import Span, Term
from icl_forecasting.cik.windows import Clock, Window

NOWHERE = Span(0, 0, "")


class Token(NamedTuple):
    """A word, number, date or sign.

    Args:
        text: as written.
        lower: in lower case.
        lemma: base form of a word by suffix rules and a table of irregular words.
        start: first character in the text.
        end: one past the last.
        kind: "word", "number" (digits), "stamp" (a date or a time of day in digits) or "symbol".
        value: of a number; None otherwise.
    """

    text: str
    lower: str
    lemma: str
    start: int
    end: int
    kind: str
    value: float | None = None


@dataclass(frozen=True)
class Quantity:
    """A number in its context.

    Args:
        value: the number; for "percent" as written (75 for "75 %"), for "factor" the multiple
            (4 for "four times", 0.5 for "half"), for "duration" the count of `unit`.
        high: the upper end of a range; None = a single number.
        kind: "plain", "percent", "factor", "ordinal" or "duration".
        unit: the word after the number, in the singular for times ("hour"); None = none.
        approximate: "about", "roughly", "nearly".
        span: the characters, with the words of comparison and basis.
        comparison: "at least", "at most", "more than", "less than", "about" or None; a denial is
            part of it ("never exceeds 5" is "at most").
        basis: how the number is meant: "to" (reduced to 40 %), "by" (reduced by 40 %), "of" (40 %
            of the usual level), "above" or "below" (10 % above), "more" or "less" (twice more,
            40 % less); else None.
        core: the characters of the number with its unit or sign alone; None = the same as `span`.
        points: percentage points.
        per: the number is a rate: so much in this time ("0.5 per hour", "2 units a day").
    """

    value: float
    high: float | None = None
    kind: str = "plain"
    unit: str | None = None
    approximate: bool = False
    span: Span = NOWHERE
    comparison: str | None = None
    basis: str | None = None
    core: Span | None = None
    points: bool = False
    per: np.timedelta64 | None = None


@dataclass(frozen=True)
class TimePhrase:
    """Words about time, with what they mean by the clock of the forecast.

    Args:
        window: when. A "duration" without any start has a window without limits.
        span: the characters.
        kind: "window" (an interval, one end may be open), "moment" (a point; its window lasts one
            step), "duration" (a length without a place), "recurrence" (again and again) or
            "deictic" ("during that time": the window of the phrase that it points to).
        duration: the length that was said; None = none was.
        relation: "past", "future" or "both", relative to the first moment of the forecast.
        precision: unit of the finest part that was said: "second", "minute", "hour", "day",
            "week", "month", "year".
        weekdays: weekdays that were named, 0 = Monday.
        months: months that were named without a year.
        clock: time of day that was said for a moment, since midnight; None = none.
        joined: characters of other phrases whose meaning was joined into the window.
        inclusive: the end was said to be part of it ("through"); None = not said.
        period: the length after which it comes again, if one was said ("every 15 days"); the
            window has it only where the start and the length of one occurrence are known.
    """

    window: Window
    span: Span
    kind: str = "window"
    duration: np.timedelta64 | None = None
    relation: str = "both"
    precision: str = "day"
    weekdays: frozenset[int] = frozenset()
    months: frozenset[int] = frozenset()
    clock: np.timedelta64 | None = None
    joined: tuple[Span, ...] = ()
    inclusive: bool | None = None
    period: np.timedelta64 | None = None


@dataclass(frozen=True)
class Clause:
    """A part of a sentence with one predicate.

    Args:
        span: the characters.
        tokens: its words and signs.
        quantities: numbers that are not part of a date or time of day.
        times: phrases about time.
        negated: its predicate is denied ("will not", "no longer", "without", "instead of").
        hypothetical: it is not asserted ("if ... were", "could have", "might"); "suppose that"
            and "assume" do assert.
        past: its verb is in a past tense.
        future: it is about the future by its verb ("will", "is expected to", "from now on").
        reported: somebody is said to claim or believe it.
        link: the word that joins it to the clause before: "and", "but", "because", "which",
            "instead", "so", "if", "when", "to", ...; None = it is the first.
        supposed: under "suppose that", "assume", "imagine", "consider".
        exception: it follows "except", "apart from", "other than".
        conditional: link is "if", "unless", "in case": a condition and its consequence.
        usual: it speaks of what is so in general ("usually", "typically", "tends to", "normally").
        negation: characters of the word that denies; None = not negated.
    """

    span: Span
    tokens: tuple[Token, ...] = ()
    quantities: tuple[Quantity, ...] = ()
    times: tuple[TimePhrase, ...] = ()
    negated: bool = False
    hypothetical: bool = False
    past: bool = False
    future: bool = False
    reported: bool = False
    link: str | None = None
    supposed: bool = False
    exception: bool = False
    conditional: bool = False
    usual: bool = False
    negation: Span | None = None


@dataclass(frozen=True)
class Sentence:
    """A sentence, heading line or item of a list.

    Args:
        span: the characters, without the heading.
        heading: "background", "scenario", "constraints" or None.
        clauses: in order.
        quoted: most of it stands in quotation marks.
        question: it ends with a question mark.
        paragraph: number of the block of lines it belongs to.
    """

    span: Span
    heading: str | None = None
    clauses: tuple[Clause, ...] = ()
    quoted: bool = False
    question: bool = False
    paragraph: int = 0


@dataclass(frozen=True)
class Listing:
    """Rows of moments and values, in order of time.

    Args:
        name: its title line, column name or variable ("" if none).
        stamps: `datetime64[ns]` [N].
        values: [N] numbers or states.
        steps: a value holds until the next one (segments, state changes); False = one reading for
            each moment.
        end: when the last value stops to hold; None = it goes on.
        span: the characters of the rows.
        intro: the sentence that introduces it.
        unit: unit of the numbers, "percent" for those; None = not said.
    """

    name: str
    stamps: tuple[np.datetime64, ...]
    values: tuple[float | str, ...]
    steps: bool
    end: np.datetime64 | None = None
    span: Span = NOWHERE
    intro: str = ""
    unit: str | None = None


@dataclass(frozen=True)
class Equation:
    """What one variable follows from.

    Args:
        child: name of the variable on the left.
        terms: variables at lags; the coefficient is None where the text does not give it.
        intercept: constant term.
        span: the characters.
    """

    child: str
    terms: tuple[Term, ...] = ()
    intercept: float = 0.0
    span: Span = NOWHERE


@dataclass(frozen=True)
class EquationSystem:
    """Lagged linear equations of several variables.

    Args:
        equations: one for each variable that has parents or is said to have none.
        noise: standard deviation of the noise; None = not said.
        lags: largest lag that the text names; None = not said.
        known: whether every coefficient is given.
        target: variable that is to be forecast, by the text; None = not said.
        span: the characters of all of it.
    """

    equations: tuple[Equation, ...] = ()
    noise: float | None = None
    lags: int | None = None
    known: bool = False
    target: str | None = None
    span: Span = NOWHERE

    def of(self, child: str) -> Equation | None:
        """Return the equation of a variable, None where there is none."""
        return next((one for one in self.equations if one.child == child), None)


@dataclass(frozen=True)
class Document:
    """A text and all that grammar tells about it.

    Args:
        text: the text.
        clock: what relative times referred to.
        sentences: in order.
        listings: rows of moments and values; their characters are in no sentence, except those of
            segments and state changes that are written as prose.
        equations: lagged equations; their characters may be in sentences too.
    """

    text: str
    clock: Clock
    sentences: tuple[Sentence, ...] = ()
    listings: tuple[Listing, ...] = ()
    equations: tuple[EquationSystem, ...] = field(default=())
