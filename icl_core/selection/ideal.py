"""IDEAL: choose the items from which most of the pool is reached.

Source: "IDEAL: Influence-Driven Selective Annotations" (arXiv 2310.10873). The influence of a set S
is the mean size of what an independent cascade reaches from S. The released code simulates ten new
cascades for every candidate in every round. Here the coins are tossed once: in each of R live-edge
graphs an edge is kept with its chance (Kempe, Kleinberg, Tardos 2003, section 2.2), and

    f(S) = mean over graphs of |what S reaches|

which is the same objective, without noise between candidates. A point of a graph counts for S if
S meets the items that reach it, so greedy choice is maximum coverage over such reverse sets
(Borgs et al. 2014), done lazily: f is submodular, hence an old gain bounds the new one (CELF,
Leskovec et al. 2007).

All points of all graphs are used while there are at most `POINTS`; above, an equal number of
random points of each graph, which keeps time and memory linear in the number of items.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heapreplace
from random import Random

import numpy as np

from icl_core.selection.cascades import RUNS, InfluenceGraph, cascade

K = 10
"""Neighbours of each item in the published graph."""

GRAPHS = 200
POINTS = 2**20
"""Points of live-edge graphs that are looked at, at least where the graphs have as many."""

_TABLE, _ROWS, _LARGEST = 2**22, 256, 2**25
"""Entries of the table of what was seen: a large pool has so many rows, up to the largest table."""

_STATES = 2**18
"""Points of the live-edge graphs that are drawn together."""

_PART = 2**21
"""Pairs that are sorted together."""


@dataclass(frozen=True, eq=False)
class ReverseSets:
    """Which points of the live-edge graphs each item reaches.

    Args:
        starts: int64 [n + 1]; item i reaches `points[starts[i] : starts[i + 1]]`.
        points: int32, numbers of points.
        count: how many points there are.
    """

    starts: np.ndarray
    points: np.ndarray
    count: int

    def __len__(self) -> int:
        return len(self.starts) - 1

    def of(self, item: int) -> np.ndarray:
        """The points that an item reaches."""
        return self.points[self.starts[item] : self.starts[item + 1]]


def reverse_sets(graph: InfluenceGraph, graphs: int = GRAPHS, seed: int = 0) -> ReverseSets:
    """Draw live-edge graphs, and find for each of their points the items that reach it.

    Args:
        graph: of n items.
        graphs: how many are drawn.
        seed: of the coins.
    """
    n = len(graph)
    random = np.random.default_rng(seed)
    each = n if n * graphs <= POINTS else min(n, max(POINTS, 8 * n) // graphs)
    together = max(1, _STATES // n)
    pairs = _Pairs(n)
    for first in range(0, graphs, together):
        size = min(together, graphs - first)
        live = _LiveEdges(graph, size, random)
        if each == n:
            roots = np.arange(size * n)
        else:
            roots = np.concatenate([g * n + random.permutation(n)[:each] for g in range(size)])
        for offset, places in _reach(live, roots):
            pairs.add(places, first * each + offset)
    return pairs.by_item(graphs * each)


def greedy(
    sets: ReverseSets, budget: int, annotated: Sequence[int] = ()
) -> tuple[list[int], list[float]]:
    """Choose items that reach most points, one after the other; ties go to the lower number.

    Args:
        sets: of `reverse_sets`.
        budget: how many.
        annotated: items that are chosen already.

    Returns:
        The items, and by how much each raised the mean number of items reached.
    """
    covered = np.zeros(sets.count, bool)
    for item in annotated:
        covered[sets.of(item)] = True
    taken = set(annotated)
    bounds = np.diff(sets.starts).tolist()
    # (negative bound, item, how many were chosen when the bound was right)
    heap = [(-bound, item, -1) for item, bound in enumerate(bounds) if item not in taken]
    heapify(heap)
    items: list[int] = []
    gains: list[float] = []
    while len(items) < budget:
        negative, item, when = heap[0]
        if when == len(items):
            heappop(heap)
            items.append(item)
            gains.append(-negative * len(sets) / sets.count)
            covered[sets.of(item)] = True
            continue
        points = sets.of(item)
        heapreplace(heap, (int(np.count_nonzero(covered[points])) - len(points), item, len(items)))
    return items, gains


def official_greedy(
    graph: InfluenceGraph, budget: int, seed: int, runs: int = RUNS
) -> tuple[list[int], list[float]]:
    """Choose as the released code does, its random stream and its defects included.

    The first pick is the item with most edges, the first of those that are tied; it is not chosen
    by influence. Each round then simulates every other item anew. From the second round on the
    value that was simulated last is compared again when the loop passes an item that was chosen,
    so that one can be returned again.

    Args:
        graph: made with `behaviour="official"`.
        budget: how many.
        seed: of Python's generator; the global one is not touched.
        runs: cascades for each value.

    Returns:
        The items, and the simulated influence with each.
    """
    random = Random(seed)
    successors = graph.successors()
    order = graph.order
    first = max(order, key=lambda item: len(successors[item]))
    items, values = [first], [float("nan")]
    value: float | None = None
    while len(items) < budget:
        best, pick = -1.0, first
        for item in order:
            if item not in items:
                value = cascade(successors, [*items, item], runs, random)
            if value is not None and value > best:
                best, pick = value, item
        items.append(pick)
        values.append(best)
    return items, values


class _LiveEdges:
    """The edges that several live-edge graphs kept, turned round.

    Point g n + i is item i in graph g. `sources[starts[p] :][: counts[p]]` are the points with an
    edge to point p.
    """

    def __init__(self, graph: InfluenceGraph, size: int, random: np.random.Generator) -> None:
        n, k = graph.targets.shape
        self.items = n
        edges = n * k
        kept = random.random((size, edges), np.float32) < graph.chances.reshape(-1)
        drawn = np.flatnonzero(kept)
        del kept
        base = drawn // max(edges, 1)
        edge = drawn - base * edges
        base *= n
        into = base + graph.targets.reshape(-1)[edge]
        packed = (into << 32) | (base + edge // max(k, 1))
        packed.sort()
        self.sources = packed & 0xFFFFFFFF
        self.counts = np.bincount(into, minlength=size * n)
        self.starts = np.cumsum(self.counts) - self.counts


def _reach(live: _LiveEdges, roots: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Find what reaches each root, many roots at a time.

    Yields:
        The number of the first root of a group, and int64 (number in the group) n + item.
    """
    n = live.items
    group = max(_TABLE // n, min(_ROWS, _LARGEST // n), 1)
    seen = np.full(min(group, len(roots)) * n, -1, np.int32)
    for offset in range(0, len(roots), group):
        point = roots[offset : offset + group]
        shift = np.arange(len(point)) * n - (point - point % n)  # from a point to its place
        place = point + shift
        seen[place] = 0
        visited = [place]
        while len(point):
            counts = live.counts.take(point)
            ends = np.cumsum(counts)
            edges = np.repeat(live.starts.take(point) - ends + counts, counts)
            edges += np.arange(len(edges))
            shift = np.repeat(shift, counts)
            point = live.sources.take(edges)
            place = point + shift
            new = np.flatnonzero(seen.take(place) < 0)
            place = place.take(new)
            numbers = np.arange(len(place), dtype=np.int32)
            seen[place] = numbers  # of several paths to one item the last one stays
            last = seen.take(place) == numbers
            if not last.all():
                new, place = new[last], place[last]
            point, shift = point.take(new), shift.take(new)
            visited.append(place)
        places = np.concatenate(visited)
        seen[places] = -1
        yield offset, places


class _Pairs:
    """Pairs (item, point that it reaches), collected in sorted parts of bounded size."""

    def __init__(self, items: int) -> None:
        self._items = items
        self._new: list[np.ndarray] = []
        self._parts: list[np.ndarray] = []
        self._size = 0

    def add(self, places: np.ndarray, first: int) -> None:
        """Add places (row n + item), whose row 0 is the point `first`."""
        rows = places // self._items
        self._new.append(((places - rows * self._items) << 32) | (rows + first))
        self._size += len(places)
        if self._size >= _PART:
            self._sort()

    def by_item(self, count: int) -> ReverseSets:
        """Return the points of each item; the parts go, so that each pair is held about once."""
        if self._new:
            self._sort()
        reached = np.zeros(self._items, np.int64)
        for part in self._parts:
            reached += np.bincount(part >> 32, minlength=self._items)
        starts = np.zeros(self._items + 1, np.int64)
        np.cumsum(reached, out=starts[1:])
        if len(self._parts) == 1:
            return ReverseSets(starts, self._parts[0].astype(np.int32), count)
        points = np.empty(starts[-1], np.int32)
        free = starts[:-1].copy()
        while self._parts:
            part = self._parts.pop(0)
            items = part >> 32
            counts = np.bincount(items, minlength=self._items)
            inside = np.arange(len(part)) - np.repeat(np.cumsum(counts) - counts, counts)
            points[free[items] + inside] = part.astype(np.int32)
            free += counts
        return ReverseSets(starts, points, count)

    def _sort(self) -> None:
        part = np.concatenate(self._new)
        part.sort()
        self._parts.append(part)
        self._new, self._size = [], 0
