"""Requests sent side by side, each reply kept with its tokens and costs."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from icl_core.endpoints.client import Endpoint, EndpointError, Exchange, understood
from icl_core.endpoints.options import EndpointOptions, key_of, log_file
from icl_core.endpoints.replies import FAILED, OK, Replies
from icl_core.endpoints.requests import Request
from icl_core.errors import InputError

OPENAI = "https://api.openai.com/v1"
TOKENS = ("prompt_tokens", "completion_tokens", "total_tokens")


@dataclass(frozen=True)
class Answered:
    """What became of a request.

    Args:
        record: what is kept: `key`, `status`, `attempts`, `usage`, `cost`, `seconds`, `error`.
        fresh: whether it was sent now; False = its reply was kept before.
    """

    record: Mapping[str, Any]
    fresh: bool

    @property
    def failure(self) -> str | None:
        """What went wrong, in words that follow the endpoint's address."""
        return None if self.record["status"] == OK else str(self.record["error"])

    @property
    def raw(self) -> str:
        """The reply as it came; only where nothing failed."""
        return str(self.record["attempts"][-1]["raw"])

    def reply(self) -> Mapping[str, Any]:
        """The reply's JSON; an empty list of choices where something failed."""
        if self.failure is not None:
            return {"choices": []}
        way = "text" if "prompt" in self.record else "chat"
        return understood(self.raw, way)[0] or {"choices": []}


class Asker:
    """Sends requests to one endpoint. What was answered before is not sent again.

    Args:
        endpoint: the client.
        replies: what was answered before, and where replies are kept.
        concurrency: requests at the same time.
        price: of a million tokens, in and out.
        most: requests that may be sent in the life of this object; None = any number.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        replies: Replies,
        *,
        concurrency: int,
        price: tuple[float, float] | None = None,
        most: int | None = None,
    ) -> None:
        self.endpoint = endpoint
        self.replies = replies
        self.sent = 0
        self._concurrency = concurrency
        self._price = price
        self._most = most
        self._lock = threading.Lock()

    def ask(self, requests: Sequence[Request]) -> list[Answered]:
        """Answer requests in order; equal ones are sent once.

        No failure raises here: it is in what is returned, beside everything that was answered.
        """
        by_key = {request.key: request for request in requests}
        kept = {key: self.replies.find(key) for key in by_key}
        fresh = self._send_all([by_key[key] for key, record in kept.items() if record is None])
        found = {key: Answered(record, True) for key, record in fresh.items()}
        found |= {key: Answered(record, False) for key, record in kept.items() if record}
        return [found[request.key] for request in requests]

    def error(self, answered: Sequence[Answered], who: str, instead: str) -> EndpointError | None:
        """Return one sentence about all requests that failed, or None.

        Args:
            answered: what came back.
            who: the learner.
            instead: what else may be done, for the hint.
        """
        by_key = {one.record["key"]: one for one in answered}
        failed = [one.record for one in by_key.values() if one.failure is not None]
        if not failed:
            return None
        first = next((one for one in failed if one["asked"]), failed[0])
        place = self.replies.path
        kept = f"the other replies are kept in {place}" if place else "the other replies are kept"
        return EndpointError(
            f"{who}: {len(failed)} of {len(by_key)} requests failed: {self.endpoint.base_url} "
            f"{first['error']}; {kept}",
            f"ask again to send the failed ones alone, or {instead}",
        )

    def _send_all(self, requests: Sequence[Request]) -> dict[str, dict[str, Any]]:
        """Send requests; return the record of each, by its key."""
        if not requests:
            return {}
        run = _Run(max(8, 2 * self._concurrency))
        pool = ThreadPoolExecutor(self._concurrency, thread_name_prefix="icl-endpoint")
        try:
            found = list(pool.map(lambda request: self._send(request, run), requests))
        except BaseException:
            run.stop("the run was stopped")
            pool.shutdown(wait=False, cancel_futures=True)
            raise
        pool.shutdown()
        return {record["key"]: record for record in found}

    def _send(self, request: Request, run: _Run) -> dict[str, Any]:
        record: dict[str, Any] = {"key": request.key, "status": FAILED, "asked": False}
        if run.reason is None and not self._may_send():
            run.stop(f"max_requests={self._most} requests were sent")
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

    def _may_send(self) -> bool:
        with self._lock:
            if self._most is not None and self.sent >= self._most:
                return False
            self.sent += 1
        return True

    def _counted(self, exchange: Exchange) -> dict[str, Any]:
        """Tokens and costs of an exchange, as far as the reply tells."""
        usage = (exchange.reply or {}).get("usage")
        if not isinstance(usage, Mapping):
            return {"usage": None, "cost": None}
        tokens = {name: usage[name] for name in TOKENS if isinstance(usage.get(name), int)}
        cost = usage.get("cost")
        if self._price is not None and len(tokens) >= 2:
            prompt, completion = (tokens.get(name, 0) for name in TOKENS[:2])
            cost = (prompt * self._price[0] + completion * self._price[1]) / 1e6
        return {"usage": tokens, "cost": cost if isinstance(cost, int | float) else None}


def connect(
    options: EndpointOptions, name: str, *, extra: str, most_requests: int | None = None
) -> Asker:
    """Open the endpoint that options name.

    Args:
        options: of the learner.
        name: of the model at the endpoint.
        extra: what installs the client library, for the message.
        most_requests: see `Asker`.

    Raises:
        InputError: the address, the key's variable or the log cannot be used.
        OfflineError: the network is switched off.
        MissingExtraError: the client library is missing.
    """
    base_url = str(options.base_url or os.environ.get("OPENAI_BASE_URL") or OPENAI)
    key = key_of(options.key_variable)
    if key is None and options.base_url is None:
        raise InputError(
            f"the environment variable {options.key_variable} with the key of {base_url} is not "
            "set",
            "export it, or give base_url= of an endpoint that needs no key",
        )
    endpoint = Endpoint(base_url, key, options.timeout, options.retries, extra)
    price = options.price
    return Asker(
        endpoint,
        Replies(log_file(options.log, name, endpoint.base_url)),
        concurrency=options.concurrency,
        price=None if price is None else (price[0], price[1]),
        most=most_requests,
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
