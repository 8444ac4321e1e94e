"""The request loop of Direct Prompt, for many problems side by side.

The first request of a problem asks for all samples, or `first` of them; each further one for
`later`, until enough are valid or `most` requests were made. Where requests are capped at
`largest` texts, each asks for what is missing, at least `later`, up to the cap, and as many
requests more are allowed as the samples need with that cap.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from icl_core.endpoints import EndpointError
from icl_forecasting.llm.parsing import Parsed
from icl_forecasting.llm.writers.grammar import AnswerGrammar
from icl_forecasting.llm.writers.writer import Job, Text, Usage, Writer, Written


@dataclass(frozen=True)
class Plan:
    """How many texts each request asks for.

    Args:
        first: of the first request; None = all that are wanted.
        later: of each further request.
        most: requests at most.
        largest: texts of a request at most; None = any number.
    """

    first: int | None = None
    later: int = 5
    most: int = 3
    largest: int | None = None

    def next(self, wanted: int, asked: int, valid: int) -> int | None:
        """Return how many texts the next request asks for; None = there is none.

        Args:
            wanted: valid samples that are needed.
            asked: requests that were made.
            valid: samples that were valid.
        """
        missing = wanted - valid
        more = 0 if self.largest is None else wanted // self.largest
        if missing <= 0 or asked >= self.most + more:
            return None
        if self.largest is not None:
            return min(max(missing, self.later), self.largest)
        return (self.first or wanted) if asked == 0 else self.later


@dataclass(eq=False)
class Run:
    """The samples of one prompt on their way.

    Args:
        writer: the model that is asked.
        messages: the prompt.
        wanted: valid samples that are needed.
        plan: of the requests.
        parse: reads a text.
        most_tokens: of a text.
        grammar: of a text, for models that can be held to it.
        repeats: how often the same was asked, shared by the runs of one problem.
    """

    writer: Writer
    messages: tuple[Mapping[str, Any], ...]
    wanted: int
    plan: Plan
    parse: Callable[[Text], Parsed]
    most_tokens: int
    grammar: AnswerGrammar | None = None
    repeats: Counter[Any] = field(default_factory=Counter)
    values: list[np.ndarray] = field(default_factory=list, init=False)
    texts: list[str] = field(default_factory=list, init=False)
    rejected: Counter[str] = field(default_factory=Counter, init=False)
    batches: list[int] = field(default_factory=list, init=False)
    usage: Usage = field(default_factory=Usage, init=False)
    keys: list[str] = field(default_factory=list, init=False)
    served_by: str | None = field(default=None, init=False)
    failure: str | None = field(default=None, init=False)

    def next_job(self) -> Job | None:
        """Return what to ask next; None = nothing more."""
        if self.failure is not None:
            return None
        size = self.plan.next(self.wanted, len(self.batches), len(self.values))
        if size is None:
            return None
        self.batches.append(size)
        same = (tuple(str(one["content"]) for one in self.messages), size)
        repeat = self.repeats[same]
        self.repeats[same] += 1
        return Job(
            messages=self.messages,
            n=size,
            repeat=repeat,
            most_tokens=self.most_tokens,
            grammar=self.grammar,
        )

    def take(self, written: Written) -> None:
        """Read what came back."""
        self.usage += written.usage
        self.keys += written.keys
        self.served_by = self.served_by or written.served_by
        self.failure = written.failure
        for text in written.texts:
            if text is None:
                continue
            parsed = self.parse(text)
            if parsed.values is None:
                self.rejected[str(parsed.reason)] += 1
            else:
                self.values.append(parsed.values)
                self.texts.append(text.words)


def collect(runs: Sequence[Run], who: str) -> Exception | None:
    """Ask until every run has its samples, used up its requests, or failed.

    In each round all runs are asked side by side, so that none waits for the retries of another.

    Args:
        runs: filled in place.
        who: the learner, for the message.

    Returns:
        One sentence about the requests that failed, or None.
    """
    failed: list[Exception] = []
    while True:
        by_writer: dict[int, list[tuple[Run, Job]]] = {}
        for run in runs:
            job = run.next_job()
            if job is not None:
                by_writer.setdefault(id(run.writer), []).append((run, job))
        if not by_writer:
            return failed[0] if failed else None
        for pairs in by_writer.values():
            writer = pairs[0][0].writer
            written = writer.write([job for _, job in pairs])
            for (run, _), one in zip(pairs, written, strict=True):
                run.take(one)
            error = writer.error(who)
            if error is not None:
                failed.append(error)


def too_few(got: int, wanted: int, runs: Sequence[Run], who: str) -> EndpointError:
    """Return the error of a problem without enough valid samples."""
    reasons: Counter[str] = Counter()
    for run in runs:
        reasons.update(run.rejected)
    listed = ", ".join(f"{count} {reason}" for reason, count in reasons.most_common(3)) or "none"
    asked = sum(len(run.batches) for run in runs)
    return EndpointError(
        f"{who}: {got} of {wanted} samples are valid after {asked} requests; "
        f"rejected: {listed}; every reply is kept",
        "n_retries= asks more often, invalid='fewer' takes what there is",
    )
