"""The score of labels: accuracy with its parts, as the hook `icl_metrics` returns it.

The metric is called with one answer and gives the numbers of that episode; `aggregate` turns the
stored rows into the score of a set.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from icl_core.types import Context, Episode
from icl_linking.scoring.intervals import wilson
from icl_linking.scoring.outcome import judge

Row = tuple[Mapping[str, float], Mapping[str, Any]]
"""The numbers of one episode, and the episode's meta."""

METRICS: Mapping[str, str] = {"link-accuracy": f"{__name__}:link_accuracy"}
"""Metric name -> "module:callable"."""


class LinkAccuracy:
    """Accuracy of linking answers: overall, positive, negative, and under the released match.

    `meta["labels"]` holds the names to choose from, else the answer's own labels do;
    `meta["positive"]` says whether the query is of the positive class.
    """

    def __call__(
        self, prediction: Any, target: Any, meta: Mapping[str, Any] | None = None
    ) -> dict[str, float]:
        """Score one answer.

        Args:
            prediction: a `Classification`.
            target: the right label.
            meta: the episode's meta.

        Returns:
            `accuracy`, `neither`, `both` and `failed`, each 0 or 1; `official` with two labels.
        """
        facts = {"labels": prediction.labels, **(meta or {})}
        found = judge(prediction, Episode(Context(), None, target, facts))
        kinds = ("neither", "both", "failed")
        numbers = {"accuracy": float(found.kind == "right")}
        numbers |= {kind: float(found.kind == kind) for kind in kinds}
        if found.official is not None:
            numbers["official"] = float(found.official)
        return numbers

    def aggregate(self, rows: Iterable[Row]) -> dict[str, float]:
        """Score a set from its rows, per cent, with the 95 % Wilson interval of the accuracy."""
        sums: dict[str, float] = {}
        counts: dict[str, int] = {}

        def add(name: str, value: float) -> None:
            sums[name] = sums.get(name, 0.0) + value
            counts[name] = counts.get(name, 0) + 1

        for numbers, meta in rows:
            for name, value in numbers.items():
                add(name, value)
            if meta.get("positive") is not None:
                side = "positive_accuracy" if meta["positive"] else "negative_accuracy"
                add(side, numbers["accuracy"])
        if not counts:
            return {"accuracy": math.nan}
        low, high = wilson(round(sums["accuracy"]), counts["accuracy"])
        scores = {name: 100 * total / counts[name] for name, total in sums.items()}
        return {**scores, "accuracy_low": 100 * low, "accuracy_high": 100 * high}


link_accuracy = LinkAccuracy()
