"""The runner: trials into a store, resumed where they stopped, on this machine."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from icl_core.errors import IclError, InputError, PluginError
from icl_core.evaluation.confidence import sureness
from icl_core.evaluation.environment import environment
from icl_core.evaluation.example_pool import ExamplePool
from icl_core.evaluation.selectors import Selector
from icl_core.evaluation.shards import cut, evaluate_shard
from icl_core.evaluation.store import Row, Store
from icl_core.evaluation.trial import (
    SourceChoice,
    Trial,
    data_digest,
    key_of,
    load,
    weights_digest,
)
from icl_core.learner import Learner
from icl_core.types import Episode

WAIT = 2.0
"""Seconds between looks at a shard that another process is running."""

Change = Callable[[Sequence[Episode]], Sequence[Episode]] | Selector
"""What is done to the contexts of a source: by a probe, or by a selector."""


@dataclass(frozen=True)
class RunOptions:
    """How a run behaves; nothing of it is part of a result's key.

    Args:
        batch_size: episodes of a shard.
        limit: only the first so many episodes of each source.
        device: as in `icl.load`.
        dtype: as in `icl.load`.
        retry_failed: run failed episodes again.
        max_failures: stop after more failures than this in all; below 1: after more than this
            share of a trial's episodes; None = never.
    """

    batch_size: int = 16
    limit: int | None = None
    device: str = "auto"
    dtype: str = "auto"
    retry_failed: bool = False
    max_failures: float | None = None

    def __post_init__(self) -> None:
        for name, value in (("batch_size", self.batch_size), ("limit", self.limit)):
            if value is not None and (isinstance(value, bool) or value < 1):
                raise InputError(f"{name} is {value!r}, expected a whole number from 1")
        most = self.max_failures
        if most is not None and (isinstance(most, bool) or not 0 <= most < math.inf):
            raise InputError(f"max_failures is {most!r}, expected a number or a share, from 0")

    def too_many(self, failures: int, of_trial: int, episodes: int) -> bool:
        """Say whether a run has to stop.

        Args:
            failures: failed episodes of all trials.
            of_trial: failed episodes of the running trial.
            episodes: how many the running trial has.
        """
        if self.max_failures is None:
            return False
        if 0 < self.max_failures < 1:
            return of_trial > self.max_failures * episodes
        return failures > self.max_failures


@dataclass
class Outcome:
    """What a run did.

    Args:
        keys: trial -> key in the store, for trials that could run.
        missing: trial -> sentence why it could not run at all (no data, no weights, no extra).
        failures: number of failed episodes, old ones included.
        stopped: whether `max_failures` ended it.
    """

    keys: dict[str, str] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    failures: int = 0
    stopped: bool = False


class Watcher:
    """What is told about a run; the default says nothing."""

    def planned(self, trial: Trial, episodes: int, done: int) -> None:
        """A trial was planned: so many episodes, so many of them are in the store."""

    def advanced(self, trial: Trial, rows: Sequence[Row], seconds: float) -> None:
        """A shard is in the store."""

    def missing(self, trial: Trial, reason: str) -> None:
        """A trial cannot run."""


class Sources:
    """The episodes of the trials of one run; each source is made once."""

    def __init__(self, limit: int | None = None) -> None:
        self._limit = limit
        self._made: dict[str, tuple[Sequence[Episode], str]] = {}
        self._pools: dict[str, ExamplePool] = {}

    def get(self, choice: SourceChoice) -> tuple[Sequence[Episode], str]:
        """Return the episodes of a source and the digest of its data."""
        name = _name(choice)
        if name not in self._made:
            episodes = choice.episodes()
            self._made[name] = (episodes, data_digest(episodes))
        episodes, digest = self._made[name]
        return self._limited(choice, episodes), digest

    def changed(self, trial: Trial, change: Change, learner: Learner) -> Sequence[Episode]:
        """Return the episodes of a trial with other contexts.

        A selector chooses from all of the source, whatever the limit.

        Args:
            trial: whose source and learner it is.
            change: what is done.
            learner: loaded; some selectors ask how sure it is.

        Raises:
            InputError: the source has nothing to select from.
        """
        choice = trial.source
        limited, _ = self.get(choice)
        if not isinstance(change, Selector):
            return change(limited)
        name = _name(choice)
        episodes, _ = self._made[name]
        if name not in self._pools:
            self._pools[name] = ExamplePool(episodes)
        sure = sureness(learner, trial.learner.predict_options)
        return self._limited(choice, change.applied(episodes, self._pools[name], sure))

    def _limited(self, choice: SourceChoice, episodes: Sequence[Episode]) -> Sequence[Episode]:
        limits = [one for one in (self._limit, choice.limit) if one is not None]
        return episodes[: min(limits)] if limits else episodes


def _name(choice: SourceChoice) -> str:
    return repr((choice.name, choice.folder, sorted(choice.options.items(), key=repr)))


def check_changes(trials: Sequence[Trial], changes: Mapping[str, Change]) -> None:
    """Raise a `PluginError` where nothing is known that changes episodes as a trial says."""
    for trial in trials:
        if trial.change and str(dict(trial.change)) not in changes:
            raise PluginError(f"nothing changes episodes by {dict(trial.change)}")


def run(
    trials: Sequence[Trial],
    store: Store,
    options: RunOptions | None = None,
    *,
    watcher: Watcher | None = None,
    changes: Mapping[str, Change] | None = None,
) -> Outcome:
    """Run trials one after the other and store their results; what is stored is not run again.

    Args:
        trials: learners on sources.
        store: where results go and where finished ones are found.
        options: how.
        watcher: is told what happens.
        changes: for trials of probes and selectors: the text of `trial.change` -> what is done to
            the contexts.

    Returns:
        The keys of the trials in the store, and what was missing. A trial whose data or weights
        are missing does not stop the others.
    """
    options, watcher = options or RunOptions(), watcher or Watcher()
    outcome, sources, changes = Outcome(), Sources(options.limit), changes or {}
    check_changes(trials, changes)
    loaded: tuple[str, Learner] | None = None
    try:
        for trial in trials:
            try:
                episodes, digest = sources.get(trial.source)
                measure = trial.score.measure()
                name = repr(trial.learner)
                if loaded is None or loaded[0] != name:
                    loaded = None  # the old network is freed before the next one is loaded
                    loaded = (name, load(trial.learner, options.device, options.dtype))
                learner = loaded[1]
                facts = trial.facts(digest, weights_digest(learner))
                if trial.change:
                    episodes = sources.changed(trial, changes[str(dict(trial.change))], learner)
            except IclError as error:
                outcome.missing[trial.title] = str(error)
                store.name_trial(trial.title, missing=str(error))
                watcher.missing(trial, str(error))
                continue
            key = key_of(facts)
            store.add_trial(key, facts)
            store.name_trial(trial.title, key, len(episodes))
            outcome.keys[trial.title] = key
            one = _Running(trial, key, episodes, learner, measure)
            if _run_one(one, store, options, watcher, outcome):
                outcome.stopped = True
                break
    finally:
        store.release()
    return outcome


@dataclass(frozen=True)
class _Running:
    trial: Trial
    key: str
    episodes: Sequence[Episode]
    learner: Learner
    measure: Any


def _run_one(
    one: _Running, store: Store, options: RunOptions, watcher: Watcher, outcome: Outcome
) -> bool:
    """Run what is left of a trial; returns whether the run has to stop."""
    length = len(one.episodes)
    ready = store.done(one.key)
    watcher.planned(one.trial, length, len(ready & set(range(length))))
    waiting = list(cut(length, options.batch_size))
    while waiting:
        busy = []
        for shard in waiting:
            left = _left(one, shard, store, options)
            if not left:
                continue
            if not store.claim(one.key, left[0]):
                busy.append(shard)
                continue
            left = _left(one, shard, store, options)  # another process may just have done it
            if left:
                rows, seconds = timed(one, left)
                store.write(one.key, rows, seconds, environment(one.learner))
                watcher.advanced(one.trial, rows, seconds)
                if options.max_failures is not None:
                    failed = _failures(store, one.key)
                    if options.too_many(outcome.failures + failed, failed, length):
                        outcome.failures += failed
                        return True
        waiting = busy
        if busy:
            time.sleep(WAIT)
    outcome.failures += _failures(store, one.key)
    return False


def _left(one: _Running, shard: range, store: Store, options: RunOptions) -> list[int]:
    ready = store.done(one.key, with_failed=not options.retry_failed)
    return [number for number in shard if number not in ready]


def _failures(store: Store, key: str) -> int:
    return len(store.done(key)) - len(store.done(key, with_failed=False))


def timed(one: Any, numbers: Sequence[int]) -> tuple[list[Row], float]:
    """Evaluate episodes of a trial; returns the rows and the seconds it took."""
    started = time.monotonic()
    options = one.trial.learner.predict_options
    rows = evaluate_shard(one.learner, one.episodes, numbers, one.measure, options)
    return rows, time.monotonic() - started
