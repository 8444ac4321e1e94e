"""Comparable series: their readings over the forecast are brought to the target's level."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from icl_forecasting.cik.condition.aligned import aligned
from icl_forecasting.cik.condition.case import DAY, Case, Draft
from icl_forecasting.cik.condition.counts import apply_counts, counted
from icl_forecasting.cik.condition.paths import held
from icl_forecasting.cik.condition.predictive import (
    LEVELS,
    Predictive,
    averaged,
    normal,
)
from icl_forecasting.cik.knowledge.days import phase_of
from icl_forecasting.cik.statements import Reference

LEAST = 3
"""Steps of the history that a reference has to share with it."""

SLOPE_SD = 0.35
"""Doubt about how strongly the target follows, relative to the ratio of the levels."""

KEPT = 0.6
"""Share of the last deviation that is left one step later."""

FLOOR = 0.02
"""Least standard deviation of a transfer, relative to the level."""

ENOUGH = 48
"""A history of so many values makes the base forecast count fully beside a reference."""

NEAR_HOURS = 2.5
"""Times of day this near tell how clear the sky is."""

LIT = 0.04
"""Below this share of its maximum a reference says nothing about a ratio."""


@dataclass(frozen=True, eq=False)
class Transfer:
    """A reference brought to the target's level.

    Args:
        reference: where it comes from.
        quantiles: [49, H].
        error: of the fit on the history, relative to the level; smaller is better.
        steps: steps of the history that were compared.
        combine: whether the base forecast may be averaged in.
    """

    reference: Reference
    quantiles: np.ndarray
    error: float
    steps: int
    combine: bool = True


def apply_references(case: Case, draft: Draft) -> bool:
    """Let the target follow comparable series; tell whether one was used.

    References that the text calls relevant are used; else those that fit the history, in
    proportion to how well they do. The result is averaged with the base forecast by precision,
    if the history is long enough for that to mean something.
    """
    references = [one for one in case.of(Reference) if one.relevant is not False]
    for one in case.of(Reference):
        if one.relevant is False:
            draft.skip(one, "it does not go with this series")
    named = [one for one in references if one.relevant]
    if counted(case) and apply_counts(case, draft, named or references):
        return True
    moved = [_transfer(case, draft, one) for one in named or references]
    found = [one for one in moved if one]
    if not found:
        return False
    shares = _shares(found)
    quantiles = averaged([one.quantiles for one in found], list(shares))
    if all(one.combine for one in found):
        quantiles = _beside_base(case, draft.predictive.quantiles, quantiles)
    best = found[int(np.argmax(shares))].reference
    draft.replace_all(best, Predictive(quantiles), f"follows {best.name or 'the reference'}")
    everywhere = np.ones(case.length, bool)
    for transfer, share in zip(found, shares, strict=True):
        if transfer.reference is not best and share > 0.01:
            draft.note(transfer.reference, everywhere, f"counts {share:.0%}")
    return True


def _shares(found: list[Transfer]) -> np.ndarray:
    """Weights of references: by the likelihood of their errors, for at most a dozen steps."""
    steps = min(min(one.steps for one in found), 12)
    scores = np.array([-steps / 2 * np.log(one.error**2 + FLOOR**2) for one in found])
    weights = np.exp(scores - scores.max())
    return np.asarray(weights / weights.sum())


def _transfer(case: Case, draft: Draft, reference: Reference) -> Transfer | None:
    path = aligned(case, reference)
    if path is None:
        draft.skip(reference, "its readings do not reach the forecast")
        return None
    past = len(case.values)
    both = np.isfinite(path[:past]) & np.isfinite(case.values)
    future = held(path[past:])
    subject = case.reading.subject.concepts
    same = not reference.quantity or not subject or bool(reference.quantity & subject)
    if case.traits.daylight and (np.concatenate([path[:past][both], future]) >= 0).all():
        return _by_ratio(case, reference, path, both, future)
    return _by_line(case, draft, reference, path[:past], both, future, same)


def _by_line(
    case: Case,
    draft: Draft,
    reference: Reference,
    path: np.ndarray,
    both: np.ndarray,
    future: np.ndarray,
    same: bool,
) -> Transfer | None:
    """Regression on the reference whose slope is drawn to the ratio of the levels."""
    if both.sum() < LEAST:
        draft.skip(reference, "it shares too few steps with the history")
        return None
    # units of about 1, so that nothing overflows
    unit_x = float(np.abs(np.append(path[both], future)).max()) or 1.0
    unit_y = float(np.abs(case.values[both]).max()) or 1.0
    x, y, future = path[both] / unit_x, case.values[both] / unit_y, future / unit_x
    count, mean_x, mean_y = len(x), float(x.mean()), float(y.mean())
    level = max(abs(mean_y), 1e-3)
    ratio = mean_y / mean_x if same and mean_x * mean_y > 0 else 0.0
    size_x = float(x.std())
    if ratio == 0.0 and size_x > 0 and not same:
        doubt = float(y.std()) / size_x
    else:
        doubt = SLOPE_SD * (abs(ratio) or level / max(abs(mean_x), 1e-9))
    floor = FLOOR * level
    sxx, sxy = float(((x - mean_x) ** 2).sum()), float(((x - mean_x) * (y - mean_y)).sum())
    variance = float(np.var(y - mean_y - ratio * (x - mean_x))) + floor**2
    slope, slope_variance = ratio, doubt**2
    for _ in range(3):
        precision = sxx / variance + 1 / max(doubt, 1e-9) ** 2
        slope_variance = 1 / precision
        slope = slope_variance * (sxy / variance + ratio / max(doubt, 1e-9) ** 2)
        left = y - mean_y - slope * (x - mean_x)
        variance = float((left**2).sum()) / max(count - 2, 1) + floor**2
    explained = 1 - float(np.var(left)) / max(float(np.var(y)), 1e-12)
    if not same and (count < 12 or explained < 0.3):
        draft.skip(reference, "the history does not follow it")
        return None
    ahead = np.arange(1, len(future) + 1)
    last = float(left[-1]) if both[-1] else 0.0
    mean = mean_y + slope * (future - mean_x) + last * KEPT**ahead
    growth = 1 + 1 / count + 0.1 * ahead
    sd = np.sqrt(variance * growth + slope_variance * (future - mean_x) ** 2)
    error = float(np.std(left)) / level
    return Transfer(reference, unit_y * normal(mean, sd), error, count)


def _by_ratio(
    case: Case, reference: Reference, path: np.ndarray, both: np.ndarray, future: np.ndarray
) -> Transfer | None:
    """Daylight: share of the reference that arrives, from times of day and days that are near."""
    x, y = path[: len(both)][both], case.values[both]
    lit = x > LIT * max(float(x.max()) if len(x) else 0.0, float(future.max()))
    if not lit.any():
        # only night was seen: the reference itself is the best guess of the level
        spread = np.quantile([0.2, 0.5, 0.8, 1.0, 1.0, 1.1], LEVELS)
        return Transfer(reference, np.outer(spread, future), 1.0, 0, combine=False)
    ratios = y[lit] / x[lit]
    stamps = case.past[both][lit]
    day = float(DAY.astype(np.int64))
    gap = np.abs(phase_of(case.future)[:, None] - phase_of(stamps)[None]).astype(float)
    gap = np.minimum(gap, day - gap) / day * 24
    age = (case.future[:, None] - stamps[None]).astype(np.int64) / day
    weights = np.exp(-0.5 * (gap / NEAR_HOURS) ** 2 - 0.5 * age) + 1e-3 * np.exp(-0.5 * age)
    quantiles = np.stack([weighted_quantiles(ratios, weight) for weight in weights], axis=1)
    typical = float(np.median(ratios))
    error = float(np.mean(np.abs(ratios - typical))) / max(typical, 1e-3)
    return Transfer(reference, quantiles * future, error, int(lit.sum()), combine=False)


def weighted_quantiles(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Quantiles [49] of values [N] with weights [N]."""
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[order])
    middle = (reached - weights[order] / 2) / reached[-1]
    return np.asarray(np.interp(LEVELS, middle, values[order]))


def _beside_base(case: Case, base: np.ndarray, ours: np.ndarray) -> np.ndarray:
    """Average with the base forecast by precision, level by level."""
    trust = min(1.0, np.isfinite(case.values).sum() / ENOUGH) ** 2
    high, low = LEVELS.index(0.84), LEVELS.index(0.16)
    sd_base = np.maximum(base[high] - base[low], 1e-12)
    sd_ours = np.maximum(ours[high] - ours[low], 1e-12)
    share = trust * sd_ours**2 / (trust * sd_ours**2 + sd_base**2)
    return averaged([base, ours], [share, 1 - share])
