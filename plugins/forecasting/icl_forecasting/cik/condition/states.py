"""States such as clear and cloudy: each has its own level at each time of day."""

from __future__ import annotations

import numpy as np

from icl_forecasting.cik.condition.case import Case, Draft
from icl_forecasting.cik.condition.daylight import exponent_of
from icl_forecasting.cik.condition.paths import covariate_named, states_at
from icl_forecasting.cik.condition.predictive import Predictive, averaged
from icl_forecasting.cik.condition.references import weighted_quantiles
from icl_forecasting.cik.knowledge.days import phase_of
from icl_forecasting.cik.knowledge.sun import clear_sky, hours_of
from icl_forecasting.cik.statements import Law, Relation

NEAR_HOURS = 2.0
"""Values within about so many hours of the time of day tell what a state does there."""

MIRRORED = 0.5
"""What a value at the mirrored time of the sun counts beside one at the same time."""

LOW = 0.15
"""Below this share of its maximum a daily curve says nothing about a quotient."""

EXPONENTS_TRIED = (0.2, 0.4, 0.8, 1.2)
NOONS_TRIED = (-0.3, 0.0, 0.3)
"""What is tried to find the curve of a clear day: its exponent, and shifts of noon in hours."""

PRIOR = 0.03
"""How much more regular a state has to become for one unit of exponent (log) or hour of noon."""

SCARCE = 1.5
"""Weighed number of values that makes a state's own values count half, beside all states'."""


def apply_states(case: Case, draft: Draft) -> bool:
    """Give each step the level of its state at its time of day.

    Every value of the history is divided by a daily curve (for daylight that of a clear day
    between the sunrise and sunset that the history shows, else the median of each time of day).
    A step takes the quotients of its state from near times of day. Where a state was hardly seen,
    the quotients of all states are mixed in.

    Returns:
        Whether it was used.
    """
    for relation in case.of(Relation):
        if relation.law is Law.STATES and _apply(case, draft, relation):
            return True
    return False


def _apply(case: Case, draft: Draft, relation: Relation) -> bool:
    covariate = next(
        (found for name in relation.of or ("",) if (found := covariate_named(case, name))), None
    )
    if covariate is None:
        draft.skip(relation, "the path of its states is not known")
        return False
    past, future = states_at(covariate, case.past), states_at(covariate, case.future)
    known = np.isfinite(case.values) & (past != "")
    if (future == "").mean() > 0.5 or known.sum() < 4 or len(np.unique(past[known])) < 2:
        draft.skip(relation, "the history shows too little of the states")
        return False
    curve_past, curve_future = _curves(case, past)
    lit = known & (curve_past > LOW * curve_past.max())
    if lit.sum() < 4:
        draft.skip(relation, "the history shows too little of the states")
        return False
    ratios = case.values[lit] / curve_past[lit]
    weights = _nearness(case, case.past[lit], case.future)
    quantiles = np.empty_like(draft.predictive.quantiles)
    for step in range(case.length):
        same = past[lit] == future[step]
        own = weights[step] * same
        pooled = weighted_quantiles(ratios, weights[step] + 1e-6)
        amount = float(own.sum())
        if amount > 1e-9:
            share = amount / (amount + SCARCE * 0.2)
            ours = weighted_quantiles(ratios[same], own[same] + 1e-9)
            pooled = averaged([ours[:, None], pooled[:, None]], [share, 1 - share])[:, 0]
        quantiles[:, step] = pooled * curve_future[step]
    draft.replace_all(relation, Predictive(quantiles), f"follows the state of {covariate.name}")
    return True


def _nearness(case: Case, stamps: np.ndarray, future: np.ndarray) -> np.ndarray:
    """Weights [H, N] of past moments for future ones, by time of day."""
    if case.day_steps <= 1:
        return np.ones((len(future), len(stamps)))
    there, here = hours_of(stamps)[None], hours_of(future)[:, None]
    gap = np.abs(here - there)
    gap = np.minimum(gap, 24 - gap)
    weights = np.exp(-0.5 * (gap / NEAR_HOURS) ** 2)
    if case.traits.daylight:
        noon = _daylight(case)[0]
        mirrored = np.abs(2 * noon - here - there)
        weights += MIRRORED * np.exp(-0.5 * (mirrored / NEAR_HOURS) ** 2)
    return np.asarray(weights)


def _curves(case: Case, states: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Daily curve at the stamps of the history [T] and of the forecast [H]."""
    if case.traits.daylight and case.day_steps >= 8:
        return _sun_curves(case, states)
    if case.day_steps <= 1:
        return np.ones(len(case.values)), np.ones(case.length)
    phases = phase_of(case.past)
    known = np.isfinite(case.values)
    overall = float(np.median(case.values[known])) or 1.0

    def level(phase: int) -> float:
        same = case.values[known & (phases == phase)]
        return float(np.median(same)) if same.size else overall

    table = {int(phase): level(int(phase)) for phase in np.unique(phases)}
    past = np.array([table[int(phase)] for phase in phases])
    future = np.array([table.get(int(phase), overall) for phase in phase_of(case.future)])
    positive = past > 0
    if not positive.all():
        return np.ones(len(past)), np.ones(len(future))
    return past, future


def _sun_curves(case: Case, states: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The curve of a clear day that makes the most regular state as regular as can be."""
    noon, half = _daylight(case)
    hours = hours_of(case.past)
    usual = exponent_of(case)
    groups = [np.isfinite(case.values) & (states == state) for state in np.unique(states) if state]
    best = (np.inf, noon, usual)
    for exponent in (*EXPONENTS_TRIED, usual):
        for shift in NOONS_TRIED:
            curve = clear_sky(hours, noon + shift, half, exponent)
            prior = PRIOR * abs(float(np.log(exponent / usual))) + PRIOR * abs(shift)
            scores = [_irregular(case.values[group], curve[group]) for group in groups]
            score = min(scores, default=1.0) + prior
            if score < best[0]:
                best = score, noon + shift, exponent
    _, centre, exponent = best
    return (
        clear_sky(hours, centre, half, exponent),
        clear_sky(hours_of(case.future), centre, half, exponent),
    )


def _irregular(values: np.ndarray, curve: np.ndarray) -> float:
    """Relative deviation of values from a multiple of a curve; 1 where too few are there."""
    use = curve > LOW
    if use.sum() < 4:
        return 1.0
    ratio = values[use] / curve[use]
    middle = float(np.median(ratio))
    if middle <= 0:
        return 1.0
    deviation = np.minimum(np.abs(ratio / middle - 1), 1.0)
    return float(np.average(deviation, weights=curve[use]))


def _daylight(case: Case) -> tuple[float, float]:
    """Solar noon and half the length of the day in hours, from the first and last light."""
    hours = hours_of(case.past)
    lit = np.isfinite(case.values) & (case.values > 0)
    step = float(case.clock.step / np.timedelta64(1, "h"))
    first, last = float(hours[lit].min()) - step / 2, float(hours[lit].max()) + step / 2
    return (first + last) / 2, max((last - first) / 2, 1.0)
