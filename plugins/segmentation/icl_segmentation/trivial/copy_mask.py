"""The learner `copy-mask`: the examples' masks are the answer, whatever the query shows.

It knows where things tend to be and nothing else, so what a learner scores above it comes from
looking at the query.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from icl_core import Context, InputError, Learner, Segmentation, Video


class CopyMask(Learner):
    """Brings the examples' masks to the query's size; several vote, pixel by pixel.

    A pixel is the object's where at least half of the examples say so. Negative examples
    (`meta["negative"]`) are left out. In a video every frame has the same answer.
    """

    def _prepare(self, context: Context) -> list[np.ndarray]:
        shown = [e for e in context.examples if not e.meta.get("negative")]
        if not shown:
            raise InputError("the context has no example of the object, expected at least one")
        return [np.asarray(example.output, bool) for example in shown]

    def _predict(
        self, prepared: list[np.ndarray], queries: Sequence[Any], **options: Any
    ) -> list[Any]:
        return [
            [_copied(prepared, frame) for frame in query.frames]
            if isinstance(query, Video)
            else _copied(prepared, query)
            for query in queries
        ]


def _copied(masks: Sequence[np.ndarray], image: np.ndarray) -> Segmentation:
    size = image.shape[:2]
    share = np.mean([_resized(mask, size) for mask in masks], axis=0, dtype=np.float32)
    logits = np.asarray(2 * share - 1, np.float32)
    return Segmentation(logits >= 0, logits)


def _resized(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Bring a mask bool [H, W] to another size by nearest neighbours."""
    rows = (2 * np.arange(size[0]) + 1) * mask.shape[0] // (2 * size[0])
    columns = (2 * np.arange(size[1]) + 1) * mask.shape[1] // (2 * size[1])
    return np.asarray(mask[rows][:, columns])
