"""RCRPS as a metric of the suite: numbers of each episode, and their weighted mean."""

from __future__ import annotations

import math
import zlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from fractions import Fraction
from functools import lru_cache
from typing import Any

from icl_core.results import Forecast
from icl_forecasting.cik.aggregate import CAP, Outcome, capped
from icl_forecasting.cik.metric.score import rcrps
from icl_forecasting.cik.samples import sample_paths

SAMPLES = 25
"""Paths that are drawn where a forecast has none, as many as in published scores."""

Row = tuple[Mapping[str, float], Mapping[str, Any]]
"""The numbers of one episode, and the episode's meta."""


class WeightedRcrps:
    """RCRPS of episodes of the source `cik`.

    A forecast without samples is scored by 25 independent paths drawn from its quantiles, the same
    ones each time. The score of a set is the mean over instances, each capped at 5 and weighted
    with its task's weight.
    """

    def __call__(
        self, prediction: Any, target: Any, meta: Mapping[str, Any] | None = None
    ) -> dict[str, float]:
        """Score one answer.

        Args:
            prediction: a `Forecast`, or samples [n, H].
            target: a `RcrpsTarget`.
            meta: the episode's meta; its `id` seeds the draws.
        """
        if isinstance(prediction, Forecast):
            seed = zlib.crc32(str((meta or {}).get("id", "")).encode())
            prediction = sample_paths(prediction, SAMPLES, (0, seed))
        return rcrps(prediction, target)

    def aggregate(self, rows: Iterable[Row]) -> dict[str, float]:
        """Score a set from its rows.

        Returns:
            "rcrps"; "rcrps_error", its standard error from the sampling; "rcrps_c_i" and so on for
            the instances that carry each kind of context; "capped", how many were at the cap or
            had no finite score.
        """
        sums: dict[str, float] = defaultdict(float)
        weights: dict[str, float] = defaultdict(float)
        spread = at_cap = 0.0
        for numbers, meta in rows:
            metric, variance = capped(Outcome("", 0, numbers["rcrps"], numbers["variance"]))
            weight = _weight(str(meta.get("weight", 1)))
            for name in ("rcrps", *(f"rcrps_{label}" for label in meta.get("sources", ()))):
                sums[name] += weight * metric
                weights[name] += weight
            spread += weight**2 * variance
            at_cap += metric >= CAP
        if not sums:
            return {}
        found = {name: sums[name] / weights[name] for name in sorted(sums)}
        error = math.nan if math.isnan(spread) else math.sqrt(max(spread, 0.0))
        found["rcrps_error"] = error / weights["rcrps"]
        found["capped"] = at_cap
        return found


@lru_cache(maxsize=64)
def _weight(text: str) -> float:
    return float(Fraction(text))


weighted_rcrps = WeightedRcrps()
