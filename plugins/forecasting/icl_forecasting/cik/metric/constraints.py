"""How far samples break the limits of a task (arXiv 2410.18959, section 4)."""

from __future__ import annotations

import numpy as np

from icl_forecasting.cik.metric.target import RcrpsTarget


def violations(
    samples: np.ndarray, target: RcrpsTarget, scaling: float | None = None
) -> np.ndarray:
    """Say by how much each sample breaks the limits, all limits added up.

    A lower or upper limit counts the mean overshoot over the horizon; limits of single steps
    count the mean over those steps alone; a prescribed mean counts its absolute error.

    Args:
        samples: [n, H].
        target: holds the limits.
        scaling: factor on samples and limits; None = the target's.

    Returns:
        float64 [n], at least 0; all 0 where the target has no limit.
    """
    alpha = target.scaling if scaling is None else scaling
    x = alpha * np.asarray(samples, dtype=np.float64)
    total = np.zeros(len(x))
    if np.isfinite(target.lower):
        total += np.maximum(alpha * target.lower - x, 0).mean(axis=1)
    if np.isfinite(target.upper):
        total += np.maximum(x - alpha * target.upper, 0).mean(axis=1)
    if target.upper_steps:
        limits = alpha * np.asarray(target.upper_values)
        total += np.maximum(x[:, list(target.upper_steps)] - limits, 0).mean(axis=1)
    if target.mean is not None:
        total += np.abs(alpha * target.mean - x.mean(axis=1))
    return total
