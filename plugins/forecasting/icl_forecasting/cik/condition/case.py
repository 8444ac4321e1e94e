"""What is known about one forecast before it is conditioned, and the draft that stages change."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TypeVar

import numpy as np

from icl_core import Series
from icl_forecasting.cik.condition.predictive import Predictive
from icl_forecasting.cik.knowledge.quantities import Traits, traits_of
from icl_forecasting.cik.statements import Reading, Statement, Touched
from icl_forecasting.cik.windows import Clock

Kind = TypeVar("Kind", bound=Statement)

DAY = np.timedelta64(86_400_000_000_000, "ns")


@dataclass(frozen=True, eq=False)
class Case:
    """One history and what was read about it.

    Args:
        reading: the statements.
        clock: stamps of history [T] and future [H].
        raw: float64 [T], the history as it came; NaN = missing.
        values: float64 [T], the history after repair.
        series: the history as it came.
    """

    reading: Reading
    clock: Clock
    raw: np.ndarray
    values: np.ndarray
    series: Series

    def of(self, kind: type[Kind]) -> list[Kind]:
        """Return the statements of one kind."""
        return statements_of(self.reading, kind)

    @cached_property
    def traits(self) -> Traits:
        """How the quantity behaves."""
        return traits_of(self.reading.subject)

    @property
    def past(self) -> np.ndarray:
        """`datetime64[ns]` [T], stamps of the history."""
        return self.clock.history

    @property
    def future(self) -> np.ndarray:
        """`datetime64[ns]` [H], stamps of the forecast."""
        return self.clock.future

    @property
    def length(self) -> int:
        """H, the number of steps to forecast."""
        return len(self.clock.future)

    @cached_property
    def ends(self) -> np.ndarray:
        """`datetime64[ns]` [H], the moment at which each future step is over."""
        return step_ends(self.clock.future, self.clock.step)

    @cached_property
    def day_steps(self) -> int:
        """Steps in one day; 1 where a step is a day or longer or does not divide it."""
        step = self.clock.step
        whole = step > np.timedelta64(0, "ns") and step < DAY and DAY % step == np.timedelta64(0)
        return int(DAY // step) if whole else 1

    @cached_property
    def scale(self) -> float:
        """A typical size of the values: their range, or their level where it is zero."""
        known = self.values[np.isfinite(self.values)]
        if not known.size:
            return 1.0
        span = float(known.max() - known.min())
        return span or float(np.abs(known).max()) or 1.0


def statements_of(reading: Reading, kind: type[Kind]) -> list[Kind]:
    """Return the statements of one kind, in the order of the text."""
    return [one for one in reading.statements if isinstance(one, kind)]


def step_ends(stamps: np.ndarray, step: np.timedelta64) -> np.ndarray:
    """When each step is over: the next stamp, and one step after the last one."""
    return np.append(stamps[1:], stamps[-1] + step)


@dataclass(eq=False)
class Draft:
    """The forecast in the making.

    Args:
        predictive: the distribution so far.
        touched: what statements did.
        unused: statements without effect, with the reason.
        changed: bool [H], steps that differ from the base forecast.
    """

    predictive: Predictive
    changed: np.ndarray
    touched: list[Touched] = field(default_factory=list)
    unused: list[tuple[Statement, str]] = field(default_factory=list)

    def replace_steps(
        self, statement: Statement, steps: np.ndarray, quantiles: np.ndarray, did: str
    ) -> None:
        """Give some steps another distribution and note which statement did it.

        Args:
            statement: the reason.
            steps: bool [H].
            quantiles: [49, number of steps].
            did: one sentence.
        """
        before = self.predictive.median[steps]
        self.predictive = self.predictive.with_steps(steps, quantiles)
        self.note(statement, steps, did, before)

    def replace_all(self, statement: Statement, predictive: Predictive, did: str) -> None:
        """Give all steps another distribution."""
        before = self.predictive.median
        quantiles = np.sort(predictive.quantiles, axis=0)
        self.predictive = replace(predictive, quantiles=quantiles)
        self.note(statement, np.ones(len(before), bool), did, before)

    def note(
        self, statement: Statement, steps: np.ndarray, did: str, before: np.ndarray | None = None
    ) -> None:
        """Note what a statement did to some steps, bool [H]."""
        self.changed |= steps
        self.touched.append(
            Touched(
                statement,
                tuple(int(step) for step in np.flatnonzero(steps)),
                did,
                () if before is None else tuple(map(float, before)),
                tuple(map(float, self.predictive.median[steps])),
            )
        )

    def skip(self, statement: Statement, reason: str) -> None:
        """Note that a statement had no effect."""
        self.unused.append((statement, reason))
