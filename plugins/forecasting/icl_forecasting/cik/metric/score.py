"""RCRPS of one forecast, with every part of it (arXiv 2410.18959, section 4)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from icl_core.errors import InputError
from icl_core.results import Forecast
from icl_forecasting.cik.metric.constraints import violations
from icl_forecasting.cik.metric.crps import fair_crps, step_weights
from icl_forecasting.cik.metric.target import RcrpsTarget
from icl_forecasting.cik.metric.variance import FEWEST, weighted_variance

RECORD_NAMES = (
    "metric",
    "raw_metric",
    "scaling",
    "crps",
    "roi_crps",
    "non_roi_crps",
    "standard_crps",
    "num_roi_timesteps",
    "num_non_roi_timesteps",
    "violation_mean",
    "violation_crps",
    "variance",
)
"""Names of a record in official result files, in their order."""

NOT_ESTIMATED = -1.0
"""What a record holds for a variance that was not asked for or cannot be had."""


def rcrps(
    prediction: Any,
    target: Any,
    meta: Mapping[str, Any] | None = None,
    *,
    roi_weight: float = 0.5,
    factor: float = 10.0,
    exponential: bool = False,
    log_transform: bool = False,
    variance: bool = True,
) -> dict[str, float]:
    """Score samples of one forecast; lower is better, about 0 is perfect.

    RCRPS = alpha * C + P: C is the CRPS, half of it from the region of interest where there is
    one; P is the CRPS of `factor` times what each sample breaks of the limits, against 0.

    Args:
        prediction: a `Forecast` with samples, or an array [n, H] in the unit of the series, n at
            least 2. The estimate assumes independent samples.
        target: a `RcrpsTarget`, or an `Instance` or `Episode` that holds one.
        meta: not used; metrics of the suite are called with it.
        roi_weight: share of the region in C, 0 to 1. All published tasks use the defaults.
        factor: beta, the weight of broken limits.
        exponential: punish exp(beta * v) - 1 instead of beta * v.
        log_transform: give log(1 + RCRPS) as the metric.
        variance: whether to estimate the sampling variance.

    Returns:
        The official record (`RECORD_NAMES`): "metric"; "raw_metric" before the logarithm;
        "scaling"; "crps" (alpha * C); "roi_crps", "non_roi_crps" and "standard_crps" (mean over
        the region, outside it, over all steps, times alpha; the same without a region); numbers
        of steps; "violation_mean" (without beta); "violation_crps" (P); "variance" of the raw
        metric, -1 where it was not asked for or there are fewer than 4 samples. And short names:
        "rcrps" = "metric", "roi" = "roi_crps", "constraint" = "violation_crps". Samples that are
        not finite give NaN.

    Raises:
        InputError: no samples, fewer than 2, or another horizon than the target's.
    """
    truth = _target(target)
    x = _samples(prediction)
    alpha, region, steps = truth.scaling, truth.region_steps, len(truth)
    each = alpha * fair_crps(x, truth.values)
    weights = step_weights(steps, region, roi_weight)
    standard = float(each.mean())
    inside = outside = standard
    if region:
        inside = float(each[list(region)].mean())
        outside = float(np.delete(each, region).mean())
    crps = roi_weight * inside + (1 - roi_weight) * outside if region else standard

    broken = violations(x, truth)
    with np.errstate(over="ignore"):
        cost = np.expm1(factor * broken) if exponential else factor * broken
    penalty = float(fair_crps(cost, np.zeros(())))
    raw = crps + penalty
    metric = math.log1p(raw) if log_transform and raw > -1 else raw
    spread = NOT_ESTIMATED
    if variance and len(x) >= FEWEST:
        spread = weighted_variance(
            np.column_stack([x, cost]),
            np.append(truth.values, 0.0),
            np.append(alpha * weights, 1.0),
        )
    return {
        "metric": metric,
        "raw_metric": raw,
        "scaling": alpha,
        "crps": crps,
        "roi_crps": inside,
        "non_roi_crps": outside,
        "standard_crps": standard,
        "num_roi_timesteps": len(region) or steps,
        "num_non_roi_timesteps": steps - len(region) if region else 0,
        "violation_mean": float(broken.mean()),
        "violation_crps": penalty,
        "variance": spread,
        "rcrps": metric,
        "roi": inside,
        "constraint": penalty,
    }


def _target(target: Any) -> RcrpsTarget:
    found = target if isinstance(target, RcrpsTarget) else getattr(target, "target", None)
    if not isinstance(found, RcrpsTarget):
        raise InputError(
            f"the target is a {type(target).__name__}, expected a RcrpsTarget, or an instance or "
            "episode that holds one"
        )
    return found


def _samples(prediction: Any) -> np.ndarray:
    if isinstance(prediction, Forecast):
        if prediction.samples is None:
            raise InputError(
                "the forecast has no samples, and RCRPS is made from samples",
                hint="icl_forecasting.cik.samples.sample_paths(forecast) draws some",
            )
        return np.asarray(prediction.samples, dtype=np.float64)
    try:
        samples = np.asarray(prediction, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"the prediction is a {type(prediction).__name__}, expected a Forecast or [n, H]"
        ) from error
    if samples.ndim != 2:
        raise InputError(f"the samples have shape {list(samples.shape)}, expected [n, H]")
    return samples
