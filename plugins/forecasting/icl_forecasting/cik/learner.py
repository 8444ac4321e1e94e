"""The learner `cik`: a history and a text in, a forecast that obeys both out."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from icl_core import (
    Context,
    Episode,
    Forecast,
    Horizon,
    InputError,
    Learner,
    LearnerCard,
    Series,
)
from icl_core.learner import LoadOptions
from icl_core.registry import learner_card, load_card
from icl_core.types import Task
from icl_forecasting.cik.clocks import clock_of
from icl_forecasting.cik.condition import Conditioned, Plan, finish, plan
from icl_forecasting.cik.condition.known import with_covariates
from icl_forecasting.cik.samples import KINDS
from icl_forecasting.cik.statements import Bound, Reading
from icl_forecasting.cik.windows import Clock

DEFAULT_FORECASTER = "tirex"
SAMPLES = 25
READERS = ("rules", "llm")
Text = tuple[str, Clock, str | None]
"""A text, the times of history and forecast, and the name of the series."""

_log = logging.getLogger("icl.cik")


@dataclass(frozen=True, eq=False)
class _Asked:
    """Predict options after their check."""

    samples: int
    seed: int
    sampling: str
    reading: Reading | None


class CikLearner(Learner):
    """Context is Key (arXiv 2410.18959) without a language model.

    The text is compiled to typed statements (`Reading`), the history is repaired as they say, any
    registered forecaster forecasts it, and its distribution is conditioned on the statements.
    Without a usable statement the quantiles are those of the forecaster, bit by bit.

    Options of `icl.load`: `forecaster`, the name of the learner that forecasts (default
    "tirex"; `weights` are its weights); `reader`, "rules" (default) or "llm", a language model
    that reads the text into the same statements, with `reader_options` (its `model` and more, see
    `icl_forecasting.llm.reader`); all other options go to the forecaster.
    Options of `predict`: `samples` (25; 0 = none), `seed` (0), `sampling` ("independent" or
    "stratified"), `reading` (a `Reading` or its JSON form, in place of the text).

    A forecaster that reads covariates is given those of the text whose path is known for all steps,
    as columns known into the future.

    The forecast's `meta` has `reading` (the JSON form), `touched` (which words changed which
    steps and how), `unused` and `sampling`.
    """

    predict_options: ClassVar[frozenset[str]] = frozenset(
        {"samples", "seed", "sampling", "reading"}
    )

    def __init__(
        self,
        card: LearnerCard,
        load: LoadOptions,
        forecaster: str = DEFAULT_FORECASTER,
        reader: str = READERS[0],
        reader_options: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(card, load)
        self._reader = _reader(reader, reader_options, load)
        theirs = learner_card(forecaster)
        if theirs.task is not Task.FORECASTING or theirs.name == card.name:
            raise InputError(f"forecaster is {forecaster!r}, expected another forecasting learner")
        weights: str | Path | None = None
        if load.weights is not None:
            weights = load.weights.name if load.weights.card else load.weights.path
        self.forecaster = load_card(
            theirs, weights, load.device, load.dtype, load.compile, load.behaviour, options
        )
        self.network = self.forecaster.network

    @classmethod
    def needs_weights(cls, options: Mapping[str, Any]) -> bool:
        """Only the default forecaster's weights are on this learner's card."""
        return bool(options.get("forecaster", DEFAULT_FORECASTER) == DEFAULT_FORECASTER)

    def _prepare(self, context: Context) -> Context:
        # the forecaster says itself what it cannot read
        self.forecaster.prepare(replace(context, text=None))
        return context

    def _predict(
        self, prepared: Context, queries: Sequence[Horizon], **options: Any
    ) -> list[Forecast]:
        return self._predict_episodes([(prepared, query) for query in queries], **options)

    def _predict_episodes(
        self, pairs: Sequence[tuple[Context, Horizon]], **options: Any
    ) -> list[Forecast]:
        asked = _asked(**options)
        plans = self._plans(pairs, asked)
        episodes = [self._episode(one) for one in plans]
        size = max(len(episodes), 1)
        bases = list(self.forecaster.predict_episodes(episodes, batch_size=size))
        found = []
        for planned, episode, base in zip(plans, episodes, bases, strict=True):
            if not isinstance(base, Forecast):
                raise InputError(f"{self.forecaster.card.name} does not return forecasts")
            answer = _answer(finish(planned, base), planned, asked)
            if told := episode.meta["covariates"]:
                answer.meta["covariates_from_text"] = list(told)
            found.append(answer)
        return found

    def _episode(self, planned: Plan) -> Episode:
        """Return what the forecaster is asked; covariates of the text too where it reads them."""
        history, horizon = planned.history, planned.horizon
        told: tuple[str, ...] = ()
        if self.forecaster.card.takes_covariates:
            case = planned.case
            history, horizon, told = with_covariates(history, horizon, case.reading, case.clock)
        return Episode(Context(history=history), horizon, meta={"covariates": told})

    def _plans(self, pairs: Sequence[tuple[Context, Horizon]], asked: _Asked) -> list[Plan]:
        clocks = [clock_of(_history(context), horizon.length) for context, horizon in pairs]
        if asked.reading is not None:
            if any(context.text for context, _ in pairs):
                _log.info("a reading was given, so the text is not read")
            readings = [asked.reading] * len(pairs)
        else:
            readings = [Reading()] * len(pairs)
            texts = [
                (c.text or "", k, _history(c).name) for (c, _), k in zip(pairs, clocks, strict=True)
            ]
            said = [place for place, (text, _, _) in enumerate(texts) if text.strip()]
            for place, found in zip(said, self._reader([texts[n] for n in said]), strict=True):
                readings[place] = found
        return [
            plan(reading, _history(context), clock, horizon)
            for (context, horizon), clock, reading in zip(pairs, clocks, readings, strict=True)
        ]


def _history(context: Context) -> Series:
    """Return the history of a context, of one variate."""
    history = context.history
    if history is None:
        raise InputError("cik forecasts a series, and the context has no history")
    if np.asarray(history.values).ndim != 1:
        raise InputError(
            f"cik forecasts one variate, and {history.name or 'the series'} has several",
            hint="forecast each variate as a series of its own",
        )
    return history


def _reader(
    name: str, options: Mapping[str, Any] | None, load: LoadOptions
) -> Callable[[Sequence[Text]], list[Reading]]:
    """Return what reads many texts."""
    if name not in READERS:
        raise InputError(f"reader is {name!r}, expected one of {', '.join(READERS)}")
    if name == "llm":
        from icl_forecasting.llm.reader import make_reader

        return make_reader(options or {}, load).read_all
    if options:
        raise InputError(
            "reader_options are given, and the reader is not a language model", "reader='llm'"
        )

    def read_all(asked: Sequence[Text]) -> list[Reading]:
        from icl_forecasting.cik.reading import read

        return [read(text, clock, series) for text, clock, series in asked]

    return read_all


def _answer(conditioned: Conditioned, planned: Plan, asked: _Asked) -> Forecast:
    from icl_forecasting.cik.forms import to_dict

    forecast = conditioned.forecast
    samples = None
    if asked.samples:
        # the lengths, so that histories of one batch do not share their draws
        seed = (asked.seed, len(planned.history), len(forecast))
        samples = conditioned.draw(asked.samples, seed, asked.sampling).astype(np.float32)
    meta = {
        **forecast.meta,
        "reading": to_dict(planned.case.reading),
        "touched": [
            {
                "kind": type(one.statement).__name__,
                "text": one.statement.span.text if one.statement.span else "",
                "steps": list(one.steps),
                "did": one.did,
                "before": list(one.before),
                "after": list(one.after),
                **_limits(one.statement),
            }
            for one in conditioned.touched
        ],
        "unused": [
            {
                "kind": type(statement).__name__,
                "text": statement.span.text if statement.span else "",
                "reason": reason,
            }
            for statement, reason in conditioned.unused
        ],
        "sampling": asked.sampling,
    }
    return replace(forecast, samples=samples, meta=meta)


def _limits(statement: Any) -> dict[str, float]:
    """Return the limits that a bound sets, for the plot."""
    if not isinstance(statement, Bound):
        return {}
    found = {"lower": statement.lower, "upper": statement.upper}
    return {name: float(value) for name, value in found.items() if value is not None}


def _asked(
    samples: int = SAMPLES,
    seed: int = 0,
    sampling: str = KINDS[0],
    reading: Reading | Mapping[str, Any] | None = None,
) -> _Asked:
    if isinstance(samples, bool) or not isinstance(samples, int) or samples < 0:
        raise InputError(f"samples is {samples!r}, expected a whole number from 0")
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise InputError(f"seed is {seed!r}, expected a whole number from 0")
    if sampling not in KINDS:
        raise InputError(f"sampling is {sampling!r}, expected one of {KINDS}")
    if reading is not None and not isinstance(reading, Reading):
        from icl_forecasting.cik.forms import from_dict

        if not isinstance(reading, Mapping):
            raise InputError(
                f"reading is a {type(reading).__name__}, expected a Reading or its JSON form"
            )
        reading = from_dict(dict(reading))
    return _Asked(samples, seed, sampling, reading)
