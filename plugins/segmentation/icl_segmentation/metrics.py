"""Scores of masks: class-mean IoU, foreground-background IoU, boundary IoU, J, F and J&F.

Every metric is called with one answer and gives the numbers of that episode, which can be stored;
`aggregate` turns the stored rows into the score of the whole set, one row at a time, so that
nothing but sums is held in memory.

Definitions:
    * class-mean IoU (few-shot segmentation since OSLSM; protocol of PASCAL-5i and COCO-20i):
      intersections and unions are summed over the episodes of a class; mIoU is the mean over
      classes of sum I / sum U. FB-IoU is the mean over {background, foreground} of the sums over
      all classes.
    * boundary IoU (Cheng et al., Boundary IoU, CVPR 2021): IoU of what each mask has within 2 % of
      the image diagonal of its own outline; mean over the episodes.
    * J, F (Perazzi et al., A Benchmark Dataset and Evaluation Methodology for Video Object
      Segmentation, CVPR 2016): region IoU, and F-measure of boundary pixels that lie within
      0.8 % of the image diagonal of the other boundary. J&F is their mean.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any

import numpy as np

from icl_core.errors import InputError

BOUNDARY_SHARE = 0.008
"""Width of the tolerance band of F, as a share of the image diagonal."""

OUTLINE_SHARE = 0.02
"""Width of the outline of boundary IoU, as a share of the image diagonal."""

Row = tuple[Mapping[str, float], Mapping[str, Any]]
"""The numbers of one episode, and the episode's meta."""


def intersection_union(
    prediction: Any, target: Any, ignore: Any = None
) -> tuple[np.ndarray, np.ndarray]:
    """Count the pixels of intersection and union for background and foreground.

    Args:
        prediction: bool [H, W], or anything that is zero on the background.
        target: the same for the truth.
        ignore: bool [H, W], True = left out of both; None = no such pixel.

    Returns:
        Two int64 [2]: (background, foreground) intersections and unions.

    Raises:
        InputError: the sizes differ.
    """
    found, truth = _masks(prediction, target)
    if ignore is not None:
        left_out = np.asarray(ignore).astype(bool)
        if left_out.shape != truth.shape:
            raise InputError(
                f"the ignored pixels are {list(left_out.shape)}, expected {list(truth.shape)}"
            )
        found, truth = found[~left_out], truth[~left_out]
    both = np.count_nonzero(found & truth)
    either = np.count_nonzero(found | truth)
    inter = np.array([truth.size - either, both], np.int64)
    union = np.array([truth.size - both, either], np.int64)
    return inter, union


def region_similarity(prediction: Any, target: Any) -> float:
    """J of one frame: intersection over union, 1 where both masks are empty.

    Args:
        prediction: [H, W], zero on the background.
        target: [H, W].
    """
    found, truth = _masks(prediction, target)
    union = np.count_nonzero(found | truth)
    return float(np.count_nonzero(found & truth) / union) if union else 1.0


def boundary(mask: Any) -> np.ndarray:
    """Mark pixels that differ from their right, lower or lower-right neighbour.

    The last row looks to the right only, the last column down only, the last corner nowhere.

    Args:
        mask: [H, W], zero on the background.

    Returns:
        bool [H, W].
    """
    inside = np.asarray(mask).astype(bool)
    edges = np.zeros_like(inside)
    edges[:, :-1] |= inside[:, :-1] != inside[:, 1:]
    edges[:-1] |= inside[:-1] != inside[1:]
    edges[:-1, :-1] |= inside[:-1, :-1] != inside[1:, 1:]
    return edges


def dilate(mask: np.ndarray, radius: int) -> np.ndarray:
    """Dilate by a disk: all offsets with dx^2 + dy^2 <= radius^2.

    Args:
        mask: bool [H, W].
        radius: pixels, at least 0.

    Returns:
        bool [H, W].
    """
    height, width = mask.shape
    grown = np.zeros_like(mask)
    # A disk is a stack of horizontal runs; a run is a difference of two running sums.
    sums = np.zeros((height, width + 1), np.int32)
    np.cumsum(mask, axis=1, out=sums[:, 1:])
    columns = np.arange(width)
    for dy in range(min(radius, height - 1) + 1):
        half = math.isqrt(radius * radius - dy * dy)
        right = np.minimum(columns + half + 1, width)
        left = np.maximum(columns - half, 0)
        row = sums[:, right] > sums[:, left]
        grown[dy:] |= row[: height - dy]
        grown[: height - dy] |= row[dy:]
    return grown


