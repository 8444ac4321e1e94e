"""Views: let a backtest on the past choose how a series is shown to the network.

A small network copies a slow or sharp season badly and sees little of the shape of a short
series. A view shows it the same series in a form it is better at: at another sampling rate, in
logarithms, or with its season taken out; the forecast is brought back exactly the same way.
Which views help is decided a series at a time on its own past: each is scored on the latest
windows, and the forecasts of the best are averaged, quantile by quantile. FlowState and TinyCast
adapt their sampling rate, Theta takes the season out first, for the same reasons.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from icl_forecasting.tirex.config import TirexConfig
from icl_forecasting.tirex.levels import rearrange
from icl_forecasting.tirex.rates import at_rate, coarser, finer, from_rate
from icl_forecasting.tirex.seasons import find_periods, seasonal_profile

Forecast = Callable[[Sequence[np.ndarray], int], np.ndarray]

WINDOWS = 3
PLAIN_ADVANTAGE = 0.97
"""The plain view counts as this much better than it scored: others must earn their place."""

SHARPNESS = 10.0
"""A view that scored x relative to the best weighs exp(-SHARPNESS (x - 1))."""

CUTOFF = 1.25
"""Views that scored worse than this relative to the best are left out of the average."""

FIRST_CUTOFF = 1.6
"""Views that scored worse than this on the latest window are not tried on earlier ones."""

LARGEST_LOG = float(np.log(np.finfo(np.float32).max)) - 1e-3
"""Forecasts are float32; what comes back from logarithms stays below their end."""


class View(NamedTuple):
    """One way to show a series.

    Args:
        factor: steps of the series in one step that the network sees.
        log: whether logarithms are shown.
        period: the season that is taken out, None = none.
    """

    factor: Fraction = Fraction(1)
    log: bool = False
    period: int | None = None

    def __str__(self) -> str:
        parts = ["log"] if self.log else []
        parts += [f"season {self.period} out"] if self.period else []
        if self.factor > 1:
            parts.append(f"means of {self.factor}")
        elif self.factor < 1:
            parts.append(f"{self.factor.denominator} times finer")
        return ", ".join(parts) or "plain"


PLAIN = View()


class Shown(NamedTuple):
    """A history as one view shows it, and what brings forecasts back."""

    values: np.ndarray
    view: View
    profile: np.ndarray | None
    bounds: tuple[float, float]

    def back(self, quantiles: np.ndarray, horizon: int) -> np.ndarray:
        """Quantiles [Q, steps] of what was shown, as quantiles [Q, horizon] of the series."""
        out = from_rate(quantiles, self.view.factor, horizon)
        if self.profile is not None:
            out = out + self.profile[np.arange(horizon) % len(self.profile)]
        if self.view.log:
            low, high = self.bounds
            reach = high - low + 2.0
            out = np.exp(np.clip(out, low - reach, min(high + reach, LARGEST_LOG)))
        return out


def show(view: View, values: np.ndarray) -> Shown:
    """Show a history through a view."""
    bounds = (0.0, 0.0)
    if view.log:
        values = np.log(values)
        seen = values[~np.isnan(values)]  # none, where a backtest's history starts too early
        bounds = (float(seen.min()), float(seen.max())) if len(seen) else bounds
    profile = None
    if view.period:
        profile = seasonal_profile(values, view.period)
        values = values - profile[(np.arange(len(values)) - len(values)) % view.period]
    return Shown(at_rate(values, view.factor), view, profile, bounds)


def views_of(values: np.ndarray, horizon: int, config: TirexConfig) -> list[View]:
    """Views worth trying on a history; the plain one comes first."""
    length = len(values)
    views = [PLAIN]
    if length < 12:
        return views
    views += [View(Fraction(k)) for k in coarser(length, horizon, config)]
    views += [View(f) for f in finer(length, horizon, config)]
    positive = bool(np.nanmin(values) > 0 and np.nanmax(values) > 1.5 * np.nanmin(values))
    if positive:
        views.append(View(log=True))
    recent = values[-config.context_length :]
    kept = length - _held(length, horizon)
    for period in find_periods(recent):
        if kept >= 2 * period:
            views.append(View(period=period))
            if positive:
                views.append(View(log=True, period=period))
            views += [
                View(Fraction(k), period=period) for k in coarser(length, horizon, config) if k <= 4
            ]
    return views


def forecast_through_views(
    contexts: Sequence[np.ndarray],
    horizon: int,
    forecast: Forecast,
    trial: Forecast,
    config: TirexConfig,
    monotone: bool,
) -> tuple[np.ndarray, list[dict[View, float]]]:
    """Forecast every context through the views that its own past favours.

    Args:
        contexts: 1-D histories, NaN = missing.
        horizon: steps P.
        forecast: histories and steps to quantiles [B, Q, steps].
        trial: the same for the backtest, where it may be cheaper.
        config: of the network.
        monotone: whether quantiles will be sorted; the backtest then scores them sorted.

    Returns:
        Quantiles [B, Q, P], and for each context the views used with their weights, sum 1.
    """
    choices = choose_views(contexts, horizon, trial, config, monotone)
    jobs = [(c, v) for c, views in zip(contexts, choices, strict=True) for v in views]
    answers = iter(_forecast_all(jobs, horizon, forecast))
    mixed = [
        sum(weight * _sorted(next(answers), monotone) for weight in views.values())
        for views in choices
    ]
    return np.stack(mixed).astype(np.float32), choices


def choose_views(
    contexts: Sequence[np.ndarray],
    horizon: int,
    trial: Forecast,
    config: TirexConfig,
    monotone: bool,
) -> list[dict[View, float]]:
    """Weights of the views of each context, from a backtest on its own past.

    All views are tried on the latest window, and those that came near the best on the earlier
    ones as well.
    """
    levels = np.array(config.quantile_levels)[:, None]
    losses: list[dict[View, list[float]]] = [
        {view: [] for view in views_of(context, horizon, config)} for context in contexts
    ]
    for number in range(WINDOWS):
        if number:
            losses = [_near_best(tried, FIRST_CUTOFF) for tried in losses]
        trials = []
        for place, (context, tried) in enumerate(zip(contexts, losses, strict=True)):
            for view in tried if len(tried) > 1 else ():
                ends = _ends(len(context), horizon, view)
                if number < len(ends) and not np.isnan(context[: ends[number]]).all():
                    trials.append((place, view, ends[number]))
        jobs = [(contexts[place][:end], view) for place, view, end in trials]
        answers = _forecast_all(jobs, horizon, trial)
        for (place, view, end), answer in zip(trials, answers, strict=True):
            target = contexts[place][end : end + _held(len(contexts[place]), horizon)]
            gap = target - _sorted(answer, monotone)[:, : len(target)]
            loss = np.maximum(gap * levels, gap * (levels - 1)).mean(axis=0)
            if not np.isnan(loss).all():
                losses[place][view].append(float(np.nanmean(loss)))
    return [_weigh(tried) for tried in losses]


def _scores(losses: dict[View, list[float]]) -> dict[View, float]:
    """Mean loss of each view on the latest windows that all of them have; plain has an edge."""
    common = min(len(found) for found in losses.values())
    if not common:
        return {}
    scores = {view: float(np.mean(found[:common])) for view, found in losses.items()}
    return {v: s * (PLAIN_ADVANTAGE if v == PLAIN else 1.0) for v, s in scores.items()}


def _near_best(losses: dict[View, list[float]], cutoff: float) -> dict[View, list[float]]:
    """The plain view, and those that scored at most `cutoff` times the best."""
    scores = _scores(losses)
    best = min(scores.values(), default=0.0)
    return {v: f for v, f in losses.items() if v == PLAIN or scores.get(v, np.inf) <= cutoff * best}


def _weigh(losses: dict[View, list[float]]) -> dict[View, float]:
    """From losses to weights."""
    scores = _scores(losses)
    best = min(scores.values(), default=0.0)
    if not np.isfinite(best) or best <= 0:
        return {PLAIN: 1.0}
    raw = {v: np.exp(-SHARPNESS * (s / best - 1)) for v, s in scores.items() if s <= CUTOFF * best}
    total = sum(raw.values())
    return {view: float(weight / total) for view, weight in raw.items()}


def _held(length: int, horizon: int) -> int:
    """Steps that a backtest window holds back."""
    return max(1, min(horizon, length // 3))


def _ends(length: int, horizon: int, view: View) -> list[int]:
    """Where the backtest's histories end, latest first."""
    held = _held(length, horizon)
    least = max(8, held, 2 * (view.period or 0))
    ends = [length - held * (i + 1) for i in range(WINDOWS)]
    return [end for end in ends if end >= least] or ends[:1]


def _sorted(quantiles: np.ndarray, monotone: bool) -> np.ndarray:
    return rearrange(quantiles) if monotone else quantiles


def _forecast_all(
    jobs: Sequence[tuple[np.ndarray, View]], horizon: int, forecast: Forecast
) -> list[np.ndarray]:
    """Forecast each history through its view: quantiles [Q, horizon] in the series' own units."""
    by_steps: dict[int, list[int]] = defaultdict(list)
    for number, (_, view) in enumerate(jobs):
        by_steps[-(-horizon * view.factor.denominator // view.factor.numerator)].append(number)
    answers: list[np.ndarray] = [np.empty(0)] * len(jobs)
    for steps, numbers in by_steps.items():
        shown = [show(jobs[n][1], jobs[n][0]) for n in numbers]
        found = forecast([s.values for s in shown], steps)
        for n, own, quantiles in zip(numbers, shown, found, strict=True):
            answers[n] = own.back(quantiles, horizon)
    return answers
