"""RCRPS, the metric of Context is Key: a region that counts more, and limits that cost.

`rcrps` scores one forecast; `fair_crps`, `violations` and `variance` are its parts.
"""

from __future__ import annotations

from icl_forecasting.cik.metric.constraints import violations
from icl_forecasting.cik.metric.crps import fair_crps
from icl_forecasting.cik.metric.score import RECORD_NAMES, rcrps
from icl_forecasting.cik.metric.target import RcrpsTarget
from icl_forecasting.cik.metric.variance import covariance, weighted_variance

__all__ = [
    "RECORD_NAMES",
    "RcrpsTarget",
    "covariance",
    "fair_crps",
    "rcrps",
    "violations",
    "weighted_variance",
]
