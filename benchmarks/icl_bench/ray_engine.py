"""The engine `ray`: trials spread over a cluster by learner, source and shard.

Workers load a learner once, make the episodes of their shards and score the answers; this process
alone writes. Sources and weights have to be found on each node of the cluster, at the same place or
through the same cache. Results are those of the local engine: the shards are cut at the same places
and worked on by the same code.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from icl_bench.ray_cluster import Resources, connected, settle, surroundings
from icl_bench.ray_pool import Died, Job, Pool
from icl_core.errors import IclError, InputError
from icl_core.evaluation import Outcome, Row, RunOptions, Store, Trial, Watcher
from icl_core.evaluation.environment import environment
from icl_core.evaluation.runner import WAIT, Change, Sources, check_changes, timed
from icl_core.evaluation.shards import cut
from icl_core.evaluation.store import LEASE
from icl_core.evaluation.trial import LearnerChoice, key_of, load, weights_digest
from icl_core.learner import Learner
from icl_core.types import Episode

POLL = 1.0
"""Seconds between looks at what else is to be done while workers work."""


@dataclass(frozen=True)
class _Opened:
    trial: Trial
    episodes: Sequence[Episode]
    learner: Learner
    measure: Any
    facts: dict[str, Any]


class EpisodeWorker:
    """One learner on a node of the cluster. Its methods are called from afar.

    Args:
        choice: the learner; it is loaded when it is first needed.
        options: of the run.
        around: of `surroundings`.
        changes: what probes and selectors do to contexts, by the text of `Trial.change`.
    """

    def __init__(
        self,
        choice: LearnerChoice,
        options: RunOptions,
        around: tuple[str, dict[str, str]],
        changes: Mapping[str, Change],
    ) -> None:
        settle(*around)
        self._changes = changes
        self._choice, self._options = choice, options
        self._sources = Sources(options.limit)
        self._learner: Learner | None = None
        self._open: dict[str, _Opened] = {}

    def plan(self, trials: Sequence[Trial]) -> list[tuple[dict[str, Any], int] | str]:
        """Return each trial's facts and number of episodes, or why it cannot run."""
        found: list[tuple[dict[str, Any], int] | str] = []
        for trial in trials:
            try:
                one = self._opened(trial)
            except IclError as error:
                found.append(str(error))
            else:
                found.append((one.facts, len(one.episodes)))
        return found

    def evaluate(
        self, trial: Trial, key: str, numbers: Sequence[int]
    ) -> tuple[list[Row], float, dict[str, str]]:
        """Return the rows of a shard, the seconds it took, and the environment.

        Args:
            trial: to which it belongs.
            key: of the trial, as it was planned.
            numbers: of the episodes.

        Raises:
            InputError: this node has other data or other weights than the one that planned.
        """
        one = self._opened(trial)
        if key_of(one.facts) != key:
            raise InputError(
                f"{trial.title}: the node {platform.node()} has other data or weights than the "
                "node that planned the run, expected the same on all"
            )
        rows, seconds = timed(one, numbers)
        return rows, seconds, environment(one.learner)

    def _opened(self, trial: Trial) -> _Opened:
        name = repr(trial)
        if name not in self._open:
            episodes, digest = self._sources.get(trial.source)
            measure = trial.score.measure()
            if self._learner is None:
                self._learner = load(self._choice, self._options.device, self._options.dtype)
            facts = trial.facts(digest, weights_digest(self._learner))
            if trial.change:
                change = self._changes[str(dict(trial.change))]
                episodes = self._sources.changed(trial, change, self._learner)
            self._open[name] = _Opened(trial, episodes, self._learner, measure, facts)
        return self._open[name]


@dataclass(eq=False)
class _Planned:
    trial: Trial
    key: str
    length: int


