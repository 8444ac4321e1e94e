"""One file over HTTPS: resumed, retried, hashed while it streams."""

from __future__ import annotations

import hashlib
import http.client
import ipaddress
import logging
import os
import re
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from icl_core.errors import WeightsError
from icl_core.runtime.progress import Progress
from icl_core.weights.cache import require_space, wrong_hash

_log = logging.getLogger("icl.weights")

TRIES = 4
TIMEOUT = 30.0
"""Seconds to wait for a connection, and for each read."""

_CHUNK = 1 << 20
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
_LONGEST_WAIT = 30.0


def check_url(url: str, *, loopback: bool = True) -> None:
    """Allow https, and http to this machine only.

    Raises:
        WeightsError: the address is something else, or carries a user name.
    """
    parts = urlsplit(url)
    fine = parts.scheme == "https" or (loopback and parts.scheme == "http" and _is_local(url))
    if not fine or not parts.hostname or "@" in parts.netloc:
        raise WeightsError(f"weights are fetched over https without a user name, not from {url}")


def stream_to(
    part: Path,
    url: str,
    *,
    size: int | None = None,
    sha256: str | None = None,
    label: str = "",
    sleep: Callable[[float], None] = time.sleep,
) -> str:
    """Fetch an address into the file `part` and return its sha256; the caller renames it.

    What is there from an earlier run is only continued when `sha256` is known, since nothing
    else could tell whether both halves belong together.

    Args:
        part: the temporary file, in the folder of the final one.
        url: where it comes from.
        size: bytes, where they are known.
        sha256: the hex digest it must have, where it is known.
        label: what the progress bar says.
        sleep: waits between two tries, in seconds.

    Raises:
        WeightsError: nothing, or the wrong thing, arrived. A wrong file is deleted.
    """
    transfer = _Transfer(part, url, size, sha256.lower() if sha256 else None, label)
    for attempt in range(1, TRIES + 1):
        try:
            return transfer.run()
        except _InterruptedError as stop:
            if attempt == TRIES:
                kept = sha256 is not None and part.exists() and part.stat().st_size > 0
                raise WeightsError(
                    f"cannot fetch {url}: {stop} ({TRIES} tries)",
                    "what arrived is kept and the next try goes on from there" if kept else None,
                ) from stop.__cause__
            wait = stop.wait if stop.wait is not None else 2.0 ** (attempt - 1)
            _log.info("%s: %s; trying again in %.0f s", url, stop, wait)
            sleep(wait)
    raise AssertionError("unreachable: the last try returns or raises")


class _InterruptedError(Exception):
    """A try failed in a way that another try may mend."""

    def __init__(self, reason: str, wait: float | None = None) -> None:
        super().__init__(reason)
        self.wait = wait


