"""Errors of depth maps, as depth estimation on NYUv2 is compared (Eigen et al., arXiv 1406.2283).

With g the true and p the found depth in metres, means over the pixels of a picture:

    abs_rel = mean |g - p| / g           sq_rel = mean (g - p)^2 / g
    rmse = sqrt(mean (g - p)^2)          rmse_log = sqrt(mean (ln g - ln p)^2)
    log10 = mean |log10 g - log10 p|     silog = 100 sqrt(mean d^2 - (mean d)^2), d = ln p - ln g
    d1, d2, d3 = share of max(g / p, p / g) below 1.25, 1.25^2, 1.25^3

Depth maps are in millimetres. What was found is cut to 1 mm .. 10 m; pixels whose truth lies
strictly between are scored, inside Eigen's crop. The score of a set is the mean over pictures.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from icl_core.errors import InputError

NAMES = ("silog", "log10", "abs_rel", "sq_rel", "rmse", "rmse_log", "d1", "d2", "d3")
NEAREST, FARTHEST = 1e-3, 10.0
"""Depths that are scored, in metres."""

CROP = (slice(45, 471), slice(41, 601))
"""Rows and columns of Eigen's crop, for pictures of 480x640."""

Row = tuple[Mapping[str, float], Mapping[str, Any]]
"""The numbers of one episode, and the episode's meta."""


def depth_errors(truth: np.ndarray, found: np.ndarray) -> dict[str, float]:
    """Compute all errors of pixels that are scored.

    Args:
        truth: metres, above 0, of any shape.
        found: metres, above 0, of the same shape.

    Returns:
        The numbers of `NAMES`.

    Raises:
        InputError: the shapes differ, there is no pixel, or a depth is not above 0.
    """
    g, p = np.asarray(truth, np.float64), np.asarray(found, np.float64)
    if g.shape != p.shape or not g.size:
        raise InputError(
            f"the depth is {list(p.shape)} and the truth {list(g.shape)}, "
            "expected the same with at least one pixel"
        )
    if not (g > 0).all() or not (p > 0).all():
        raise InputError("a depth is not above 0, expected metres")
    away = np.log(p) - np.log(g)
    ratio = np.maximum(g / p, p / g)
    # Round-off may take the variance of equal differences just below 0.
    variance = max(0.0, float(np.mean(away**2) - np.mean(away) ** 2))
    return {
        "silog": 100 * math.sqrt(variance),
        "log10": float(np.mean(np.abs(np.log10(p) - np.log10(g)))),
        "abs_rel": float(np.mean(np.abs(g - p) / g)),
        "sq_rel": float(np.mean((g - p) ** 2 / g)),
        "rmse": math.sqrt(np.mean((g - p) ** 2)),
        "rmse_log": math.sqrt(np.mean(away**2)),
        **{f"d{n}": float(np.mean(ratio < 1.25**n)) for n in (1, 2, 3)},
    }


class Depth:
    """Errors of depth maps in millimetres.

    `meta["crop"]` says whether Eigen's crop is taken; without it pictures of 480x640 are cropped,
    and others are scored whole.
    """

    def __call__(
        self, prediction: Any, target: Any, meta: Mapping[str, Any] | None = None
    ) -> dict[str, float]:
        """Score one answer.

        Args:
            prediction: a `DepthMap`, or millimetres [H, W].
            target: millimetres [H, W]; 0 = not known.
            meta: the episode's meta.

        Returns:
            The numbers of `NAMES`, and how many `pixels` were scored.

        Raises:
            InputError: the sizes differ, or no pixel has a true depth.
        """
        found = np.asarray(getattr(prediction, "millimetres", prediction), np.float64) / 1000
        truth = np.asarray(target, np.float64) / 1000
        if found.shape != truth.shape or truth.ndim != 2:
            raise InputError(
                f"the depth is {list(found.shape)} and the truth {list(truth.shape)}, "
                "expected the same [H, W]"
            )
        scored = (truth > NEAREST) & (truth < FARTHEST)
        if (meta or {}).get("crop", truth.shape == (480, 640)):
            inside = np.zeros_like(scored)
            inside[CROP] = True
            scored &= inside
        if not scored.any():
            raise InputError("no pixel of the truth has a depth to score")
        found = np.where(np.isnan(found), NEAREST, found)
        errors = depth_errors(truth[scored], np.clip(found[scored], NEAREST, FARTHEST))
        return {**errors, "pixels": float(np.count_nonzero(scored))}

    def aggregate(self, rows: Iterable[Row]) -> dict[str, float]:
        """Score a set from its rows: the mean over pictures of each of `NAMES`."""
        sums, count = np.zeros(len(NAMES)), 0
        for numbers, _ in rows:
            sums += [numbers[name] for name in NAMES]
            count += 1
        means = sums / count if count else np.full(len(NAMES), math.nan)
        return dict(zip(NAMES, map(float, means), strict=True))


depth = Depth()
