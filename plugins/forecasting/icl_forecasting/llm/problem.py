"""A forecasting problem as texts, ready for a prompt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from icl_core import Context, Episode, Example, Horizon, InputError, Series
from icl_core.coerce.series import to_series
from icl_forecasting.baselines.history import one_history
from icl_forecasting.llm.stamps import number_text, written_stamps


@dataclass(frozen=True, eq=False)
class Solved:
    """A problem with its answer, to be shown before another one.

    Args:
        text: what was said about it.
        history: lines of its past.
        future: lines of what came.
    """

    text: str
    history: tuple[str, ...]
    future: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Problem:
    """What a model is to forecast.

    Args:
        series: the history, float64 [T].
        horizon: how far.
        text: what is said about it.
        history: one line `(timestamp, value)` for each known value.
        stamps: the H time stamps to forecast, as they are written.
        solved: problems to be shown before it.
    """

    series: Series
    horizon: Horizon
    text: str
    history: tuple[str, ...]
    stamps: tuple[str, ...]
    solved: tuple[Solved, ...] = ()

    @classmethod
    def of(
        cls,
        context: Context,
        horizon: Horizon,
        learner: str,
        examples: Sequence[Any] = (),
        most: int | None = None,
    ) -> Problem:
        """Write a context and a query as texts.

        Args:
            context: its history of one variate, its text, and its solved examples.
            horizon: the query.
            learner: its name, for the messages.
            examples: more solved problems: `Episode`s or `Example`s.
            most: values of a history that are shown at most, the last ones.

        Raises:
            InputError: the history or an example cannot be used.
        """
        series = one_history(context, learner)
        for what, found in (("history", series.covariates), ("horizon", horizon.covariates)):
            if found:
                raise InputError(
                    f"{learner} cannot read covariates, and the {what} has {sorted(found)}",
                    "say what is known about them in the context's text",
                )
        past, future = written_stamps(series, horizon.length)
        shown = tuple(
            _solved(one, number, most)
            for number, one in enumerate((*context.examples, *examples), 1)
        )
        text = (context.text or "").strip()
        return cls(series, horizon, text, _pairs(past, series.values, most), tuple(future), shown)

    def pairs(self, values: np.ndarray) -> tuple[str, ...]:
        """Write values for the forecast's time stamps [H] as lines."""
        return _pairs(self.stamps, values, None)


def _pairs(stamps: Sequence[str], values: np.ndarray, most: int | None) -> tuple[str, ...]:
    known = [
        f"({stamp}, {number_text(float(value))})"
        for stamp, value in zip(stamps, values, strict=True)
        if np.isfinite(value)
    ]
    return tuple(known if most is None else known[-most:])


def _solved(one: Any, number: int, most: int | None) -> Solved:
    """Read an example: an `Episode`, or an `Example` of a context or series and its future."""
    try:
        if isinstance(one, Episode):
            context, truth = one.context, one.target
        elif isinstance(one, Example):
            context, truth = one.input, one.output
        else:
            raise InputError(f"it is {type(one).__name__}, expected an Episode or an Example")
        if not isinstance(context, Context):
            context = Context(history=to_series(context))
        if context.history is None:
            raise InputError("it has no history")
        series = one_history(Context(history=to_series(context.history)), "the example")
        if truth is None:
            raise InputError("it has no answer, expected the values that came")
        future = to_series(getattr(truth, "values", truth)).values
    except InputError as error:
        raise InputError(f"example {number} is no solved problem: {error.message}") from error
    past, stamps = written_stamps(series, len(future))
    return Solved(
        (context.text or "").strip(),
        _pairs(past, series.values, most),
        _pairs(stamps, future, None),
    )
