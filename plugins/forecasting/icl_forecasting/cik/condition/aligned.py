"""Readings of a comparable series on the stamps of the target, also from other days or years."""

from __future__ import annotations

import numpy as np

from icl_forecasting.cik.condition.case import DAY, Case
from icl_forecasting.cik.knowledge.days import phase_of
from icl_forecasting.cik.statements import Reference

COVERED = 0.8
"""Share of the forecast that readings have to reach to be used as they are."""


def aligned(case: Case, reference: Reference) -> np.ndarray | None:
    """Bring the readings of a reference to the stamps of history and forecast.

    Readings over the forecast's own time are joined between their stamps. Readings of other days
    are laid over each other by the time of day; readings of other years by the month.

    Returns:
        float [T + H], NaN where nothing is known; None where the forecast is not reached.
    """
    stamps = np.concatenate([case.past, case.future])
    known = np.array(reference.stamps, "datetime64[ns]")
    values = np.array(reference.values, float)
    fine = np.isfinite(values)
    known, values = known[fine], values[fine]
    if not len(known):
        return None
    order = np.argsort(known, kind="stable")
    known, values = known[order], values[order]
    past = len(case.past)
    spacing = np.median(np.diff(known)) if len(known) > 1 else case.clock.step
    path = curve(known, values, stamps, smooth=case.traits.daylight)
    # the last reading stands for the time up to the next one that would have come
    late = (stamps > known[-1]) & (stamps < known[-1] + spacing)
    path[late] = values[-1]
    if np.isfinite(path[past:]).mean() >= COVERED:
        return path
    span = known[-1] - known[0]
    if case.day_steps > 1 and len(known) >= 4 and span >= DAY / 4:
        return _by_phase(known, values, stamps, smooth=case.traits.daylight)
    if case.clock.step > 27 * DAY and len(known) >= 12:
        return _by_month(known, values, stamps)
    return None


def curve(
    known: np.ndarray, values: np.ndarray, stamps: np.ndarray, *, smooth: bool = False
) -> np.ndarray:
    """Join readings: by straight lines, or by a smooth curve that makes no new extremes below 0.

    Args:
        known: `datetime64[ns]` [N], increasing.
        values: [N].
        stamps: `datetime64[ns]` [M].
        smooth: use cubic pieces with the slopes of the neighbours (Catmull and Rom, 1974).

    Returns:
        float [M], NaN outside the first and the last reading.
    """
    at = known.astype(np.int64).astype(float)
    wanted = stamps.astype(np.int64).astype(float)
    outside = (wanted < at[0]) | (wanted > at[-1])
    path = np.interp(wanted, at, values)
    if smooth and len(at) > 2:
        slopes = np.gradient(values, at)
        # a reading of zero is night: the curve starts flat from it
        slopes[values == 0] = 0.0
        left = np.clip(np.searchsorted(at, wanted, side="right") - 1, 0, len(at) - 2)
        width = at[left + 1] - at[left]
        t = (wanted - at[left]) / width
        path = (
            (2 * t**3 - 3 * t**2 + 1) * values[left]
            + (t**3 - 2 * t**2 + t) * width * slopes[left]
            + (3 * t**2 - 2 * t**3) * values[left + 1]
            + (t**3 - t**2) * width * slopes[left + 1]
        )
        night = (values[left] == 0) & (values[left + 1] == 0)
        path = np.where(night, 0.0, path)
        if (values >= 0).all():
            path = np.maximum(path, 0.0)
    return np.where(outside, np.nan, path)


def _by_phase(
    known: np.ndarray, values: np.ndarray, stamps: np.ndarray, *, smooth: bool
) -> np.ndarray:
    """Median over days of the readings at each time of day, joined round the clock."""
    phases = phase_of(known)
    distinct = np.unique(phases)
    middle = np.array([np.median(values[phases == phase]) for phase in distinct])
    day = int(DAY.astype(np.int64))
    around = np.concatenate([distinct - day, distinct, distinct + day]).astype("datetime64[ns]")
    wanted = phase_of(stamps).astype("datetime64[ns]")
    return curve(around, np.tile(middle, 3), wanted, smooth=smooth)


def _by_month(known: np.ndarray, values: np.ndarray, stamps: np.ndarray) -> np.ndarray:
    """Mean of the readings of each month of the year."""
    months = known.astype("datetime64[M]").astype(np.int64) % 12
    wanted = stamps.astype("datetime64[M]").astype(np.int64) % 12
    means = np.array(
        [values[months == m].mean() if (months == m).any() else np.nan for m in range(12)]
    )
    return np.asarray(means[wanted])
