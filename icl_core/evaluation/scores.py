"""From rows to scores: a set's aggregate, its interval, skill, and paired differences."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import numpy as np

from icl_core.errors import InputError
from icl_core.evaluation.store import Row
from icl_core.evaluation.trial import Score, checked_number

DRAWS = 500
"""Bootstrap samples at most; fewer where there are many episodes, which need fewer."""

LEAST_DRAWS = 100
WORK = 50_000
"""Rows that are aggregated for one interval, about."""

LEVEL = 0.95


@dataclass(frozen=True)
class Interval:
    """A number with its bootstrap interval over episodes.

    Args:
        value: the number; NaN where there is none.
        low: lower end.
        high: upper end.
    """

    value: float
    low: float = math.nan
    high: float = math.nan


def aggregate(measure: Any, rows: Sequence[Row]) -> dict[str, float]:
    """Score a set: by the metric's own `aggregate` where it has one, else by means.

    Args:
        measure: the metric.
        rows: of the episodes; failed ones are left out, and the caller says how many they are.

    Returns:
        Name -> number. A number that no row has is missing, not zero.
    """
    good = [row for row in rows if not row.failed]
    if not good:
        return {}
    own = getattr(measure, "aggregate", None)
    if callable(own):
        return {k: float(v) for k, v in own([(r.numbers, r.meta) for r in good]).items()}
    names = sorted({name for row in good for name in row.numbers})
    return {name: _mean(row.numbers.get(name) for row in good) for name in names}


def _mean(values: Any) -> float:
    found = [float(v) for v in values if isinstance(v, int | float) and not math.isnan(v)]
    return fmean(found) if found else math.nan


def scored(measure: Any, score: Score, rows: Sequence[Row], *, seed: int = 0) -> Interval:
    """Return the number that counts, with a percentile interval over episodes.

    Args:
        measure: the metric.
        score: which number.
        rows: of one trial.
        seed: of the bootstrap.
    """
    good = [row for row in rows if not row.failed]
    if not good:
        return Interval(math.nan)
    value = checked_number(aggregate(measure, good), score)
    draws = [
        checked_number(aggregate(measure, [good[i] for i in chosen]), score)
        for chosen in _draws(_strata(measure, good), seed)
    ]
    return Interval(value, *_ends(draws))


def skill_of(score: Score, value: float, baseline: float) -> float:
    """Return (value - baseline) / (perfect - baseline): 0 is the baseline, 1 cannot be beaten."""
    room = score.perfect - baseline
    return math.nan if room == 0 else (value - baseline) / room + 0.0  # no -0.0


def skilled(
    measure: Any, score: Score, rows: Sequence[Row], baseline: Sequence[Row], *, seed: int = 0
) -> Interval:
    """Return the skill over a baseline, on the episodes that both answered.

    Args:
        measure: the metric.
        score: which number counts.
        rows: of the learner.
        baseline: rows of the trivial baseline on the same source.
        seed: of the bootstrap; both are drawn together.
    """
    return combined(measure, score, [rows, baseline], lambda n: skill_of(score, *n), seed=seed)


def difference(
    measure: Any, score: Score, new: Sequence[Row], old: Sequence[Row], *, seed: int = 0
) -> Interval:
    """Return how much better `new` is than `old` on the same episodes; positive is better.

    Args:
        measure: the metric.
        score: which number counts, and which way is better (towards `perfect`).
        new: rows of one run.
        old: rows of the other.
        seed: of the bootstrap; both are drawn together.

    Raises:
        InputError: they share no episode.
    """
    if not _shared([new, old])[0]:
        raise InputError("the two runs share no episode that both answered")

    def better(numbers: Sequence[float]) -> float:
        return abs(score.perfect - numbers[1]) - abs(score.perfect - numbers[0])

    return combined(measure, score, [new, old], better, seed=seed)


def combined(
    measure: Any,
    score: Score,
    runs: Sequence[Sequence[Row]],
    combine: Callable[[Sequence[float]], float],
    *,
    seed: int = 0,
) -> Interval:
    """Return one number of several runs, on the episodes that all of them answered.

    Args:
        measure: the metric.
        score: which number of each run counts.
        runs: rows of each.
        combine: makes one number of theirs, in the order of `runs`.
        seed: of the bootstrap; all are drawn together.

    Returns:
        NaN where they share no episode.
    """
    shared = _shared(runs)
    if not shared or not shared[0]:
        return Interval(math.nan)

    def number(chosen: Sequence[int]) -> float:
        found = [aggregate(measure, [rows[i] for i in chosen]) for rows in shared]
        return combine([checked_number(one, score) for one in found])

    draws = [number(chosen) for chosen in _draws(_strata(measure, shared[0]), seed)]
    return Interval(number(range(len(shared[0]))), *_ends(draws))


def mean_of(intervals: Iterable[Interval]) -> Interval:
    """Return the mean of numbers of independent sets with its interval.

    The distances to the ends add up in squares (the method of variance estimates recovery of Zou
    and Donner, 2008). No ends where one of the numbers has none.
    """
    known = list(intervals)
    value, count = fmean(one.value for one in known), len(known)
    below = math.sqrt(sum((one.value - one.low) ** 2 for one in known)) / count
    above = math.sqrt(sum((one.high - one.value) ** 2 for one in known)) / count
    return Interval(value, value - below, value + above)


def _shared(runs: Sequence[Sequence[Row]]) -> list[list[Row]]:
    """Return the rows of the episodes that all runs answered, in the order of the first run."""
    known = [{row.number: row for row in rows if not row.failed} for rows in runs]
    numbers = [n for n in known[0] if all(n in one for one in known)] if known else []
    return [[one[n] for n in numbers] for one in known]


def _strata(measure: Any, rows: Sequence[Row]) -> list[list[int]]:
    """Group the places of rows that are drawn among themselves.

    A score that is a mean over classes or data sets needs all of them in every sample. The groups
    are those of the metric's `stratum(meta)`, where it has one, else `meta["class_id"]`. Groups of
    one row, which could only be drawn as they are, are put together.
    """
    own = getattr(measure, "stratum", None)
    groups: dict[str, list[int]] = {}
    for place, row in enumerate(rows):
        kind = own(row.meta) if callable(own) else row.meta.get("class_id")
        groups.setdefault(repr(kind), []).append(place)
    alone = [places[0] for places in groups.values() if len(places) == 1]
    more = [places for places in groups.values() if len(places) > 1]
    return [*more, alone] if alone else more


def _draws(strata: Sequence[Sequence[int]], seed: int) -> list[list[int]]:
    count = sum(map(len, strata))
    if count < 2:
        return []
    rng = np.random.default_rng(seed)
    many = max(LEAST_DRAWS, min(DRAWS, WORK // count))
    parts = [np.asarray(one)[rng.integers(0, len(one), (many, len(one)))] for one in strata]
    drawn: list[list[int]] = np.concatenate(parts, axis=1).tolist()
    return drawn


def _ends(draws: Sequence[float]) -> tuple[float, float]:
    good = [draw for draw in draws if math.isfinite(draw)]
    if not good:
        return math.nan, math.nan
    low, high = np.quantile(good, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
