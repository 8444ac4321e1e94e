"""The typed language that text is compiled to: what a forecaster has to know, and nothing else.

A `Reading` can come from our reader, from a language model, or from a user who writes it by hand;
`forms` reads and writes it as JSON and checks it. Times are absolute (`numpy.datetime64[ns]`):
"the next day" was resolved against the history before a statement is made.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from icl_forecasting.cik.windows import Window

TARGET = "target"
"""Name of the series that is forecast, where a statement names a variable."""


@dataclass(frozen=True)
class Span:
    """Where in the text a statement comes from.

    Args:
        start: first character.
        end: one past the last.
        text: the words themselves.
    """

    start: int
    end: int
    text: str


class Change(StrEnum):
    """What an effect does to the values in its window."""

    SCALE = "scale"  # value = factor on what would have come
    ADD = "add"  # value = amount added
    LEVEL = "level"  # value = what the series is there
    RAISE = "raise"  # higher than usual, not said by how much
    LOWER = "lower"  # lower than usual, not said by how much


class Damage(StrEnum):
    """What was wrong with the history."""

    MISSING = "missing"  # not measured, or measured as `value`
    SCALE = "scale"  # multiplied by value
    ADD = "add"  # value was added
    DRIFT = "drift"  # grew by `value` per `per` since the window's start
    SPIKE = "spike"  # single false values


class Law(StrEnum):
    """How the target follows other variables."""

    SAME = "same"  # it is about the same quantity
    LINEAR = "linear"  # intercept and slope
    PROPORTIONAL = "proportional"  # through the origin
    POWER = "power"  # x to the power `exponent`
    RISING = "rising"  # more of one, more of the other; nothing else is known
    FALLING = "falling"
    LAGGED = "lagged"  # a linear equation over lags of several variables
    STATES = "states"  # the covariate is a state, each with its own level


@dataclass(frozen=True, kw_only=True)
class Statement:
    """What all statements share.

    Args:
        span: the words it comes from; None where it was written by hand.
        confidence: 0 to 1.
    """

    span: Span | None = None
    confidence: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Subject(Statement):
    """What the series is.

    Args:
        name: the words for it, such as "road occupancy rate".
        concepts: entries of the lexicon that it falls under, such as "irradiance", "count",
            "percentage", "electricity", "fire", "water-rescue", "unemployment", "speed".
        unit: as it was written.
        places: names of places it belongs to.
        lower: physical lower limit, such as 0 for counts.
        upper: physical upper limit, such as 100 for a percentage.
        integer: whether only whole numbers occur.
    """

    name: str = ""
    concepts: frozenset[str] = frozenset()
    unit: str | None = None
    places: tuple[str, ...] = ()
    lower: float | None = None
    upper: float | None = None
    integer: bool = False


@dataclass(frozen=True, kw_only=True)
class Bound(Statement):
    """A hard limit.

    Args:
        lower: least value.
        upper: largest value.
        window: when it holds; None = the whole forecast.
        of: the variable.
    """

    lower: float | None = None
    upper: float | None = None
    window: Window | None = None
    of: str = TARGET


@dataclass(frozen=True, kw_only=True)
class Effect(Statement):
    """Something that changes the series, in the future or as a rule that also held in the past.

    Args:
        window: when.
        change: how.
        value: by how much; None for RAISE and LOWER without a number.
        usual: whether history shows it as well (a rule such as "closed on Sundays"), so that the
            base forecast may know it already.
        cause: a word for what it is, for the explanation.
    """

    window: Window
    change: Change
    value: float | None = None
    usual: bool = False
    cause: str = ""


@dataclass(frozen=True, kw_only=True)
class Artefact(Statement):
    """Something false in the history that will not come again.

    Args:
        window: when; may recur.
        damage: what it did.
        value: the false value, factor, amount or rate; None where not said.
        per: unit of time of a DRIFT.
        cause: a word for what it is.
    """

    window: Window
    damage: Damage
    value: float | None = None
    per: np.timedelta64 | None = None
    cause: str = ""


@dataclass(frozen=True, kw_only=True)
class Covariate(Statement):
    """The known path of another variable.

    Args:
        name: what it is called.
        stamps: moments [N], in order.
        values: [N] numbers or states; each holds from its moment until the next one.
        steps: whether a value holds until the next one (else it is one reading for each moment).
        end: when the last value stops to hold; None = it goes on.
    """

    name: str
    stamps: tuple[np.datetime64, ...]
    values: tuple[float | str, ...]
    steps: bool = True
    end: np.datetime64 | None = None


@dataclass(frozen=True)
class Term:
    """One term of a lagged equation: coefficient * variable at an earlier step.

    Args:
        variable: name of a covariate, or TARGET.
        lag: in steps, from 0.
        coefficient: None = to be estimated from the history.
    """

    variable: str
    lag: int
    coefficient: float | None = None


@dataclass(frozen=True, kw_only=True)
class Relation(Statement):
    """How the target follows covariates.

    Args:
        law: the form.
        of: names of the covariates.
        exponent: of a POWER law.
        anchors: known pairs (covariate, target), such as full load <-> top speed.
        dead_zone: the covariate has no effect below the first of these, at the latest below the
            second ("never below an effective load between 0.1 and 0.2").
        terms: of a LAGGED law.
        noise: standard deviation of its noise.
    """

    law: Law
    of: tuple[str, ...] = ()
    exponent: float | None = None
    anchors: tuple[tuple[float, float], ...] = ()
    dead_zone: tuple[float, float] | None = None
    terms: tuple[Term, ...] = ()
    noise: float | None = None


@dataclass(frozen=True, kw_only=True)
class Reference(Statement):
    """Readings of a comparable series, over history and future or over another time.

    Args:
        name: whose they are: a state, a station, a day.
        stamps: moments [N]; they may lie on other days than the target's.
        values: [N].
        quantity: concepts of what was measured; empty = the same as the target.
        relevant: the text says that this one goes with the target (same place, similar place).
            None = the text does not say; the history decides.
    """

    name: str
    stamps: tuple[np.datetime64, ...]
    values: tuple[float, ...]
    quantity: frozenset[str] = frozenset()
    relevant: bool | None = None


class Amount(StrEnum):
    """What a statistic says."""

    TOTAL = "total"
    MEAN = "mean"
    LARGEST = "largest"
    SMALLEST = "smallest"


@dataclass(frozen=True, kw_only=True)
class Statistic(Statement):
    """A number that is known about the target at other times.

    Args:
        amount: which.
        value: the number.
        per: what it was taken over: "year", "month", "week", "day", "hour".
        window: times of day, weekdays or months that it is about; None = all.
        of: the variable, TARGET or the name of another series or place.
    """

    amount: Amount
    value: float
    per: str = "year"
    window: Window | None = None
    of: str = TARGET


@dataclass(frozen=True, kw_only=True)
class Peak(Statement):
    """When within a cycle the largest (or smallest) values come.

    Args:
        cycle: "year", "week" or "day".
        months: for a year: 1 to 12.
        weekdays: for a week.
        clock: for a day: time since midnight.
        low: the smallest values instead.
    """

    cycle: str
    months: frozenset[int] = frozenset()
    weekdays: frozenset[int] = frozenset()
    clock: np.timedelta64 | None = None
    low: bool = False


@dataclass(frozen=True, kw_only=True)
class SpecialDays(Statement):
    """Days that do not behave as their weekday: holidays, strikes.

    Args:
        days: their dates `datetime64[D]`, past or future.
        like: weekdays they behave like, if said or known; empty = like days off.
        name: of the holiday.
        change: RAISE or LOWER where the text says so.
    """

    days: tuple[np.datetime64, ...]
    like: frozenset[int] = frozenset()
    name: str = ""
    change: Change | None = None


@dataclass(frozen=True, kw_only=True)
class Ignored(Statement):
    """Words that were understood and have no effect.

    Args:
        reason: why, in a few words: "another place", "before the forecast", "hypothetical",
            "cancelled", "an association, not a cause", "no claim about this series".
    """

    reason: str


@dataclass(frozen=True)
class Reading:
    """All that a text says.

    Args:
        statements: in the order of the text.
        ignored: words without effect, with the reason.
    """

    statements: tuple[Statement, ...] = ()
    ignored: tuple[Ignored, ...] = ()

    @property
    def subject(self) -> Subject:
        """What the series is; an empty subject where the text does not say."""
        found = [one for one in self.statements if isinstance(one, Subject)]
        return found[0] if found else Subject()

    def of(self, kind: type[Statement]) -> list[Statement]:
        """Return the statements of one kind."""
        return [one for one in self.statements if isinstance(one, kind)]


@dataclass(frozen=True)
class Touched:
    """What one statement did to a forecast, for `--explain`.

    Args:
        statement: which.
        steps: indices of the horizon steps that it changed.
        did: one sentence, such as "times 4.0 from 12:00 for 2 steps".
        before: median [len(steps)] before.
        after: median [len(steps)] after.
    """

    statement: Statement
    steps: tuple[int, ...]
    did: str
    before: tuple[float, ...] = field(default=())
    after: tuple[float, ...] = field(default=())
