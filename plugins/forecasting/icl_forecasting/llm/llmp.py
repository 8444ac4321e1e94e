"""The learner `llmp`: a language model continues the text of a series, value by value."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np

from icl_core import Context, Forecast, Horizon, InputError, Learner, LearnerCard, LoadOptions
from icl_core.endpoints import EndpointError
from icl_forecasting.llm.options import LlmpOptions
from icl_forecasting.llm.problem import Problem
from icl_forecasting.llm.sampled import forecast_of, naive, usage_of
from icl_forecasting.llm.stamps import written_stamps
from icl_forecasting.llm.value_texts import (
    OFFICIAL_DECIMALS,
    OFFICIAL_TOKENS,
    decimals_of,
    digits_of,
    lines_of,
    next_value,
    prefix,
    tokens_of,
)
from icl_forecasting.llm.writers.grammar import AnswerGrammar
from icl_forecasting.llm.writers.opening import open_writer
from icl_forecasting.llm.writers.writer import Job, Usage, Writer, Written


@dataclass(eq=False)
class _Path:
    """One sample on its way.

    Args:
        text: everything that was written so far, without the next time stamp.
        values: forecast so far.
        tries: of the next value.
    """

    text: str
    values: list[float] = field(default_factory=list)
    tries: int = 0


@dataclass(eq=False)
class _Growing:
    """A problem and its paths."""

    problem: Problem
    decimals: int
    most_tokens: int
    paths: list[_Path]
    grammar: AnswerGrammar | None = None
    given_up: int = 0
    redrawn: int = 0
    repeats: Counter[Any] = field(default_factory=Counter)
    usage: Usage = field(default_factory=Usage)
    keys: list[str] = field(default_factory=list)
    served_by: str | None = None
    failure: str | None = None

    def waiting(self) -> list[_Path]:
        """The paths with the fewest values, of those that are not complete."""
        open_paths = [p for p in self.paths if len(p.values) < self.problem.horizon.length]
        if self.failure is not None or not open_paths:
            return []
        least = min(len(path.values) for path in open_paths)
        return [path for path in open_paths if len(path.values) == least]


class Llmp(Learner):
    """LLM Processes (arXiv 2405.12856) as run on Context is Key (arXiv 2410.18959).

    The prompt is the text, one line `timestamp, value` for each known value, and the next time
    stamp; the model writes the value, which goes into that sample's own prompt for the next one.
    `model="api:NAME"`, or `base_url=`, is a model behind an endpoint for completions; any other
    name is a local model of transformers. Models that were not tuned to chat do better.

    Values are written with as many decimals as the series needs, in its own unit, and may take as
    many tokens as their digits need. A value that is no number, or was cut off, is drawn again;
    a path is given up after `redraws` such tries. `behaviour="official"` writes two decimals,
    takes 7 tokens and the first number of the line, whatever stands before it.

    Options of `icl.load`: see `CARD.options`. Options of `predict`: `samples`.
    """

    predict_options: ClassVar[frozenset[str]] = frozenset({"samples"})

    def __init__(self, card: LearnerCard, load: LoadOptions, **options: Any) -> None:
        known = LlmpOptions.__dataclass_fields__
        self.options = LlmpOptions(
            **{name: options.pop(name) for name in list(options) if name in known}
        )
        super().__init__(card, load, **options)
        self._official = load.behaviour == "official"
        self.writer: Writer = open_writer(self.options, load)
        self.network = getattr(self.writer, "model", None)

    @classmethod
    def needs_weights(cls, options: Mapping[str, Any]) -> bool:
        """The model is named by an option."""
        return False

    def _prepare(self, context: Context) -> Context:
        if context.examples:
            raise InputError("llmp reads no examples", "use direct-prompt, or leave them out")
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
        **options: Any,
    ) -> list[Forecast]:
        wanted = self.options.samples if samples is None else samples
        replace(self.options, samples=wanted)  # refuses what is no number of samples
        growing = [
            self._start(Problem.of(self._prepare(context), horizon, self.card.name), wanted)
            for context, horizon in pairs
        ]
        failed = self._grow(growing)
        if failed is not None and self.options.failures == "raise":
            raise failed
        return [self._forecast(one, wanted) for one in growing]

    def _start(self, problem: Problem, wanted: int) -> _Growing:
        series = problem.series
        own = OFFICIAL_DECIMALS if self._official else decimals_of(series.values)
        decimals = own if self.options.decimals is None else self.options.decimals
        most = OFFICIAL_TOKENS if self._official else tokens_of(series.values, decimals)
        stamps, _ = written_stamps(series, 1)
        shown = (
            slice(None)
            if self.options.max_history is None
            else slice(-self.options.max_history, None)
        )
        text = prefix(problem.text) + lines_of(stamps[shown], series.values[shown], decimals)
        paths = [_Path(text) for _ in range(wanted)]
        grammar = None
        if self.options.constrained:
            grammar = AnswerGrammar((" ", "\n"), digits_of(series.values), decimals)
        return _Growing(problem, decimals, self.options.max_tokens or most, paths, grammar)

    def _grow(self, growing: Sequence[_Growing]) -> Exception | None:
        """Ask for one value after the other, for all paths of all problems side by side."""
        failed: list[Exception] = []
        while True:
            asked = [(one, part) for one in growing for part in self._parts(one)]
            if not asked:
                return failed[0] if failed else None
            written = self.writer.write([self._job(one, part) for one, part in asked])
            for (one, part), found in zip(asked, written, strict=True):
                self._take(one, part, found)
            error = self.writer.error(self.card.name)
            if error is not None:
                failed.append(error)

    def _parts(self, one: _Growing) -> list[list[_Path]]:
        waiting, size = one.waiting(), self.options.batch_size
        return [waiting[start : start + size] for start in range(0, len(waiting), size)]

    def _job(self, one: _Growing, part: Sequence[_Path]) -> Job:
        stamp = one.problem.stamps[len(part[0].values)]
        prompts = tuple(f"{path.text}{stamp}," for path in part)
        same = (prompts, len(part))
        repeat = one.repeats[same]
        one.repeats[same] += 1
        alike = len(set(prompts)) == 1
        return Job(
            prompts=prompts[:1] if alike else prompts,
            n=len(part) if alike else 1,
            repeat=repeat,
            most_tokens=one.most_tokens,
            stop=("\n",),
            grammar=one.grammar,
        )

    def _take(self, one: _Growing, part: Sequence[_Path], written: Written) -> None:
        one.usage += written.usage
        one.keys += written.keys
        one.served_by = one.served_by or written.served_by
        one.failure = written.failure
        if written.failure is not None:
            return
        for path, text in zip(part, written.texts, strict=True):
            value = None
            if text is not None:
                value = next_value(text.words, text.cut, one.decimals, self._official)
            if value is not None:
                stamp = one.problem.stamps[len(path.values)]
                path.text += f"{stamp}, {value:.{one.decimals}f}\n"
                path.values.append(float(f"{value:.{one.decimals}f}"))
                path.tries = 0
                continue
            path.tries += 1
            one.redrawn += 1
            if path.tries > self.options.redraws:
                one.paths.remove(path)
                one.given_up += 1

    def _forecast(self, one: _Growing, wanted: int) -> Forecast:
        meta: dict[str, Any] = {
            "back_end": self.writer.back_end,
            "model": self.writer.name,
            "served_by": one.served_by,
            "sampling": "independent samples of the model",
            "decimals": one.decimals,
            "redrawn": one.redrawn,
            "given_up": one.given_up,
            **usage_of(one.usage),
            "log": self.writer.log,
            "keys": one.keys,
        }
        why = one.failure
        if why is None and one.given_up and (self.options.invalid == "raise" or not one.paths):
            error = EndpointError(
                f"{self.card.name}: {len(one.paths)} of {wanted} samples are valid, since "
                f"{one.given_up} had {self.options.redraws + 1} values in a row that are no number",
                "redraws= draws more often, invalid='fewer' takes what there is",
            )
            if self.options.failures == "raise":
                raise error
            why = error.message
        if why is not None:
            return naive(one.problem, wanted, {**meta, "fallback": f"naive, since {why}"})
        if one.given_up:
            meta["samples_missing"] = one.given_up
        rows = np.array([path.values for path in one.paths])
        return forecast_of(rows, one.problem.series, one.problem.horizon, meta)
