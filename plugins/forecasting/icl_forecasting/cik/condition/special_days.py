"""Special days: they take the pattern of the days they are like."""

from __future__ import annotations

import numpy as np

from icl_forecasting.cik.condition.case import DAY, Case, Draft
from icl_forecasting.cik.condition.effects import LOWERED, RAISED
from icl_forecasting.cik.condition.predictive import MEDIAN, mixture
from icl_forecasting.cik.knowledge.days import DAYS_OFF, phase_of, weekday_of
from icl_forecasting.cik.statements import Change, SpecialDays

SHARE = 0.8
"""How far a holiday goes from its weekday to the days off that it is supposed to be like."""

STATED_SHARE = 0.95
"""The same where the text says which days it is like."""

RECENT = 6
"""So many of the latest similar days are looked at."""


def apply_special_days(case: Case, draft: Draft) -> None:
    """Give special days of the forecast the pattern of similar days of the history.

    A holiday takes, for each time of day, the level of past days off (or of the weekdays it is
    said to be like), with the base forecast's relative spread. Where the text says that such
    days are lower (or higher), a day off that happens to lie on the wrong side of the usual day
    is not followed. Without a similar day in the history only a stated direction is used.
    """
    for special in case.of(SpecialDays):
        _apply(case, draft, special)


def _apply(case: Case, draft: Draft, special: SpecialDays) -> None:
    days = np.array(special.days, "datetime64[D]")
    steps = np.isin(case.future.astype("datetime64[D]"), days)
    if case.clock.step > DAY or not case.clock.stamped:
        draft.skip(special, "the steps are longer than a day")
        return
    if not steps.any():
        draft.skip(special, "no such day is in the forecast")
        return
    quantiles = draft.predictive.quantiles[:, steps]
    usual = quantiles[MEDIAN]
    levels = similar_levels(case, case.future[steps], special.like or DAYS_OFF, days)
    if np.isfinite(levels).any():
        goal = np.where(np.isfinite(levels), levels, usual)
        if special.change is Change.LOWER:
            goal = np.minimum(goal, usual)
        elif special.change is Change.RAISE:
            goal = np.maximum(goal, usual)
        share = STATED_SHARE if special.like else SHARE
        middle = share * goal + (1 - share) * usual
        after = _relevelled(quantiles, middle, np.abs(goal - usual))
        did = "follows days off of the history" if not special.like else "follows similar days"
    elif special.change in (Change.LOWER, Change.RAISE):
        factors = LOWERED if special.change is Change.LOWER else RAISED
        after = mixture([quantiles * factor for factor in factors], [1 / 6] * 6)
        did = f"{special.change} than usual, without a similar day in the history"
    else:
        draft.skip(special, "the history has no similar day")
        return
    draft.replace_steps(special, steps, after, did)


def similar_levels(
    case: Case, stamps: np.ndarray, like: frozenset[int], special: np.ndarray
) -> np.ndarray:
    """Level of past similar days at the time of day of each stamp.

    Args:
        case: its repaired history is looked at.
        stamps: `datetime64[ns]` [K].
        like: weekdays that count as similar.
        special: `datetime64[D]`, special days; those in the past are similar too.

    Returns:
        float [K], the median over the latest such days; NaN where there is none.
    """
    past_days = case.past.astype("datetime64[D]")
    fits = np.isin(weekday_of(case.past), sorted(like)) | np.isin(past_days, special)
    fits &= np.isfinite(case.values)
    phases, wanted = phase_of(case.past), phase_of(stamps)
    levels = np.full(len(stamps), np.nan)
    for place, phase in enumerate(wanted):
        same = case.values[fits & (phases == phase)][-RECENT:]
        if same.size:
            levels[place] = np.median(same)
    return levels


def _relevelled(quantiles: np.ndarray, middle: np.ndarray, moved: np.ndarray) -> np.ndarray:
    """Move quantiles [49, K] to another middle [K]; the spread follows the level.

    The further a step is moved, the less sure it is: the distance moved widens the spread.
    """
    usual = quantiles[MEDIAN]
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(np.abs(usual) > 0, np.abs(middle / usual), 1.0)
    ratio = np.clip(ratio, 0.2, 2.0)
    spread = (quantiles - usual) * ratio
    width = np.maximum(quantiles[-9] - quantiles[8], 1e-12) * ratio
    return np.asarray(middle + spread * np.maximum(1.0, 0.5 * moved / width))
