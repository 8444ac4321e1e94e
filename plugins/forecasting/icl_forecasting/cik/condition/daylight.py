"""Daylight: nothing at night, and an afternoon that mirrors the morning about solar noon."""

from __future__ import annotations

import numpy as np

from icl_forecasting.cik.condition.case import Case, Draft
from icl_forecasting.cik.condition.predictive import LEVELS, Predictive, mixture
from icl_forecasting.cik.condition.references import weighted_quantiles
from icl_forecasting.cik.knowledge.days import phase_of
from icl_forecasting.cik.knowledge.sun import (
    AIR,
    EXPONENTS,
    NOON_SD,
    USUAL_NOON,
    clear_sky,
    hours_of,
)
from icl_forecasting.cik.statements import Peak, Statement

SHORT = 1.5
"""Histories of fewer days are continued by the course of the sun."""

STATED_SD = 0.12
"""Doubt about a stated usual time of the maximum, in hours."""

NOONS = np.linspace(-2, 2, 17)
"""Noons that are tried, in standard deviations around the expected one."""

CLOUDS = 0.12
"""Chance that clouds come that the morning did not show."""

STALE = 2.0
"""Hours after which what was seen of the sky counts e times less."""

LOW = 0.12
"""Light below this share of noon tells little about the sky."""


def apply_daylight(case: Case, draft: Draft) -> bool:
    """Continue a history of less than a day and a half along the course of the sun.

    The curve of a clear day has its zero at the sunrise that the history shows and is symmetric
    about noon. Noon is where the text says that the maximum usually comes; else it is found from
    how well the curve fits the morning, given where noon usually is. The sky is as clear as it
    was, mostly as it was last, with a chance of clouds.

    Returns:
        Whether it was used.
    """
    if not case.traits.daylight or case.day_steps < 8 or not case.clock.stamped:
        return False
    if len(case.values) > SHORT * case.day_steps:
        return False
    hours, values = hours_of(case.past), case.values
    rise = _sunrise(case)
    if rise is None:
        return False
    reason: Statement = case.reading.subject
    centre, sd = USUAL_NOON, NOON_SD
    for peak in case.of(Peak):
        if peak.cycle == "day" and peak.clock is not None and not peak.low:
            reason, centre, sd = peak, float(peak.clock / np.timedelta64(1, "h")), STATED_SD
    exponent = exponent_of(case)
    up = np.isfinite(values) & (hours >= rise)
    noons = centre + sd * NOONS
    weights = np.exp(-0.5 * NOONS**2)
    fits = np.array([_roughness(hours[up], values[up], rise, noon, exponent) for noon in noons])
    count = int(up.sum())
    weights *= (fits + 1e-3) ** (-0.15 * count)
    weights /= weights.sum()
    order = np.cumsum(weights)
    picked = [int(np.searchsorted(order, level)) for level in (0.1, 0.3, 0.5, 0.7, 0.9)]
    parts = []
    for noon in noons[np.minimum(picked, len(noons) - 1)]:
        half = max(float(noon) - rise, 1.0)
        seen = clear_sky(hours[up], float(noon), half, exponent)
        parts.append(_under_sky(case, hours[up], values[up], seen, (float(noon), half, exponent)))
    quantiles = mixture(parts, [1 / len(parts)] * len(parts))
    draft.replace_all(reason, Predictive(quantiles), "mirrors the morning about solar noon")
    return True


def apply_night(case: Case, draft: Draft) -> None:
    """Set times of day at which no light was ever seen to exactly nothing."""
    if not case.traits.daylight or case.day_steps < 8 or not case.clock.stamped:
        return
    known = np.isfinite(case.values)
    phases, wanted = phase_of(case.past[known]), phase_of(case.future)
    dark = np.array(
        [(phases == one).any() and not case.values[known][phases == one].any() for one in wanted]
    )
    quantiles = draft.predictive.quantiles
    lit = dark & (quantiles != 0).any(axis=0)
    if lit.any():
        dark_quantiles = np.zeros((len(LEVELS), int(lit.sum())))
        draft.replace_steps(case.reading.subject, lit, dark_quantiles, "nothing at night")


def exponent_of(case: Case) -> float:
    """Exponent of the curve of a clear day for what is measured."""
    known = [EXPONENTS[one] for one in case.reading.subject.concepts if one in EXPONENTS]
    return known[0] if known else AIR


def _sunrise(case: Case) -> float | None:
    """Hour of sunrise on the last day of the history: half a step before the first light."""
    today = case.past.astype("datetime64[D]") == case.past[-1].astype("datetime64[D]")
    lit = today & np.isfinite(case.values) & (case.values > 0)
    if lit.sum() < 4:
        return None
    first = int(np.argmax(lit))
    step = float(case.clock.step / np.timedelta64(1, "h"))
    dark = first > 0 and today[first - 1] and case.values[first - 1] <= 0
    if not dark:
        return None
    return float(hours_of(case.past[first : first + 1])[0]) - step / 2


def _roughness(
    hours: np.ndarray, values: np.ndarray, rise: float, noon: float, exponent: float
) -> float:
    """Relative variance of the morning around the curve of a clear day."""
    curve = clear_sky(hours, noon, max(noon - rise, 1.0), exponent)
    use = curve > LOW
    if use.sum() < 3:
        return 1.0
    ratio = values[use] / curve[use]
    middle = float(np.median(ratio))
    if middle <= 0:
        return 1.0
    deviation = np.abs(ratio / middle - 1)
    return float(np.mean(np.minimum(deviation, 1.0) ** 2))


def _under_sky(
    case: Case,
    hours: np.ndarray,
    values: np.ndarray,
    seen: np.ndarray,
    sun: tuple[float, float, float],
) -> np.ndarray:
    """Quantiles [49, H] for one noon: the clear curve times how clear the sky was."""
    future = clear_sky(hours_of(case.future), *sun)
    use = seen > LOW
    if not use.any():
        use = seen > 0
    if not use.any():
        return np.zeros((len(LEVELS), case.length))
    ratio = values[use] / seen[use]
    age = hours[use].max() - hours[use]
    clearness = weighted_quantiles(ratio, np.exp(-age / STALE) * np.sqrt(seen[use]))
    best = float(np.quantile(ratio, 0.9))
    cloudy = best * np.linspace(0.1, 1.0, len(LEVELS))
    mixed = mixture([clearness[:, None], cloudy[:, None]], [1 - CLOUDS, CLOUDS])
    return np.asarray(mixed * future)
