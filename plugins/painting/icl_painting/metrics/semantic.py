"""Mean IoU of label maps over all classes of a set, from one confusion matrix.

Pixels of value 255 in the truth are left out. IoU of a class is what both call by its name over
what either does, summed over the set; the mean is over the classes that occur in the truth (as in
the evaluation of ADE20K by detectron2).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from icl_core.errors import InputError

VOID = 255
Row = tuple[Mapping[str, float], Mapping[str, Any]]
"""The numbers of one episode, and the episode's meta."""


class SemanticMIoU:
    """Mean IoU, its mean weighted by frequency, and pixel accuracies.

    The numbers of an episode are the pixel counts of the classes that occur in it.
    """

    def __call__(
        self, prediction: Any, target: Any, meta: Mapping[str, Any] | None = None
    ) -> dict[str, float]:
        """Count one answer.

        Args:
            prediction: a `SemanticMap`, or class ids, integer [H, W]. A class that the truth does
                not know is simply wrong.
            target: class ids, integer [H, W]; 255 = not scored.
            meta: the episode's meta; has no effect.

        Returns:
            `accuracy`, and for each class c that occurs `truth_c`, `found_c` and `both_c` in
            pixels.

        Raises:
            InputError: the sizes differ, or ids are no whole numbers.
        """
        found = np.asarray(getattr(prediction, "labels", prediction))
        truth = np.asarray(target)
        if found.shape != truth.shape or truth.ndim != 2:
            raise InputError(
                f"the label map is {list(found.shape)} and the truth {list(truth.shape)}, "
                "expected the same [H, W]"
            )
        if found.dtype.kind not in "iu" or truth.dtype.kind not in "iu":
            raise InputError(
                f"the label map is {found.dtype} and the truth {truth.dtype}, "
                "expected whole numbers"
            )
        scored = truth != VOID
        found, truth = found[scored].astype(np.int64), truth[scored].astype(np.int64)
        numbers = {"accuracy": float(np.mean(found == truth)) if truth.size else 1.0}
        for kind, ids in (("truth", truth), ("found", found), ("both", truth[found == truth])):
            values, counts = np.unique(ids, return_counts=True)
            pairs = zip(values.tolist(), counts.tolist(), strict=True)
            numbers |= {f"{kind}_{value}": float(count) for value, count in pairs}
        return numbers

    def aggregate(self, rows: Iterable[Row]) -> dict[str, float]:
        """Score a set from its rows, per cent: `miou`, `fwiou`, `mean_accuracy`, `accuracy`."""
        sums: dict[str, dict[int, float]] = {"truth": {}, "found": {}, "both": {}}
        for numbers, _ in rows:
            for name, count in numbers.items():
                kind, _, value = name.partition("_")
                if value and kind in sums:
                    known = sums[kind]
                    known[int(value)] = known.get(int(value), 0) + count
        truth = sums["truth"]
        total = sum(truth.values())
        if not total:
            return dict.fromkeys(("miou", "fwiou", "mean_accuracy", "accuracy"), math.nan)
        both = {c: sums["both"].get(c, 0.0) for c in truth}
        iou = {c: both[c] / (truth[c] + sums["found"].get(c, 0) - both[c]) for c in truth}
        return {
            "miou": 100 * sum(iou.values()) / len(iou),
            "fwiou": 100 * sum(iou[c] * truth[c] for c in truth) / total,
            "mean_accuracy": 100 * sum(both[c] / truth[c] for c in truth) / len(truth),
            "accuracy": 100 * sum(both.values()) / total,
        }


semantic_miou = SemanticMIoU()
