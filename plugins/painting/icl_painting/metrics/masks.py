"""IoU of masks that were painted white on black.

A painted pixel is inside where the mean of its three colours is above 128 of 255, which is how
SegGPT reads its answers. Intersections and unions are summed over the episodes of a class, and the
mean is over classes, as in few-shot segmentation.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from itertools import zip_longest
from typing import Any

import numpy as np

from icl_core.errors import InputError

THRESHOLD = 128
Row = tuple[Mapping[str, float], Mapping[str, Any]]
"""The numbers of one episode, and the episode's meta."""


def read_mask(value: Any) -> np.ndarray:
    """Return the mask that a picture shows: bool [H, W].

    Args:
        value: a `Picture` or a picture uint8 [H, W, 3]; a `Segmentation` or a mask [H, W], which is
            zero outside.

    Raises:
        InputError: it is neither.
    """
    found = np.asarray(getattr(value, "mask", getattr(value, "image", value)))
    if found.ndim == 2:
        return found.astype(bool)
    if found.ndim == 3 and found.shape[2] == 3:
        return np.asarray(found.sum(axis=2, dtype=np.float64) > 3 * THRESHOLD)
    raise InputError(f"the painted mask is {list(found.shape)}, expected [H, W, 3] or [H, W]")


class PaintedMask:
    """Class-mean IoU of painted masks, of pictures and of videos.

    `meta["class_id"]` (else `meta["sequence"]`) is the class, `meta["ignore"]` bool [H, W] what is
    not scored in a picture. `meta["skip_ends"]` leaves out the first and last frame of a video.
    """

    def __call__(
        self, prediction: Any, target: Any, meta: Mapping[str, Any] | None = None
    ) -> dict[str, float]:
        """Count one answer.

        Args:
            prediction: what `read_mask` reads; for a video one a frame.
            target: the same; for a video one a frame, None = the frame is not scored.
            meta: the episode's meta.

        Returns:
            `intersection` and `union` in pixels, and `iou`: theirs, or the mean over frames.

        Raises:
            InputError: the sizes differ, there are more or fewer answers than frames, or nothing
                to score.
        """
        known = meta or {}
        total, ious = np.zeros(2), []
        for found, truth in _frames(prediction, target, bool(known.get("skip_ends"))):
            if truth is None:
                continue
            a, b = read_mask(found), read_mask(truth)
            if a.shape != b.shape:
                raise InputError(
                    f"the mask is {list(a.shape)} and the truth {list(b.shape)}, "
                    "expected the same [H, W]"
                )
            if known.get("ignore") is not None:
                scored = ~np.asarray(known["ignore"]).astype(bool)
                if scored.shape != b.shape:
                    raise InputError(
                        f"the ignored pixels are {list(scored.shape)}, expected {list(b.shape)}"
                    )
                a, b = a[scored], b[scored]
            counts = np.count_nonzero(a & b), np.count_nonzero(a | b)
            total += counts
            ious.append(counts[0] / counts[1] if counts[1] else 1.0)
        if not ious:
            raise InputError("there is no frame to score")
        return {
            "iou": float(np.mean(ious)),
            "intersection": float(total[0]),
            "union": float(total[1]),
        }

    def aggregate(self, rows: Iterable[Row]) -> dict[str, float]:
        """Score a set from its rows, per cent.

        `miou` is the mean over classes of summed intersections over summed unions, `mean_iou` the
        mean over episodes.
        """
        sums: dict[Any, np.ndarray] = {}
        total, count = 0.0, 0
        for numbers, meta in rows:
            name = meta.get("class_id", meta.get("sequence"))
            pixels = np.array([numbers["intersection"], numbers["union"]])
            sums[name] = sums.get(name, np.zeros(2)) + pixels
            total, count = total + numbers["iou"], count + 1
        if not count:
            return {"miou": math.nan, "mean_iou": math.nan}
        classes = [inter / union if union else 1.0 for inter, union in sums.values()]
        return {"miou": float(100 * np.mean(classes)), "mean_iou": 100 * total / count}


def _frames(prediction: Any, target: Any, skip_ends: bool) -> Iterator[tuple[Any, Any]]:
    shape: tuple[int, ...] = getattr(target, "shape", ())
    if hasattr(target, "to_dict") or len(shape) == 2 or (len(shape) == 3 and shape[2] == 3):
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


painted_mask = PaintedMask()
