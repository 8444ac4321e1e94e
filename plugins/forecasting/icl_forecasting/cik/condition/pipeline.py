"""From a reading to a conditioned forecast: repair, base forecast, relations, effects, bounds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from icl_core import Forecast, Horizon, Series
from icl_forecasting.cik.condition.artefacts import repair
from icl_forecasting.cik.condition.bounds import apply_bounds, limits_of
from icl_forecasting.cik.condition.case import Case, Draft, statements_of
from icl_forecasting.cik.condition.daylight import apply_daylight, apply_night
from icl_forecasting.cik.condition.effects import apply_effects
from icl_forecasting.cik.condition.gaps import cycle_steps, filled, pooled
from icl_forecasting.cik.condition.lagged import apply_lagged
from icl_forecasting.cik.condition.ongoing import ongoing
from icl_forecasting.cik.condition.predictive import LEVELS, Predictive, from_forecast
from icl_forecasting.cik.condition.references import apply_references
from icl_forecasting.cik.condition.responses import apply_response, implied
from icl_forecasting.cik.condition.special_days import apply_special_days
from icl_forecasting.cik.condition.states import apply_states
from icl_forecasting.cik.condition.totals import apply_totals
from icl_forecasting.cik.condition.weekdays import apply_weekdays
from icl_forecasting.cik.samples import at_ranks, from_quantiles
from icl_forecasting.cik.statements import Artefact, Effect, Ignored, Reading, Statement, Touched
from icl_forecasting.cik.windows import Clock

BASE_LEVELS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
"""Levels that the base forecaster is asked for beside those that were asked of us."""

RELATIONS: tuple[Callable[[Case, Draft], bool], ...] = (
    apply_lagged,
    apply_states,
    apply_response,
    apply_references,
    apply_totals,
    apply_daylight,
)
"""What can replace the base forecast; the first one that the history agrees with does."""

STAGES: tuple[Callable[[Case, Draft], None], ...] = (
    apply_night,
    apply_special_days,
    apply_effects,
    apply_bounds,
)


@dataclass(frozen=True, eq=False)
class Conditioned:
    """A forecast that obeys a reading.

    Args:
        forecast: quantiles at the levels that were asked for. The very object of the base
            forecaster where no statement changed anything.
        predictive: the dense distribution that samples are drawn from.
        limits: lower and upper limit of each step, [H] each, that no sample passes.
        touched: what each statement did.
        ignored: words that were understood as without effect.
        unused: statements that changed nothing, with the reason.
    """

    forecast: Forecast
    predictive: Predictive
    limits: tuple[np.ndarray, np.ndarray]
    touched: tuple[Touched, ...] = ()
    ignored: tuple[Ignored, ...] = ()
    unused: tuple[tuple[Statement, str], ...] = ()

    def draw(self, n: int, seed: int | Sequence[int], kind: str) -> np.ndarray:
        """Draw sample paths: float64 [n, H], inside the limits; see `samples.from_quantiles`.

        A forecast that was simulated keeps the course of its simulated paths.
        """
        predictive = self.predictive
        if predictive.ranks is None or kind != "independent":
            paths = from_quantiles(LEVELS, predictive.quantiles, n, seed, kind)
        else:
            rng = np.random.default_rng(seed)
            picked = rng.integers(len(predictive.ranks), size=n)
            paths = at_ranks(np.array(LEVELS), predictive.quantiles, predictive.ranks[picked])
        return np.asarray(np.clip(paths, *self.limits))


@dataclass(frozen=True, eq=False)
class Plan:
    """What the base forecaster is to be shown and asked.

    Args:
        history: the repaired history.
        horizon: length and levels for the base forecaster.
        asked: what the user asked for.
        case: all that is known.
        repaired: artefacts that were undone: their steps in the history, and a sentence.
        unused: artefacts that changed nothing, with the reason.
    """

    history: Series
    horizon: Horizon
    asked: Horizon
    case: Case
    repaired: tuple[tuple[Artefact, str], ...]
    unused: tuple[tuple[Statement, str], ...]


def plan(reading: Reading, history: Series, clock: Clock, horizon: Horizon) -> Plan:
    """Repair the history and say what to ask of the base forecaster.

    Args:
        reading: what the text says.
        history: one variate, values [T]; NaN = missing.
        clock: stamps of history and future; H of the latter is the horizon's length.
        horizon: what the user asked for.
    """
    raw = np.asarray(history.values, dtype=np.float64).reshape(-1)
    artefacts = statements_of(reading, Artefact)
    artefacts += ongoing(statements_of(reading, Effect), raw, clock, cycle_steps(clock))
    values, done, unused = repair(raw, artefacts, clock)
    case = Case(reading, clock, raw, values, history)
    extra = implied(case)
    if extra:
        whole = replace(reading, statements=(*reading.statements, *extra))
        case = Case(whole, clock, raw, values, history)
    masked = np.isfinite(raw) & ~np.isfinite(values)
    complete = filled(values, masked, cycle_steps(clock)) if masked.any() else values
    shown = replace(history, values=complete) if done else history
    asked = horizon
    if reading.statements and horizon.quantile_levels is not None:
        levels = sorted({*BASE_LEVELS, *horizon.quantile_levels})
        horizon = replace(horizon, quantile_levels=tuple(levels))
    return Plan(
        shown, horizon, asked, case, tuple((one, did) for one, _, did in done), tuple(unused)
    )


def finish(planned: Plan, base: Forecast) -> Conditioned:
    """Condition the base forecast of a planned case.

    Args:
        planned: from `plan`.
        base: the forecast for `planned.history` and `planned.horizon`.
    """
    case = planned.case
    predictive = from_forecast(base)
    masked = np.isfinite(case.raw) & ~np.isfinite(case.values)
    changed = np.zeros(case.length, bool)
    if masked.any():
        corrected = pooled(predictive.quantiles, case.values, masked, cycle_steps(case.clock))
        changed |= (corrected != predictive.quantiles).any(axis=0)
        predictive = Predictive(corrected)
    draft = Draft(predictive, changed.copy())
    everywhere = np.ones(case.length, bool)
    for artefact, did in planned.repaired:
        draft.note(artefact, everywhere, did)
    draft.changed = changed  # else the base forecast of the repaired history is the base
    if not any(relation(case, draft) for relation in RELATIONS):
        apply_weekdays(case, draft)
    for stage in STAGES:
        stage(case, draft)
    forecast = _answer(planned, base, draft)
    return Conditioned(
        forecast,
        draft.predictive,
        limits_of(case),
        tuple(draft.touched),
        case.reading.ignored,
        (*planned.unused, *draft.unused),
    )


def condition(
    reading: Reading,
    history: Series,
    clock: Clock,
    horizon: Horizon,
    base: Callable[[Series, Horizon], Forecast],
) -> Conditioned:
    """Forecast a history under a reading.

    Args:
        reading: what the text says.
        history: one variate, values [T]; NaN = missing.
        clock: stamps of history and future.
        horizon: how far, and at which quantile levels.
        base: a forecaster of histories without text.

    Returns:
        The conditioned forecast; with no usable statement the very object that `base` returned.
    """
    planned = plan(reading, history, clock, horizon)
    return finish(planned, base(planned.history, planned.horizon))


def _answer(planned: Plan, base: Forecast, draft: Draft) -> Forecast:
    """Quantiles at the asked levels: the base's own numbers where nothing changed."""
    asked = planned.asked.quantile_levels or base.levels
    history = planned.case.series
    if not draft.changed.any() and tuple(asked) == tuple(base.levels):
        return base if base.history is history else replace(base, history=history)
    rows = [_nearest(base.levels, level) for level in asked]
    quantiles = np.array(base.quantiles[rows])
    mean = np.array(base.mean)
    if draft.changed.any():
        steps = draft.changed
        predictive = draft.predictive
        dense = np.clip(predictive.at(asked), *limits_of(planned.case))
        quantiles[:, steps] = _float32(dense[:, steps])
        mean[steps] = _float32(predictive.median[steps])
    return replace(base, quantiles=quantiles, levels=tuple(asked), mean=mean, history=history)


def _nearest(levels: tuple[float, ...], level: float) -> int:
    return int(np.argmin(np.abs(np.array(levels) - level)))


def _float32(values: np.ndarray) -> np.ndarray:
    limit = float(np.finfo(np.float32).max)
    held: np.ndarray = np.clip(values, -limit, limit).astype(np.float32)
    return held
