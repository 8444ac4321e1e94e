"""MASE and WQL of windows: numbers of each episode, and geometric means over data sets.

Both are defined as in `icl_forecasting.scores.metrics`. Means over sets are geometric, so that the
ratio of two learners is the mean of their ratios, and no set counts more for its unit.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from icl_core.errors import InputError
from icl_forecasting.scores.metrics import LEVELS, WindowSums, geometric_mean, pinball, total

LEAST = 1e-9
"""What a perfect score of a set counts as: a geometric mean with a zero in it says nothing."""

Row = tuple[Mapping[str, float], Mapping[str, Any]]
"""The numbers of one episode, and the episode's meta."""


class ForecastAccuracy:
    """MASE and WQL.

    `meta["scale"]` is the mean absolute seasonal difference of the history; a window whose scale
    is zero or unknown has no MASE. `meta["set"]` is the data set.
    """

    def __call__(
        self, prediction: Any, target: Any, meta: Mapping[str, Any] | None = None
    ) -> dict[str, float]:
        """Score one forecast.

        Args:
            prediction: a `Forecast` with the levels 0.1 to 0.9.
            target: [H], NaN = not scored.
            meta: the episode's meta.

        Returns:
            `mase` and `wql` of the window, NaN where undefined, and the sums behind them.

        Raises:
            InputError: a level is missing, or the lengths differ.
        """
        truth = np.asarray(target, np.float64)
        quantiles = _at_levels(prediction)
        if quantiles.shape[1:] != truth.shape:
            raise InputError(
                f"the forecast has {quantiles.shape[1]} steps, expected {list(truth.shape)}"
            )
        known = np.isfinite(truth)
        truth, quantiles = truth[known], quantiles[:, known]
        scale = float((meta or {}).get("scale", math.nan))
        defined = math.isfinite(scale) and scale > 0
        error = np.abs(truth - quantiles[LEVELS.index(0.5)]).sum()
        loss = 2 * pinball(truth, quantiles, LEVELS).mean(axis=0).sum() if truth.size else 0.0
        sums = WindowSums(
            float(error / scale) if defined else 0.0,
            truth.size if defined else 0,
            float(loss),
            float(np.abs(truth).sum()),
        )
        score = total([sums])
        return {
            "mase": score.mase,
            "wql": score.wql,
            "scaled": sums.scaled,
            "steps": float(sums.steps),
            "pinball": sums.pinball,
            "absolute": sums.absolute,
        }

    def aggregate(self, rows: Iterable[Row]) -> dict[str, float]:
        """Score data sets from their rows.

        Returns:
            `mase` and `wql`, geometric means over the sets where they are defined; with several
            sets also `mase_<set>` and `wql_<set>`.
        """
        sets: dict[str, list[WindowSums]] = {}
        for numbers, meta in rows:
            sums = WindowSums(
                numbers["scaled"], int(numbers["steps"]), numbers["pinball"], numbers["absolute"]
            )
            sets.setdefault(str(meta.get("set", "")), []).append(sums)
        scores = {name: total(found) for name, found in sets.items()}
        found = {
            "mase": _mean(score.mase for score in scores.values()),
            "wql": _mean(score.wql for score in scores.values()),
        }
        if len(scores) > 1:
            for name, score in scores.items():
                found |= {f"mase_{name}": score.mase, f"wql_{name}": score.wql}
        return found

    def stratum(self, meta: Mapping[str, Any]) -> str:
        """Say among which windows one is drawn for intervals: those of its set."""
        return str(meta.get("set", ""))


def _at_levels(prediction: Any) -> np.ndarray:
    """Return the quantiles at the scored levels: float64 [9, H]."""
    places = []
    for level in LEVELS:
        found = [n for n, own in enumerate(prediction.levels) if abs(own - level) < 1e-9]
        if not found:
            raise InputError(f"the forecast has no quantile {level}, expected 0.1 to 0.9")
        places.append(found[0])
    return np.asarray(prediction.quantiles, np.float64)[places]


def _mean(values: Iterable[float]) -> float:
    return geometric_mean(max(value, LEAST) for value in values if math.isfinite(value))


forecast_accuracy = ForecastAccuracy()
