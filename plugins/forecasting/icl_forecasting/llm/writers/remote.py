"""A model behind an OpenAI-compatible endpoint as a writer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from icl_core.endpoints import Answered, Asker, ChatRequest, Request, TextRequest, words_of
from icl_forecasting.llm.writers.writer import Job, Text, Usage, Written

MOST_AT_ONCE = 1000
"""More texts than a job ever asks for: keeps the repeats of single requests apart."""


class RemoteWriter:
    """Asks an endpoint for texts.

    Where a server answers with fewer texts than were asked for, as those do that ignore `n`, the
    missing ones are asked for one by one, side by side, unless `as_it_comes`.

    Args:
        asker: sends requests and keeps replies.
        name: of the model.
        params: fields of every request; None takes a field away.
        as_it_comes: take what a server gives.
        single: ask for each text in a request of its own from the start.
    """

    back_end = "endpoint"

    def __init__(
        self,
        asker: Asker,
        name: str,
        params: Mapping[str, Any],
        as_it_comes: bool = False,
        single: bool = False,
    ) -> None:
        self.asker = asker
        self.name = name
        self._params = dict(params)
        self._as_it_comes = as_it_comes
        self._single = single
        self._asked: list[Answered] = []

    @property
    def log(self) -> str | None:
        """The file that keeps the replies."""
        path = self.asker.replies.path
        return None if path is None else str(path)

    def write(self, jobs: Sequence[Job]) -> list[Written]:
        """Do jobs, side by side; see `Writer`."""
        answered: list[list[Answered]] = [[] for _ in jobs]
        texts: list[list[Text | None]] = [[None] * _count(job) for job in jobs]
        if not self._single:
            for place, one in enumerate(self.asker.ask([self._request(job) for job in jobs])):
                answered[place].append(one)
                texts[place] = _texts(one, jobs[place])
        if self._single or not self._as_it_comes:
            self._fill(jobs, answered, texts)
        self._asked = [one for own in answered for one in own]
        return [_written(*pair) for pair in zip(answered, texts, strict=True)]

    def _fill(
        self,
        jobs: Sequence[Job],
        answered: list[list[Answered]],
        texts: list[list[Text | None]],
    ) -> None:
        """Ask for the texts that are missing one by one."""
        wanted = [
            (number, place)
            for number, own in enumerate(texts)
            for place, text in enumerate(own)
            if text is None and all(one.failure is None for one in answered[number])
        ]
        requests = [self._one(jobs[number], place) for number, place in wanted]
        for (number, place), one in zip(wanted, self.asker.ask(requests), strict=True):
            answered[number].append(one)
            texts[number][place] = _texts(one, Job(n=1, most_tokens=1))[0]

    def error(self, who: str) -> Exception | None:
        """Return one sentence about what failed in the last `write`."""
        return self.asker.error(self._asked, who, "failures='naive' to go on without them")

    def _request(self, job: Job) -> Request:
        fields = {"n": job.n} if job.n > 1 else {}
        return self._of(job, job.prompts, fields, job.repeat)

    def _one(self, job: Job, place: int) -> Request:
        prompts = job.prompts[place // job.n : place // job.n + 1]
        return self._of(job, prompts, {}, (job.repeat + 1) * MOST_AT_ONCE + place)

    def _of(
        self, job: Job, prompts: tuple[str, ...], fields: Mapping[str, Any], repeat: int
    ) -> Request:
        most = "max_completion_tokens" if "max_completion_tokens" in self._params else "max_tokens"
        given: dict[str, Any] = {most: job.most_tokens, **self._params, **fields}
        if job.stop:
            given["stop"] = list(job.stop)
        params = {name: value for name, value in given.items() if value is not None}
        if job.messages:
            return ChatRequest(model=self.name, messages=job.messages, params=params, repeat=repeat)
        return TextRequest(model=self.name, prompts=prompts, params=params, repeat=repeat)


def _count(job: Job) -> int:
    return job.n * max(1, len(job.prompts))


def _texts(answered: Answered, job: Job) -> list[Text | None]:
    """Return the texts of a reply in order; None where one did not come."""
    count = _count(job)
    found: list[Text | None] = [None] * count
    for position, choice in enumerate(answered.reply()["choices"]):
        if not isinstance(choice, Mapping):
            continue
        index = choice.get("index", position)
        place = index if isinstance(index, int) and 0 <= index < count else position
        if place >= count or found[place] is not None:
            continue
        message = choice.get("message")
        words = choice.get("text") if not isinstance(message, Mapping) else words_of(message)
        cut = choice.get("finish_reason") == "length"
        found[place] = Text(words if isinstance(words, str) else "", cut)
    return found


def _written(answered: Sequence[Answered], texts: Sequence[Text | None]) -> Written:
    usage = Usage()
    for one in answered:
        tokens = one.record.get("usage") or {}
        told = "prompt_tokens" in tokens or one.failure is not None
        usage += Usage(
            1,
            0 if one.fresh else 1,
            tokens.get("prompt_tokens", 0),
            tokens.get("completion_tokens", 0),
            one.record.get("cost"),
            0 if told else 1,
        )
    failed = [one.failure for one in answered if one.failure is not None]
    served = [one.reply().get("model") for one in answered if one.failure is None]
    return Written(
        tuple(texts),
        usage,
        tuple(str(one.record["key"]) for one in answered),
        failed[0] if failed else None,
        served[0] if served and isinstance(served[0], str) else None,
    )
