"""The paths of covariates and references on the stamps of a series."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from icl_forecasting.cik.condition.case import Case
from icl_forecasting.cik.statements import Covariate


def places_of(covariate: Covariate, stamps: np.ndarray) -> np.ndarray:
    """Tell which value of a covariate holds at each stamp.

    Args:
        covariate: its values hold until the next one (`steps`), or are single readings.
        stamps: `datetime64[ns]` [N].

    Returns:
        int [N], indices of the values; -1 before the first and after the end.
    """
    known = np.array(covariate.stamps, "datetime64[ns]")
    places = np.searchsorted(known, stamps, side="right") - 1
    if covariate.end is not None:
        places[stamps >= covariate.end] = -1
    return np.asarray(places)


def numbers_at(covariate: Covariate, stamps: np.ndarray) -> np.ndarray | None:
    """Values of a numeric covariate at stamps: float [N], NaN where it is not known.

    Readings that are not steps are joined by straight lines. None where a value is no number.
    """
    try:
        values = np.array([float(value) for value in covariate.values])
    except (TypeError, ValueError):
        return None
    if not len(values):
        return None
    if covariate.steps:
        places = places_of(covariate, stamps)
        return np.where(places >= 0, values[places], np.nan)
    return joined(covariate.stamps, values, stamps)


def states_at(covariate: Covariate, stamps: np.ndarray) -> np.ndarray:
    """States of a covariate at stamps: text [N], "" where none is known."""
    places = places_of(covariate, stamps)
    names = np.array([str(value) for value in covariate.values] or [""])
    return np.asarray(np.where(places >= 0, names[places], ""))


def joined(
    known: Sequence[np.datetime64] | np.ndarray, values: np.ndarray, stamps: np.ndarray
) -> np.ndarray:
    """Join readings by straight lines: float [N], NaN outside the first and the last."""
    moments = np.array(known, "datetime64[ns]").astype(np.int64).astype(float)
    wanted = stamps.astype("datetime64[ns]").astype(np.int64).astype(float)
    order = np.argsort(moments, kind="stable")
    inside = np.interp(wanted, moments[order], values[order])
    outside = (wanted < moments.min()) | (wanted > moments.max())
    return np.where(outside, np.nan, inside)


def held(path: np.ndarray) -> np.ndarray:
    """Fill unknown values with the last known one, at the front with the first known one."""
    known = np.isfinite(path)
    if not known.any():
        return path
    places = np.maximum.accumulate(np.where(known, np.arange(len(path)), -1))
    places[places < 0] = int(np.argmax(known))
    return np.asarray(path[places])


def covariate_named(case: Case, name: str) -> Covariate | None:
    """Find a covariate by its name; where there is only one, any name means it."""
    covariates = case.of(Covariate)
    wanted = name.casefold().strip()
    for covariate in covariates:
        if covariate.name.casefold().strip() == wanted:
            return merged(covariates, covariate)
    return merged(covariates, covariates[0]) if len(covariates) == 1 else None


def merged(covariates: Sequence[Covariate], one: Covariate) -> Covariate:
    """Join the parts of a covariate whose path a text gives in several pieces."""
    parts = [part for part in covariates if part.name.casefold() == one.name.casefold()]
    if len(parts) < 2:
        return one
    rows = sorted(
        (row for part in parts for row in zip(part.stamps, part.values, strict=True)),
        key=lambda row: row[0],
    )
    ends = [part.end for part in parts]
    last = None if any(end is None for end in ends) else max(end for end in ends if end is not None)
    return Covariate(
        span=one.span,
        confidence=min(part.confidence for part in parts),
        name=one.name,
        stamps=tuple(stamp for stamp, _ in rows),
        values=tuple(value for _, value in rows),
        steps=one.steps,
        end=last,
    )
