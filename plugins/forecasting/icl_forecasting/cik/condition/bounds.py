"""Hard bounds: no quantile lies outside, so no sample does."""

from __future__ import annotations

import numpy as np

from icl_forecasting.cik.condition.case import Case, Draft
from icl_forecasting.cik.condition.coverage import covered_share, describe
from icl_forecasting.cik.condition.effects import SURE
from icl_forecasting.cik.condition.plausible import broken
from icl_forecasting.cik.condition.predictive import LEVELS
from icl_forecasting.cik.statements import TARGET, Bound

LEAST_SHARE = 0.02
"""A step that is covered less than this is not touched."""

LEAST_MASS = 0.05
"""With less probability than this inside a bound, the distribution tells nothing about it."""


def apply_bounds(case: Case, draft: Draft) -> None:
    """Hold the forecast inside the stated bounds, then inside what is physically possible.

    A bound is clipped to: the mass beyond it is put on it. A stated bound of doubtful confidence
    is not used, since a wrong bound costs more than a missing one. What is physically possible
    (`Traits`) is only held where the history obeys it as well.
    """
    for bound in case.of(Bound):
        if bound.of != TARGET:
            draft.skip(bound, f"it is about {bound.of}")
        elif bound.confidence < SURE:
            draft.skip(bound, "not sure enough to be a limit")
        elif broken(case, bound):
            draft.skip(bound, "nearly all of the history lies beyond it")
        else:
            _hold(case, draft, bound)
    _hold_physical(case, draft)


def limits_of(case: Case) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper limit of each step [H], stated or physical; infinite where there is none."""
    least, largest = _physical(case)
    lower = np.full(case.length, least)
    upper = np.full(case.length, largest)
    for bound in case.of(Bound):
        if bound.of != TARGET or bound.confidence < SURE or broken(case, bound):
            continue
        inside = _steps(case, bound)
        if bound.lower is not None:
            lower[inside] = np.maximum(lower[inside], bound.lower)
        if bound.upper is not None:
            upper[inside] = np.minimum(upper[inside], bound.upper)
    return lower, upper


def _steps(case: Case, bound: Bound) -> np.ndarray:
    inside: np.ndarray = covered_share(bound.window, case.future, case.ends) >= LEAST_SHARE
    return inside


def _hold(case: Case, draft: Draft, bound: Bound) -> None:
    inside = _steps(case, bound)
    if not inside.any():
        draft.skip(bound, "its time is not in the forecast")
        return
    lower = -np.inf if bound.lower is None else bound.lower
    upper = np.inf if bound.upper is None else bound.upper
    quantiles = draft.predictive.quantiles
    beyond = inside & ((quantiles < lower) | (quantiles > upper)).any(axis=0)
    if not beyond.any():
        draft.skip(bound, "the forecast lies inside it already")
        return
    words = [f"at least {lower:g}"] if np.isfinite(lower) else []
    words += [f"at most {upper:g}"] if np.isfinite(upper) else []
    did = f"held {' and '.join(words)} {describe(bound.window)}"
    draft.replace_steps(bound, beyond, held_inside(quantiles[:, beyond], lower, upper), did)


def held_inside(quantiles: np.ndarray, lower: float, upper: float) -> np.ndarray:
    """Bring distributions inside bounds.

    Clipping is right where the bound acts on the quantity itself (a cap). Where it only tells what
    will not happen, the mass beyond it belongs inside (the distribution is truncated). A text does
    not tell which; the average of both is better than either on series of many kinds.

    Args:
        quantiles: [49, K], not decreasing along the first axis.
        lower: least value, may be -inf.
        upper: largest value, may be inf.
    """
    clipped = np.clip(quantiles, lower, upper)
    levels = np.array(LEVELS)
    result = clipped.copy()
    for step in range(quantiles.shape[1]):
        values = quantiles[:, step]
        below = np.interp(lower, values, levels, left=0.0) if np.isfinite(lower) else 0.0
        above = np.interp(upper, values, levels, right=1.0) if np.isfinite(upper) else 1.0
        if above - below < LEAST_MASS or values[0] == values[-1]:
            continue
        inside = np.interp(below + (above - below) * levels, levels, values)
        result[:, step] = 0.5 * clipped[:, step] + 0.5 * np.clip(inside, lower, upper)
    return np.sort(result, axis=0)


def _physical(case: Case) -> tuple[float, float]:
    """What the quantity can be at all, where the history obeys it."""
    traits = case.traits
    known = case.values[np.isfinite(case.values)]
    lower, upper = -np.inf, np.inf
    if traits.lower is not None and not (known < traits.lower).any():
        lower = traits.lower
    if traits.upper is not None and not (known > traits.upper).any():
        upper = traits.upper
    return lower, upper


def _hold_physical(case: Case, draft: Draft) -> None:
    subject = case.reading.subject
    lower, upper = _physical(case)
    quantiles = draft.predictive.quantiles
    beyond = np.any((quantiles < lower) | (quantiles > upper), axis=0)
    if beyond.any():
        held = np.clip(quantiles[:, beyond], lower, upper)
        what = subject.name or "the quantity"
        draft.replace_steps(subject, beyond, held, f"held inside what {what} can be")
