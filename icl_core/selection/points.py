"""Embeddings as they come in: checked, and brought to unit length."""

from __future__ import annotations

from typing import Any

import numpy as np

from icl_core.coerce.images import as_array
from icl_core.errors import InputError


def unit_rows(embeddings: Any, what: str = "the embeddings", *, wide: bool = False) -> np.ndarray:
    """Check embeddings and divide each row by its length, so that a product is a cosine.

    Args:
        embeddings: numbers [n, d], one row an item: array, tensor or nested list, of any float or
            integer type.
        what: they are called in an error.
        wide: whether to divide as the released code does: float32 stays as it is, all else
            becomes float64. Otherwise all become float32.

    Returns:
        float32 [n, d] (or float64), rows of length 1.

    Raises:
        InputError: not a table of finite numbers, no row, or a row of zeros, which has no
            direction.
    """
    array = as_array(embeddings)
    if array is None:
        try:
            array = np.asarray(embeddings)
        except ValueError as error:
            raise InputError(f"{what} have rows of different length, expected [n, d]") from error
    if array.size == 0 and (array.ndim < 2 or len(array) == 0):
        raise InputError(f"{what} have no row, expected at least one item")
    if array.ndim != 2 or array.shape[1] == 0:
        raise InputError(f"{what} have shape {list(array.shape)}, expected [n, d]")
    if array.dtype.kind not in "fiu":
        raise InputError(f"{what} are {array.dtype}, expected numbers")
    kept = np.float64 if wide and array.dtype != np.float32 else np.float32
    points: Any = array.astype(kept)
    _check_finite(points, array, what)
    if not wide:
        # Squares of very small and very large values leave the range of float32.
        points /= np.maximum(np.abs(points).max(axis=1, keepdims=True), np.finfo(np.float32).tiny)
    lengths = np.sqrt(np.einsum("ij,ij->i", points, points))
    zero = np.flatnonzero(lengths == 0)
    if zero.size:
        raise InputError(
            f"row {zero[0]} of {what} holds only zeros, and a cosine needs a direction",
            f"drop or replace such rows; there are {zero.size} of {len(points)}",
        )
    points /= lengths[:, None]
    return np.ascontiguousarray(points)


def repeated_rows(points: np.ndarray) -> int:
    """Count the rows that equal an earlier one."""
    return len(points) - len({row.tobytes() for row in points})


def _check_finite(points: np.ndarray, given: np.ndarray, what: str) -> None:
    bad = np.flatnonzero(~np.isfinite(points).all(axis=1))
    if bad.size:
        row = given[bad[0]].astype(np.float64)
        kind = "NaN" if np.isnan(row).any() else "an infinite or too large value"
        raise InputError(
            f"row {bad[0]} of {what} has {kind}, expected finite numbers",
            f"drop or replace such rows; there are {bad.size} of {len(points)}",
        )