@dataclass(eq=False)
class _Shard:
    """Episodes that are written together.

    Args:
        of: the trial.
        numbers: of all its episodes.
        left: those that were not in the store when it was begun.
        begun: whether it is this process's; then it may be with a worker.
        rows: those that are there already, of episodes that were run alone.
        seconds: that these took.
        where: environment that they were made in.
    """

    of: _Planned
    numbers: range
    left: tuple[int, ...] = ()
    begun: bool = False
    rows: list[Row] = field(default_factory=list)
    seconds: float = 0.0
    where: Mapping[str, str] = field(default_factory=dict)


def run(
    trials: Sequence[Trial],
    store: Store,
    options: RunOptions | None = None,
    *,
    watcher: Watcher | None = None,
    changes: Mapping[str, Change] | None = None,
    address: str | None = None,
    resources: Resources | None = None,
) -> Outcome:
    """Run trials on a Ray cluster and store their results; what is stored is not run again.

    A shard whose worker died is given to another one. Where all its workers die, each episode is
    run alone, and the episodes that workers die of are failed rows.

    Args:
        trials: learners on sources.
        store: where results go and where finished ones are found; this process alone writes.
        options: how.
        watcher: is told what happens.
        changes: as in `icl_core.evaluation.run`; they have to go through pickle.
        address: of the cluster; None = that of `RAY_ADDRESS`, else one is started here.
        resources: of the workers.

    Returns:
        As the local engine.

    Raises:
        InputError: there is no cluster, no worker has room in it, or its nodes differ in what
            they hold.
        MissingExtraError: Ray is not installed.
    """
    resources = resources or Resources()
    check_changes(trials, changes or {})
    with connected(address, resources) as ray:
        one = _Run(store, options or RunOptions(), watcher or Watcher(), dict(changes or {}))
        return one.go(trials, ray, resources)


