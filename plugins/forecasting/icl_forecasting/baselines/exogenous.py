"""Covariates as the regressors of a statistical model."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from icl_core.coerce.covariates import encode_covariates
from icl_core.errors import InputError
from icl_core.types import Horizon, Series
from icl_forecasting.baselines.history import interpolated

_RANK_TOLERANCE = 1e-8


class Regressors(NamedTuple):
    """Columns that a model regresses on.

    Args:
        names: of the columns.
        past: float64 [T, K], mean 0 and standard deviation 1 over the history.
        future: float64 [H, K] on the same scale.
    """

    names: tuple[str, ...]
    past: np.ndarray
    future: np.ndarray


def regressors(
    series: Series, horizon: Horizon, read: int, learner: str, season: int = 1
) -> Regressors | None:
    """The covariates of a forecast that a regression can use.

    Missing values are filled by straight lines. A column that is constant over the history, or
    follows from the columns before it, has no effect of its own to estimate and is left out. So
    is one that repeats itself each season, such as the weekday in a season of seven days: a
    seasonal difference would leave nothing of it.

    Args:
        series: the history, with covariates.
        horizon: with the future of each of them.
        read: how many of the last values of the history the model reads.
        learner: name for the sentences.
        season: steps in one season of the model; 1 = none.

    Returns:
        The columns; None where no covariate is left.

    Raises:
        InputError: a covariate of the history has no future.
    """
    rows = encode_covariates(series, horizon)
    if rows.past:
        name = next(iter(rows.past))
        raise InputError(
            f"{learner} needs the future of the covariate {name!r}, and the horizon has none",
            "give it with Horizon(length, covariates={...}), or leave the covariate out",
        )
    names: list[str] = []
    columns: list[np.ndarray] = []
    basis = np.ones((read, 1)) / np.sqrt(read)
    for name, values in rows.future.items():
        if not np.isfinite(values).any():
            continue
        filled = interpolated(values)[-(read + horizon.length) :]
        past = filled[:read]
        if 1 < season < read and np.array_equal(past[season:], past[:-season]):
            continue
        centred = past - past.mean()
        spread = centred.std()
        if not spread > _RANK_TOLERANCE * max(1.0, float(np.abs(past).max())):
            continue
        scaled = centred / spread
        rest = scaled - basis @ (basis.T @ scaled)
        size = float(np.linalg.norm(rest))
        if size <= _RANK_TOLERANCE * np.sqrt(read):
            continue
        basis = np.column_stack([basis, rest / size])
        names.append(name)
        columns.append((filled - past.mean()) / spread)
    if not names:
        return None
    whole = np.column_stack(columns)
    return Regressors(tuple(names), whole[:read], whole[read:])
