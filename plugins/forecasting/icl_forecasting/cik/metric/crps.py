"""The fair CRPS of samples (arXiv 2410.18959, section 4; Zamo & Naveau 2018, eq. eINT/PWM)."""

from __future__ import annotations

import numpy as np

from icl_core.errors import InputError


def fair_crps(samples: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Estimate the CRPS from independent samples without bias.

    It is mean |x - y| - sum over pairs |x - x'| / (2 n (n - 1)). Samples that are all the same
    give the absolute error; the estimate can be slightly below zero. Samples that are spread
    evenly on purpose are not independent, and get lower values.

    Args:
        samples: [n, ...], n at least 2.
        target: [...].

    Returns:
        float64 [...]; NaN where a sample is not finite.

    Raises:
        InputError: fewer than two samples, or shapes that do not fit.
    """
    x = np.asarray(samples, dtype=np.float64)
    y = np.asarray(target, dtype=np.float64)
    if x.ndim != y.ndim + 1 or x.shape[1:] != y.shape:
        raise InputError(
            f"the samples have shape {list(x.shape)} and the truth {list(y.shape)}, "
            "expected [n, H] and [H]"
        )
    n = len(x)
    if n < 2:
        raise InputError(f"there is {n} sample, and the fair CRPS needs at least 2")
    with np.errstate(invalid="ignore"):  # infinite samples have no CRPS: NaN
        distance = np.abs(x - y).mean(axis=0)
        # The sum over all pairs of |x - x'| is linear in the sorted samples.
        rank = 2.0 * np.arange(n) - (n - 1)
        spread = np.tensordot(rank, np.sort(x, axis=0), axes=1) / (n * (n - 1))
        result: np.ndarray = distance - spread
    return result


def step_weights(length: int, region: tuple[int, ...], roi_weight: float = 0.5) -> np.ndarray:
    """Say how much each step counts: float64 [H], sum 1.

    Args:
        length: H.
        region: steps of interest; empty = all steps count alike.
        roi_weight: what the region counts together, from 0 to 1; the rest counts the remainder.

    Raises:
        InputError: the weight is not from 0 to 1.
    """
    if not 0 <= roi_weight <= 1:
        raise InputError(f"roi_weight is {roi_weight}, expected a number from 0 to 1")
    if not region:
        return np.full(length, 1 / length)
    weights = np.full(length, (1 - roi_weight) / (length - len(region)))
    weights[list(region)] = roi_weight / len(region)
    return weights