class _Run:
    def __init__(
        self, store: Store, options: RunOptions, watcher: Watcher, changes: dict[str, Change]
    ) -> None:
        self._store, self._options = store, options
        self._watcher, self._changes = watcher, changes
        self._outcome = Outcome()
        self._planned: dict[str, _Planned] = {}
        self._busy: list[Job] = []
        self._begun: set[tuple[str, int]] = set()
        self._pool: Pool

    def go(self, trials: Sequence[Trial], ray: Any, resources: Resources) -> Outcome:
        groups: dict[str, list[Trial]] = {}
        for trial in trials:
            groups.setdefault(repr(trial.learner), []).append(trial)
        around = surroundings()

        def make(group: str) -> tuple[type, tuple[Any, ...]]:
            names = {str(dict(trial.change)) for trial in groups[group] if trial.change}
            changes = {name: self._changes[name] for name in names}
            return EpisodeWorker, (groups[group][0].learner, self._options, around, changes)

        self._pool = pool = Pool(ray, make, resources, self._options.device, self._admit)
        for group, members in groups.items():
            pool.add(Job(group, "plan", (members,), members))
        touched = looked = time.monotonic()
        try:
            while not self._outcome.stopped:
                for job, answer in pool.finished(POLL):
                    self._take(job, answer)
                now = time.monotonic()
                idle = not pool.running and not any(pool.waiting.values())
                if idle and not self._busy:
                    break
                if now - touched > LEASE / 4:
                    self._renew()
                    touched = now
                if now - looked > WAIT:
                    busy, self._busy = self._busy, []
                    for job in busy:
                        pool.add(job)
                    looked = now
                elif idle:
                    time.sleep(POLL)
        finally:
            pool.close()
            self._store.release()
        return self._summed_up(trials)

    def _summed_up(self, trials: Sequence[Trial]) -> Outcome:
        known = [self._planned[repr(t)] for t in trials if repr(t) in self._planned]
        self._outcome.keys = {one.trial.title: one.key for one in known}
        self._outcome.failures = sum(self._failures(one.key) for one in known)
        return self._outcome

    def _take(self, job: Job, answer: Any) -> None:
        if job.method == "plan":
            self._plan(job, answer)
        elif not isinstance(answer, Died):
            rows, seconds, where = answer
            self._keep(job.about, rows, seconds, where)
        elif len(job.arguments[2]) == 1:
            self._keep(job.about, [_dead(job.arguments[2][0], answer)], 0.0, {})
        else:
            for number in job.about.left:  # each has one try
                self._pool.add(self._job(job.about, (number,), answer.deaths - 1))

    def _plan(self, job: Job, answer: Any) -> None:
        trials: Sequence[Trial] = job.about
        if isinstance(answer, Died):
            reason = f"its worker {answer} while it was loaded"
            answer = [reason] * len(trials)
        for trial, found in zip(trials, answer, strict=True):
            if isinstance(found, str):
                self._outcome.missing[trial.title] = found
                self._store.name_trial(trial.title, missing=found)
                self._watcher.missing(trial, found)
                continue
            facts, length = found
            one = _Planned(trial, key_of(facts), length)
            self._store.add_trial(one.key, facts)
            self._store.name_trial(trial.title, one.key, length)
            self._planned[repr(trial)] = one
            ready = self._store.done(one.key)
            self._watcher.planned(trial, length, len(ready & set(range(length))))
            for numbers in cut(length, self._options.batch_size):
                self._pool.add(self._job(_Shard(one, numbers)))

    def _job(self, shard: _Shard, numbers: Sequence[int] = (), deaths: int = 0) -> Job:
        trial = shard.of.trial
        arguments = (trial, shard.of.key, tuple(numbers))
        return Job(repr(trial.learner), "evaluate", arguments, shard, deaths)

    def _admit(self, job: Job) -> bool:
        """Take a shard right before it is run; one that another process has comes back later."""
        shard = job.about
        if job.method == "plan" or shard.begun:
            return True
        if not self._look(shard):
            return False
        mark = (shard.of.key, shard.left[0])
        # Two trials may have one key, such as a set and the lowest level of a probe.
        if mark in self._begun or not self._store.claim(*mark):
            self._busy.append(job)
            return False
        if not self._look(shard):  # another process may just have done it
            return False
        job.arguments = self._job(shard, shard.left).arguments
        shard.begun = True
        self._begun.add((shard.of.key, shard.left[0]))
        return True

    def _look(self, shard: _Shard) -> bool:
        ready = self._store.done(shard.of.key, with_failed=not self._options.retry_failed)
        shard.left = tuple(number for number in shard.numbers if number not in ready)
        return bool(shard.left)

    def _renew(self) -> None:
        """Keep what workers are at; a run of hours is not that of a process that died."""
        for job in self._pool.running:
            if job.method == "evaluate":
                self._store.claim(job.about.of.key, job.about.left[0])

    def _keep(
        self, shard: _Shard, rows: Sequence[Row], seconds: float, where: Mapping[str, str]
    ) -> None:
        """Write a shard as soon as it is complete."""
        shard.rows += rows
        shard.seconds += seconds
        shard.where = shard.where or where
        if len(shard.rows) < len(shard.left):
            return
        one, outcome = shard.of, self._outcome
        found = sorted(shard.rows, key=lambda row: row.number)
        self._store.write(one.key, found, shard.seconds, shard.where)
        self._begun.discard((one.key, shard.left[0]))
        self._watcher.advanced(one.trial, found, shard.seconds)
        if self._options.max_failures is not None:
            failures = sum(self._failures(other.key) for other in self._planned.values())
            failed = self._failures(one.key)
            if self._options.too_many(failures, failed, one.length):
                outcome.stopped = True

    def _failures(self, key: str) -> int:
        return len(self._store.done(key)) - len(self._store.done(key, with_failed=False))


def _dead(number: int, answer: Died) -> Row:
    sentence = f"the worker died {answer.deaths} times while it predicted this episode"
    return Row(number, str(number), {}, {}, sentence)
