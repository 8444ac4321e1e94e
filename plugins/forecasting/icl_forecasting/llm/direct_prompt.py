"""The learner `direct-prompt`: a history and a text in one prompt, whole forecasts out."""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
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
    LoadOptions,
)
from icl_core import load as load_learner
from icl_forecasting.llm import parsing
from icl_forecasting.llm.options import DirectPromptOptions
from icl_forecasting.llm.problem import Problem
from icl_forecasting.llm.prompt import CORRECTED, FORECAST, messages
from icl_forecasting.llm.rounds import Plan, Run, collect, too_few
from icl_forecasting.llm.routing import hard, ratings
from icl_forecasting.llm.sampled import forecast_of, median_of, naive, paths_of, usage_of
from icl_forecasting.llm.writers.grammar import AnswerGrammar
from icl_forecasting.llm.writers.opening import another, open_writer
from icl_forecasting.llm.writers.writer import Text, Usage, Writer

_log = logging.getLogger("icl.forecasting.llm")
_REASON = re.compile(r"<reason>(.*?)(?:</reason>|\Z)", re.DOTALL | re.IGNORECASE)


@dataclass(eq=False)
class _Asked:
    """A problem and what is done for it."""

    problem: Problem
    runs: list[Run]
    samples: int
    meta: dict[str, Any]


