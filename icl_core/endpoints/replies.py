"""The log of replies: every one is kept unchanged, so that a run that broke off goes on."""

from __future__ import annotations

import errno
import json
import os
import threading
from pathlib import Path
from typing import Any

from icl_core.errors import InputError

OK, FAILED = "ok", "failed"
_ADD = os.O_WRONLY | os.O_APPEND | os.O_CREAT


class Replies:
    """A file of JSON Lines, one a request that was answered or given up.

    Lines are added in one write each, so that several processes may share a file and a process
    that is ended loses the line it was writing at most; such a line is skipped when it is read.

    Args:
        path: the file; None keeps replies as long as this object lives.

    Raises:
        InputError: the file cannot be read or written.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._known: dict[str, dict[str, Any]] = {}
        if path is None:
            return
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(path, _ADD, 0o600))  # for nobody else's eyes
            with path.open("a+b") as file:
                file.seek(0)
                for line in file:
                    self._take(line)
                size = file.tell()
                if size:
                    file.seek(size - 1)
                    if file.read(1) != b"\n":  # a broken line is closed, so that others follow it
                        file.write(b"\n")
        except OSError as error:
            raise InputError(
                f"the log {path} cannot be used: {error.strerror or error}",
                "log=FILE names another one, log=False keeps none",
            ) from error

    def __len__(self) -> int:
        return len(self._known)

    def find(self, key: str) -> dict[str, Any] | None:
        """Return the record of an answered request."""
        with self._lock:
            found = self._known.get(key)
        return found if found is not None and found.get("status") == OK else None

    def add(self, record: dict[str, Any]) -> None:
        """Keep a record: `key`, `status` and whatever else there is to say.

        Raises:
            InputError: the file cannot be written.
        """
        line = json.dumps(record).encode("ascii") + b"\n"
        with self._lock:
            self._known[record["key"]] = record
            if self.path is None:
                return
            try:
                handle = os.open(self.path, _ADD, 0o600)
                try:
                    if os.write(handle, line) < len(line):
                        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                finally:
                    os.close(handle)
            except OSError as error:
                raise InputError(
                    f"the log {self.path} cannot be written: {error.strerror or error}"
                ) from error

    def _take(self, line: bytes) -> None:
        try:
            record = json.loads(line)
        except ValueError:
            return
        if isinstance(record, dict) and isinstance(record.get("key"), str):
            old = self._known.get(record["key"])
            if old is None or old.get("status") != OK or record.get("status") == OK:
                self._known[record["key"]] = record
