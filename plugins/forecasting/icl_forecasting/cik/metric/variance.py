"""How uncertain a score is because it was estimated from few samples.

The variance of the fair CRPS is estimated without bias. All of its terms are products of sums over
pairs, triples and quadruples of samples, so that they follow from the distances [n, n] of the
samples and their row sums; and each is linear in either variable, so that the variance of a
weighted sum needs one evaluation with weighted distances, not one for each pair of steps.
"""

from __future__ import annotations

import math

import numpy as np

from icl_core.errors import InputError

FEWEST = 4
"""The estimate sums over quadruples of different samples."""


def covariance(
    samples_a: np.ndarray, target_a: float, samples_b: np.ndarray, target_b: float
) -> float:
    """Estimate the covariance of two fair CRPS values that come from the same samples.

    Args:
        samples_a: [n], n at least 4.
        target_a: true value of the first variable.
        samples_b: [n]; sample i belongs to sample i of the first variable.
        target_b: true value of the second.

    Returns:
        The estimate; it can be below zero for a variance too.
    """
    return _covariance(
        *_distances(np.asarray(samples_a)[:, None], np.array([target_a]), np.ones(1)),
        *_distances(np.asarray(samples_b)[:, None], np.array([target_b]), np.ones(1)),
    )


def weighted_variance(samples: np.ndarray, target: np.ndarray, weights: np.ndarray) -> float:
    """Estimate the variance of a weighted sum of fair CRPS values.

    Args:
        samples: [n, V], n at least 4; V variables, such as the steps of a horizon.
        target: [V].
        weights: [V].

    Returns:
        The estimate; it can be slightly below zero.

    Raises:
        InputError: fewer than 4 samples.
    """
    parts = _distances(samples, target, weights)
    return _covariance(*parts, *parts)


def _distances(
    samples: np.ndarray, target: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Weighted sums over variables: distances to the truth [n], between samples [n, n]."""
    x = np.asarray(samples, dtype=np.float64)
    if len(x) < FEWEST:
        raise InputError(f"there are {len(x)} samples, and the variance needs at least {FEWEST}")
    with np.errstate(invalid="ignore"):
        to_truth: np.ndarray = np.abs(x - target) @ weights
        between = np.zeros((len(x), len(x)))
        for column, weight in zip(x.T, weights, strict=True):  # one at a time: n x n numbers
            between += weight * np.abs(column[:, None] - column)
    return to_truth, between


def _covariance(u: np.ndarray, d: np.ndarray, v: np.ndarray, e: np.ndarray) -> float:
    if not np.isfinite([u.sum(), d.sum(), v.sum(), e.sum()]).all():
        return math.nan  # samples that are not finite have no variance
    n = len(u)
    pairs, triples, quadruples = n * (n - 1), n * (n - 1) * (n - 2), n * (n - 1) * (n - 2) * (n - 3)
    rows_d, rows_e = d.sum(axis=1), e.sum(axis=1)
    total_d, total_e = rows_d.sum(), rows_e.sum()
    both = (d * e).sum()
    shared = rows_d @ rows_e - both  # two distances that have one sample in common
    # Products of expectations, from different samples each.
    a = (u.sum() * v.sum() - u @ v) / pairs
    b_ab = (u.sum() * total_e - 2 * (u @ rows_e)) / triples
    b_ba = (v.sum() * total_d - 2 * (v @ rows_d)) / triples
    c = (total_d * total_e - 4 * shared - 2 * both) / quadruples
    # Expectations of products.
    f1 = (u @ v) / n
    f2_ab = (rows_d @ v) / pairs
    f2_ba = (rows_e @ u) / pairs
    f3 = both / pairs
    f4 = shared / triples
    return float(
        (f1 - a + b_ab + b_ba - f2_ab - f2_ba) / n
        - (2 * n - 3) / (2 * pairs) * c
        + f3 / (2 * pairs)
        + (n - 2) / pairs * f4
    )
