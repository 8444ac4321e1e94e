"""The last value, repeated."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

import icl_core as icl
from icl_core.results import Forecast

LEVELS = (0.1, 0.5, 0.9)


class Echo(icl.Learner):
    predict_options: ClassVar[frozenset[str]] = frozenset({"scale"})

    def __init__(self, card: Any, load: Any, shift: float = 0.0, **options: Any) -> None:
        super().__init__(card, load, **options)
        self.shift = shift

    def _prepare(self, context: icl.Context) -> float:
        values = context.history.values
        return float(values[np.isfinite(values)][-1]) + self.shift

    def _predict(self, prepared: float, queries: Any, scale: float = 1.0) -> list[Forecast]:
        answers = []
        for horizon in queries:
            levels = horizon.quantile_levels or LEVELS
            mean = np.full(horizon.length, prepared * scale, np.float32)
            spread = np.array(levels, np.float32)[:, None] - 0.5
            answers.append(Forecast(quantiles=mean + spread, levels=levels, mean=mean))
        return answers


def error(prediction: Forecast, target: Any, meta: Any) -> dict[str, float]:
    return {"echo-error": float(np.abs(prediction.mean - np.asarray(target)).mean())}
