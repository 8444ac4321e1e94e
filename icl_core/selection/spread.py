"""Methods that look at distances alone: random, nearest, k-centre, diversity.

Each needs time n d for a pick and no more memory than the pool.
"""

from __future__ import annotations

from random import Random

import numpy as np

from icl_core.errors import InputError
from icl_core.selection.request import Picks, Request

_BLOCK = 2**22
"""Cosines that are sorted together."""


def pick_random(request: Request) -> Picks:
    """Draw without replacement, with the random stream of `random.sample`."""
    items = Random(request.seed).sample(request.others().tolist(), request.budget)
    return items, [float("nan")] * len(items)


def pick_nearest(request: Request) -> Picks:
    """Take for each query in turn its most similar item that is still free.

    Raises:
        InputError: there are no queries.
    """
    if request.queries is None:
        raise InputError(
            "nearest needs queries, and there are none",
            "use k-centre, fast-vote-k or ideal where the queries are not known",
        )
    orders, cosines = _nearest(request, request.queries)
    items: list[int] = []
    scores: list[float] = []
    taken = set(request.annotated)
    places = [0] * len(orders)
    while True:
        for query, order in enumerate(orders):
            while int(order[places[query]]) in taken:
                places[query] += 1
            item = int(order[places[query]])
            taken.add(item)
            items.append(item)
            scores.append(float(cosines[query, places[query]]))
            if len(items) == request.budget:
                return items, scores


def _nearest(request: Request, queries: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The items that a query may come to, the nearest first: numbers and cosines [q, c]."""
    points = request.points
    count = min(len(points), request.budget + len(request.annotated))
    orders = np.empty((len(queries), count), np.int64)
    found = np.empty((len(queries), count), points.dtype)
    step = max(1, _BLOCK // len(points))
    for start in range(0, len(queries), step):
        cosines = queries[start : start + step] @ points.T
        order = np.argsort(-cosines, axis=1, kind="stable")[:, :count]
        orders[start : start + step] = order
        found[start : start + step] = np.take_along_axis(cosines, order, 1)
    return orders, found


def pick_centres(request: Request) -> Picks:
    """Take the item that is farthest from all picked ones, again and again.

    Source: Gonzalez 1985; for active learning Sener and Savarese 2018 (arXiv 1708.00489). The
    first is the item nearest to the mean direction, so that nothing is left to chance. The
    distance is 1 - cosine; a score is the distance to the nearest item picked before.
    """
    points = request.points
    if request.annotated:
        nearest = np.full(len(points), -np.inf, points.dtype)
        for item in request.annotated:
            np.maximum(nearest, points @ points[item], out=nearest)
        nearest[list(request.annotated)] = np.inf
        items, scores = [], []
    else:
        first = int((points @ points.mean(axis=0)).argmax())
        nearest = points @ points[first]
        nearest[first] = np.inf
        items, scores = [first], [float("nan")]
    while len(items) < request.budget:
        item = int(nearest.argmin())
        items.append(item)
        scores.append(float(1 - nearest[item]))
        np.maximum(nearest, points @ points[item], out=nearest)
        nearest[item] = np.inf
    return items, scores


def pick_diverse(request: Request) -> Picks:
    """Take the item whose cosines with all picked ones have the least sum, again and again.

    The first is drawn, as in the released baseline of vote-k; a score is the sum.
    """
    points = request.points
    sums = np.zeros(len(points))
    for item in request.annotated:
        sums += points @ points[item]
    items: list[int] = []
    scores: list[float] = []
    if not request.annotated:
        items.append(Random(request.seed).choice(range(len(points))))
        scores.append(float("nan"))
        sums += points @ points[items[0]]
    sums[[*request.annotated, *items]] = np.inf
    while len(items) < request.budget:
        item = int(sums.argmin())
        items.append(item)
        scores.append(float(sums[item]))
        sums += points @ points[item]
        sums[item] = np.inf
    return items, scores
