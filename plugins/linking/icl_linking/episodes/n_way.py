"""N-way k-shot recognition: classes and pictures are drawn, every query of a task is an episode."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from icl_core.errors import InputError
from icl_core.sources.episodes import checked_counts, episode_rng
from icl_core.types import Context, Episode, Example
from icl_linking.episodes.pictures import LinkEpisodes


@dataclass(frozen=True)
class Pool:
    """Classes that may meet in one task.

    Args:
        name: of the pool, such as an alphabet.
        classes: label -> keys of its pictures.
    """

    name: str
    classes: Mapping[str, Sequence[Any]]


@dataclass(frozen=True)
class _Task:
    labels: tuple[str, ...]
    shown: tuple[tuple[Any, str], ...]
    asked: tuple[tuple[Any, str], ...]
    pool: str


def n_way(
    source: str,
    pools: Sequence[Pool],
    read: Callable[[Any], np.ndarray],
    *,
    ways: int,
    shots: int,
    queries: int,
    tasks: int,
    seed: int,
) -> LinkEpisodes:
    """Draw tasks: a pool, `ways` of its classes, and pictures without repetition.

    Task t depends on the seed and t alone. Its `ways * queries` episodes follow each other and
    share one `Context`, so a learner can prepare it once.

    Args:
        source: name of the source.
        pools: what to draw from; a pool with too few classes is left out.
        read: gives the picture of a key; the same key should give the same array.
        ways: classes of a task, at least 2.
        shots: pictures a class that are shown, at least 1.
        queries: pictures a class that are asked for.
        tasks: how many.
        seed: of the draws.

    Raises:
        InputError: a number makes no sense, or no pool has enough classes and pictures.
    """
    checked_counts(shots, tasks, seed)
    for what, value, least in (("ways", ways, 2), ("queries", queries, 1)):
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise InputError(f"{what} is {value!r}, expected a whole number from {least}")
    usable = [
        Pool(pool.name, enough)
        for pool in pools
        if len(enough := {k: v for k, v in pool.classes.items() if len(v) >= shots + queries})
        >= ways
    ]
    if not usable:
        raise InputError(
            f"{source} has no {ways} classes with {shots + queries} pictures each "
            f"({shots} to show and {queries} to ask for)"
        )

    @lru_cache(maxsize=8)
    def task(number: int) -> tuple[_Task, Context]:
        drawn = _draw(usable, ways, shots, queries, episode_rng(seed, number))
        return drawn, Context(tuple(Example(read(key), label) for key, label in drawn.shown))

    def make(number: int) -> Episode:
        which, place = divmod(number, ways * queries)
        drawn, context = task(which)
        key, label = drawn.asked[place]
        meta = {
            "id": f"{seed}/{which}/{place}",
            "labels": drawn.labels,
            "shots": shots,
            "task": which,
            "pool": drawn.pool,
        }
        return Episode(context, read(key), label, meta)

    def data() -> Iterable[str]:
        for pool in pools:
            for label, keys in pool.classes.items():
                yield from (f"{pool.name}\t{label}\t{key}" for key in keys)

    @lru_cache(maxsize=1)
    def drawn_task(number: int) -> _Task:
        return _draw(usable, ways, shots, queries, episode_rng(seed, number))

    def labels(number: int) -> tuple[str, ...]:
        return drawn_task(number // (ways * queries)).labels

    def pool_of(number: int) -> str:
        return drawn_task(number // (ways * queries)).pool

    name = f"{source}, {ways}-way {shots} shots, {queries} queries a class, seed {seed}"
    return LinkEpisodes(name, tasks * ways * queries, make, data, labels, pool_of)


def _draw(
    pools: Sequence[Pool], ways: int, shots: int, queries: int, rng: np.random.Generator
) -> _Task:
    pool = pools[int(rng.integers(len(pools)))]
    names = list(pool.classes)
    labels = tuple(names[n] for n in rng.choice(len(names), ways, replace=False))
    shown: list[tuple[Any, str]] = []
    asked: list[tuple[Any, str]] = []
    for label in labels:
        keys = pool.classes[label]
        order = rng.choice(len(keys), shots + queries, replace=False)
        shown += [(keys[n], label) for n in order[:shots]]
        asked += [(keys[n], label) for n in order[shots:]]
    return _Task(labels, tuple(shown), tuple(asked), pool.name)
