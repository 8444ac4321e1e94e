"""Answers of an OpenAI-compatible endpoint: asked side by side, kept, and never made up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import exp
from typing import Any, NamedTuple

import numpy as np

from icl_core import Classification
from icl_core.endpoints import Answered, Asker, words_of
from icl_linking.lcl.chat import Style, conversation
from icl_linking.lcl.endpoint.pictures import DataUrls
from icl_linking.lcl.endpoint.requests import chat_request
from icl_linking.lcl.labels import Shown, from_text, without_label

TOP = 20
"""Alternatives of the first token that are asked for."""

OWN_FIELDS = ("model", "messages", "stream", "n")


class Asked(NamedTuple):
    """A context, a query, and the labels to choose from."""

    shown: Shown
    query: np.ndarray
    labels: tuple[str, ...]


class EndpointModel:
    """Answers queries with a model behind an endpoint.

    Args:
        asker: sends requests and keeps replies.
        name: of the model.
        style: how conversations are laid out.
        answers: "generate" or "first-token".
        most: tokens of an answer at most.
        params: more fields of the request; None takes a field away.
        record_failures: whether a failed request gives an answer without a label.
        urls: encodes pictures.
    """

    def __init__(
        self,
        asker: Asker,
        name: str,
        style: Style,
        answers: str,
        most: int,
        *,
        params: Mapping[str, Any],
        record_failures: bool,
        urls: DataUrls,
    ) -> None:
        self.asker = asker
        self.endpoint = asker.endpoint
        self.replies = asker.replies
        self.name = name
        self.style = style
        self.urls = urls
        self.answers = answers
        self._record_failures = record_failures
        fields: dict[str, Any] = {"temperature": 0, "max_tokens": most}
        if "max_completion_tokens" in params:
            del fields["max_tokens"]
        if answers == "first-token":
            fields |= {"logprobs": True, "top_logprobs": TOP}
        fields |= params
        self._params = {name: value for name, value in fields.items() if value is not None}

    def prepare(self, shown: Shown) -> Shown:
        """There is nothing to do before a query is known."""
        return shown

    def answer(
        self, shown: Shown, queries: Sequence[np.ndarray], labels: Sequence[str]
    ) -> list[Classification]:
        """Answer queries of one context, choosing among labels."""
        return self.answer_all([Asked(shown, query, tuple(labels)) for query in queries])

    def answer_all(self, asked: Sequence[Asked]) -> list[Classification]:
        """Answer queries side by side. Equal requests, and those answered before, are sent once.

        Raises:
            EndpointError: some failed; everything else was asked and kept before.
        """
        requests = [
            chat_request(
                self.name,
                conversation(a.shown.examples, a.query, self.style, a.labels, a.shown.text),
                self._params,
                self.urls,
            )
            for a in asked
        ]
        answered = self.asker.ask(requests)
        found = [self._answer(one, a) for one, a in zip(asked, answered, strict=True)]
        if not self._record_failures:
            instead = "failures='record' to go on without them"
            if error := self.asker.error(answered, "lcl", instead):
                raise error
        return found

    def _answer(self, asked: Asked, answered: Answered) -> Classification:
        record = answered.record
        meta: dict[str, Any] = {
            "back_end": "endpoint",
            "model": self.name,
            "layout": self.style.layout,
            "answers": self.answers,
            "key": record["key"],
            "from_log": not answered.fresh,
            "usage": record.get("usage"),
            "cost": record.get("cost"),
            "seconds": record.get("seconds"),
            "tries": len(record.get("attempts", ())),
        }
        if answered.failure is not None:
            return without_label(asked.labels, None, {**meta, "failed": answered.failure})
        reply = answered.reply()
        meta |= {"raw": answered.raw, "served_by": reply.get("model")}
        if reply.get("system_fingerprint") is not None:
            meta["system_fingerprint"] = reply["system_fingerprint"]
        choice = (reply["choices"] or [{"message": {}}])[0]
        text = words_of(choice["message"])
        meta["finish_reason"] = choice.get("finish_reason")
        if self.answers == "first-token":
            chances = first_token(choice, asked.labels)
            meta["scored_by"] = "text" if chances is None else "first-token"
            if chances is not None:
                # The label was weighed and not read from the words, which are in `raw`.
                best = asked.labels[int(np.argmax(chances))]
                return Classification(best, asked.labels, chances, None, meta)
        return from_text(asked.labels, text, meta)


def first_token(choice: Mapping[str, Any], labels: Sequence[str]) -> np.ndarray | None:
    """Return how likely each label is by the first token of an answer: float32 [K].

    A token counts for the one label that begins with it.

    Args:
        choice: of a reply.
        labels: to choose from.

    Returns:
        None where there are no log-probabilities, or most of them fit several labels or none.
    """
    try:
        listed = choice["logprobs"]["content"][0]["top_logprobs"]
        pairs = [(str(one["token"]), float(one["logprob"])) for one in listed]
    except (KeyError, IndexError, TypeError, ValueError):
        return None
    chances, shared = np.zeros(len(labels)), 0.0
    for token, logprob in pairs:
        start = token.strip().strip("\"'*").strip().casefold()
        fitting = [k for k, label in enumerate(labels) if start and _begins(label, start)]
        if not logprob <= 0.01:  # also what is no number
            continue
        if len(fitting) == 1:
            chances[fitting[0]] += exp(logprob)
        elif fitting:
            shared += exp(logprob)
    total = float(chances.sum())
    if total <= shared or total <= 0:
        return None
    return (chances / total).astype(np.float32)


def _begins(label: str, start: str) -> bool:
    return label.strip("\"'*").strip().casefold().startswith(start)
