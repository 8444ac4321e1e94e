"""Short histories: what is known of other years, and what the months of a year are like."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from icl_forecasting.cik.condition.case import DAY, Case, Draft
from icl_forecasting.cik.condition.predictive import Predictive, from_paths
from icl_forecasting.cik.knowledge.seasons import month_shape, peaked
from icl_forecasting.cik.statements import TARGET, Amount, Peak, Statement, Statistic

LONG = 24
"""Known values from which on a history speaks for itself."""

STATED_SD = 0.3
"""Relative standard deviation of one year's level around the stated level of other years."""

OWN_SD = 1.0
"""The same around a level that is only guessed from the history."""

MONTH_SD = 0.4
"""Relative standard deviation of a month around its share of the year, beside chance."""

OFF_SEASON = 0.15
"""Doubt about every month's share, relative to a mean month: some things happen out of season."""

FEW = 3
"""Fewer values than this say nothing about a stated level."""

MOST_APART = 8.0
"""Stated level and history may differ by this factor, since months of a season do."""

DRAWS = 400

DAYS = {"year": 365.2425, "quarter": 91.31, "month": 30.44, "week": 7.0, "day": 1.0, "hour": 1 / 24}
"""Days in each unit of time that a statistic is taken over."""


@dataclass(frozen=True, eq=False)
class _Usual:
    """What a month usually has.

    Args:
        past: expected values of the known history.
        future: expected values of the forecast.
        sd: relative standard deviation of the common level.
        reasons: the statements it comes from, the level first.
    """

    past: np.ndarray
    future: np.ndarray
    sd: float
    reasons: tuple[Statement, ...]


def apply_totals(case: Case, draft: Draft) -> bool:
    """Forecast a short monthly history of counts from its season and the level of other years.

    The expected value of each month is a level times the month's share of the year. Shares come
    from knowledge of the quantity and from a stated peak. The level is lognormal around the
    stated total or mean and is updated with what the history shows; months scatter around their
    share more than chance (gamma), and counts around that by chance (Poisson).

    Returns:
        Whether it was used.
    """
    known = np.isfinite(case.values)
    length = case.clock.step / DAY
    if known.sum() >= LONG or not 27 < length < 32 or not case.clock.stamped:
        return False
    if not (case.traits.integer or case.traits.lower == 0) or (case.values[known] < 0).any():
        return False
    usual = _usual(case, known)
    if usual is None or not (usual.future > 0).any():
        return False
    stated = [one.value for one in usual.reasons if isinstance(one, Statistic)]
    draft.replace_all(
        usual.reasons[0],
        simulate(case.values[known], [Expected(usual.past, usual.future, usual.sd)], stated),
        "expects the usual level with the season of the quantity",
    )
    for reason in usual.reasons[1:]:
        draft.note(reason, np.ones(case.length, bool), "shapes the months")
    return True


@dataclass(frozen=True, eq=False)
class Expected:
    """One idea of what each step has, up to a common level.

    Args:
        past: [T], expected values of the known history.
        future: [H], expected values of the forecast.
        sd: relative standard deviation of the level that all steps share.
        scatter: relative standard deviation of a step around its expectation, beside chance.
        prior: how much the idea counts before the history is seen.
    """

    past: np.ndarray
    future: np.ndarray
    sd: float
    scatter: float = MONTH_SD
    prior: float = 1.0


def simulate(
    values: np.ndarray, ideas: Sequence[Expected], stated: Sequence[float] = ()
) -> Predictive:
    """Forecast counts around expected values, after level and ideas were updated with a history.

    Args:
        values: [T], the history.
        ideas: what is expected; each counts by how likely it makes the history.
        stated: other counts that are known, in the same unit.
    """
    rng = np.random.default_rng(len(values))
    usual = float(np.mean(np.append(ideas[0].past, ideas[0].future)))
    unit = unit_of(np.append(values, stated), usual)
    grid = np.linspace(-4, 4, 81)
    levels = [_levels(idea.sd, grid) for idea in ideas]
    logs = np.stack(
        [
            _log_likelihood(values, idea, level, unit) - grid**2 / 2 + np.log(idea.prior)
            for idea, level in zip(ideas, levels, strict=True)
        ]
    )
    weights = np.exp(logs - logs.max())
    shares = weights.sum(axis=1)
    counts = rng.multinomial(DRAWS, shares / shares.sum())
    paths = []
    for idea, level, weight, count in zip(ideas, levels, weights, counts, strict=True):
        if not count:
            continue
        drawn = rng.choice(level, count, p=weight / weight.sum())
        shape = 1 / idea.scatter**2
        around = rng.gamma(shape, 1 / shape, (count, len(idea.future)))
        mean = np.minimum(drawn[:, None] * around * idea.future / unit, 1e15)
        paths.append(unit * rng.poisson(mean).astype(float))
    return from_paths(np.concatenate(paths))


