"""Ask an OpenAI-compatible endpoint: bounded in time and in tries, every failure one sentence."""

from __future__ import annotations

import email.utils
import ipaddress
import json
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from icl_core.endpoints.requests import Request
from icl_core.errors import InputError, MissingExtraError, OfflineError, PluginError
from icl_core.settings import settings

_log = logging.getLogger("icl.endpoints")

LONGEST_WAIT = 60.0
"""Seconds; an endpoint that asks for a longer rest is given up."""

FIRST_WAIT, MOST_WAIT = 0.5, 8.0
_PASSING = frozenset({408, 409, 425, 429})
_FINAL = frozenset({401, 403, 404})

LARGEST = 8 << 20
"""Bytes of a reply."""


class EndpointError(PluginError):
    """Requests to an endpoint failed; what came before them is kept."""


@dataclass(frozen=True)
class Attempt:
    """One try.

    Args:
        seconds: how long it took.
        raw: what came back, unchanged; None where nothing came.
        status: HTTP status, where there is one.
        failure: what was wrong, in words; None where it is an answer.
    """

    seconds: float
    raw: str | None = None
    status: int | None = None
    failure: str | None = None


@dataclass(frozen=True)
class Exchange:
    """All tries of one request.

    Args:
        attempts: in order.
        reply: the last one's JSON, where it is an answer.
        final: whether no other request can succeed either, as with a wrong key.
    """

    attempts: tuple[Attempt, ...]
    reply: Mapping[str, Any] | None = None
    final: bool = field(default=False, kw_only=True)

    @property
    def failure(self) -> str | None:
        """What was wrong in the end."""
        return self.attempts[-1].failure


