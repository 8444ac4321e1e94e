"""Prediction of many pictures or series through Ray Data, with the answers of one process.

A row of the data set is one batch, cut at the place where one process cuts it, so that answers are
the same; it comes back as one row, in order. Batches and answers go as bytes: answers are objects
with arrays of different shapes, which tables do not hold. Ray Data tries a batch for ever whose
worker dies; here tries are counted, so that a picture that kills each worker ends with a sentence.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from importlib import import_module
from typing import Any

import numpy as np

from icl_bench.ray_cluster import (
    Resources,
    connected,
    first_line,
    settle,
    surroundings,
    without_native_log,
)
from icl_bench.ray_pool import Died, raised
from icl_core.errors import IclError, MissingExtraError, PluginError
from icl_core.learner import Learner, PreparedContext
from icl_core.types import Context, Episode

Load = Callable[[], tuple[Learner, dict[str, Any]]]
"""Loads the learner in a worker; returns it and its predict options. It goes through pickle."""

_AT_ONCE = 1
"""Batches that are with a worker: those of one that died are done again."""


class Tries:
    """Counts how often each batch was begun; lives on the cluster."""

    def __init__(self) -> None:
        self._begun: dict[int, int] = {}

    def begin(self, number: int) -> int:
        """Return how often a batch was begun before."""
        before = self._begun.get(number, 0)
        self._begun[number] = before + 1
        return before


class BatchWorker:
    """One learner, and one context, on a node of the cluster. Ray Data makes and calls it.

    Args:
        task: pickled (load, context, around); it is read with the first batch, since a failure
            there is a sentence, and here the worker would just be dead.
        tries: handle of a `Tries`.
        most: how often a batch may be begun.
    """

    def __init__(self, task: bytes, tries: Any, most: int) -> None:
        self._task, self._tries, self._most = task, tries, most
        self._context: Context | None = None
        self._loaded: tuple[Learner, dict[str, Any]] | None = None
        self._prepared: PreparedContext | None = None

    def __call__(self, rows: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Answer batches.

        Args:
            rows: "number" and "batch", pickled, of each.

        Returns:
            "number" and "answer", pickled: the answers of the batch, an `IclError` for the one who
            reads the batches in order, or `Died`.
        """
        pickle = import_module("ray.cloudpickle")
        found = [
            pickle.dumps(self._answer(int(number), batch))
            for number, batch in zip(rows["number"], rows["batch"], strict=True)
        ]
        return {"number": rows["number"], "answer": np.array(found, dtype=object)}

    def _answer(self, number: int, pickled: bytes) -> list[Any] | IclError | Died:
        ray = import_module("ray")
        deaths = ray.get(self._tries.begin.remote(number))
        if deaths >= self._most:
            return Died(deaths)
        try:
            return self._answers(ray.cloudpickle.loads(pickled))
        except IclError as error:
            return error
        except ImportError as error:  # this node lacks a module that the other one has
            return Died(deaths + 1, f"{type(error).__name__}: {error}")

    def _answers(self, batch: Sequence[Any]) -> list[Any]:
        if self._loaded is None:
            load, self._context, around = import_module("ray.cloudpickle").loads(self._task)
            settle(*around)
            self._loaded = load()
        learner, options = self._loaded
        if self._context is None:
            return list(learner.predict_episodes(batch, batch_size=len(batch), **options))
        if self._prepared is None:
            self._prepared = learner.prepare(self._context)
        return list(self._prepared.predict(list(batch), **options))


