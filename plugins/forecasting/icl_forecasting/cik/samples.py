"""Sample paths from quantiles, for forecasters that have no samples of their own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import Any

import numpy as np

from icl_core.errors import InputError
from icl_core.results import Forecast

KINDS = ("independent", "stratified")

PERSISTENCE = 0.9
"""Correlation of a path's ranks in neighbouring steps."""

_EDGE = 1e-12
_NORMAL = NormalDist()


def from_quantiles(
    levels: Sequence[float],
    quantiles: np.ndarray,
    n: int = 25,
    seed: int | Sequence[int] = 0,
    kind: str = "independent",
    dtype: Any = np.float64,
) -> np.ndarray:
    """Draw paths whose steps have the given quantiles.

    Between levels a quantile is linear in the level. Beyond the outer levels it goes on along the
    normal distribution through the outer two quantiles of that side; a single level has no spread.
    Quantiles that cross are sorted first.

    The ranks of one path over the steps follow a Gaussian autoregression with correlation
    `PERSISTENCE`, so that a path that is high stays high for a while. What a score sees of single
    steps does not depend on that.

    Args:
        levels: [Q], increasing, between 0 and 1.
        quantiles: [Q, H], finite.
        n: number of paths, at least 1.
        seed: decides the draws; several numbers are one seed.
        kind: "independent" draws each path by itself, as RCRPS assumes; "stratified" takes, in
            every step, the ranks (i + 0.5) / n once each, which lowers a score without a better
            forecast. Say which kind a score was made with.
        dtype: float64 or float32.

    Returns:
        [n, H].

    Raises:
        InputError: an argument is not as described.
    """
    known = np.asarray(levels, dtype=np.float64)
    values = np.asarray(quantiles, dtype=np.float64)
    if known.ndim != 1 or values.ndim != 2 or values.shape[0] != known.size or not known.size:
        raise InputError(
            f"levels have shape {list(known.shape)} and quantiles {list(values.shape)}, "
            "expected [Q] and [Q, H]"
        )
    if not ((known > 0) & (known < 1)).all() or (np.diff(known) <= 0).any():
        raise InputError(f"levels are {list(levels)}, expected increasing ones between 0 and 1")
    if not np.isfinite(values).all():
        raise InputError("a quantile is not finite, so that nothing can be drawn from it")
    if isinstance(n, bool) or not isinstance(n, int) or n < 1:
        raise InputError(f"n is {n!r}, expected a whole number from 1")
    if kind not in KINDS:
        raise InputError(f"kind is {kind!r}, expected one of {KINDS}")
    scores = _autoregression(n, values.shape[1], np.random.default_rng(seed))
    if kind == "stratified":
        ranks = (np.argsort(np.argsort(scores, axis=0), axis=0) + 0.5) / n
        scores = _normal_scores(ranks)
    else:
        ranks = np.clip(_normal_ranks(scores), _EDGE, 1 - _EDGE)
    return at_ranks(known, np.sort(values, axis=0), ranks, scores).astype(dtype)


def at_ranks(
    levels: np.ndarray, quantiles: np.ndarray, ranks: np.ndarray, scores: np.ndarray | None = None
) -> np.ndarray:
    """Evaluate the quantile function of each step; see `from_quantiles`.

    Args:
        levels: float64 [Q], increasing.
        quantiles: float64 [Q, H], increasing along Q.
        ranks: float64 [n, H], in (0, 1).
        scores: normal scores of the ranks, where they are known.

    Returns:
        float64 [n, H].
    """
    if len(levels) == 1:
        return np.repeat(quantiles, len(ranks), axis=0)
    scores = _normal_scores(ranks) if scores is None else scores
    edges = np.array([_NORMAL.inv_cdf(level) for level in levels])
    # Place of each rank between two levels; ranks outside belong to the outermost pair.
    upper = np.clip(np.searchsorted(levels, ranks), 1, len(levels) - 1)
    steps = np.arange(quantiles.shape[1])
    low, high = quantiles[upper - 1, steps], quantiles[upper, steps]
    inside = (ranks - levels[upper - 1]) / (levels[upper] - levels[upper - 1])
    tail = (scores - edges[upper - 1]) / (edges[upper] - edges[upper - 1])
    outside = (ranks < levels[0]) | (ranks > levels[-1])
    result: np.ndarray = low + np.where(outside, tail, inside) * (high - low)
    return result


def sample_paths(
    forecast: Forecast, n: int = 25, seed: int | Sequence[int] = 0, kind: str = "independent"
) -> np.ndarray:
    """Give the samples of a forecast; where it has none, draw them from its quantiles.

    Args:
        forecast: with or without samples.
        n: number of paths to draw.
        seed: decides the draws.
        kind: see `from_quantiles`; samples that are there are handed over as they are.

    Returns:
        float64 [S, H].
    """
    if forecast.samples is not None:
        return np.asarray(forecast.samples, dtype=np.float64)
    return from_quantiles(forecast.levels, forecast.quantiles, n, seed, kind)


def _autoregression(n: int, length: int, rng: np.random.Generator) -> np.ndarray:
    """Normal scores [n, H] of n paths, standard normal in every step."""
    scores = rng.standard_normal((n, length))
    fresh = math.sqrt(1 - PERSISTENCE**2)
    for step in range(1, length):
        scores[:, step] = PERSISTENCE * scores[:, step - 1] + fresh * scores[:, step]
    return scores


def _normal_scores(ranks: np.ndarray) -> np.ndarray:
    found = [_NORMAL.inv_cdf(rank) for rank in ranks.ravel()]
    return np.array(found, dtype=np.float64).reshape(ranks.shape)


def _normal_ranks(scores: np.ndarray) -> np.ndarray:
    found = [0.5 * math.erfc(-score / math.sqrt(2)) for score in scores.ravel()]
    return np.array(found, dtype=np.float64).reshape(scores.shape)
