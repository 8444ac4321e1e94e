"""What a masked history would have shown, and how sure a forecast from it can be."""

from __future__ import annotations

import numpy as np

from icl_forecasting.cik.condition.case import DAY
from icl_forecasting.cik.condition.predictive import LEVELS, MEDIAN, normal
from icl_forecasting.cik.windows import Clock

NEAREST = 4
"""A missing value is the median of so many known ones at the same place in the cycle."""

POOLED = 0.4
"""Share of the quantiles of the same place in the cycle beside the base forecast, after a mask."""

RECENT = 8
"""So many of the latest values at the same place in the cycle make these quantiles."""

MANY = 0.05
"""Share of masked values from which on the pooling is done."""

BRIDGED = 0.3
"""Doubt about a bridged part of the cycle, relative to the difference between its ends."""


def cycle_steps(clock: Clock) -> int:
    """Steps in the cycle that values are compared over: a day, a week of days, a year of months."""
    step = clock.step
    if step < DAY:
        return int(DAY // step) if DAY % step == np.timedelta64(0, "ns") else 1
    if step == DAY:
        return 7
    return 12 if 27 * DAY < step < 32 * DAY else 1


def filled(values: np.ndarray, masked: np.ndarray, season: int) -> np.ndarray:
    """Fill masked values from the same place in the cycle, else by a bridge between both ends.

    Args:
        values: float64 [T], NaN = missing.
        masked: bool [T], what is to be filled; other missing values stay.
        season: steps in the cycle; 1 = none.

    Returns:
        A new array [T].
    """
    whole = values.copy()
    known = np.isfinite(values)
    for place in np.flatnonzero(masked) if season > 1 else ():
        same = np.arange(place % season, len(values), season)
        same = same[known[same]]
        if same.size:
            near = same[np.argsort(np.abs(same - place), kind="stable")[:NEAREST]]
            whole[place] = np.median(values[near])
    left = masked & ~np.isfinite(whole)
    if left.any():
        positive = bool((whole[np.isfinite(whole)] > 0).all())
        bridge = np.exp(_bridge(np.log(whole))) if positive else _bridge(whole)
        whole[left] = bridge[left]
    return whole


def _bridge(values: np.ndarray) -> np.ndarray:
    """Join known values over gaps as a mean-reverting process would be expected to run.

    With values that hang together over time it is a straight line; with values that soon forget
    where they were it sags towards their median. Positive values are joined by their logarithms.
    """
    known = np.isfinite(values)
    middle = float(np.median(values[known]))
    apart = np.where(known, values - middle, np.nan)
    pairs = known[1:] & known[:-1]
    spread = float(np.mean(apart[known] ** 2))
    together = float(np.mean(apart[1:][pairs] * apart[:-1][pairs])) if pairs.any() else 0.0
    rate = -np.log(np.clip(together / spread if spread > 0 else 1.0, 0.05, 0.9999))
    sure = np.flatnonzero(known)
    steps = np.arange(len(values))
    upper = np.clip(np.searchsorted(sure, steps), 1, max(len(sure) - 1, 1))
    if len(sure) < 2:
        return np.full(len(values), middle)
    left, right = sure[upper - 1], sure[upper]
    span = np.sinh(rate * (right - left))
    before = np.sinh(rate * np.maximum(right - steps, 0)) / span
    after = np.sinh(rate * np.maximum(steps - left, 0)) / span
    joined = middle + apart[left] * before + apart[right] * after
    joined = np.where(steps < sure[0], values[sure[0]], joined)
    return np.asarray(np.where(steps > sure[-1], values[sure[-1]], joined))


def pooled(
    quantiles: np.ndarray, values: np.ndarray, masked: np.ndarray, season: int
) -> np.ndarray:
    """Correct a base forecast that was made from a history with filled gaps.

    A filled history looks more regular than it was. Where the place in the cycle was seen, the
    quantiles of its latest values are averaged in. Where it never was (an outage at the same time
    of every day), the bridge over it is a guess, and the spread grows with the height it spans.

    Args:
        quantiles: [49, H] of the base forecast.
        values: float64 [T], the masked history, NaN = missing.
        masked: bool [T].
        season: steps in the cycle; 1 = none.

    Returns:
        [49, H].
    """
    if season < 2 or masked.mean() < MANY or len(values) < 2 * season:
        return quantiles
    result = quantiles.copy()
    phases = (len(values) + np.arange(quantiles.shape[1])) % season
    level = np.full(season, np.nan)
    for phase in range(season):
        seen = values[phase::season]
        seen = np.sort(seen[np.isfinite(seen)][-RECENT:])
        if seen.size < 2:
            continue
        level[phase] = np.median(seen)
        steps = phases == phase
        usual = np.interp(LEVELS, (np.arange(seen.size) + 0.5) / seen.size, seen)
        result[:, steps] = (1 - POOLED) * quantiles[:, steps] + POOLED * usual[:, None]
    unseen = np.isnan(level)
    if unseen.any() and not unseen.all():
        rise = _bridges(level)
        steps = unseen[phases]
        middle = result[MEDIAN, steps]
        doubt = normal(np.zeros(int(steps.sum())), BRIDGED * rise[phases[steps]])
        apart = result[:, steps] - middle
        result[:, steps] = middle + np.sign(doubt) * np.hypot(apart, doubt)
    return np.sort(result, axis=0)


def _bridges(level: np.ndarray) -> np.ndarray:
    """Height that is spanned where places of a cycle are unknown: [season], 0 where known."""
    season = len(level)
    heights = np.zeros(season)
    known = np.flatnonzero(np.isfinite(level))
    for place in np.flatnonzero(np.isnan(level)):
        before = known[np.argmin((place - known) % season)]
        after = known[np.argmin((known - place) % season)]
        heights[place] = abs(level[after] - level[before])
    return heights
