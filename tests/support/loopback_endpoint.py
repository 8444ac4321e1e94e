"""An OpenAI-compatible endpoint on loopback whose answers and failures are arranged beforehand.

```python
with FakeEndpoint(answer=lambda body: "Yes.") as endpoint:
    endpoint.plan = ["429 0.2", "html", "ok"]  # what happens to the next requests; then "ok"
    icl.load("lcl", model="fake", base_url=endpoint.url)
```
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = Callable[[dict[str, Any]], Any]
HTML = b"<!DOCTYPE html><html><body>Please sign in.</body></html>"


class FakeEndpoint:
    """Answers requests for chat completions and completions.

    Args:
        answer: from a body to the words of the answer, or to a list of them, one a choice; None
            among them is a choice without words. A pair (words, reason) gives the reason why the
            words end there, "stop" otherwise.

    Attributes:
        requests: every body that came, as plain data, with `authorization` of its header.
        plan: what happens to the next requests, one word each: "ok", "html", "half", "empty",
            "no-choices", "drop" (the connection ends), "drip" (a byte now and then), "slow
            SECONDS", "429 SECONDS" (with Retry-After), a status such as "500", "echo" (an error
            that repeats the key).
        tokens: how many a request counts, and how many each of its choices.
        logprobs: from a body to {token: logprob} of the first token; None = none are offered.
        pause: seconds before each answer.
        most_at_once: the largest number of requests that were answered at the same time.
    """

    def __init__(self, answer: Answer) -> None:
        self.requests: list[dict[str, Any]] = []
        self.plan: list[str] = []
        self.answer = answer
        self.tokens = (100, 3)
        self.logprobs: Callable[[dict[str, Any]], Mapping[str, float]] | None = None
        self.pause = 0.0
        self.most_at_once = 0
        self._now = 0
        self._lock = threading.Lock()
        self._closing = threading.Event()

    def __enter__(self) -> FakeEndpoint:
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                fake._handle(self)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), daemon=True
        )
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        """The address, with the version."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def _handle(self, handler: BaseHTTPRequestHandler) -> None:
        body = json.loads(handler.rfile.read(int(handler.headers["Content-Length"])))
        key = handler.headers.get("Authorization", "")
        with self._lock:
            self.requests.append({**body, "path": handler.path, "authorization": key})
            word = self.plan.pop(0) if self.plan else "ok"
            self._now += 1
            self.most_at_once = max(self.most_at_once, self._now)
        try:
            self._closing.wait(self.pause)
            self._respond(handler, word, body, key)
        finally:
            with self._lock:
                self._now -= 1

    def _respond(
        self, handler: BaseHTTPRequestHandler, word: str, body: dict[str, Any], key: str
    ) -> None:
        kind, _, amount = word.partition(" ")
        if kind == "slow":
            self._closing.wait(float(amount))
            kind = "drop" if self._closing.is_set() else "ok"
        if kind == "drop":
            handler.close_connection = True
            handler.connection.close()
        elif kind == "drip":
            _send(handler, 200, b" ", more={"Content-Length": "100"})
            try:
                while not self._closing.wait(0.1):
                    handler.wfile.write(b" ")
            except (BrokenPipeError, ConnectionResetError):
                handler.close_connection = True
        elif kind == "html":
            _send(handler, 200, HTML, "text/html")
        elif kind == "half":
            whole = json.dumps(self.reply(body)).encode()
            _send(handler, 200, whole[: len(whole) // 2])
        elif kind == "empty":
            _send(handler, 200, b"")
        elif kind == "no-choices":
            _send(handler, 200, b'{"object": "chat.completion", "choices": []}')
        elif kind == "429":
            error = {"error": {"message": "Too many requests."}}
            _send(handler, 429, json.dumps(error).encode(), more={"Retry-After": amount})
        elif kind == "echo":
            error = {"error": {"message": f"Incorrect key: {key}"}}
            _send(handler, 401, json.dumps(error).encode())
        elif kind.isdigit():
            error = {"error": {"message": f"Status {kind}."}}
            _send(handler, int(kind), json.dumps(error).encode())
        else:
            _send(handler, 200, json.dumps(self.reply(body)).encode())

    def reply(self, body: dict[str, Any]) -> dict[str, Any]:
        """The JSON of an answer."""
        found = self.answer(body)
        answers = found if isinstance(found, list) else [found]
        chat = "messages" in body
        choices = []
        for index, one in enumerate(answers):
            words, reason = one if isinstance(one, tuple) else (one, "stop")
            said = {"message": {"role": "assistant", "content": words}} if chat else {"text": words}
            choices.append({"index": index, **said, "finish_reason": reason})
        if self.logprobs is not None and body.get("logprobs"):
            listed = [{"token": t, "logprob": p} for t, p in self.logprobs(body).items()]
            choices[0]["logprobs"] = {"content": [{**listed[0], "top_logprobs": listed}]}
        prompt, completion = self.tokens[0], self.tokens[1] * len(choices)
        return {
            "id": "chatcmpl-1",
            "object": "chat.completion" if chat else "text_completion",
            "created": int(time.time()),
            "model": f"{body['model']}-0001",
            "system_fingerprint": "fp_fake",
            "choices": choices,
            "usage": {
                "prompt_tokens": prompt,
                "completion_tokens": completion,
                "total_tokens": prompt + completion,
            },
        }


def _send(
    handler: BaseHTTPRequestHandler,
    status: int,
    content: bytes,
    kind: str = "application/json",
    more: Mapping[str, str] | None = None,
) -> None:
    try:
        handler.send_response(status)
        handler.send_header("Content-Type", kind)
        headers = {"Content-Length": str(len(content)), **(more or {})}
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(content)
    except (BrokenPipeError, ConnectionResetError):
        pass  # the client did not wait
