"""The variates of a series: their number, their names, and one of them by itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from icl_core.types import Series


def variate_count(series: Series) -> int:
    """How many variates a series has; values [T] are one."""
    values = np.asarray(series.values)
    return int(values.shape[0]) if values.ndim == 2 else 1


def variate_names(series: Series) -> tuple[str, ...]:
    """What the variates are called: as the series says, else "0", "1", ..."""
    if series.variates is not None:
        return tuple(series.variates)
    return tuple(str(number) for number in range(variate_count(series)))


def one_variate(series: Series, number: int) -> Series:
    """One variate as a series [T] of its own, without covariates."""
    values = np.asarray(series.values)
    if values.ndim == 1:
        return series
    name = series.name
    if len(values) > 1:
        own = variate_names(series)[number]
        name = f"{series.name}/{own}" if series.name else own
    return replace(series, values=values[number], name=name, covariates=None, variates=None)
