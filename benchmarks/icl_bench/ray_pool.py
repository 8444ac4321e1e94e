"""Workers on a Ray cluster that hold one model each: jobs in, answers out, deaths retried."""

from __future__ import annotations

import logging
import re
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from icl_bench.ray_cluster import Resources, first_line
from icl_core.errors import IclError

logger = logging.getLogger("icl.ray")

_EXCEPTION = re.compile(r"(?!ray\.)[\w.]*(Error|Exception): ")


@dataclass(eq=False)
class Job:
    """One call of a method of a worker.

    Args:
        group: jobs of a group go to workers with the same model.
        method: of the worker.
        arguments: of the method.
        about: for whom, unchanged.
        deaths: how many workers died of it so far.
    """

    group: str
    method: str
    arguments: tuple[Any, ...] = ()
    about: Any = None
    deaths: int = 0


@dataclass(frozen=True)
class Died:
    """The answer to a job whose workers died each time.

    Args:
        deaths: how many.
        reason: the exception that kept the last one from starting, such as a module that its
            node does not have; empty where it was killed.
    """

    deaths: int
    reason: str = ""

    def __str__(self) -> str:
        often = "once" if self.deaths == 1 else f"{self.deaths} times"
        return f"died {often}" + (f" ({self.reason})" if self.reason else "")


def raised(error: BaseException) -> str:
    """Return the exception that an error of Ray reports at its end, if there is one."""
    lines = [line.strip() for line in str(error).splitlines()]
    return next((line for line in reversed(lines) if _EXCEPTION.match(line)), "")[:300]


@dataclass(eq=False)
class _Slot:
    group: str
    actor: Any
    job: Job | None = None


@dataclass
class Pool:
    """Workers on a cluster, each an actor with the model of one group and one job at a time.

    A worker without a job of its group makes room for a worker of another group that has some; a
    model is not loaded twice as long as the first one has all it can do.

    Args:
        ray: connected.
        make: group -> class and arguments of its workers. The class loads in its methods, not when
            it is made: a failure there is a sentence, here the worker would just be dead.
        resources: of each worker.
        device: of the learners.
        admit: is asked right before a job is given to a worker; False drops it.
    """

    ray: Any
    make: Callable[[str], tuple[type, tuple[Any, ...]]]
    resources: Resources
    device: str = "auto"
    admit: Callable[[Job], bool] = lambda job: True
    waiting: dict[str, deque[Job]] = field(default_factory=dict)
    _slots: list[_Slot] = field(default_factory=list)
    _running: dict[Any, _Slot] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.room, self._asked = self.resources.fitted(self.ray, self.device)

    def add(self, job: Job) -> None:
        """Let a job wait for a worker."""
        self.waiting.setdefault(job.group, deque()).append(job)

    @property
    def running(self) -> list[Job]:
        """The jobs that workers are doing."""
        return [slot.job for slot in self._slots if slot.job is not None]

    def finished(self, timeout: float) -> list[tuple[Job, Any]]:
        """Hand out jobs, wait for an answer, and return what came: maybe nothing.

        Args:
            timeout: seconds to wait at most.

        Raises:
            IclError: of a job, as it was raised in the worker.
        """
        self._hand_out()
        if not self._running:
            return []
        ready, _ = self.ray.wait(list(self._running), num_returns=1, timeout=timeout)
        return [one for ref in ready for one in self._answer(ref)]

    def _answer(self, ref: Any) -> Iterator[tuple[Job, Any]]:
        errors = self.ray.exceptions
        slot = self._running.pop(ref)
        job, slot.job = slot.job, None
        assert job is not None, "a slot without a job does not run"
        try:
            yield job, self.ray.get(ref)
        except errors.RayTaskError as error:
            if isinstance(error.cause, IclError):
                raise error.cause from None
            raise
        except errors.RayError as error:  # the worker, its node or its answer is gone
            logger.warning("a worker died during %s: %s", job.method, first_line(error))
            self._end(slot)
            job.deaths += 1
            if job.deaths > self.resources.retries:
                yield job, Died(job.deaths, raised(error))
            else:
                self.waiting[job.group].appendleft(job)

    def _hand_out(self) -> None:
        for slot in [one for one in self._slots if one.job is None]:
            self._start(slot)
        while any(self.waiting.values()):
            idle = [slot for slot in self._slots if slot.job is None]
            if len(self._slots) >= self.room and not idle:
                return
            held = [slot.group for slot in self._slots]
            groups = [group for group, jobs in self.waiting.items() if jobs]
            group = min(groups, key=held.count)  # the first of those with the fewest workers
            job = self._next(group)
            if job is None:
                continue
            if len(self._slots) >= self.room:
                self._end(idle[0])  # its group has nothing left
            kind, arguments = self.make(group)
            options = {**self._asked, "max_restarts": 0}
            slot = _Slot(group, self.ray.remote(kind).options(**options).remote(*arguments))
            self._slots.append(slot)
            self._give(slot, job)

    def _start(self, slot: _Slot) -> None:
        job = self._next(slot.group)
        if job is not None:
            self._give(slot, job)

    def _next(self, group: str) -> Job | None:
        jobs = self.waiting.get(group)
        while jobs:
            job = jobs.popleft()
            if self.admit(job):
                return job
        return None

    def _give(self, slot: _Slot, job: Job) -> None:
        slot.job = job
        ref = getattr(slot.actor, job.method).remote(*job.arguments)
        self._running[ref] = slot

    def _end(self, slot: _Slot) -> None:
        self._slots.remove(slot)
        self.ray.kill(slot.actor, no_restart=True)

    def close(self) -> None:
        """End all workers, whatever they are doing."""
        for slot in list(self._slots):
            with suppress(Exception):  # the cluster may be gone
                self._end(slot)
        self._running.clear()
