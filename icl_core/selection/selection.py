"""Which items of a pool to annotate: one function for every method."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from icl_core.errors import InputError
from icl_core.selection import ideal
from icl_core.selection.cascades import influence_graph
from icl_core.selection.facility import pick_facilities
from icl_core.selection.methods import METHODS, method_named
from icl_core.selection.neighbours import Neighbours
from icl_core.selection.points import repeated_rows, unit_rows
from icl_core.selection.request import Confidence, Picks, Request, checked_items
from icl_core.selection.spread import pick_centres, pick_diverse, pick_nearest, pick_random
from icl_core.selection.vote_k import pick_fast_votes, pick_votes

log = logging.getLogger("icl.selection")

BEHAVIOURS = ("corrected", "official")


@dataclass(frozen=True, eq=False)
class Selection:
    """The items to annotate.

    Args:
        indices: int64 [m], different from each other, in the order they were picked.
        scores: float64 [m], what each was worth to the method when it was picked; NaN where the
            method has no measure.
        coverage: mean over the pool of the largest cosine with an item that is picked or
            annotated, in [-1, 1]; the same measure for every method.
        method: its name.
    """

    indices: np.ndarray
    scores: np.ndarray
    coverage: float
    method: str

    def __len__(self) -> int:
        return len(self.indices)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "method": self.method,
            "indices": self.indices.tolist(),
            "scores": self.scores.tolist(),
            "coverage": self.coverage,
        }


def pick_influential(request: Request) -> Picks:
    """IDEAL: see `icl_core.selection.ideal`."""
    graph = influence_graph(request.graph(ideal.K))
    if request.official:
        if request.annotated:
            raise InputError("the released IDEAL starts from nothing, without annotated items")
        return ideal.official_greedy(graph, request.budget, request.seed)
    sets = ideal.reverse_sets(graph, request.graphs or ideal.GRAPHS, request.seed)
    return ideal.greedy(sets, request.budget, request.annotated)


_PICK: dict[str, Callable[[Request], Picks]] = {
    "random": pick_random,
    "nearest": pick_nearest,
    "k-centre": pick_centres,
    "diversity": pick_diverse,
    "mfl": pick_facilities,
    "fast-vote-k": pick_fast_votes,
    "vote-k": pick_votes,
    "ideal": pick_influential,
}


def select(
    embeddings: Any,
    budget: int,
    method: str = "ideal",
    *,
    k: int | None = None,
    seed: int = 0,
    behaviour: str = "corrected",
    annotated: Any = None,
    labels: Sequence[Any] | None = None,
    queries: Any = None,
    confidence: Confidence | None = None,
    neighbours: Neighbours | None = None,
    engine: str = "auto",
    graphs: int | None = None,
) -> Selection:
    """Choose the items of a pool that are worth annotating.

    Args:
        embeddings: [n, d] numbers, one row an item; rows need not have unit length.
        budget: how many to choose, 1 to n (less those annotated).
        method: see `METHODS`.
        k: neighbours in the graph of ideal (10), and of fast-vote-k and vote-k (150; in a pool
            below 900 a sixth of it, at least 10).
        seed: of everything that is random; no global generator is read or set.
        behaviour: "corrected", or "official" for the released code with its random stream and
            its defects; official IDEAL can return an item twice.
        annotated: items that have labels already, as numbers or as a mask bool [n]; the choice
            completes them.
        labels: the class of each item [n], where it is known: every class gets the same share.
        queries: [q, d], for nearest.
        confidence: for vote-k, see `icl_core.selection.request.Confidence`.
        neighbours: the graph, where it is there already.
        engine: finds neighbours, see `nearest_neighbours`.
        graphs: live-edge graphs of ideal (200).

    Raises:
        InputError: the embeddings, the budget or an option cannot be used.
        UnknownNameError: no such method.
        MissingExtraError: the engine is not installed.
    """
    method = method_named(method)
    if behaviour not in BEHAVIOURS:
        raise InputError(f"behaviour is {behaviour!r}, expected one of {BEHAVIOURS}")
    points = unit_rows(embeddings, wide=behaviour == "official")
    given = {"k": k, "queries": queries, "confidence": confidence, "graphs": graphs}
    _check_options(method, {**given, "neighbours": neighbours})
    request = Request(
        points=points,
        budget=budget,
        annotated=checked_items(annotated, len(points)),
        k=k,
        seed=seed,
        official=behaviour == "official",
        neighbours=neighbours,
        engine=engine,
        queries=None if queries is None else _checked_queries(queries, points),
        confidence=confidence,
        graphs=graphs,
    )
    _check_numbers(request)
    repeated = repeated_rows(points)
    if repeated:
        log.info("%d of %d rows repeat another row", repeated, len(points))
    items, scores = _PICK[method](request) if labels is None else _by_class(method, request, labels)
    return Selection(
        np.array(items, np.int64),
        np.array(scores, np.float64),
        coverage(points, [*request.annotated, *items]),
        method,
    )


def coverage(points: np.ndarray, items: Sequence[int]) -> float:
    """Mean over the pool of the largest cosine with one of the items.

    Args:
        points: rows of unit length [n, d].
        items: at least one.
    """
    chosen = points[list(dict.fromkeys(items))]
    step = max(1, 2**22 // len(chosen))
    total = 0.0
    for start in range(0, len(points), step):
        total += float((points[start : start + step] @ chosen.T).max(axis=1).sum(dtype=np.float64))
    return total / len(points)


def shares(counts: Sequence[int], budget: int) -> list[int]:
    """Divide a budget among classes: equal shares, where a small class leaves its rest to others.

    Args:
        counts: items of each class.
        budget: at most their sum. What does not divide goes to the first classes.
    """
    given = [0] * len(counts)
    while budget:
        open_ = [place for place, count in enumerate(counts) if given[place] < count]
        each = max(1, budget // len(open_))
        for place in open_:
            more = min(each, counts[place] - given[place], budget)
            given[place] += more
            budget -= more
    return given


def _by_class(method: str, request: Request, labels: Sequence[Any]) -> Picks:
    """Choose within each class, and take the picks of the classes in turn."""
    if len(labels) != len(request):
        raise InputError(f"there are {len(labels)} labels, expected one for each of {len(request)}")
    if request.neighbours is not None or request.confidence is not None:
        raise InputError("labels go with neither neighbours nor confidence, which know no class")
    names = list(dict.fromkeys(labels))
    rows = [np.array([i for i, label in enumerate(labels) if label == name]) for name in names]
    done = set(request.annotated)
    own = [[place for place, i in enumerate(part.tolist()) if i in done] for part in rows]
    counts = [len(part) - len(mine) for part, mine in zip(rows, own, strict=True)]
    picks: list[list[tuple[int, float]]] = []
    for part, mine, share in zip(rows, own, shares(counts, request.budget), strict=True):
        if not share:
            continue
        k = None if request.k is None else min(request.k, len(part) - 1)
        inner = replace(
            request, points=request.points[part], budget=share, annotated=tuple(mine), k=k
        )
        items, scores = _PICK[method](inner)
        picks.append([(int(part[item]), score) for item, score in zip(items, scores, strict=True)])
    longest = max(map(len, picks))
    mixed = [pick[turn] for turn in range(longest) for pick in picks if turn < len(pick)]
    return [item for item, _ in mixed], [score for _, score in mixed]


def _check_options(method: str, given: dict[str, Any]) -> None:
    for name, value in given.items():
        takers = [other for other, card in METHODS.items() if name in card.options]
        if value is not None and method not in takers:
            raise InputError(f"{method} takes no {name}, which is for {', '.join(takers)}")


def _check_numbers(request: Request) -> None:
    n, done = len(request), len(request.annotated)
    budget = request.budget
    if isinstance(budget, bool) or not isinstance(budget, int | np.integer) or budget < 1:
        raise InputError(f"the budget is {budget!r}, expected a whole number from 1")
    if budget > n - done:
        already = f", of which {done} are annotated" if done else ""
        raise InputError(
            f"the budget is {budget}, but the pool has {n} item{'' if n == 1 else 's'}{already}"
        )
    if isinstance(request.seed, bool) or not isinstance(request.seed, int) or request.seed < 0:
        raise InputError(f"seed is {request.seed!r}, expected a whole number from 0")
    if request.neighbours is not None and len(request.neighbours) != n:
        raise InputError(f"neighbours are of {len(request.neighbours)} items, expected {n}")
    if request.neighbours is not None and request.k is not None:
        raise InputError("neighbours and k are both given, expected one")
    graphs = request.graphs
    if graphs is not None and (not isinstance(graphs, int) or graphs < 1):
        raise InputError(f"graphs is {graphs!r}, expected a whole number from 1")


def _checked_queries(queries: Any, points: np.ndarray) -> np.ndarray:
    rows = unit_rows(queries, "the queries", wide=points.dtype == np.float64)
    if rows.shape[1] != points.shape[1]:
        raise InputError(
            f"the queries have {rows.shape[1]} numbers each, expected {points.shape[1]} as the "
            "embeddings of the pool"
        )
    return rows
