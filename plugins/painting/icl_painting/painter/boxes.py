"""The predict option `box`: which person of a query is meant."""

from __future__ import annotations

from typing import Any

import numpy as np

from icl_core import InputError
from icl_painting.tasks.keypoints import Crop

Box = tuple[float, float, float, float]
"""Left, top, width and height, in pixels."""


def spread_boxes(box: Any, count: int) -> list[Box | None]:
    """Return the box of each query.

    Args:
        box: None, one box for all queries, or a list with a box or None for each of them.
        count: number of queries.

    Raises:
        InputError: it is none of these.
    """
    if box is None:
        return [None] * count
    listed = isinstance(box, np.ndarray | list | tuple)
    if listed and not (len(box) == 4 and all(np.isscalar(value) for value in box)):
        if len(box) != count:
            raise InputError(f"box has {len(box)} boxes for {count} queries, expected one a query")
        return [None if one is None else _checked(one) for one in box]
    return [_checked(box)] * count


def _checked(box: Any) -> Box:
    try:
        left, top, width, height = (float(value) for value in box)
    except (TypeError, ValueError):
        raise InputError(f"the box is {box!r:.80}, expected [left, top, width, height]") from None
    Crop.around((left, top, width, height))
    return left, top, width, height
