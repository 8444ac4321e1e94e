"""Sampling rates: let a backtest on the past choose how coarsely or finely a series is read.

A network of fixed patch and context sees few cycles of a slow season and little of the shape of
a short one. Reading block means (a factor above 1) or interpolated values (below 1) brings the
dominant cycle to where the network is at its best; the forecast is brought back to the series'
own steps. Which factor helps is decided a series at a time on its own past, and a factor other
than 1 must win by a margin. FlowState and TinyCast adapt their sampling rate for the same reason.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from icl_forecasting.tirex.config import TirexConfig
from icl_forecasting.tirex.levels import rearrange

Forecast = Callable[[Sequence[np.ndarray], int], np.ndarray]

COARSER = (2, 3, 4, 6, 8, 12)
FINER = (Fraction(1, 2), Fraction(1, 3), Fraction(1, 4))
WINDOWS = 3
MARGIN = 0.05
SHORTEST_FORECAST = 6
"""A coarser rate must leave at least this many steps to forecast."""


class RateChoice(NamedTuple):
    """The factor a series was read at: steps of the series in one step of the network."""

    factor: Fraction


class _Trial(NamedTuple):
    series: int
    window: int
    factor: Fraction


def forecast_at_rates(
    contexts: Sequence[np.ndarray],
    horizon: int,
    forecast: Forecast,
    config: TirexConfig,
    monotone: bool,
) -> tuple[np.ndarray, list[RateChoice]]:
    """Forecast every context at the sampling rate that its own past favours.

    Args:
        contexts: 1-D histories, NaN = missing.
        horizon: steps P.
        forecast: histories and steps to quantiles [B, Q, steps].
        config: of the network.
        monotone: whether quantiles will be sorted; the backtest then scores them sorted.

    Returns:
        Quantiles [B, Q, P], and the choice for each context.
    """
    levels = np.array(config.quantile_levels)[:, None]
    trials: list[_Trial] = []
    for place, context in enumerate(contexts):
        factors = candidates(len(context), horizon, config)
        if len(factors) > 1:
            cuts = _cuts(len(context), horizon)
            trials += [_Trial(place, cut, f) for f in factors for cut in cuts]
    held = {t: _held_out(contexts[t.series], t.window, horizon) for t in trials}
    answers = _forecast_all([(held[t][0], t.factor) for t in trials], horizon, forecast)
    losses: dict[tuple[int, Fraction], list[float]] = defaultdict(list)
    for trial, answer in zip(trials, answers, strict=True):
        target = held[trial][1]
        quantiles = rearrange(answer) if monotone else answer
        gap = target - quantiles[:, : len(target)]
        loss = np.nanmean(np.maximum(gap * levels, gap * (levels - 1)), axis=0)
        losses[trial.series, trial.factor].append(float(np.nanmean(loss)))
    choices = []
    for place in range(len(contexts)):
        own = {f: float(np.mean(ls)) for (p, f), ls in losses.items() if p == place}
        choices.append(RateChoice(_best(own)))
    final = _forecast_all(
        [(c, choice.factor) for c, choice in zip(contexts, choices, strict=True)], horizon, forecast
    )
    return np.stack(final), choices


def candidates(length: int, horizon: int, config: TirexConfig) -> list[Fraction]:
    """Factors worth trying for a history of `length` values; 1 comes first."""
    factors = [Fraction(1)]
    if length < 2 * min(horizon, length // 3) + 8:
        return factors
    for k in COARSER:
        if length // k >= 2 * config.patch and -(-horizon // k) >= SHORTEST_FORECAST:
            factors.append(Fraction(k))
    for f in FINER:
        if length / f <= config.context_length / 4 and horizon / f <= 4 * config.patch:
            factors.append(f)
    return factors


def _cuts(length: int, horizon: int) -> list[int]:
    """Ends of the backtest's histories: the latest windows, while enough history is left."""
    held = min(horizon, length // 3)
    ends = [length - held * (i + 1) for i in range(WINDOWS)]
    return [end for end in ends if end >= max(8, held)] or ends[:1]


def _held_out(context: np.ndarray, end: int, horizon: int) -> tuple[np.ndarray, np.ndarray]:
    held = min(horizon, len(context) // 3)
    return context[:end], context[end : end + held]


def _best(losses: dict[Fraction, float]) -> Fraction:
    one = losses.get(Fraction(1))
    if one is None or not np.isfinite(one):
        return Fraction(1)
    best = min(losses, key=lambda f: losses[f] if np.isfinite(losses[f]) else np.inf)
    return best if losses[best] < one * (1 - MARGIN) else Fraction(1)


def _forecast_all(
    jobs: Sequence[tuple[np.ndarray, Fraction]], horizon: int, forecast: Forecast
) -> list[np.ndarray]:
    """Forecast each history at its factor: quantiles [Q, horizon] in the series' own steps."""
    by_steps: dict[int, list[int]] = defaultdict(list)
    for number, (_, factor) in enumerate(jobs):
        by_steps[-(-horizon * factor.denominator // factor.numerator)].append(number)
    answers: list[np.ndarray] = [np.empty(0)] * len(jobs)
    for steps, numbers in by_steps.items():
        read = [at_rate(*jobs[n]) for n in numbers]
        for n, quantiles in zip(numbers, forecast(read, steps), strict=True):
            answers[n] = from_rate(quantiles, jobs[n][1], horizon)
    return answers


def at_rate(values: np.ndarray, factor: Fraction) -> np.ndarray:
    """Read a history at another rate.

    Above 1: means of blocks of `factor` values, right-aligned, an incomplete first block left
    out; below 1: values interpolated linearly between their own places, the ends kept level.
    """
    if factor == 1:
        return values
    if factor > 1:
        k = factor.numerator
        blocks = values[len(values) % k :].reshape(-1, k)
        seen = ~np.isnan(blocks)
        count = seen.sum(axis=1)
        total = np.where(seen, blocks, 0.0).sum(axis=1)
        return np.where(count > 0, total / np.maximum(count, 1), np.nan)
    k = factor.denominator
    places = (np.arange(len(values) * k) + 0.5) / k - 0.5
    between: np.ndarray = np.interp(places, np.arange(len(values)), values)
    return between


def from_rate(quantiles: np.ndarray, factor: Fraction, horizon: int) -> np.ndarray:
    """Bring quantiles [Q, steps] at a factor back to the series' own steps [Q, horizon]."""
    if factor == 1:
        return quantiles[:, :horizon]
    if factor < 1:
        k = factor.denominator
        means: np.ndarray = quantiles[:, : horizon * k].reshape(-1, horizon, k).mean(axis=2)
        return means
    k = factor.numerator
    centres = np.arange(quantiles.shape[1]) * k + (k - 1) / 2
    steps = np.arange(horizon)
    return np.stack([np.interp(steps, centres, row) for row in quantiles]).astype(np.float32)
