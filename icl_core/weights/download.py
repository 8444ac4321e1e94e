"""Fetch the file of a weight card: once, whole, and checked."""

from __future__ import annotations

import logging
import os
import shlex
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from icl_core.cards import WeightCard
from icl_core.errors import WeightsError
from icl_core.settings import settings
from icl_core.weights import cache, hub
from icl_core.weights.content import complaint
from icl_core.weights.digests import record_digest
from icl_core.weights.https import check_url, stream_to

_log = logging.getLogger("icl.weights")


def fetch(card: WeightCard, learner: str, *, sleep: Callable[[float], None] = time.sleep) -> Path:
    """Return the path of a card's file, from the cache or the network.

    Two processes that want the same file fetch it once: the second waits for the first.

    Args:
        card: which file, from where, and what it must hash to.
        learner: name of the learner; names the folder in the cache.
        sleep: waits between two tries, in seconds.

    Raises:
        OfflineError: the file is not here and the network is switched off.
        WeightsError: the file cannot be fetched, or is not the one the card describes.
    """
    if (found := cache.cached_file(card, learner)) is not None:
        return found
    if card.url is None:
        raise WeightsError(
            f"{card.file}, the weights {card.name!r} of {learner}, are not here, and their card "
            "names no address to fetch them from"
        )
    if card.url.startswith(hub.PREFIX):
        return hub.fetch_from_hub(card, learner)
    path = cache.cache_path(card, learner)
    if settings().offline:
        command = f"curl -L --fail -o {shlex.quote(path.name)} {shlex.quote(card.url)}"
        raise cache.offline_error(card, learner, [path.parent], command)
    check_url(card.url)
    cache.make_folder(path.parent)
    with _lock(path):
        # Whoever held the lock before may have fetched it.
        if (found := cache.cached_file(card, learner)) is not None:
            return found
        cache.show_notice(card, learner)
        part = path.with_name(path.name + ".part")
        sha256 = stream_to(
            part, card.url, size=card.size, sha256=card.sha256, label=path.name, sleep=sleep
        )
        if card.sha256 is None and (problem := complaint(part)) is not None:
            part.unlink(missing_ok=True)
            raise WeightsError(f"{card.url} gave a file that {problem}; it was deleted")
        _keep(part, path, sha256)
    return path


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Hold the lock of a file; say so in the log when another process has it."""
    lock = FileLock(path.with_name(path.name + ".lock"))
    try:
        lock.acquire(timeout=1)
    except Timeout:
        _log.info("waiting for another process that fetches %s", path.name)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _keep(part: Path, path: Path, sha256: str) -> None:
    """Give the finished file its name; its content was synced to disk before."""
    os.replace(part, path)
    if os.name == "posix":
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    record_digest(path, sha256)
