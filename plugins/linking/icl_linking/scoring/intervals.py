"""How sure a share is: Wilson intervals, and a paired bootstrap for differences.

Both take episodes as independent. Those of one N-way task share supports, so with few tasks the
true intervals are wider.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from icl_core.errors import InputError

Z95 = 1.959963984540054
RESAMPLES = 2000


@dataclass(frozen=True)
class Share:
    """So many out of so many, with a 95 % Wilson interval.

    Args:
        hits: how many.
        total: out of how many.
    """

    hits: int
    total: int

    @property
    def value(self) -> float:
        """The share; NaN of nothing."""
        return self.hits / self.total if self.total else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """Lower and upper end, in [0, 1]; (0, 1) of nothing."""
        return wilson(self.hits, self.total)

    def __str__(self) -> str:
        if not self.total:
            return "-"
        low, high = self.interval
        return f"{100 * self.value:.1f} [{100 * low:.1f}, {100 * high:.1f}]"


@dataclass(frozen=True)
class Difference:
    """A difference of two shares over the same episodes, with a 95 % interval.

    Args:
        value: in [-1, 1].
        low: lower end.
        high: upper end.
    """

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        if math.isnan(self.value):
            return "-"
        return f"{100 * self.value:+.1f} [{100 * self.low:+.1f}, {100 * self.high:+.1f}]"


def wilson(hits: int, total: int, z: float = Z95) -> tuple[float, float]:
    """Return the Wilson score interval of a share (Wilson, JASA 1927).

    Args:
        hits: how many.
        total: out of how many.
        z: quantile of the normal distribution; 1.96 for 95 %.

    Raises:
        InputError: hits are negative or more than the total.
    """
    if not 0 <= hits <= total:
        raise InputError(f"{hits} of {total} is no share")
    if not total:
        return 0.0, 1.0
    share, square = hits / total, z * z
    middle = (share + square / (2 * total)) / (1 + square / total)
    spread = share * (1 - share) / total + square / (4 * total * total)
    half = z * math.sqrt(spread) / (1 + square / total)
    return max(0.0, middle - half), min(1.0, middle + half)


def paired_difference(
    first: Sequence[bool], second: Sequence[bool], seed: int = 0, resamples: int = RESAMPLES
) -> Difference:
    """Return mean(first) - mean(second) over the same episodes.

    Args:
        first: whether each episode was right, one way.
        second: the other way, in the same order.
        seed: of the bootstrap.
        resamples: how many times the episodes are drawn anew.

    Raises:
        InputError: the lengths differ.
    """
    if len(first) != len(second):
        raise InputError(f"{len(first)} and {len(second)} episodes cannot be paired")
    if not first:
        return Difference(math.nan, math.nan, math.nan)
    change = np.asarray(first, np.float64) - np.asarray(second, np.float64)
    rng = np.random.default_rng(seed)
    # How often -1, 0 and 1 are drawn is all that matters.
    values = np.array([-1.0, 0.0, 1.0])
    counts = np.array([(change == value).mean() for value in values])
    drawn = rng.multinomial(len(change), counts, size=resamples) @ values / len(change)
    low, high = np.percentile(drawn, [2.5, 97.5]).tolist()
    return Difference(float(change.mean()), low, high)
