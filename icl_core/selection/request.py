"""What a method of selection is asked, and what it answers with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from icl_core.errors import InputError
from icl_core.selection.neighbours import Neighbours, neighbours_of

Confidence = Callable[[np.ndarray, np.ndarray], Sequence[float]]
"""(annotated items in the order they were picked, other items) -> how sure a model is of each of
the others when it is shown the annotated ones; higher is surer."""

Picks = tuple[list[int], list[float]]
"""Items in the order they were picked, and what each was worth to the method."""


@dataclass(frozen=True, eq=False)
class Request:
    """A pool and what is wanted of it; checked by `select`.

    Args:
        points: rows of unit length [n, d]; float32, float64 where the released code has that.
        budget: items to pick, 1 to n minus those annotated.
        annotated: items that have been annotated already; they are not picked.
        k: neighbours of an item; None for the method's default.
        seed: of everything that is random.
        official: whether to reproduce the released code.
        neighbours: the graph, where the caller has it.
        engine: finds neighbours where the caller has no graph.
        queries: rows of unit length [q, d], for methods that choose for queries.
        confidence: for vote-k.
        graphs: live-edge graphs, for IDEAL.
    """

    points: np.ndarray
    budget: int
    annotated: tuple[int, ...] = ()
    k: int | None = None
    seed: int = 0
    official: bool = False
    neighbours: Neighbours | None = None
    engine: str = "auto"
    queries: np.ndarray | None = None
    confidence: Confidence | None = None
    graphs: int | None = None

    def __len__(self) -> int:
        return len(self.points)

    def graph(self, default: int) -> Neighbours:
        """The neighbours: those given, else the `k` or `default` nearest."""
        if self.neighbours is not None:
            return self.neighbours
        most = len(self) - 1
        k = min(default, most) if self.k is None else self.k
        return neighbours_of(self.points, k, self.engine, self.official)

    def others(self) -> np.ndarray:
        """The items that are not annotated, int64, ascending."""
        rest = np.ones(len(self), bool)
        rest[list(self.annotated)] = False
        return np.flatnonzero(rest)


def checked_items(value: Any, n: int) -> tuple[int, ...]:
    """Read annotated items: their numbers, or a mask bool [n].

    Raises:
        InputError: a number out of range, twice, or a mask of another length.
    """
    items = np.asarray([] if value is None else value)
    if items.ndim != 1:
        raise InputError(f"annotated has shape {list(items.shape)}, expected a list of numbers")
    if items.dtype == bool:
        if len(items) != n:
            raise InputError(f"annotated is a mask of {len(items)}, expected {n} items")
        return tuple(np.flatnonzero(items).tolist())
    if items.size and items.dtype.kind not in "iu":
        raise InputError(f"annotated is {items.dtype}, expected numbers of items or a mask")
    numbers = [int(item) for item in items]
    for number in numbers:
        if not 0 <= number < n:
            raise InputError(f"annotated has item {number}, expected 0 to {n - 1}")
    if len(set(numbers)) < len(numbers):
        twice = next(number for number in numbers if numbers.count(number) > 1)
        raise InputError(f"annotated has item {twice} more than once")
    return tuple(numbers)