def boundary_f(prediction: Any, target: Any, share: float = BOUNDARY_SHARE) -> float:
    """F of one frame: F-measure of boundary pixels within a tolerance.

    Args:
        prediction: [H, W], zero on the background.
        target: [H, W].
        share: radius of the tolerance as a share of the image diagonal, rounded up.

    Returns:
        F in [0, 1]; 1 where neither has a boundary, 0 where only one has.
    """
    found, truth = _masks(prediction, target)
    radius = math.ceil(share * math.hypot(*truth.shape))
    found_edge, true_edge = boundary(found), boundary(truth)
    found_count, true_count = np.count_nonzero(found_edge), np.count_nonzero(true_edge)
    if not found_count or not true_count:
        return float(found_count == true_count)
    precision = np.count_nonzero(found_edge & dilate(true_edge, radius)) / found_count
    recall = np.count_nonzero(true_edge & dilate(found_edge, radius)) / true_count
    total = precision + recall
    return float(2 * precision * recall / total) if total else 0.0


def outline(mask: np.ndarray, width: int) -> np.ndarray:
    """Return what a mask has within some pixels of its own outline; the image's edge is outside.

    Args:
        mask: bool [H, W].
        width: pixels, rows and columns alike, at least 1.

    Returns:
        bool [H, W]: the mask without the pixels whose whole neighbourhood lies in it.
    """
    inner = mask
    for axis in (0, 1):
        # A run of 2 * width + 1 pixels is whole where its running sum says so.
        padded = np.pad(inner, [(width + 1, width) if a == axis else (0, 0) for a in (0, 1)])
        sums = np.cumsum(padded, axis=axis, dtype=np.int32)
        length, run = mask.shape[axis], 2 * width + 1
        ends = np.take(sums, np.arange(run, run + length), axis=axis)
        inner = ends - np.take(sums, np.arange(length), axis=axis) == run
    return np.asarray(mask & ~inner)


def boundary_iou(
    prediction: Any, target: Any, ignore: Any = None, share: float = OUTLINE_SHARE
) -> float:
    """IoU of the outlines of two masks, 1 where both masks are empty.

    Args:
        prediction: [H, W], zero on the background.
        target: [H, W].
        ignore: bool [H, W], True = left out of both outlines; None = no such pixel.
        share: width of the outline as a share of the image diagonal, rounded, at least a pixel.
    """
    found, truth = _masks(prediction, target)
    width = max(1, round(share * math.hypot(*truth.shape)))
    inter, union = intersection_union(outline(found, width), outline(truth, width), ignore)
    return float(inter[1] / union[1]) if union[1] else 1.0


@dataclass
class ClassSums:
    """Sums of intersections and unions per class; holds two numbers a class and side.

    Args:
        classes: the classes to average over, such as those of a fold, whether they occur or not;
            None = those that occur.
    """

    classes: Sequence[Any] | None = None
    inter: dict[Any, np.ndarray] = field(default_factory=dict)
    union: dict[Any, np.ndarray] = field(default_factory=dict)

    def add(self, class_id: Any, inter: np.ndarray, union: np.ndarray) -> None:
        """Add one episode: int64 [2], background and foreground."""
        if self.classes is not None and class_id not in self.classes:
            raise InputError(f"class {class_id!r} is not among those scored: {list(self.classes)}")
        self.inter[class_id] = self.inter.get(class_id, 0) + np.asarray(inter)
        self.union[class_id] = self.union.get(class_id, 0) + np.asarray(union)

    def class_iou(self) -> dict[Any, float]:
        """Foreground IoU of each class, in [0, 1]; unions are at least 1."""
        names = sorted(self.inter, key=str) if self.classes is None else self.classes
        zero = np.zeros(2, np.int64)
        return {
            name: float(self.inter.get(name, zero)[1] / max(self.union.get(name, zero)[1], 1))
            for name in names
        }

    def miou(self) -> float:
        """Mean over classes, per cent; NaN without a class."""
        values = list(self.class_iou().values())
        return 100 * sum(values) / len(values) if values else math.nan

    def fbiou(self) -> float:
        """Mean over background and foreground of the sums over all classes, per cent."""
        if not self.inter:
            return math.nan
        inter = np.sum(list(self.inter.values()), axis=0)
        union = np.sum(list(self.union.values()), axis=0)
        return float(100 * np.mean(inter / np.maximum(union, 1)))


