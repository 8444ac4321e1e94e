"""Covariates that a text tells, for forecasters that read covariates themselves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from icl_core import Horizon, Series
from icl_forecasting.cik.condition.paths import merged, numbers_at, states_at
from icl_forecasting.cik.statements import Covariate, Reading
from icl_forecasting.cik.windows import Clock


def with_covariates(
    history: Series, horizon: Horizon, reading: Reading, clock: Clock
) -> tuple[Series, Horizon, tuple[str, ...]]:
    """Hand the covariates of a text over as columns that are known into the future.

    A covariate counts where its path is known for every step of history and forecast: numbers as
    they are, states as words, which the forecaster encodes by its own rule. One that the caller
    gave under the same name wins.

    Args:
        history: of the series.
        horizon: of the forecast.
        reading: of the text.
        clock: stamps of both.

    Returns:
        History and horizon with the columns, and the names of those that came from the text.
    """
    stated = [one for one in reading.statements if isinstance(one, Covariate)]
    past, future = dict(history.covariates or {}), dict(horizon.covariates or {})
    names = []
    for one in stated:
        if one.name in past or one.name in future:
            continue
        whole = merged(stated, one)
        before, after = _path(whole, clock.history), _path(whole, clock.future)
        if before is None or after is None:
            continue
        past[one.name], future[one.name] = before, after
        names.append(one.name)
    if not names:
        return history, horizon, ()
    return replace(history, covariates=past), replace(horizon, covariates=future), tuple(names)


def _path(covariate: Covariate, stamps: np.ndarray) -> np.ndarray | None:
    """Return the path at all stamps, or None where a part of it is not known."""
    numbers = numbers_at(covariate, stamps)
    if numbers is not None:
        return numbers if np.isfinite(numbers).all() else None
    states = states_at(covariate, stamps)
    return states if (states != "").all() else None
