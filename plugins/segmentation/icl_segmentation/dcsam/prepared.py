"""A context after its share of the work, and the answers that carry its names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from torch import Tensor

from icl_core import Segmentation
from icl_core.results.label_map import resolve
from icl_core.vision.objects import Shown
from icl_segmentation.confidence import Calibration, expected_iou
from icl_segmentation.dcsam.parts import Support
from icl_segmentation.dcsam.preprocess import at_size


@dataclass(frozen=True, eq=False)
class Prepared:
    """A context whose share of the work is done.

    Args:
        support: examples of this context, and of others that were read with it.
        shown: the context sorted by objects.
        rows: for each object the rows of its examples in `support`; last, where there are
            negative examples, theirs.
        meta: goes into every answer.
        calibration: turns the expected IoU into a score; None = the score is the expected IoU.
    """

    support: Support
    shown: Shown
    rows: tuple[tuple[int, ...], ...]
    meta: Mapping[str, Any] = field(default_factory=dict)
    calibration: Calibration | None = None

    def answer(self, canvases: Tensor, size: tuple[int, int]) -> Segmentation:
        """Bring the logits [N, S, S] of the context's N objects to a query's size and name them.

        With negative examples a last row holds the logits of what they show. A pixel is the
        object's where the object's logit is above 0 and above that one.

        Returns:
            A `LabelMap` for several objects.
        """
        shots = [len(rows) for rows in self.rows]
        if self.shown.negatives:
            unwanted = canvases[-1:].clamp(min=0)
            canvases, shots = canvases[:-1] - unwanted, shots[:-1]
        logits = np.stack([at_size(canvas, size) for canvas in canvases])
        expected = expected_iou(canvases).tolist()
        scores = expected if self.calibration is None else [*map(self.calibration, expected)]
        known = {"expected_iou": expected, "calibrated": self.calibration is not None}
        meta = {**self.meta, "shots": shots, **known}
        if len(logits) == 1:
            meta = {**meta, "shots": shots[0], "expected_iou": expected[0]}
            return Segmentation(logits[0] > 0, logits[0], scores[0], canvases[0].numpy(), meta)
        found = resolve(logits, self.shown.ids, self.shown.names, scores)
        return replace(found, canvas=canvases.numpy(), meta=meta)
