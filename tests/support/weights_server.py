"""A server on this machine that gives one file of weights and misbehaves on request."""

from __future__ import annotations

import hashlib
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from icl_core.cards import WeightCard
from icl_core.weights import fetch

HEADER = b'{"w":{"dtype":"U8","shape":[200000],"data_offsets":[0,200000]}}'
BODY = len(HEADER).to_bytes(8, "little") + HEADER + bytes(range(250)) * 800
SHA = hashlib.sha256(BODY).hexdigest()
ETAG = '"one"'


class Server:
    """Serves BODY; `modes` holds what to do with the next requests, then all goes well."""

    def __init__(self) -> None:
        self.modes: list[str] = []
        self.ranges: list[str | None] = []
        self.methods: list[str] = []
        self.body = BODY
        self.etag: str | None = ETAG
        self.delay = 0.0
        self.head_status = 200
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_HEAD(self) -> None:
                server.methods.append("HEAD")
                self.start(server.head_status, len(server.body), {})

            def do_GET(self) -> None:
                server.methods.append("GET")
                server.ranges.append(self.headers.get("Range"))
                mode = server.modes.pop(0) if server.modes else "ok"
                if mode.isdecimal():
                    self.start(int(mode), 0, {"Retry-After": "7"} if mode == "429" else {})
                elif mode.startswith("to "):
                    self.start(302, 0, {"Location": mode.removeprefix("to ")})
                elif mode == "html":
                    self.start(200, 31, {})
                    self.wfile.write(b"<!DOCTYPE html><p>please log in")
                else:
                    self.send_body(mode)

            def send_body(self, mode: str) -> None:
                threading.Event().wait(server.delay)
                body, begin = server.body, 0
                wanted = self.headers.get("Range")
                changed = self.headers.get("If-Range", server.etag) != server.etag
                headers = {"ETag": server.etag} if server.etag else {}
                if wanted and mode != "ignore range" and not changed:
                    begin = int(wanted.removeprefix("bytes=").removesuffix("-"))
                    headers["Content-Range"] = f"bytes {begin}-{len(body) - 1}/{len(body)}"
                    if mode == "another range":
                        headers["Content-Range"] = f"bytes 0-{len(body) - 1}/{len(body)}"
                self.start(206 if begin else 200, len(body) - begin, headers)
                rest = body[begin:]
                self.wfile.write(rest[: len(rest) // 2] if mode == "drop" else rest)

            def start(self, status: int, length: int, headers: dict[str, str]) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(length))
                self.send_header("X-Repo-Commit", "c" * 40)
                if self.command == "HEAD":
                    self.send_header("ETag", f'"{hashlib.sha256(server.body).hexdigest()}"')
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()

            def log_message(self, *args: Any) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.root = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True).start()


class Place(NamedTuple):
    server: Server
    home: Path
    waits: list[float]

    def card(self, **changes: Any) -> WeightCard:
        fields: dict[str, Any] = dict(
            name="official",
            file="net.safetensors",
            size=len(BODY),
            sha256=SHA,
            url=f"{self.server.root}/net.safetensors",
        )
        return WeightCard(**{**fields, **changes})

    def fetch(self, card: WeightCard) -> Path:
        return fetch(card, "probe", sleep=self.waits.append)

    @property
    def folder(self) -> Path:
        return self.home / "weights" / "probe" / SHA[:12]


def forbid_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any, **options: Any) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
