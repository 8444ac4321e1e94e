"""Prediction of many pictures or series on a Ray cluster, with the answers of one process.

Ray's actors are used, and not Ray Data: answers are objects with arrays of different shapes, which
its tables do not hold; batches have to be cut at the places where one process cuts them; and a
picture that kills its worker each time has to end with a sentence, where Ray Data tries for ever.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from icl_bench.ray_cluster import Resources, connected, settle, surroundings
from icl_bench.ray_pool import Died, Job, Pool
from icl_core.errors import IclError, PluginError
from icl_core.learner import Learner, PreparedContext
from icl_core.types import Context, Episode

POLL = 1.0
"""Seconds that one look at the workers takes at most."""

_AHEAD = 4
"""Batches for each worker that may be unread, so that answers do not pile up in memory."""

Load = Callable[[], tuple[Learner, dict[str, Any]]]
"""Loads the learner in a worker; returns it and its predict options. It goes through pickle."""


class BatchWorker:
    """One learner, and one context, on a node of the cluster. Its methods are called from afar.

    Args:
        load: is called when the first batch comes.
        context: of all queries; None where each batch is of episodes.
        around: of `surroundings`.
    """

    def __init__(
        self, load: Load, context: Context | None, around: tuple[str, dict[str, str]]
    ) -> None:
        settle(*around)
        self._load, self._context = load, context
        self._loaded: tuple[Learner, dict[str, Any]] | None = None
        self._prepared: PreparedContext | None = None

    def answer(self, batch: Sequence[Any]) -> list[Any] | IclError:
        """Return the answers of a batch, or the error, for the one who reads the batches in order.

        Args:
            batch: queries, or episodes where there is no context of all.
        """
        try:
            if self._loaded is None:
                self._loaded = self._load()
            learner, options = self._loaded
            if self._context is None:
                return list(learner.predict_episodes(batch, batch_size=len(batch), **options))
            if self._prepared is None:
                self._prepared = learner.prepare(self._context)
            return list(self._prepared.predict(list(batch), **options))
        except IclError as error:
            return error


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
        The answers of one batch after the other, in order. Few are made before they are asked for.

    Raises:
        IclError: as in one process, when the batch comes whose turn it is.
        PluginError: all workers died that a batch was given to.
        MissingExtraError: Ray is not installed.
    """
    resources, around = resources or Resources(), surroundings()

    def make(group: str) -> tuple[type, tuple[Any, ...]]:
        return BatchWorker, (load, context, around)

    with connected(address, resources) as ray:
        pool = Pool(ray, make, resources, device)
        begun, found = 0, dict[int, Any]()
        try:
            for number in range(len(batches)):
                while number not in found:
                    while begun < min(len(batches), number + _AHEAD * pool.room):
                        pool.add(Job("", "answer", (batches[begun],), begun))
                        begun += 1
                    found |= {job.about: answer for job, answer in pool.finished(POLL)}
                yield _checked(found.pop(number), batches[number])
        finally:
            pool.close()


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
