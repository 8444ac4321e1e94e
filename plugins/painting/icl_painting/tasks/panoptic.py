"""Panoptic segmentation from two painted pictures: classes of pixels, and objects without a class.

Semantic colours say what every pixel is, the other picture which pixels are one object; the merge
gives every object the class its pixels look most like, then fills what is free with stuff
(arXiv 2212.02499, section 3.2, and the released evaluation).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from icl_core import InputError
from icl_painting.tasks.instances import Instances, paint_instances
from icl_painting.tasks.palettes import COCO_PANOPTIC, distances, paint_labels

THINGS = 80
"""The first categories of COCO panoptic are things, the others stuff."""

CATEGORIES = len(COCO_PANOPTIC)


@dataclass(frozen=True)
class Found:
    """A segment.

    Args:
        id: its number in the map, from 1.
        category: 0 to 132, in the order of COCO's panoptic categories.
        score: of a thing; None for stuff.
    """

    id: int
    category: int
    score: float | None = None

    @property
    def is_thing(self) -> bool:
        """Whether it is one object, not a stretch of stuff."""
        return self.category < THINGS


def paint_panoptic(
    ids: np.ndarray, categories: Sequence[tuple[int, int]]
) -> tuple[np.ndarray, np.ndarray]:
    """Paint a panoptic map as the two pictures that the network is shown.

    Args:
        ids: whole numbers [H, W], the segment of each pixel; 0 = none.
        categories: (id of the segment, its category 0 to 132) of each.

    Returns:
        The picture of classes and the picture of things, uint8 [H, W, 3] each.

    Raises:
        InputError: a category is not in range, or the map has a segment without one.
    """
    labels = np.zeros(ids.shape, np.int64)
    things = []
    for number, category in categories:
        if not 0 <= category < CATEGORIES:
            raise InputError(
                f"segment {number} has the category {category}, expected 0 to {CATEGORIES - 1}"
            )
        here = ids == number
        labels[here] = category + 1
        if category < THINGS:
            things.append(here)
    lost = np.setdiff1d(np.unique(ids), [0, *(number for number, _ in categories)])
    if len(lost):
        raise InputError(f"the panoptic map has a segment {int(lost[0])} without a category")
    size = (ids.shape[0], ids.shape[1])
    return paint_labels(labels, COCO_PANOPTIC), paint_instances(things, size)


def thing_classes(instances: Instances, picture: np.ndarray) -> np.ndarray:
    """Say what each object is: the thing whose colour is nearest, summed over the object's pixels.

    Args:
        instances: N objects, masks [H, W].
        picture: the painted classes, uint8 [H, W, 3].

    Returns:
        int32 [N], 0 to 79.
    """
    # The released code adds up 1 - distance / largest distance; the largest sum of those is the
    # smallest sum of distances, which whole numbers hold exactly.
    total = np.zeros((len(instances.scores), THINGS))
    starts = np.flatnonzero(np.diff(instances.columns, prepend=-1))
    present = instances.columns[starts]
    for source, row in zip(instances.rows, picture, strict=True):
        apart = distances(row, COCO_PANOPTIC[:THINGS])
        summed = np.add.reduceat(apart, starts, axis=0, dtype=np.int64).astype(np.float64)
        total += instances.small[:, source, present].astype(np.float64) @ summed
    return np.asarray(total.argmin(axis=1), np.int32)


def merge(
    instances: Instances,
    classes: np.ndarray,
    labels: np.ndarray,
    *,
    overlap: float = 0.5,
    score: float = 0.55,
    stuff_area: int = 8192,
) -> tuple[np.ndarray, tuple[Found, ...]]:
    """Put objects and stuff together, without overlap.

    Args:
        instances: objects, best first.
        classes: int [N], 0 to 79, what each object is.
        labels: int [H, W], the class of each pixel, 0 to 132.
        overlap: an object that better ones cover by more than this share is left out.
        score: objects below it are left out.
        stuff_area: the fewest pixels that stuff has.

    Returns:
        The segment of each pixel, int32 [H, W], 0 = none; and the segments.
    """
    ids = np.zeros(labels.shape, np.int32)
    found: list[Found] = []
    for place, certain in enumerate(instances.scores.tolist()):
        if certain < score:
            break
        mask = instances.mask(place)
        free = mask & (ids == 0)
        area = int(mask.sum())
        if area == 0 or area - int(free.sum()) > overlap * area:
            continue
        found.append(Found(len(found) + 1, int(classes[place]), certain))
        ids[free] = found[-1].id
    empty = ids == 0
    for category in range(THINGS, CATEGORIES):
        free = empty & (labels == category)
        if free.any() and free.sum() >= stuff_area:
            found.append(Found(len(found) + 1, category))
            ids[free] = found[-1].id
    return ids, tuple(found)