def predict(
    load: Load,
    batches: Sequence[Sequence[Any]],
    context: Context | None = None,
    *,
    device: str = "auto",
    address: str | None = None,
    resources: Resources | None = None,
) -> Iterator[list[Any]]:
    """Answer batches on the workers of a cluster, each with its own copy of the learner.

    Args:
        load: loads the learner; such as a function of a module that all nodes have.
        batches: of queries, or of `Episode`s where no context is given. A path is read by the
            worker, so that all nodes need to see the file.
        context: of all queries; each worker prepares it once.
        device: of the learner.
        address: of the cluster; None = that of `RAY_ADDRESS`, else one is started here.
        resources: of the workers.

    Yields:
        The answers of one batch after the other, in order. More are made before they are asked
        for as long as the object store has room.

    Raises:
        IclError: as in one process, when the batch comes whose turn it is.
        PluginError: all workers died that a batch was given to.
        MissingExtraError: Ray Data is not installed.
    """
    resources = resources or Resources()
    if not batches:
        return
    with connected(address, resources) as ray:
        room, asked = resources.fitted(ray, device)
        with _data(ray) as data:
            pickle = ray.cloudpickle
            tries = ray.remote(Tries).options(num_cpus=0).remote()
            rows = [{"number": n, "batch": pickle.dumps(b)} for n, b in enumerate(batches)]
            pool = data.ActorPoolStrategy(
                size=min(room, len(rows)), max_tasks_in_flight_per_actor=_AT_ONCE
            )
            answered = data.from_items(rows, override_num_blocks=len(rows)).map_batches(
                BatchWorker,
                batch_size=1,
                compute=pool,
                fn_constructor_kwargs={
                    "task": pickle.dumps((load, context, surroundings())),
                    "tries": tries,
                    "most": resources.retries + 1,
                },
                **asked,
            )
            try:
                yield from _in_order(ray, answered, batches)
            finally:
                with suppress(Exception):  # the cluster may be gone
                    ray.kill(tries, no_restart=True)


def _in_order(ray: Any, answered: Any, batches: Sequence[Sequence[Any]]) -> Iterator[list[Any]]:
    rows: Any = iter(answered.iter_rows())  # a generator
    try:
        for number, batch in enumerate(batches):
            try:
                with nullcontext() if number else without_native_log():  # the workers start
                    row = next(rows)
            except ray.exceptions.RayError as error:
                # The cluster, a node or the object store failed, not a learner.
                reason = raised(error) or first_line(error)
                raise PluginError(f"Ray Data failed while it predicted: {reason}") from error
            yield _checked(ray.cloudpickle.loads(row["answer"]), batch)
    finally:
        rows.close()  # ends the workers


@contextmanager
def _data(ray: Any) -> Iterator[Any]:
    """Import Ray Data, in order and without a word on the terminal."""
    try:
        data = import_module("ray.data")
    except ImportError as error:
        raise MissingExtraError(
            "--engine ray needs Ray Data", "pip install 'icl-suite[ray]'"
        ) from error
    theirs = logging.getLogger("ray.data")
    level = theirs.level
    settings = data.DataContext.get_current()
    wanted = (
        (settings, "enable_progress_bars", False),
        (settings, "print_on_execution_start", False),
        (settings.execution_options, "preserve_order", True),
    )
    before = [getattr(owner, name) for owner, name, _ in wanted]
    theirs.setLevel(logging.CRITICAL)
    try:
        for owner, name, value in wanted:
            setattr(owner, name, value)
        yield data
    finally:
        theirs.setLevel(level)
        for (owner, name, _), value in zip(wanted, before, strict=True):
            setattr(owner, name, value)


def answers(
    load: Load,
    inputs: Sequence[Any],
    context: Context | None = None,
    *,
    batch_size: int = 32,
    **more: Any,
) -> Iterator[Any]:
    """Answer inputs on the workers of a cluster, as `predict`, one answer after the other.

    Args:
        load: as in `predict`.
        inputs: queries, or episodes where no context is given.
        context: of all queries.
        batch_size: how many share one forward pass.
        **more: as in `predict`.

    Yields:
        The answers in the order of the inputs.
    """
    for found in predict(load, cut(inputs, batch_size), context, **more):
        yield from found


def _checked(answer: Any, batch: Sequence[Any]) -> list[Any]:
    if isinstance(answer, IclError):
        raise answer
    if isinstance(answer, Died):
        raise PluginError(
            f"the worker {answer} while it predicted {_named(batch)}",
            "is there memory enough? see --batch-size",
        )
    found: list[Any] = answer
    return found


def _named(batch: Sequence[Any]) -> str:
    first = batch[0].meta.get("id") if isinstance(batch[0], Episode) else batch[0]
    name = str(first)[:200] if isinstance(first, str) or hasattr(first, "__fspath__") else "a batch"
    return name if len(batch) == 1 else f"{len(batch)} inputs from {name} on"


def cut(inputs: Sequence[Any], batch_size: int) -> list[Sequence[Any]]:
    """Cut inputs into batches at the places where one process cuts them."""
    return [inputs[start : start + batch_size] for start in range(0, len(inputs), batch_size)]
