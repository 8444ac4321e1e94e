"""How far a run is, on stderr: a bar with the time left on a terminal, one line a trial."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING

from icl_cli.guard import say
from icl_core.evaluation import Row, Trial, Watcher
from icl_core.runtime.progress import Progress

if TYPE_CHECKING:
    from icl_bench.campaign import Campaign


class OnStderr(Watcher):
    """Says what a run does. Use it in a `with`.

    Args:
        campaign: that is run.
    """

    def __init__(self, campaign: Campaign) -> None:
        probed = sum(len(one.trials) for one in campaign.probed)
        selected = sum(len(one.trials) for one in campaign.selected)
        self._total = len(campaign.asked) + probed + selected
        self._begun: set[str] = set()
        self._left: dict[str, int] = {}
        self._failed: dict[str, int] = {}
        self._seconds: dict[str, float] = {}
        self._since = time.monotonic()
        self._bar: Progress | None = None
        self._said: set[str] = set()

    def planned(self, trial: Trial, episodes: int, done: int) -> None:
        """Show a new bar."""
        title = trial.title
        self._begun.add(title)
        self._left[title] = episodes - done
        self.close()
        if episodes > done:
            number = f"{min(len(self._begun), self._total)} of {self._total}"
            self._bar = Progress(f"{number}: {title}", episodes - done)

    def advanced(self, trial: Trial, rows: Sequence[Row], seconds: float) -> None:
        """Move the bar, and write a line when a trial is done."""
        title = trial.title
        self._left[title] = self._left.get(title, 0) - len(rows)
        failed = sum(row.failed for row in rows)
        self._failed[title] = self._failed.get(title, 0) + failed
        self._seconds[title] = self._seconds.get(title, 0.0) + seconds
        if self._bar is not None:
            self._bar.advance(len(rows))
        if self._left[title] <= 0:
            self.close()
            bad = f", {self._failed[title]} failed" if self._failed[title] else ""
            say(f"{title}: {self._seconds[title]:.1f} s{bad}{self._time_left()}")

    def missing(self, trial: Trial, reason: str) -> None:
        """Say why a trial cannot run; a set without data once for all learners."""
        self._begun.add(trial.title)
        name = trial.source.title if reason.startswith("needs ") else trial.title
        if (line := f"skipped: {name} {reason}") not in self._said:
            self._said.add(line)
            say(line)

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def __enter__(self) -> OnStderr:
        for handler in logging.getLogger("icl").handlers:
            handler.addFilter(self._once)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
        for handler in logging.getLogger("icl").handlers:
            handler.removeFilter(self._once)

    def _once(self, record: logging.LogRecord) -> bool:
        """Let a warning through once: what is said of an episode is true of thousands."""
        text = record.getMessage()
        known = text in self._said
        self._said.add(text)
        return not known

    def _time_left(self) -> str:
        """Guess from the trials so far; nothing where it is short or unknown."""
        done, spent = len(self._begun), time.monotonic() - self._since
        left = spent / done * (self._total - done) if done else 0.0
        return f", about {left / 60:.0f} min left" if left > 60 else ""
