"""Quantile levels: the trained ones exactly, others between them, tails only when asked."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist

import numpy as np

from icl_core.errors import InputError

TAILS = ("normal",)
_SAME = 1e-9


def rearrange(quantiles: np.ndarray) -> np.ndarray:
    """Undo crossings by sorting over levels (Chernozhukov et al. 2010); never worse in pinball.

    Args:
        quantiles: [..., Q, H], levels increasing along Q.
    """
    return np.sort(quantiles, axis=-2)


def at_levels(
    quantiles: np.ndarray,
    trained: Sequence[float],
    asked: Sequence[float],
    tails: str | None = None,
) -> np.ndarray:
    """Quantiles at the levels that were asked for.

    A trained level is handed over as it is. Between two trained levels the quantile is linear in
    the level, on sorted quantiles, so that the answer is monotone. Outside the trained levels
    there is no answer unless `tails="normal"`: the outermost two quantiles are then continued
    along a normal distribution through them.

    Args:
        quantiles: [..., Q, H] at the trained levels.
        trained: the Q trained levels, increasing.
        asked: levels in (0, 1), increasing.
        tails: None or "normal".

    Returns:
        [..., len(asked), H].

    Raises:
        InputError: a level is outside the trained ones and no tail rule was asked for.
    """
    if tails is not None and tails not in TAILS:
        raise InputError(f"tails is {tails!r}, expected None or one of {TAILS}")
    places = [_index(trained, level) for level in asked]
    if all(place is not None for place in places):
        return quantiles[..., [p for p in places if p is not None], :]
    ordered = rearrange(quantiles)
    rows = []
    for level, place in zip(asked, places, strict=True):
        if place is not None:
            rows.append(ordered[..., place, :])
        elif trained[0] < level < trained[-1]:
            upper = int(np.searchsorted(trained, level))
            low, high = trained[upper - 1], trained[upper]
            share = (level - low) / (high - low)
            below, above = ordered[..., upper - 1, :], ordered[..., upper, :]
            rows.append(below + share * (above - below))
        elif tails == "normal":
            rows.append(_tail(ordered, trained, level))
        else:
            raise InputError(
                f"quantile level {level:g} is outside the trained levels "
                f"{trained[0]:g} to {trained[-1]:g}",
                hint='tails="normal" extrapolates (a normal tail through the outer two levels)',
            )
    return np.stack(rows, axis=-2)


def _tail(ordered: np.ndarray, trained: Sequence[float], level: float) -> np.ndarray:
    outer, inner = (0, 1) if level < trained[0] else (-1, -2)
    z = NormalDist().inv_cdf
    reach = (z(level) - z(trained[outer])) / (z(trained[outer]) - z(trained[inner]))
    edge = ordered[..., outer, :]
    continued: np.ndarray = edge + reach * (edge - ordered[..., inner, :])
    return continued


def _index(trained: Sequence[float], level: float) -> int | None:
    return next((i for i, known in enumerate(trained) if abs(known - level) < _SAME), None)
