"""The one progress bar. Everything that may take long goes through it."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator, Sized
from types import TracebackType
from typing import Any, TypeVar

from icl_core.settings import settings

T = TypeVar("T")

PATIENCE = 2.0
"""Seconds before a bar appears: short work shows none."""


class Progress:
    """A bar on stderr, for work that outlasts `PATIENCE` seconds. Use it in a `with`.

    It is silent when stderr is not a terminal, when `ICL_PROGRESS=0`, or with `progress=False`.

    Args:
        label: what is being done, a few words.
        total: number of steps or bytes, where it is known.
        progress: False hides it; None and True leave it to the terminal and to `ICL_PROGRESS`.
        unit: "steps", or "bytes" to show sizes and speed.
    """

    def __init__(
        self,
        label: str,
        total: float | None = None,
        *,
        progress: bool | None = None,
        unit: str = "steps",
    ) -> None:
        self.label = label
        self.total = total
        self.done = 0.0
        self._unit = unit
        self._since = time.monotonic()
        self._bar: Any = None
        self._step: Any = None
        self._wanted = progress is not False and sys.stderr.isatty() and settings().progress

    def advance(self, amount: float = 1) -> None:
        """Say that `amount` more steps (or bytes) are done."""
        self.done += amount
        if self._bar is not None:
            self._bar.update(self._step, completed=self.done)
        elif self._wanted and time.monotonic() - self._since >= PATIENCE:
            self._show()

    def close(self) -> None:
        """Take the bar away."""
        self._wanted = False
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _show(self) -> None:
        try:
            from rich import progress as bars
            from rich.console import Console
        except ModuleNotFoundError:
            self._wanted = False
            return
        sized = self._unit == "bytes"
        self._bar = bars.Progress(
            bars.TextColumn("{task.description}"),
            bars.BarColumn(),
            bars.DownloadColumn() if sized else bars.MofNCompleteColumn(),
            bars.TransferSpeedColumn() if sized else bars.TimeElapsedColumn(),
            bars.TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._step = self._bar.add_task(self.label, total=self.total, completed=self.done)
        self._bar.start()


def track(
    iterable: Iterable[T],
    *,
    total: float | None = None,
    label: str = "",
    progress: bool | None = None,
) -> Iterator[T]:
    """Yield the items of an iterable and show how far it is.

    Args:
        iterable: anything.
        total: number of items; its own length where it has one.
        label: what is being done, a few words.
        progress: as in `Progress`.
    """
    if total is None and isinstance(iterable, Sized):
        total = len(iterable)
    with Progress(label, total, progress=progress) as bar:
        for item in iterable:
            yield item
            bar.advance()
