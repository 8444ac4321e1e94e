"""How far the IoU that a learner expects is the IoU that its masks have, and the curve between."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from icl_core.errors import InputError
from icl_segmentation.confidence import Calibration

BINS = 10
POINTS = 8
"""Points of the curve: a few hundred episodes do not tell more."""


@dataclass(frozen=True)
class Answer:
    """One episode's numbers.

    Args:
        source: the set.
        shots: examples that were shown.
        episode: its id.
        class_id: its class, for class-mean IoU.
        expected: the IoU that the learner expected.
        iou: the IoU with the truth.
        intersection: pixels, as is `union`.
        copied: the IoU of the first example's mask, put over the query as it is.
        copied_intersection: pixels, as is `copied_union`.
    """

    source: str
    shots: int
    episode: str
    class_id: str
    expected: float
    iou: float
    intersection: float
    union: float
    copied: float
    copied_intersection: float
    copied_union: float


def calibration_error(expected: Sequence[float], iou: Sequence[float]) -> float:
    """Expected calibration error: the mean gap of ten equal bins, weighed by their size."""
    x, y = np.asarray(expected), np.asarray(iou)
    place = np.minimum((x * BINS).astype(int), BINS - 1)
    gaps = [abs(x[place == n].sum() - y[place == n].sum()) for n in range(BINS)]
    return float(sum(gaps) / len(x))


def rank_correlation(one: Sequence[float], other: Sequence[float]) -> float:
    """Spearman's rank correlation; equal values share their mean rank. NaN for constants."""
    ranks = []
    for values in (one, other):
        _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
        ranks.append((np.cumsum(counts) - (counts - 1) / 2)[place])
    if min(np.ptp(ranks[0]), np.ptp(ranks[1])) == 0:
        return math.nan
    return float(np.corrcoef(ranks)[0, 1])


def judged(expected: Sequence[float], iou: Sequence[float]) -> dict[str, float]:
    """Compare expected with true IoUs: errors of single masks and of bins, rank correlation."""
    gap = np.abs(np.asarray(expected) - np.asarray(iou))
    numbers = {
        "mean_absolute_error": float(gap.mean()),
        "root_mean_square_error": float(np.sqrt(np.square(gap).mean())),
        "expected_calibration_error": calibration_error(expected, iou),
        "rank_correlation": rank_correlation(expected, iou),
    }
    return {name: round(value, 4) for name, value in numbers.items()}


def left_out(answers: Sequence[Answer], points: int) -> list[float]:
    """Return what the curve of all other sets says of each answer."""
    found = dict[int, float]()
    for name in {one.source for one in answers}:
        others = [one for one in answers if one.source != name]
        curve = Calibration.fit([a.expected for a in others], [a.iou for a in others], points)
        found |= {n: curve(a.expected) for n, a in enumerate(answers) if a.source == name}
    return [found[n] for n in range(len(answers))]


def class_mean(answers: Sequence[Answer], copied: bool = False) -> float:
    """Class-mean IoU of one set, per cent."""
    sums = dict[str, list[float]]()
    for one in answers:
        pair = (one.copied_intersection, one.copied_union)
        inter, union = pair if copied else (one.intersection, one.union)
        before = sums.setdefault(one.class_id, [0.0, 0.0])
        sums[one.class_id] = [before[0] + inter, before[1] + union]
    return float(100 * np.mean([inter / max(union, 1) for inter, union in sums.values()]))


def scores(answers: Sequence[Answer]) -> list[str]:
    """Lay out the class-mean IoU of every set, copying the mask beside it."""
    shots = sorted({one.shots for one in answers})
    lines = ["| set | " + " | ".join(f"{k}-shot | mask copied" for k in shots) + " |"]
    lines.append("|---|" + "---|---|" * len(shots))
    columns: list[list[float]] = [[] for _ in range(2 * len(shots))]
    for name in dict.fromkeys(one.source for one in answers):
        cells = []
        for place, k in enumerate(shots):
            rows = [one for one in answers if one.source == name and one.shots == k]
            values = [class_mean(rows), class_mean(rows, copied=True)] if rows else []
            for at, value in enumerate(values):
                columns[2 * place + at].append(value)
            cells += [f"{value:.1f}" for value in values] or ["", ""]
        lines.append(f"| `{name}` | " + " | ".join(cells) + " |")
    means = [f"{np.mean(column):.1f}" for column in columns]
    return [*lines, "| mean over sets | " + " | ".join(means) + " |"]


def report(answers: Sequence[Answer], points: int = POINTS) -> dict[str, Any]:
    """Fit the curve and measure it; what it holds is what the file holds.

    Raises:
        InputError: there is only one set.
    """
    sets = dict.fromkeys(one.source for one in answers)
    if len(sets) < 2:
        raise InputError("there is one set, expected at least two, since each is left out once")
    expected, iou = [one.expected for one in answers], [one.iou for one in answers]
    held_out = left_out(answers, points)
    constant = [float(np.mean([b.iou for b in answers if b.source != a.source])) for a in answers]
    by_set = {}
    for name in sets:
        rows = [n for n, one in enumerate(answers) if one.source == name]
        by_set[name] = {
            "episodes": len(rows),
            "iou": round(float(np.mean([iou[n] for n in rows])), 4),
            "before": round(float(np.mean([expected[n] for n in rows])), 4),
            "after": round(float(np.mean([held_out[n] for n in rows])), 4),
        }
    curve = Calibration.fit(expected, iou, points).to_plain()
    return {
        **{name: [round(value, 4) for value in values] for name, values in curve.items()},
        "episodes": len(answers),
        "before": judged(expected, iou),
        "after, each set left out of its own curve": judged(held_out, iou),
        "the mean IoU of the other sets": judged(constant, iou),
        "sets": by_set,
    }
