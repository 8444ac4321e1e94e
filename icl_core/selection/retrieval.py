"""Which annotated items to show for a query, and in which order.

Source: prompt retrieval of "Selective Annotation Makes Language Models Better Few-Shot Learners"
(arXiv 2209.01975), section 2.2: the most similar items, the most similar last, next to the query.
For pools of pictures with words both similarities count, as a mean or one after the other (MMICES,
arXiv 2311.18021).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from icl_core.errors import InputError
from icl_core.selection.points import unit_rows

METHODS = ("similar", "random")
COMBINE = ("mean", "shortlist")

_SAME = 1e-6
_BLOCK = 2**24


@dataclass(frozen=True, eq=False)
class Retrieved:
    """The items to show for one query.

    Args:
        indices: int64 [s], numbers of pool items in the order of the prompt: the last is the most
            similar.
        similarities: float64 [s], what they were ranked by.
    """

    indices: np.ndarray
    similarities: np.ndarray

    def __len__(self) -> int:
        return len(self.indices)


@dataclass(frozen=True, eq=False)
class SecondView:
    """Another embedding of the same queries and pool, such as of the words beside pictures.

    Args:
        queries: [q, e].
        pool: [p, e].
        combine: "mean" of the two cosines; "shortlist" takes the most similar by the first and
            ranks them by this one.
        shortlist: how many the first leaves over.
    """

    queries: Any
    pool: Any
    combine: str = "mean"
    shortlist: int = 32


def retrieve(
    queries: Any,
    pool: Any,
    count: int | None = None,
    *,
    method: str = "similar",
    costs: Sequence[float] | None = None,
    limit: float | None = None,
    query_costs: Sequence[float] | float = 0.0,
    second: SecondView | None = None,
    seed: int = 0,
    behaviour: str = "corrected",
) -> list[Retrieved]:
    """Choose the items to show for each query.

    An item that equals the query is left out: it would be the query itself. Items are taken from
    the most similar downwards until `count` are there or the next one does not fit into `limit`;
    smaller ones behind it are not tried.

    Args:
        queries: [q, d].
        pool: [p, d], of the annotated items.
        count: at most so many; None for as many as fit.
        method: "similar", or "random" for a random order.
        costs: of each pool item [p], such as the tokens of its input and output.
        limit: what query and items may cost together.
        query_costs: of each query [q], or of all; the tokens of its input and of its answer.
        second: another embedding that counts as well.
        seed: of "random".
        behaviour: "official" leaves out cosines of exactly 1 only; "corrected" also those that
            rounding moved away from 1.

    Raises:
        InputError: embeddings, costs or an option cannot be used.
    """
    wide = behaviour == "official"
    asked = unit_rows(queries, "the queries", wide=wide)
    points = unit_rows(pool, "the pool", wide=wide)
    _check_widths(asked, points)
    price = _checked_costs(costs, len(points), limit, "costs")
    own = np.broadcast_to(np.asarray(query_costs, float), (len(asked),))
    if method not in METHODS:
        raise InputError(f"method is {method!r}, expected one of {', '.join(METHODS)}")
    if count is not None and count < 0:
        raise InputError(f"count is {count}, expected a number from 0")
    views = None if second is None else _second(second, len(asked), len(points), wide)
    found: list[Retrieved] = []
    step = max(1, _BLOCK // len(points))
    for start in range(0, len(asked), step):
        rows = slice(start, start + step)
        cosines = asked[rows] @ points.T
        same = cosines == 1 if wide else cosines >= 1 - _SAME
        ranks = cosines.astype(np.float64)
        allowed = ~same
        if second is not None and views is not None:
            ranks, allowed = _combined(second, ranks, views[0][rows] @ views[1].T, allowed)
        for place in range(len(cosines)):
            number = start + place
            if method == "random":
                order = np.random.default_rng([seed, number]).permutation(len(points))
            else:
                order = np.argsort(-ranks[place], kind="stable")
            order = order[allowed[place, order]]
            kept = _fitting(order, count, price, None if limit is None else limit - own[number])
            found.append(Retrieved(kept[::-1].astype(np.int64), ranks[place, kept[::-1]]))
    return found


def _fitting(
    order: np.ndarray, count: int | None, price: np.ndarray | None, room: float | None
) -> np.ndarray:
    """The first items of an order that fit, stopping at the first that does not."""
    kept = order if count is None else order[:count]
    if price is None or room is None:
        return kept
    return kept[: int(np.searchsorted(np.cumsum(price[kept]), room, side="right"))]


def _combined(
    second: SecondView, first: np.ndarray, other: np.ndarray, allowed: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Rank by two similarities; returns the ranks and which items may be shown, [q, p] each."""
    if second.combine == "mean":
        return (first + other) / 2, allowed
    listed = np.zeros_like(allowed)
    order = np.argsort(-np.where(allowed, first, -np.inf), axis=1, kind="stable")
    np.put_along_axis(listed, order[:, : second.shortlist], True, axis=1)
    return np.asarray(other, np.float64), allowed & listed


def _second(
    second: SecondView, queries: int, pool: int, wide: bool
) -> tuple[np.ndarray, np.ndarray]:
    if second.combine not in COMBINE:
        raise InputError(f"combine is {second.combine!r}, expected one of {', '.join(COMBINE)}")
    if second.shortlist < 1:
        raise InputError(f"shortlist is {second.shortlist}, expected a number from 1")
    asked = unit_rows(second.queries, "the second queries", wide=wide)
    points = unit_rows(second.pool, "the second pool", wide=wide)
    _check_widths(asked, points)
    if (len(asked), len(points)) != (queries, pool):
        raise InputError(
            f"the second view has {len(asked)} queries and {len(points)} items, "
            f"expected {queries} and {pool}"
        )
    return asked, points


def _check_widths(asked: np.ndarray, points: np.ndarray) -> None:
    if asked.shape[1] != points.shape[1]:
        raise InputError(
            f"the queries have {asked.shape[1]} numbers each, expected the pool's {points.shape[1]}"
        )


def _checked_costs(costs: Any, n: int, limit: float | None, what: str) -> np.ndarray | None:
    if costs is None:
        if limit is not None:
            raise InputError("there is a limit without costs, expected what each item costs")
        return None
    price = np.asarray(costs, dtype=np.float64)
    if price.shape != (n,) or not (price >= 0).all():
        raise InputError(f"{what} are {list(price.shape)} numbers, expected {n} of at least 0")
    return price