class Endpoint:
    """A client of one endpoint.

    Args:
        base_url: with the version, such as `https://api.openai.com/v1`.
        key: handed to the client, never logged and never stored; None where none is needed.
        timeout: seconds for one answer.
        retries: further tries after a failure that may pass.
        extra: what installs the client library.
        sleep: waits between tries.

    Raises:
        InputError: the address is none, or holds a password.
        OfflineError: it is another machine and the network is switched off.
        MissingExtraError: the client library is missing.
    """

    def __init__(
        self,
        base_url: str,
        key: str | None,
        timeout: float,
        retries: int,
        extra: str,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.base_url = checked_url(base_url)
        self._timeout = timeout
        self._retries = retries
        self.sleep = sleep
        self._key = key
        try:
            import openai
        except ModuleNotFoundError as error:
            raise MissingExtraError(
                "endpoints are asked with the package openai, which is not installed",
                f"pip install '{extra}'",
            ) from error
        if key and self.base_url.startswith("http:") and not _is_here(_host(self.base_url)):
            _log.warning("the key is sent to %s without encryption", _host(self.base_url))
        self._openai: Any = openai
        # A client wants some key, also where the server does not. Tries are counted here.
        self._client: Any = openai.OpenAI(
            api_key=key or "none", base_url=self.base_url, timeout=timeout, max_retries=0
        )

    def ask(self, request: Request) -> Exchange:
        """Send a request until it is answered, fails for good, or was tried often enough."""
        attempts: list[Attempt] = []
        while True:
            attempt, reply, wait = self._try(request)
            attempts.append(attempt)
            if reply is not None:
                return Exchange(tuple(attempts), reply)
            if wait is None or len(attempts) > self._retries:
                return Exchange(tuple(attempts), final=attempt.status in _FINAL)
            longest = min(MOST_WAIT, FIRST_WAIT * 2 ** (len(attempts) - 1))
            self.sleep(wait if wait >= 0 else longest)

    def _try(self, request: Request) -> tuple[Attempt, Mapping[str, Any] | None, float | None]:
        """Send a request once.

        Returns:
            What happened; the reply, if it is one; seconds to wait before the next try, negative
            where the endpoint names none, None where another try would not help.
        """
        start, library = time.monotonic(), self._openai
        client = self._client
        way = client.chat.completions if request.way == "chat" else client.completions
        try:
            with way.with_streaming_response.create(
                model=request.model, extra_body=dict(request.params), **request.content
            ) as response:
                status, raw = int(response.status_code), self._body(response, start)
        except (library.APITimeoutError, TimeoutError):
            words = f"gave no answer within {self._timeout:g} s"
            return Attempt(time.monotonic() - start, failure=words), None, -1.0
        except library.APIStatusError as error:
            return self._refused(error, time.monotonic() - start)
        except Exception as error:
            # The client's own connection errors, and those of its HTTP library from the body.
            if "timeout" in type(error).__name__.lower():
                words = f"gave no answer within {self._timeout:g} s"
                return Attempt(time.monotonic() - start, failure=words), None, -1.0
            cause = self._clean(str(error.__cause__ or error)).strip() or type(error).__name__
            words = f"cannot be reached, or broke off: {cause.splitlines()[0][:200]}"
            return Attempt(time.monotonic() - start, failure=words), None, -1.0
        seconds = time.monotonic() - start
        reply, failure = understood(raw, request.way)
        return Attempt(seconds, raw, status, failure), reply, None if reply is not None else -1.0

    def _body(self, response: Any, start: float) -> str:
        """Read a reply piece by piece, since one that trickles would never be too late."""
        pieces: list[bytes] = []
        size = 0
        for piece in response.iter_bytes():
            pieces.append(piece)
            size += len(piece)
            if time.monotonic() - start > self._timeout:
                raise TimeoutError
            if size > LARGEST:
                raise ValueError(f"its answer has more than {LARGEST >> 20} MiB")
        return self._clean(b"".join(pieces).decode("utf-8", "replace"))

    def _refused(self, error: Any, seconds: float) -> tuple[Attempt, None, float | None]:
        status = int(error.status_code)
        raw = self._clean(error.response.text)
        passing = status in _PASSING or status >= 500
        wait: float | None = -1.0 if passing else None
        words = f"answered with the error {status}{_said(raw)}"
        if passing:
            asked = retry_after(error.response.headers)
            if asked is not None and asked > LONGEST_WAIT:
                words += f", and asks to wait {asked:.0f} s, longer than {LONGEST_WAIT:.0f} s"
                wait = None
            elif asked is not None:
                wait = asked
        return Attempt(seconds, raw, status, words), None, wait

    def _clean(self, text: str) -> str:
        """Take the key out of a text, if a server repeats it."""
        return text.replace(self._key, "***") if self._key else text


def understood(raw: str, way: str = "chat") -> tuple[Mapping[str, Any] | None, str | None]:
    """Read a reply: its JSON, or what is wrong with it in words.

    Args:
        raw: what came.
        way: "chat" or "text", as the request.
    """
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        start = raw.lstrip()[:200].lower()
        if start.startswith(("<!doctype", "<html", "<head", "<body", "<?xml")):
            return None, "answered with a web page instead of JSON; is the address right?"
        what = "nothing" if not raw.strip() else f"broken JSON of {len(raw)} characters"
        return None, f"answered with {what}"
    choices = found.get("choices") if isinstance(found, dict) else None
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        said = _said(raw) if isinstance(found, dict) else ""
        return None, f"answered with JSON that holds no choices{said}"
    if way == "chat" and not isinstance(choices[0].get("message"), dict):
        return None, "answered with JSON whose first choice holds no message"
    if way == "text" and "text" not in choices[0]:
        return None, "answered with JSON whose first choice holds no text"
    return found, None


def words_of(message: Mapping[str, Any]) -> str:
    """Return the words of a reply's message, unchanged; "" where there are none."""
    content = message.get("content")
    if isinstance(content, list):
        parts = [one.get("text") for one in content if isinstance(one, Mapping)]
        content = "".join(part for part in parts if isinstance(part, str))
    if not isinstance(content, str) or not content:
        content = message.get("refusal")
    return content if isinstance(content, str) else ""


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds an endpoint asks to wait, or None."""
    value = headers.get("retry-after", "").strip()
    try:
        return max(0.0, float(headers.get("retry-after-ms", "")) / 1000)
    except ValueError:
        pass
    try:
        seconds = float(value)
        return max(0.0, seconds) if seconds == seconds else None
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except (TypeError, ValueError):
        return None


def checked_url(base_url: str) -> str:
    """Return an address without a slash at its end.

    Raises:
        InputError: it is no address of the web, or holds a user, a password or a query.
        OfflineError: it is another machine and the network is switched off.
    """
    try:
        parts = urlsplit(base_url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise InputError(f"base_url is no address: {error}") from error
    if parts.scheme not in ("http", "https") or not host:
        raise InputError(f"base_url is {base_url!r:.80}, expected https://host/v1")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise InputError(
            "base_url holds a user, a password or a query, expected https://host/v1",
            "the key is read from the environment variable that key_variable names",
        )
    if settings().offline and not _is_here(host):
        raise OfflineError(
            f"the network is switched off (ICL_OFFLINE or HF_HUB_OFFLINE), so {host} is not asked"
        )
    return base_url.rstrip("/")


def _host(base_url: str) -> str:
    return urlsplit(base_url).hostname or ""


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _said(raw: str) -> str:
    """The message inside an error's JSON, if there is one, behind a colon."""
    try:
        found = json.loads(raw)
        error = found.get("error", found)
        words = error.get("message") if isinstance(error, dict) else error
    except (ValueError, RecursionError, AttributeError):
        return ""
    return f": {' '.join(words.split())[:200]}" if isinstance(words, str) and words else ""
