"""Vote-k: items that many others count among their neighbours, at a discount for what is covered.

Source: "Selective Annotation Makes Language Models Better Few-Shot Learners" (arXiv 2209.01975),
section 2.1. Every item votes for its k nearest neighbours. A vote of item v is worth 10^-t, where t
is the number of picked items that v voted for; votes of picked items are worth nothing.
"""

from __future__ import annotations

from random import Random

import numpy as np

from icl_core.errors import InputError
from icl_core.selection.neighbours import Neighbours
from icl_core.selection.request import Picks, Request

K = 150
"""Neighbours that an item votes for, as published for pools of 3000."""

_SHARE, _LEAST = 6, 10
"""In a small pool at most a sixth of it votes for one item on average, or ten."""

_PICKED = -100.0


class Votes:
    """The votes, and what they are worth after each pick.

    Scores are sums in the order of the voters, so that they are those of the released code to the
    last bit; after a pick only those are computed again that changed.

    Args:
        neighbours: for whom each item votes.
    """

    def __init__(self, neighbours: Neighbours) -> None:
        n, k = neighbours.indices.shape
        self.targets = neighbours.indices
        flat = self.targets.reshape(-1)
        order = np.argsort(flat, kind="stable")
        order = order[np.count_nonzero(flat < 0) :]
        counts = np.bincount(flat[order], minlength=n)
        self._ends = np.cumsum(counts)
        self._starts = self._ends - counts
        self._voters = (order // max(k, 1)).astype(np.int32)
        first = np.full(n, n * k + 1, np.int64)  # place of the first vote in the table of targets
        voted = np.flatnonzero(counts)
        first[voted] = order[self._starts[voted]]
        self.order = np.lexsort((np.arange(n), first, -counts))
        self.voted = len(voted)
        self.picked = np.zeros(n, bool)
        self._covered = np.zeros(n, np.int32)
        self._worth = np.ones(n)
        self.scores = np.zeros(n)
        self._update(np.arange(n))

    def pick(self, item: int, discount: bool = True) -> None:
        """Take an item: it gets -100, and the votes of those who voted for it lose worth.

        Args:
            item: its number.
            discount: False leaves the other votes as they are.
        """
        self.picked[item] = True
        self._worth[item] = 0
        changed = [self.targets[item]]
        if discount:
            voters = self._voters[self._starts[item] : self._ends[item]]
            self._covered[voters] += 1
            # Python's own power: NumPy's may differ in the last bit.
            worth = [10.0**-covered for covered in self._covered[voters].tolist()]
            self._worth[voters] = np.where(self.picked[voters], 0, worth)
            changed.append(self.targets[voters].reshape(-1))
        every = np.unique(np.concatenate(changed))
        self._update(every[every >= 0])
        self.scores[item] = _PICKED

    def best(self) -> int:
        """The item with the highest score; of equal ones the one with most voters, then the first.

        Items without a vote that counts come last, by their numbers.
        """
        return int(self.order[self.scores[self.order].argmax()])

    def _update(self, items: np.ndarray) -> None:
        items = items[~self.picked[items]]
        counts = self._ends[items] - self._starts[items]
        ends = np.cumsum(counts)
        if not len(items):
            return
        places = np.arange(ends[-1]) + np.repeat(self._starts[items] - ends + counts, counts)
        worth = self._worth[self._voters[places]]
        rows = np.repeat(np.arange(len(items)), counts)
        # bincount adds one after the other; a sum of NumPy would pair them.
        self.scores[items] = np.bincount(rows, worth, minlength=len(items))


def pick_fast_votes(request: Request) -> Picks:
    """Fast vote-k: the highest score, again and again; needs no model.

    Raises:
        InputError: with `behaviour="official"`, where fewer items than asked for ever got a vote.
    """
    votes = _votes(request)
    return _pick(votes, request.budget, request.official)


def pick_votes(request: Request) -> Picks:
    """Vote-k: fast vote-k for a tenth of the budget, then one pick from each level of confidence.

    With `behaviour="official"` the votes of the second part are never discounted, since the
    released code looks an item up under a key of another type.

    Raises:
        InputError: there is no `confidence`, or what it returned cannot be used.
    """
    if request.confidence is None:
        raise InputError(
            "vote-k needs the confidence of a model, and there is none",
            "use fast-vote-k, or give confidence=, a function of annotated and other items",
        )
    votes = _votes(request)
    items, scores = _pick(votes, max(1, request.budget // 10), request.official)
    left = request.budget - len(items)
    if not left:
        return items, scores
    annotated = np.array([*request.annotated, *items], np.int64)
    others = np.flatnonzero(~votes.picked)
    found = _confidences(request, annotated, others)
    ranked = others[np.argsort(found, kind="stable")]
    width = int(0.9 * len(request) / left)
    for level in range(left):
        bucket = ranked[level * width : (level + 1) * width]
        if not len(bucket):
            break
        item = int(bucket[votes.scores[bucket].argmax()])
        scores.append(float(votes.scores[item]))
        items.append(item)
        votes.pick(item, discount=not request.official)
    missing = request.budget - len(items)
    rest = np.flatnonzero(~votes.picked).tolist()
    items += Random(request.seed).sample(rest, missing)
    return items, scores + [float("nan")] * missing


def _votes(request: Request) -> Votes:
    fitting = K if request.official else min(K, max(_LEAST, len(request) // _SHARE))
    votes = Votes(request.graph(fitting))
    for item in request.annotated:
        votes.pick(item)
    return votes


def _pick(votes: Votes, budget: int, official: bool) -> Picks:
    items: list[int] = []
    scores: list[float] = []
    while len(items) < budget:
        item = votes.best()
        if official and votes.scores[item] <= 0:
            raise InputError(
                f"only {len(items)} items of the pool have a vote that counts, expected {budget}",
                "ask for fewer, raise k, or use behaviour='corrected'",
            )
        scores.append(float(votes.scores[item]))
        items.append(item)
        votes.pick(item)
    return items, scores


def _confidences(request: Request, annotated: np.ndarray, others: np.ndarray) -> np.ndarray:
    assert request.confidence is not None
    found = np.asarray(request.confidence(annotated, others), dtype=np.float64)
    if found.shape != others.shape:
        raise InputError(
            f"confidence returned shape {list(found.shape)}, expected one number for each of "
            f"{len(others)} items"
        )
    if np.isnan(found).any():
        item = others[np.flatnonzero(np.isnan(found))[0]]
        raise InputError(f"confidence returned NaN for item {item}")
    return found
