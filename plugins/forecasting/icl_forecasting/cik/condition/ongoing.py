"""Effects that began before the forecast: the history is shown as it would have been without."""

from __future__ import annotations

import numpy as np

from icl_forecasting.cik.condition.effects import SHOWN, SURE
from icl_forecasting.cik.statements import Artefact, Change, Damage, Effect
from icl_forecasting.cik.windows import Clock

MOST = 0.6
"""An effect on more of the history than this leaves no history without it."""

LEAST = 2
"""Steps of the history that have to show an effect."""


def ongoing(effects: list[Effect], values: np.ndarray, clock: Clock, season: int) -> list[Artefact]:
    """Find effects that the end of the history shows, as something to undo in it.

    The base forecast then does not know the effect, and applying it counts it once.

    Args:
        effects: what happens in the forecast; recurring ones are left to the base.
        values: float64 [T], the history.
        clock: stamps.
        season: steps in the cycle that values are compared over; 1 = none.
    """
    found = []
    for effect in effects:
        window = effect.window
        recurs = window.period is not None or window.weekdays or window.clock or window.months
        if effect.usual or recurs or effect.confidence < SURE or effect.value is None:
            continue
        known = np.isfinite(values)
        inside = window.covers(clock.history) & known
        future = window.covers(clock.future)
        if not future[0] or not LEAST <= inside.sum() <= MOST * known.sum():
            continue
        usual = _usual(values, known & ~inside, season)
        if effect.change is Change.SCALE and effect.value > 0:
            damage = Damage.SCALE
            ratio = float(np.median(values[inside]) / (np.median(usual[inside]) or 1.0))
            shown = ratio > 0 and _nearer(float(np.log(ratio)), float(np.log(effect.value)))
        elif effect.change is Change.ADD:
            damage = Damage.ADD
            shown = _nearer(float(np.median(values[inside] - usual[inside])), effect.value)
        elif effect.change in (Change.LEVEL, Change.SCALE):
            damage = Damage.MISSING
            level = effect.value if effect.change is Change.LEVEL else 0.0
            apart = float(np.median(np.abs(values[inside] - level)))
            shown = apart <= SHOWN * float(np.ptp(values[known]))
        else:
            continue
        if shown:
            found.append(
                Artefact(
                    span=effect.span,
                    window=window,
                    damage=damage,
                    value=effect.value,
                    cause=effect.cause,
                )
            )
    return found


def _nearer(seen: float, stated: float) -> bool:
    """Whether what is seen is nearer to the stated change than to none."""
    return abs(seen - stated) < abs(seen)


def _usual(values: np.ndarray, outside: np.ndarray, season: int) -> np.ndarray:
    """What each step has without the effect: the median of its place in the cycle."""
    overall = float(np.median(values[outside])) if outside.any() else 0.0
    usual = np.full(len(values), overall)
    for phase in range(season if season > 1 else 0):
        same = values[phase::season][outside[phase::season]]
        if same.size:
            usual[phase::season] = np.median(same)
    return usual
