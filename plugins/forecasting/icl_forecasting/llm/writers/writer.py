"""What is asked of a language model, and what comes back, wherever the model is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from icl_forecasting.llm.writers.grammar import AnswerGrammar


@dataclass(frozen=True, eq=False, kw_only=True)
class Job:
    """Texts that are wanted: the next turn of a conversation, or the continuation of texts.

    Args:
        messages: a conversation, each with `role` and `content`.
        prompts: in place of it, texts to be continued; `n` continuations of each.
        n: how many texts.
        repeat: 0 the first time, then 1, 2 ... where the very same job is wanted again.
        most_tokens: of each text.
        stop: a text ends before the first of these.
        grammar: what a text has to look like, for models that can be held to it.
    """

    n: int
    most_tokens: int
    messages: tuple[Mapping[str, Any], ...] = ()
    prompts: tuple[str, ...] = ()
    repeat: int = 0
    stop: tuple[str, ...] = ()
    grammar: AnswerGrammar | None = None


@dataclass(frozen=True)
class Text:
    """One text that was written.

    Args:
        words: as they came; "" where there were none.
        cut: whether it was ended by the limit of tokens.
    """

    words: str
    cut: bool = False


@dataclass(frozen=True)
class Usage:
    """What texts cost.

    Args:
        requests: how many it took.
        from_log: how many of these were answered before and not sent again.
        prompt_tokens: read, as far as it is known.
        completion_tokens: written, as far as it is known.
        cost: money, where prices are known; those of logged replies count as well.
        uncounted: requests whose replies did not say how many tokens they took.
    """

    requests: int = 0
    from_log: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float | None = None
    uncounted: int = 0

    def __add__(self, other: Usage) -> Usage:
        costs = [one.cost for one in (self, other) if one.cost is not None]
        return Usage(
            self.requests + other.requests,
            self.from_log + other.from_log,
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            sum(costs) if costs else None,
            self.uncounted + other.uncounted,
        )


@dataclass(frozen=True)
class Written:
    """What became of a job.

    Args:
        texts: prompt by prompt; None where a server gave fewer than were asked for.
        usage: what they cost.
        keys: under which the replies are in the log.
        failure: what went wrong, in words; None where nothing did.
        served_by: the model that a server says it is.
    """

    texts: tuple[Text | None, ...] = ()
    usage: Usage = field(default_factory=Usage)
    keys: tuple[str, ...] = ()
    failure: str | None = None
    served_by: str | None = None


class Writer(Protocol):
    """A language model."""

    @property
    def name(self) -> str:
        """Of the model."""
        ...

    @property
    def back_end(self) -> str:
        """Where it is: "endpoint" or "transformers"."""
        ...

    @property
    def log(self) -> str | None:
        """The file that keeps the replies, if any."""
        ...

    def write(self, jobs: Sequence[Job]) -> list[Written]:
        """Do jobs, each as well as it goes; failures are in what is returned."""
        ...

    def error(self, who: str) -> Exception | None:
        """Return one sentence about the failures of the last `write`, or None.

        Args:
            who: the learner.
        """
        ...
