"""MASE and WQL as the benchmark chronos_zeroshot defines them; float64 throughout.

MASE: absolute errors of the median, each divided by the mean absolute difference at lag m inside
the context, averaged over all series and steps. Missing values are left out; a series whose scale
is zero or undefined is left out.

WQL: twice the pinball loss, averaged over the quantile levels and over all series and steps,
divided by the mean absolute true value over the same values.

Both are ratios of sums, so each window keeps its sums (`WindowSums`), and any subset of windows
can be scored later without another forecast.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

LEVELS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


@dataclass(frozen=True)
class WindowSums:
    """What one window adds to the scores.

    Args:
        scaled: sum of absolute errors of the median, divided by the scale of the context; 0 where
            the scale is zero or undefined.
        steps: how many values `scaled` sums over.
        pinball: sum over values of twice the pinball loss, averaged over the levels.
        absolute: sum of absolute true values.
    """

    scaled: float
    steps: int
    pinball: float
    absolute: float


@dataclass(frozen=True)
class Score:
    """Scores of a set of windows; NaN where they are undefined.

    Args:
        mase: mean absolute scaled error.
        wql: weighted quantile loss.
        windows: number of windows.
    """

    mase: float
    wql: float
    windows: int


def seasonal_scale(context: np.ndarray, lag: int) -> float:
    """Give the mean absolute difference at a lag.

    Args:
        context: float64 [T], NaN = missing.
        lag: at least 1.

    Returns:
        NaN if no pair of known values is `lag` steps apart.
    """
    differences = np.abs(context[lag:] - context[:-lag])
    known = differences[np.isfinite(differences)]
    return float(known.mean()) if known.size else math.nan


def pinball(target: np.ndarray, quantiles: np.ndarray, levels: Sequence[float]) -> np.ndarray:
    """Give the pinball loss.

    Args:
        target: float64 [H].
        quantiles: [Q, H].
        levels: Q levels.

    Returns:
        float64 [Q, H]; NaN where the target is missing.
    """
    error = target - np.asarray(quantiles, dtype=np.float64)
    level = np.asarray(levels, dtype=np.float64)[:, None]
    loss: np.ndarray = np.maximum(level * error, (level - 1) * error)
    return loss


def window_sums(
    context: np.ndarray,
    target: np.ndarray,
    quantiles: np.ndarray,
    levels: Sequence[float],
    lag: int,
) -> WindowSums:
    """Score one window.

    Args:
        context: float64 [T], all that was known, however much of it the learner read.
        target: float64 [H], NaN = not scored.
        quantiles: [Q, H].
        levels: Q levels, 0.5 among them.
        lag: lag of the scale of MASE.
    """
    known = np.isfinite(target)
    truth = target[known]
    rows = np.asarray(quantiles, dtype=np.float64)[:, known]
    median = rows[list(levels).index(0.5)]
    scale = seasonal_scale(context, lag)
    defined = math.isfinite(scale) and scale > 0
    return WindowSums(
        scaled=float(np.abs(truth - median).sum() / scale) if defined else 0.0,
        steps=truth.size if defined else 0,
        pinball=float(2 * pinball(truth, rows, levels).mean(axis=0).sum()) if truth.size else 0.0,
        absolute=float(np.abs(truth).sum()),
    )


def total(windows: Iterable[WindowSums]) -> Score:
    """Score many windows together."""
    kept = list(windows)
    steps = sum(window.steps for window in kept)
    absolute = math.fsum(window.absolute for window in kept)
    return Score(
        mase=math.fsum(window.scaled for window in kept) / steps if steps else math.nan,
        wql=math.fsum(window.pinball for window in kept) / absolute if absolute else math.nan,
        windows=len(kept),
    )


def geometric_mean(values: Iterable[float]) -> float:
    """Give the geometric mean; NaN without values, or if one is not above zero."""
    array = np.array(list(values), dtype=np.float64)
    if not array.size or not (array > 0).all():
        return math.nan
    return float(np.exp(np.log(array).mean()))
