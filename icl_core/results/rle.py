"""Run lengths of a mask as COCO writes them: down the columns, background first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from icl_core.errors import InputError


def encode_rle(mask: np.ndarray) -> dict[str, Any]:
    """Return `{"size": [H, W], "counts": [...]}` for a bool mask [H, W]."""
    flat = np.asarray(mask, dtype=bool).ravel(order="F")
    changes = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    edges = np.concatenate([[0], changes, [flat.size]])
    counts = np.diff(edges).tolist()
    # The first count is of background, also when there is none.
    if flat.size and flat[0]:
        counts.insert(0, 0)
    return {"size": [int(n) for n in mask.shape], "counts": counts}


def decode_rle(rle: Mapping[str, Any]) -> np.ndarray:
    """Return the bool mask [H, W] of uncompressed run lengths.

    Raises:
        InputError: a key is missing, the counts are compressed, negative, or do not add up.
    """
    size: Any = rle.get("size")
    counts: Any = rle.get("counts")
    if isinstance(counts, str | bytes):
        raise InputError("the run lengths are compressed, expected a list of counts")
    if not _whole(size) or len(size) != 2 or not _whole(counts):
        raise InputError(
            'the run lengths are incomplete, expected {"size": [H, W], "counts": [n, ...]} '
            "with whole numbers of at least 0"
        )
    if sum(counts) != size[0] * size[1]:
        raise InputError(
            f"the run lengths add up to {sum(counts)}, "
            f"expected {size[0]} x {size[1]} = {size[0] * size[1]}"
        )
    values = np.arange(len(counts)) % 2 == 1
    return np.repeat(values, counts).reshape(size, order="F")


def _whole(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(
        isinstance(n, int) and not isinstance(n, bool) and n >= 0 for n in value
    )