def _levels(sd: float, grid: np.ndarray) -> np.ndarray:
    width = float(np.sqrt(np.log1p(sd**2)))
    return np.asarray(np.exp(width * grid - width**2 / 2))


def _log_likelihood(
    values: np.ndarray, idea: Expected, levels: np.ndarray, unit: float
) -> np.ndarray:
    """Of each level, by the first two moments, which does not depend on the unit of the series."""
    expected = levels[:, None] * idea.past
    mean = levels[:, None] * np.append(idea.past, idea.future).mean()
    variance = unit * expected + (idea.scatter * expected) ** 2 + (0.3 * unit) ** 2
    variance = variance + (OFF_SEASON * idea.scatter / MONTH_SD * mean) ** 2
    return np.asarray(-0.5 * ((values - expected) ** 2 / variance + np.log(variance)).sum(axis=1))


def unit_of(values: np.ndarray, level: float) -> float:
    """The unit that counts come in: the largest number that all values are multiples of.

    Few values have too large a common divisor, so it is at most the usual level of a step. It is
    nearly 0 for values that are no counts. It follows the unit of the series: counts in
    thousands give a thousand.
    """
    distinct = np.unique(np.abs(values[values != 0]))
    if not len(distinct):
        return level
    unit, tolerance = float(distinct[0]), 1e-3 * float(distinct[0])
    for value in map(float, distinct[1:]):
        while value > tolerance:
            rest = value % unit
            unit, value = (unit, 0.0) if min(rest, unit - rest) <= tolerance else (rest, unit)
    return min(unit, level)


def _usual(case: Case, known: np.ndarray) -> _Usual | None:
    reasons: list[Statement] = []
    stated = _monthly_level(case)
    if stated is not None and _absurd(stated[0], case.values[known]):
        stated = None
    shape = month_shape(case.reading.subject.concepts)
    if stated is not None:
        reasons.append(stated[1])
    elif shape is not None:
        reasons.append(case.reading.subject)
    for peak in case.of(Peak):
        if peak.cycle == "year" and peak.months:
            shape = peaked(shape, peak.months, peak.low)
            reasons.append(peak)
    if shape is None and stated is None:
        return None
    shape = np.ones(12) if shape is None else shape
    past, future = shape[months_of(case.past)][known], shape[months_of(case.future)]
    if stated is not None:
        level, sd = stated[0], STATED_SD
    else:
        total = float(past.sum())
        level, sd = (float(case.values[known].sum()) / total if total > 0 else 0.0), OWN_SD
    return _Usual(level * past, level * future, sd, tuple(reasons))


def _absurd(level: float, values: np.ndarray) -> bool:
    """Tell whether a stated level of a month has nothing to do with the history's own."""
    if len(values) < FEW:
        return False
    own, chance = float(values.mean()), 3.0 / len(values)
    return level > MOST_APART * (own + chance) or own > MOST_APART * (level + chance)


def _monthly_level(case: Case) -> tuple[float, Statement] | None:
    """Usual value of a mean month, and the statement that says so."""
    for statistic in case.of(Statistic):
        if statistic.of != TARGET or statistic.value <= 0 or statistic.window is not None:
            continue
        if statistic.amount in (Amount.TOTAL, Amount.MEAN) and statistic.per in DAYS:
            return statistic.value * DAYS["year"] / 12 / DAYS[statistic.per], statistic
    return None


def months_of(stamps: np.ndarray) -> np.ndarray:
    """Month of each stamp, 0 = January: int [N]."""
    months: np.ndarray = stamps.astype("datetime64[M]").astype(np.int64) % 12
    return months
