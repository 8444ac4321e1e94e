"""What a forecast is scored against: the truth, and what counts about it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from icl_core.errors import InputError

Region = None | int | slice | Sequence[int] | np.ndarray
"""Steps of the horizon that count more: none, one, a range, a list, or a bool mask [H]."""


@dataclass(frozen=True, eq=False)
class RcrpsTarget:
    """The truth of one forecast, with the parts of the metric that are its own.

    Args:
        values: float64 [H], what came, finite, in the unit of the series.
        scaling: alpha, 1 / unit of the series; brings tasks to one scale.
        region: steps of interest; negative ones count from the end. As in the official code, an
            empty list and the bare number 0 mean no region; the first step alone is `[0]`. A bool
            mask [H] is read as the steps where it is true (the official code refuses it).
        lower: the least value allowed anywhere; -inf = no limit.
        upper: the largest value allowed anywhere; inf = no limit.
        upper_steps: steps with a limit of their own.
        upper_values: their largest values, one for each of `upper_steps`.
        mean: what the mean of a sample over the horizon has to be; None = anything.

    Raises:
        InputError: values are no finite vector, a number is not one, a step lies outside the
            horizon or comes twice, or the region is the whole horizon.
    """

    values: np.ndarray
    scaling: float = 1.0
    region: Region = None
    lower: float = -math.inf
    upper: float = math.inf
    upper_steps: tuple[int, ...] = ()
    upper_values: tuple[float, ...] = ()
    mean: float | None = None

    def __post_init__(self) -> None:
        values = np.asarray(self.values, dtype=np.float64)
        if values.ndim != 1 or not values.size:
            raise InputError(f"the true values have shape {values.shape}, expected [H]")
        if not np.isfinite(values).all():
            step = int(np.flatnonzero(~np.isfinite(values))[0])
            raise InputError(f"the true value of step {step} is {values[step]}, expected a number")
        if not (math.isfinite(self.scaling) and self.scaling > 0):
            raise InputError(f"scaling is {self.scaling}, expected a number above 0")
        if math.isnan(self.lower) or math.isnan(self.upper) or self.lower > self.upper:
            raise InputError(f"the limits are {self.lower} to {self.upper}, expected low to high")
        limits = tuple(float(value) for value in self.upper_values)
        steps = _checked_steps(self.upper_steps, values.size, "upper_steps")
        if len(steps) != len(limits) or any(math.isnan(value) for value in limits):
            raise InputError(
                f"there are {len(steps)} steps with a limit of their own and {len(limits)} limits, "
                "expected one number for each"
            )
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "upper_steps", steps)
        object.__setattr__(self, "upper_values", limits)
        object.__setattr__(self, "region", read_region(self.region, values.size))

    def __len__(self) -> int:
        return int(self.values.size)

    def __repr__(self) -> str:
        return f"RcrpsTarget({len(self)} steps, region={self.region}, scaling={self.scaling:g})"

    @property
    def region_steps(self) -> tuple[int, ...]:
        """Steps of interest, from 0, increasing; empty = no region."""
        steps = self.region
        assert isinstance(steps, tuple)
        return steps


def read_region(region: Region, length: int) -> tuple[int, ...]:
    """Bring any form of a region to a sorted tuple of steps.

    Args:
        region: see `RcrpsTarget`.
        length: H.

    Raises:
        InputError: a step lies outside the horizon or comes twice, or nothing is left outside.
    """
    given: Any = region
    if given is None or (not isinstance(given, bool) and _is_whole(given) and given == 0):
        return ()
    if isinstance(given, slice):
        found = tuple(range(length)[given])
    elif isinstance(given, np.ndarray) and given.dtype == bool:
        if given.shape != (length,):
            raise InputError(f"the region is a mask {given.shape}, expected [{length}]")
        found = tuple(int(step) for step in np.flatnonzero(given))
    else:
        found = _checked_steps([given] if _is_whole(given) else given, length, "region")
    if len(found) == length:
        raise InputError(
            f"the region of interest is all {length} steps, expected some outside it",
            hint="no region at all weighs all steps alike",
        )
    return tuple(sorted(found))


def _is_whole(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def _checked_steps(steps: Any, length: int, name: str) -> tuple[int, ...]:
    try:
        given = list(steps)
    except TypeError as error:
        raise InputError(f"{name} is {steps!r}, expected steps from 0 to {length - 1}") from error
    for step in given:
        if not _is_whole(step) or not -length <= step < length:
            raise InputError(f"{name} has the step {step!r}, expected 0 to {length - 1}")
    found = tuple(int(step) % length for step in given)
    if len(set(found)) != len(found):
        raise InputError(f"{name} has a step twice: {given}")
    return found
