"""Panoptic quality (Kirillov et al., Panoptic Segmentation, arXiv 1801.00868).

A found segment and a true one of the same category match where their IoU is above 0.5, so that each
has at most one partner. Of a category, with TP matches, FP found and FN true segments left over:

    SQ = sum of the IoU of matches / TP       RQ = TP / (TP + FP / 2 + FN / 2)       PQ = SQ * RQ

summed over the set; then the mean over the categories that occur. As in the evaluation of COCO:
pixels without a true segment do not count in a union, and a found segment is no mistake where more
than half of it lies there or in a crowd of its category; crowds need not be found.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from icl_core.errors import InputError

Row = tuple[Mapping[str, float], Mapping[str, Any]]
"""The numbers of one episode, and the episode's meta."""


@dataclass(frozen=True, eq=False)
class Segments:
    """A picture cut into segments, found or true.

    Args:
        ids: whole numbers [H, W], the segment of each pixel; 0 = none.
        categories: segment -> its category.
        crowds: the segments that stand for many objects; of the truth alone.

    Raises:
        InputError: a segment of the map has no category.
    """

    ids: np.ndarray
    categories: Mapping[int, int]
    crowds: frozenset[int] = field(default_factory=frozenset)

    def __post_init__(self) -> None:
        if self.ids.ndim != 2 or self.ids.dtype.kind not in "iu":
            raise InputError(
                f"the segments are {self.ids.dtype} {list(self.ids.shape)}, "
                "expected whole numbers [H, W]"
            )
        for number in np.unique(self.ids).tolist():
            if number and number not in self.categories:
                raise InputError(f"segment {number} has no category")


def matched(found: Segments, truth: Segments) -> dict[int, np.ndarray]:
    """Count the matches of one picture.

    Args:
        found: what was found.
        truth: what is there.

    Returns:
        Category -> float64 [4]: matches, their summed IoU, found and true segments left over.

    Raises:
        InputError: the sizes differ.
    """
    if found.ids.shape != truth.ids.shape:
        raise InputError(
            f"the found segments are {list(found.ids.shape)} and the true ones "
            f"{list(truth.ids.shape)}, expected the same [H, W]"
        )
    # The pairs that share pixels, from one count over the picture.
    pairs = np.stack([truth.ids.ravel(), found.ids.ravel()]).astype(np.int64)
    keys, counts = np.unique(pairs, axis=1, return_counts=True)
    shared = {
        (int(true), int(one)): int(count) for (true, one), count in zip(keys.T, counts, strict=True)
    }
    area: dict[str, dict[int, int]] = {"true": {0: 0}, "found": {0: 0}}
    for (true, one), count in shared.items():
        area["true"][true] = area["true"].get(true, 0) + count
        area["found"][one] = area["found"].get(one, 0) + count
    sums: dict[int, np.ndarray] = {}

    def of(category: int) -> np.ndarray:
        return sums.setdefault(category, np.zeros(4))

    left_true = {n for n in area["true"] if n and n not in truth.crowds}
    left_found = {n for n in area["found"] if n}
    for (true, one), count in shared.items():
        if not true or not one or true in truth.crowds:
            continue
        category = truth.categories[true]
        if found.categories[one] != category:
            continue
        union = area["true"][true] + area["found"][one] - count - shared.get((0, one), 0)
        if count > 0.5 * union:
            of(category)[:2] += [1, count / union]
            left_true.discard(true)
            left_found.discard(one)
    for one in left_found:
        category = found.categories[one]
        excused = shared.get((0, one), 0) + sum(
            shared.get((crowd, one), 0)
            for crowd in truth.crowds
            if truth.categories[crowd] == category
        )
        if excused <= 0.5 * area["found"][one]:
            of(category)[2] += 1
    for true in left_true:
        of(truth.categories[true])[3] += 1
    return sums


class PanopticQuality:
    """PQ, SQ and RQ over all categories, and over things and stuff by themselves.

    `meta["things"]` holds the categories that are things; the others are stuff.
    """

    def __call__(
        self, prediction: Any, target: Any, meta: Mapping[str, Any] | None = None
    ) -> dict[str, float]:
        """Count one answer.

        Args:
            prediction: a `PanopticMap`, or `Segments`.
            target: `Segments`.
            meta: the episode's meta; has no effect here.

        Returns:
            `pq` of the picture, and for each category c that occurs `tp_c`, `iou_c`, `fp_c` and
            `fn_c`.

        Raises:
            InputError: the sizes differ, or a segment has no category.
        """
        counts = matched(_segments(prediction), _segments(target))
        # A picture with nothing in it, in which nothing was found, is right.
        numbers = {"pq": _quality(counts.values())[0] if counts else 1.0}
        for category, values in sorted(counts.items()):
            for kind, value in zip(("tp", "iou", "fp", "fn"), values.tolist(), strict=True):
                numbers[f"{kind}_{category}"] = value
        return numbers

    def aggregate(self, rows: Iterable[Row]) -> dict[str, float]:
        """Score a set from its rows, per cent: `pq`, `sq`, `rq`, each also `_things`, `_stuff`."""
        sums: dict[int, np.ndarray] = {}
        things: set[int] = set()
        places = {"tp": 0, "iou": 1, "fp": 2, "fn": 3}
        for numbers, meta in rows:
            things.update(meta.get("things", ()))
            for name, value in numbers.items():
                kind, _, category = name.partition("_")
                if category and kind in places:
                    sums.setdefault(int(category), np.zeros(4))[places[kind]] += value
        scores = {}
        for part, chosen in (
            ("", sums),
            ("_things", sums.keys() & things),
            ("_stuff", sums.keys() - things),
        ):
            values = _quality([sums[category] for category in chosen])
            for name, value in zip(("pq", "sq", "rq"), values, strict=True):
                scores[f"{name}{part}"] = 100 * value
        return scores


def _segments(value: Any) -> Segments:
    if isinstance(value, Segments):
        return value
    return Segments(value.ids, {one.id: one.category for one in value.segments})


def _quality(counts: Iterable[np.ndarray]) -> tuple[float, float, float]:
    """Return the means over categories of PQ, SQ and RQ; NaN without a category."""
    table = np.array([values for values in counts if values[[0, 2, 3]].any()]).reshape(-1, 4)
    if not len(table):
        return math.nan, math.nan, math.nan
    matches, iou, wrong, missed = table.T
    sq = iou / np.maximum(matches, 1)
    rq = matches / (matches + wrong / 2 + missed / 2)
    return float(np.mean(sq * rq)), float(np.mean(sq)), float(np.mean(rq))


panoptic_quality = PanopticQuality()
