"""The learner `unchanged`: the query is the answer, whatever the examples show.

For restoration it is the score of the damage itself, which a learner must not make worse.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from icl_core import Context, Learner, Picture, Video


class Unchanged(Learner):
    """Returns the query; the canvas is the same picture in [0, 1]."""

    def _prepare(self, context: Context) -> Context:
        return context

    def _predict(self, prepared: Context, queries: Sequence[Any], **options: Any) -> list[Any]:
        return [
            [_same(frame) for frame in query.frames] if isinstance(query, Video) else _same(query)
            for query in queries
        ]


def _same(image: np.ndarray) -> Picture:
    return Picture(image.copy(), np.ascontiguousarray(image.transpose(2, 0, 1), np.float32) / 255)