class _Transfer:
    """One file on its way; what it learns in one try serves the next."""

    def __init__(
        self, part: Path, url: str, size: int | None, sha256: str | None, label: str
    ) -> None:
        self.part, self.url, self.size, self.sha256 = part, url, size, sha256
        self.label = label
        self.validator: str | None = None
        self.sha = hashlib.sha256()
        self.hashed = 0
        self.inherited = sha256 is not None and part.exists()
        if not self.inherited:
            part.unlink(missing_ok=True)

    def run(self) -> str:
        """Make one try; return the digest of the whole file."""
        have = self._usable()
        if not (have and have == self.size):
            headers = {"Accept-Encoding": "identity", "User-Agent": "icl-suite"}
            if have:
                headers["Range"] = f"bytes={have}-"
                if self.validator:
                    headers["If-Range"] = self.validator
            with self._open(headers) as response:
                self._receive(response, have)
        return self._checked()

    def _usable(self) -> int:
        """Return how many bytes of the part can be continued; drop the part if none can."""
        have = self.part.stat().st_size if self.part.exists() else 0
        too_long = self.size is not None and have > self.size
        if have and (too_long or not (self.sha256 or self.validator)):
            self._restart()
            have = 0
        return have

    def _restart(self) -> None:
        self.part.unlink(missing_ok=True)
        self.sha, self.hashed, self.inherited = hashlib.sha256(), 0, False

    def _open(self, headers: dict[str, str]) -> Any:
        handlers: list[urllib.request.BaseHandler] = [_Redirects()]
        if _is_local(self.url):
            handlers.append(urllib.request.ProxyHandler({}))
        opener = urllib.request.build_opener(*handlers)
        try:
            return opener.open(urllib.request.Request(self.url, headers=headers), timeout=TIMEOUT)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == 416:
                self._restart()
                raise _InterruptedError("the server has no such range", wait=0.0) from error
            reason = f"the server answered {error.code} {error.reason}"
            if error.code in _PASSING:
                raise _InterruptedError(reason, _asked_wait(error.headers)) from error
            raise WeightsError(f"cannot fetch {self.url}: {reason}") from error
        except (OSError, http.client.HTTPException) as error:
            cause = getattr(error, "reason", None) or error
            if isinstance(cause, ssl.SSLCertVerificationError):
                raise WeightsError(
                    f"cannot fetch {self.url}: its certificate is not trusted "
                    f"({cause.verify_message})"
                ) from error
            raise _InterruptedError(str(cause) or type(cause).__name__) from error

    def _receive(self, response: Any, have: int) -> None:
        headers = response.headers
        if headers.get("Content-Encoding", "identity").lower() != "identity":
            raise WeightsError(f"{self.url} is sent compressed, which was not asked for")
        if response.status == 206:
            span = re.match(r"bytes (\d+)-", headers.get("Content-Range", ""))
            if span is None or int(span.group(1)) != have:
                self._restart()
                raise _InterruptedError("the server sent another range than asked for")
        elif have:
            self._restart()  # the server knows no ranges, or the file changed: from the start
            have = 0
        length = headers.get("Content-Length", "")
        total = have + int(length) if length.isdecimal() else None
        if total is not None and self.size is not None and total != self.size:
            self.part.unlink(missing_ok=True)
            raise WeightsError(f"{self.url} has {total} bytes, expected {self.size}")
        etag = headers.get("ETag", "")
        # A weak tag or a date promises the same meaning, not the same bytes.
        self.validator = etag if etag.startswith('"') else None
        require_space(self.part.parent, (total or self.size or have) - have)
        expected = total if total is not None else self.size
        got = self._write(response, have, expected)
        if expected is not None and got < expected:
            raise _InterruptedError(f"the connection ended after {got} of {expected} bytes")
        self.size = got if self.size is None else self.size

    def _write(self, response: Any, have: int, expected: int | None) -> int:
        """Append what arrives to the part; return how many bytes it has."""
        self._hash_part(have)
        label = self.label or self.part.name
        with Progress(label, expected, unit="bytes") as bar:
            bar.advance(have)
            with self._part("ab" if have else "wb") as stream:
                while chunk := _read(response):
                    have += len(chunk)
                    if expected is not None and have > expected:
                        self._restart()
                        raise WeightsError(
                            f"{self.url} has more than the {expected} bytes expected"
                        )
                    try:
                        stream.write(chunk)
                        stream.flush()
                    except OSError as error:
                        raise self._cannot_write(error) from error
                    self.sha.update(chunk)
                    self.hashed = have
                    bar.advance(len(chunk))
                os.fsync(stream.fileno())
        return have

    def _part(self, mode: str) -> IO[bytes]:
        try:
            return open(self.part, mode)
        except OSError as error:
            raise self._cannot_write(error) from error

    def _cannot_write(self, error: OSError) -> WeightsError:
        return WeightsError(f"cannot write {self.part}: {error.strerror or error}")

    def _hash_part(self, have: int) -> None:
        if self.hashed == have:
            return
        self.sha, self.hashed = hashlib.sha256(), have
        with open(self.part, "rb") as stream:
            while chunk := stream.read(_CHUNK):
                self.sha.update(chunk)

    def _checked(self) -> str:
        size = self.part.stat().st_size if self.part.exists() else 0
        self._hash_part(size)
        found = self.sha.hexdigest()
        if self.size is not None and size != self.size:
            self._restart()
            raise WeightsError(f"{self.url} has {size} bytes, expected {self.size}; deleted")
        if self.sha256 is not None and found != self.sha256:
            inherited = self.inherited
            self._restart()
            if inherited:  # the first half was left by an earlier run and may be of another file
                raise _InterruptedError("what an earlier run left did not fit", wait=0.0)
            note = f"; what {self.url} gave was deleted"
            raise wrong_hash(self.part.with_suffix(""), self.sha256, found, note=note)
        return found


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follow at most five redirects, and never from https to something weaker."""

    max_redirections = 5

    def redirect_request(
        self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        check_url(newurl, loopback=req.type == "http")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _read(response: Any) -> bytes:
    try:
        # read1 hands over what is there: nothing is lost when the connection breaks later.
        return bytes(response.read1(_CHUNK))
    except (OSError, http.client.HTTPException) as error:
        raise _InterruptedError(f"the connection broke ({type(error).__name__})") from error


def _is_local(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _asked_wait(headers: Any) -> float | None:
    text = (headers or {}).get("Retry-After", "") or ""
    return min(float(text), _LONGEST_WAIT) if text.isdecimal() else None