class DirectPrompt(Learner):
    """Direct Prompt (arXiv 2410.18959) and its follow-ups (arXiv 2508.09904).

    The model writes each sample path as text. `model="api:NAME"`, or `base_url=` beside
    `model="NAME"`, is a model behind an OpenAI-compatible endpoint, whose key is read from the
    environment and neither logged nor stored; any other name is a local model of transformers.

    Follow-ups, which go together with each other:

    - CorDP: `correct="tirex"`, or any other forecaster, whose forecast the model corrects.
      `variant="median"` shows its median to all samples, "samplewise" one of its paths to each.
    - IC-DP: solved problems before the problem, from the option `examples` (`icl.Episode`s) or
      the context's `examples` (`icl.Example(context, values)`).
    - RouteDP: `large=` is a second model for the hard problems; `router=` says which these are.
    - FxDP: `reason=True` lets the model write down its reasons first.

    Every reply is kept in a log as it came, and what was answered before is not asked again.

    `behaviour="official"` reads answers as the released parser does and takes from a server what
    it gives; "corrected" reads more forms of an answer, and asks servers that ignore `n` for the
    missing texts one by one.

    Options of `icl.load`: see `CARD.options`. Options of `predict`: `samples`, `examples`.
    """

    predict_options: ClassVar[frozenset[str]] = frozenset({"samples", "examples"})

    def __init__(self, card: LearnerCard, load: LoadOptions, **options: Any) -> None:
        known = DirectPromptOptions.__dataclass_fields__
        self.options = DirectPromptOptions(
            **{name: options.pop(name) for name in list(options) if name in known}
        )
        super().__init__(card, load, **options)
        asked = self.options
        self._parser = asked.parser or ("strict" if load.behaviour == "official" else "lenient")
        self.base: Learner | None = None
        if asked.correct is not None:
            if asked.correct == card.name:
                raise InputError(f"correct is {card.name!r}, expected another forecaster")
            given = {"device": load.device, **asked.correct_options}
            self.base = load_learner(asked.correct, **given)
        self.writer: Writer = open_writer(asked, load)
        self.network = getattr(self.writer, "model", None)
        self.large: Writer | None = None
        self.router: Writer = self.writer
        if asked.large is not None:
            self.large = open_writer(_model(asked, "large"), load)
            if asked.router is not None:
                self.router = open_writer(_model(asked, "router"), load)

    @classmethod
    def needs_weights(cls, options: Mapping[str, Any]) -> bool:
        """The model is named by an option."""
        return False

    def _prepare(self, context: Context) -> Context:
        Problem.of(context, Horizon(1), self.card.name)  # what cannot be read is refused here
        return context

    def _predict(
        self, prepared: Context, queries: Sequence[Horizon], **options: Any
    ) -> list[Forecast]:
        return self._predict_episodes([(prepared, query) for query in queries], **options)

    def _predict_episodes(
        self,
        pairs: Sequence[tuple[Context, Horizon]],
        *,
        samples: int | None = None,
        examples: Sequence[Any] | None = None,
        **options: Any,
    ) -> list[Forecast]:
        wanted = self.options.samples if samples is None else samples
        replace(self.options, samples=wanted)  # refuses what is no number of samples
        shown = self.options.examples if examples is None else examples
        problems = [
            Problem.of(context, horizon, self.card.name, shown, self.options.max_history)
            for context, horizon in pairs
        ]
        writers, metas, failed = self._routed(problems)
        bases: Sequence[Any] = [None] * len(pairs)
        if self.base is not None:
            bases = self._bases(pairs)
        asked = [
            _Asked(problem, self._runs(problem, writer, base, wanted), wanted, meta)
            for problem, writer, base, meta in zip(problems, writers, bases, metas, strict=True)
        ]
        if failed is None or self.options.failures == "naive":
            failed = collect([run for one in asked for run in one.runs], self.card.name)
        if failed is not None and self.options.failures == "raise":
            raise failed
        return [self._forecast(one) for one in asked]

    def _routed(
        self, problems: Sequence[Problem]
    ) -> tuple[list[Writer], list[dict[str, Any]], Exception | None]:
        """Choose the model of each problem."""
        if self.large is None:
            return [self.writer] * len(problems), [{} for _ in problems], None
        rated, usage, failed = ratings(problems, self.router, self.card.name)
        chosen = hard(rated, self.options.hard_fraction, self.options.hard_from)
        writers = [self.large if one else self.writer for one in chosen]
        metas: list[dict[str, Any]] = [
            {"route": {"rating": rating, "hard": one, "router": self.router.name}}
            for rating, one in zip(rated, chosen, strict=True)
        ]
        if metas:
            metas[0]["route"]["usage"] = vars(usage)  # of all that were rated together
        return writers, metas, failed

    def _bases(self, pairs: Sequence[tuple[Context, Horizon]]) -> list[Forecast]:
        assert self.base is not None
        takes = self.base.card.takes_text
        episodes = [
            Episode(context if takes else Context(history=context.history), Horizon(one.length))
            for context, one in pairs
        ]
        found: list[Any] = list(self.base.predict_episodes(episodes))
        return found

    def _runs(
        self, problem: Problem, writer: Writer, base: Forecast | None, wanted: int
    ) -> list[Run]:
        asked = self.options
        tag = FORECAST if base is None else CORRECTED
        parse = partial(_parsed, problem.stamps, tag, self._parser)
        plan = Plan(
            asked.batch_size, asked.batch_size_on_retry, asked.n_retries, asked.max_batch_size
        )
        grammar = AnswerGrammar.of_forecast(problem.stamps, tag) if asked.constrained else None
        shared: Counter[Any] = Counter({})
        if base is None:
            paths: list[np.ndarray | None] = [None]
        elif asked.variant == "median":
            paths = [median_of(base)]
        else:
            paths = list(paths_of(base, wanted, asked.seed))
            plan, wanted = Plan(1, 1, asked.n_retries), 1
        return [
            Run(
                writer,
                messages(problem, None if one is None else problem.pairs(one), asked.reason),
                wanted,
                plan,
                parse,
                asked.max_tokens,
                grammar,
                shared,
            )
            for one in paths
        ]

    def _forecast(self, asked: _Asked) -> Forecast:
        runs = asked.runs
        rows = [row for run in runs for row in run.values[: run.wanted]]
        usage = sum((run.usage for run in runs), Usage())
        rejected = sum((run.rejected for run in runs), Counter[str]())
        meta: dict[str, Any] = {
            "back_end": runs[0].writer.back_end,
            "model": runs[0].writer.name,
            "served_by": runs[0].served_by,
            "parser": self._parser,
            "sampling": "independent samples of the model",
            "requested": [size for run in runs for size in run.batches],
            "rejected": dict(rejected),
            **usage_of(usage),
            "log": runs[0].writer.log,
            "keys": [key for run in runs for key in run.keys],
            **asked.meta,
        }
        if self.options.correct is not None:
            meta |= {"corrected": self.options.correct, "variant": self.options.variant}
        if self.options.reason:
            meta["reasons"] = [_reason(text) for run in runs for text in run.texts[: run.wanted]]
        failures = [run.failure for run in runs if run.failure is not None]
        enough = len(rows) >= asked.samples
        if not enough and not failures and self.options.invalid == "raise":
            error = too_few(len(rows), asked.samples, runs, self.card.name)
            if self.options.failures == "raise":
                raise error
            failures = [error.message]
        if not rows or (failures and not enough):
            why = failures[0] if failures else "no sample is valid"
            if self.options.failures == "raise":
                raise too_few(len(rows), asked.samples, runs, self.card.name)
            return naive(asked.problem, asked.samples, {**meta, "fallback": f"naive, since {why}"})
        if not enough:
            meta["samples_missing"] = asked.samples - len(rows)
            _log.warning("%s: %d of %d samples", self.card.name, len(rows), asked.samples)
        return forecast_of(np.stack(rows), asked.problem.series, asked.problem.horizon, meta)


def _parsed(stamps: Sequence[str], tag: str, parser: str, text: Text) -> parsing.Parsed:
    if parser == "strict":
        found = parsing.strict(text.words, stamps, tag)
        if found.values is not None and not parsing.fits(found.values):
            # The released parser takes them; no forecast can hold them.
            return parsing.Parsed(None, "a value that is not finite")
        return found
    return parsing.lenient(text.words, stamps, tag, text.cut)


def _reason(words: str) -> str | None:
    found = _REASON.search(words)
    return None if found is None else found[1].strip()


def _model(options: DirectPromptOptions, what: str) -> DirectPromptOptions:
    found = another(options, what, getattr(options, what))
    assert isinstance(found, DirectPromptOptions)
    return found