class ClassMeanIoU:
    """Class-mean IoU and FB-IoU of single images.

    An episode's numbers are its pixel counts and its own IoU. `meta["class_id"]` (else
    `meta["class_name"]`) is its class, `meta["ignore"]` bool [H, W] what is not scored, and
    `meta["classes"]` the classes to average over; without the latter those that occur.
    """

    def __call__(
        self, prediction: Any, target: Any, meta: Mapping[str, Any] | None = None
    ) -> dict[str, float]:
        """Count one answer.

        Args:
            prediction: a `Segmentation`, or [H, W].
            target: [H, W].
            meta: the episode's meta.
        """
        inter, union = intersection_union(prediction, target, (meta or {}).get("ignore"))
        return {
            "iou": float(inter[1] / union[1]) if union[1] else 1.0,
            "intersection": float(inter[1]),
            "union": float(union[1]),
            "background_intersection": float(inter[0]),
            "background_union": float(union[0]),
        }

    def aggregate(self, rows: Iterable[Row]) -> dict[str, float]:
        """Score a set from its rows: `miou` and `fbiou`, per cent."""
        sums = ClassSums()
        for numbers, meta in rows:
            if sums.classes is None and meta.get("classes") is not None:
                sums.classes = tuple(meta["classes"])
            sums.add(
                meta.get("class_id", meta.get("class_name")),
                np.array([numbers["background_intersection"], numbers["intersection"]]),
                np.array([numbers["background_union"], numbers["union"]]),
            )
        return {"miou": sums.miou(), "fbiou": sums.fbiou()}


class BoundaryIoU:
    """Boundary IoU of single images; `meta["ignore"]` bool [H, W] is what is not scored."""

    def __call__(
        self, prediction: Any, target: Any, meta: Mapping[str, Any] | None = None
    ) -> dict[str, float]:
        """Score one answer.

        Args:
            prediction: a `Segmentation`, or [H, W].
            target: [H, W].
            meta: the episode's meta.
        """
        return {"boundary_iou": boundary_iou(prediction, target, (meta or {}).get("ignore"))}

    def aggregate(self, rows: Iterable[Row]) -> dict[str, float]:
        """Score a set from its rows: the mean over episodes, per cent; NaN without one."""
        values = [numbers["boundary_iou"] for numbers, _ in rows]
        return {"boundary_iou": 100 * sum(values) / len(values) if values else math.nan}


class RegionAndBoundary:
    """J, F and J&F of videos, or of single images.

    The numbers of an episode are means over its frames. `meta["skip_ends"]` leaves out the first
    and the last frame, as DAVIS does; without it all frames count, as for IC-VOS.
    """

    def __call__(
        self, prediction: Any, target: Any, meta: Mapping[str, Any] | None = None
    ) -> dict[str, float]:
        """Score one answer.

        Args:
            prediction: one `Segmentation` or mask [H, W] a frame; a single one for an image.
            target: one mask [H, W] a frame, any iterable or [N, H, W]; a single one for an image.
                None in place of a mask = the frame has no truth and is not scored.
            meta: the episode's meta.

        Raises:
            InputError: there are more or fewer answers than frames, or nothing to score.
        """
        skip = bool((meta or {}).get("skip_ends"))
        regions: list[float] = []
        boundaries: list[float] = []
        for found, truth in _frames(prediction, target, skip):
            if truth is not None:
                regions.append(region_similarity(found, truth))
                boundaries.append(boundary_f(found, truth))
        if not regions:
            raise InputError("the video has no frame to score")
        j, f = sum(regions) / len(regions), sum(boundaries) / len(boundaries)
        return {"j": j, "f": f, "j_and_f": (j + f) / 2, "frames": float(len(regions))}

    def aggregate(self, rows: Iterable[Row]) -> dict[str, float]:
        """Score a set from its rows: means over episodes, per cent."""
        sums, count = np.zeros(3), 0
        for numbers, _ in rows:
            sums += [numbers["j"], numbers["f"], numbers["j_and_f"]]
            count += 1
        means = 100 * sums / count if count else np.full(3, math.nan)
        return dict(zip(("j", "f", "j_and_f"), map(float, means), strict=True))


def _masks(prediction: Any, target: Any) -> tuple[np.ndarray, np.ndarray]:
    found = np.asarray(getattr(prediction, "mask", prediction)).astype(bool)
    truth = np.asarray(target).astype(bool)
    if found.shape != truth.shape or truth.ndim != 2:
        raise InputError(
            f"the mask is {list(found.shape)} and the truth {list(truth.shape)}, "
            "expected the same [H, W]"
        )
    return found, truth


def _frames(prediction: Any, target: Any, skip_ends: bool) -> Iterator[tuple[Any, Any]]:
    if hasattr(prediction, "mask") or getattr(prediction, "ndim", 3) == 2:
        yield prediction, target
        return
    waiting: list[tuple[Any, Any]] = []
    nothing = object()
    for number, pair in enumerate(zip_longest(prediction, target, fillvalue=nothing)):
        if pair[0] is nothing or pair[1] is nothing:
            what = "truths" if pair[0] is nothing else "answers"
            raise InputError(f"the video has more {what} than the other side, from frame {number}")
        if skip_ends and number == 0:
            continue
        # One frame is held back, since only what follows tells that it is not the last.
        yield from waiting
        waiting = [pair]
    if not skip_ends:
        yield from waiting


class_mean_iou = ClassMeanIoU()
mean_boundary_iou = BoundaryIoU()
region_and_boundary = RegionAndBoundary()
