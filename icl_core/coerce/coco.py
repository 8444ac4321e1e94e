"""Masks as COCO writes them: run lengths, or polygons, alone or inside an annotation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from icl_core.errors import InputError
from icl_core.results.rle import decode_rle


def from_coco(value: Mapping[str, Any], size: tuple[int, int] | None = None) -> np.ndarray:
    """Read a mask from a mapping.

    Args:
        value: run lengths `{"size": [H, W], "counts": ...}`, plain or compressed; an annotation,
            whose `segmentation` is run lengths or polygons; or what `Segmentation.to_dict` gives.
        size: (H, W) of the image, which polygons do not say.

    Returns:
        bool [H, W].

    Raises:
        InputError: it is none of these, or the size of polygons is not known.
    """
    shapes = next((value[key] for key in ("segmentation", "rle") if key in value), value)
    if isinstance(shapes, Mapping):
        return decode_rle(shapes)
    if size is None:
        raise InputError(
            "the mask is polygons, and the size of its image is not known",
            hint="size=(height, width) says it",
        )
    return from_polygons(shapes, size)


def from_polygons(polygons: Any, size: tuple[int, ...]) -> np.ndarray:
    """Draw COCO polygons, lists [x0, y0, x1, y1, ...] in pixels, as one bool mask of `size`.

    A pixel belongs to a polygon whose lines are crossed an odd number of times on the way from
    the left edge to the pixel's centre.

    Raises:
        InputError: there is none, or one has fewer than three corners or an odd number of values.
    """
    height, width = size[0], size[1]
    crossings = np.zeros((height, width + 1), np.int64)
    mask = np.zeros((height, width), bool)
    listed = polygons if isinstance(polygons, list | tuple) else []
    if not listed:
        raise InputError("the annotation has no polygons, expected [[x0, y0, x1, y1, ...], ...]")
    for number, polygon in enumerate(listed, 1):
        corners = np.asarray(polygon, dtype=np.float64).ravel() if _numbers(polygon) else None
        if corners is None or len(corners) < 6 or len(corners) % 2:
            raise InputError(
                f"polygon {number} of the annotation is not [x0, y0, x1, y1, ...] with three "
                "corners or more"
            )
        crossings[:] = 0
        points = corners.reshape(-1, 2)
        for (x0, y0), (x1, y1) in zip(points, np.roll(points, -1, axis=0), strict=True):
            low, high = np.clip(np.ceil(np.sort([y0, y1]) - 0.5), 0, height).astype(int)
            rows = np.arange(low, high)
            if len(rows):
                x = x0 + (rows + 0.5 - y0) * (x1 - x0) / (y1 - y0)
                columns = np.clip(np.ceil(x - 0.5), 0, width).astype(int)
                np.add.at(crossings, (rows, columns), 1)
        mask |= crossings.cumsum(axis=1)[:, :-1] % 2 == 1
    return mask


def _numbers(values: Any) -> bool:
    return isinstance(values, list | tuple | np.ndarray) and all(
        isinstance(v, int | float | np.number) and np.isfinite(v) for v in values
    )
