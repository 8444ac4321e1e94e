"""Answers of an OpenAI-compatible endpoint: asked side by side, kept, and never made up."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from math import exp
from typing import Any, NamedTuple

import numpy as np

from icl_core import Classification, InputError
from icl_linking.lcl.chat import Style, conversation
from icl_linking.lcl.endpoint.client import Endpoint, EndpointError, Exchange
from icl_linking.lcl.endpoint.pictures import DataUrls
from icl_linking.lcl.endpoint.replies import FAILED, OK, Replies
from icl_linking.lcl.endpoint.requests import ChatRequest, chat_request
from icl_linking.lcl.labels import Shown, from_text, without_label

_log = logging.getLogger("icl.lcl")

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
        endpoint: the client.
        replies: what was answered before, and where answers are kept.
        name: of the model.
        style: how conversations are laid out.
        answers: "generate" or "first-token".
        most: tokens of an answer at most.
        params: more fields of the request; None takes a field away.
        concurrency: requests at the same time.
        record_failures: whether a failed request gives an answer without a label.
        price: of a million tokens, in and out.
        urls: encodes pictures.

    Raises:
        InputError: `params` holds a field that is set here.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        replies: Replies,
        name: str,
        style: Style,
        answers: str,
        most: int,
        *,
        params: Mapping[str, Any],
        concurrency: int,
        record_failures: bool,
        price: tuple[float, float] | None,
        urls: DataUrls,
    ) -> None:
        self.endpoint = endpoint
        self.replies = replies
        self.name = name
        self.style = style
        self.urls = urls
        self.answers = answers
        self._concurrency = concurrency
        self._record_failures = record_failures
        self._price = price
        own = next((field for field in OWN_FIELDS if field in params), None)
        if own is not None:
            raise InputError(f"params holds {own!r}, which is set here, expected other fields")
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
        by_key = {request.key: request for request in requests}
        records = {key: self.replies.find(key) for key in by_key}
        missing = [by_key[key] for key, record in records.items() if record is None]
        fresh = self._ask_all(missing)
        found = [
            self._answer(one, fresh.get(request.key) or records[request.key], request.key in fresh)
            for one, request in zip(asked, requests, strict=True)
        ]
        failed = [record for record in fresh.values() if record["status"] != OK]
        if failed and not self._record_failures:
            raise self._error(failed, len(by_key))
        return found

    def _ask_all(self, requests: Sequence[ChatRequest]) -> dict[str, dict[str, Any]]:
        """Send requests; return the record of each, by its key."""
        if not requests:
            return {}
        run = _Run(max(8, 2 * self._concurrency))
        pool = ThreadPoolExecutor(self._concurrency, thread_name_prefix="icl-lcl")
        try:
            found = list(pool.map(lambda request: self._ask(request, run), requests))
        except BaseException:
            run.stop("the run was stopped")
            pool.shutdown(wait=False, cancel_futures=True)
            raise
        pool.shutdown()
        return {record["key"]: record for record in found}

    def _ask(self, request: ChatRequest, run: _Run) -> dict[str, Any]:
        record: dict[str, Any] = {"key": request.key, "status": FAILED, "asked": False}
        if run.reason is not None:
            return {**record, "error": f"was not asked, since {run.reason}"}
        start = time.monotonic()
        exchange = self.endpoint.ask(request)
        record |= {
            "status": FAILED if exchange.failure else OK,
            "asked": True,
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
            "base_url": self.endpoint.base_url,
            **request.record(),
            "seconds": round(time.monotonic() - start, 3),
            "attempts": [vars(one) for one in exchange.attempts],
            "error": exchange.failure,
            **self._counted(exchange),
        }
        run.note(exchange)
        self.replies.add(record)
        return record

    def _counted(self, exchange: Exchange) -> dict[str, Any]:
        """Tokens and costs of an exchange, as far as the reply tells."""
        usage = (exchange.reply or {}).get("usage")
        if not isinstance(usage, Mapping):
            return {"usage": None, "cost": None}
        names = ("prompt_tokens", "completion_tokens", "total_tokens")
        tokens = {name: usage[name] for name in names if isinstance(usage.get(name), int)}
        cost = usage.get("cost")
        if self._price is not None and len(tokens) >= 2:
            prompt, completion = (tokens.get(name, 0) for name in names[:2])
            cost = (prompt * self._price[0] + completion * self._price[1]) / 1e6
        return {"usage": tokens, "cost": cost if isinstance(cost, int | float) else None}

    def _answer(self, asked: Asked, record: dict[str, Any] | None, fresh: bool) -> Classification:
        assert record is not None
        meta: dict[str, Any] = {
            "back_end": "endpoint",
            "model": self.name,
            "layout": self.style.layout,
            "answers": self.answers,
            "key": record["key"],
            "from_log": not fresh,
            "usage": record.get("usage"),
            "cost": record.get("cost"),
            "seconds": record.get("seconds"),
            "tries": len(record.get("attempts", ())),
        }
        if record["status"] != OK:
            return without_label(asked.labels, None, {**meta, "failed": record["error"]})
        raw = record["attempts"][-1]["raw"]
        from icl_linking.lcl.endpoint.client import understood

        reply = understood(raw)[0] or {"choices": [{"message": {}}]}
        meta |= {"raw": raw, "served_by": reply.get("model")}
        if reply.get("system_fingerprint") is not None:
            meta["system_fingerprint"] = reply["system_fingerprint"]
        choice = reply["choices"][0]
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

    def _error(self, failed: Sequence[Mapping[str, Any]], count: int) -> EndpointError:
        first = next((one for one in failed if one["asked"]), failed[0])
        place = self.replies.path
        kept = f"the other replies are kept in {place}" if place else "the other replies are kept"
        return EndpointError(
            f"lcl: {len(failed)} of {count} requests failed: {self.endpoint.base_url} "
            f"{first['error']}; {kept}",
            "ask again to send the failed ones alone, or failures='record' to go on without them",
        )


class _Run:
    """Stops asking where nothing can succeed: a wrong key, or one failure after the other."""

    def __init__(self, most: int) -> None:
        self.reason: str | None = None
        self._most = most
        self._row = 0
        self._lock = threading.Lock()

    def note(self, exchange: Exchange) -> None:
        with self._lock:
            self._row = self._row + 1 if exchange.failure else 0
            if exchange.final:
                self.reason = f"the endpoint {exchange.failure}"
            elif self._row >= self._most:
                self.reason = f"{self._row} requests failed in a row"

    def stop(self, reason: str) -> None:
        self.reason = reason


def words_of(message: Mapping[str, Any]) -> str:
    """Return the words of a reply's message, unchanged; "" where there are none."""
    content = message.get("content")
    if isinstance(content, list):
        parts = [one.get("text") for one in content if isinstance(one, Mapping)]
        content = "".join(part for part in parts if isinstance(part, str))
    if not isinstance(content, str) or not content:
        content = message.get("refusal")
    return content if isinstance(content, str) else ""


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
