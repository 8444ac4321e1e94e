"""Facility location: choose items so that every item of the pool is similar to one of them.

The gain of an item is the sum over the pool of how much its cosine exceeds the best so far, which
is -1 before the first pick. The released baseline (MFL, published with vote-k) computes all gains
in every round. The sum is submodular, so an old gain bounds a new one, and only the items in front
are computed again; the picks are the same. Memory is linear in the number of items.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from icl_core.selection.request import Picks, Request

_TOGETHER = 16


def pick_facilities(request: Request) -> Picks:
    """Pick by the largest gain; ties go to the lower number.

    With `behaviour="official"` the items come sorted by number, as the released code returns them.
    """
    points = request.points
    best = np.full(len(points), -1.0, points.dtype)
    for item in request.annotated:
        np.maximum(best, points @ points[item], out=best)
    rest = request.others()
    bounds = np.full(len(points), -np.inf)
    together = max(_TOGETHER, 2**21 // len(points))
    for start in range(0, len(rest), together):
        some = rest[start : start + together]
        bounds[some] = _gains(points, some, best)
    items: list[int] = []
    scores: list[float] = []
    fresh = np.ones(len(points), bool)
    while len(items) < request.budget:
        item = int(bounds.argmax())
        if not fresh[item]:
            some = _front(bounds, fresh)
            bounds[some] = _gains(points, some, best)
            fresh[some] = True
            continue
        items.append(item)
        scores.append(float(bounds[item]))
        np.maximum(best, points @ points[item], out=best)
        bounds[item] = -np.inf
        fresh[:] = False
    if request.official:
        order = np.argsort(items)
        return [items[place] for place in order], [scores[place] for place in order]
    return items, scores


def _front(bounds: np.ndarray, fresh: np.ndarray) -> np.ndarray:
    """The items with the largest bounds, as far as those are old."""
    count = min(_TOGETHER, len(bounds))
    front = np.argpartition(bounds, len(bounds) - count)[-count:]
    front = front[~fresh[front] & np.isfinite(bounds[front])]
    first = int(bounds.argmax())  # of several equal ones, the partition may leave it out
    return np.union1d(front, [first])


def _gains(points: np.ndarray, items: Sequence[int] | np.ndarray, best: np.ndarray) -> np.ndarray:
    """Gains of items: float64 [len(items)]."""
    excess = points[items] @ points.T
    excess -= best
    np.maximum(excess, 0, out=excess)
    return np.asarray(excess.sum(axis=1, dtype=np.float64))
