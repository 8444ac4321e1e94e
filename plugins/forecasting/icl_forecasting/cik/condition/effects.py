"""Effects in their windows: what a statement changes, only there, spread included."""

from __future__ import annotations

import numpy as np

from icl_forecasting.cik.condition.case import Case, Draft
from icl_forecasting.cik.condition.coverage import covered_share, describe, edge_chance
from icl_forecasting.cik.condition.plausible import odds_of, wild
from icl_forecasting.cik.condition.predictive import mixture
from icl_forecasting.cik.statements import Change, Effect, Relation

LEAST_SHARE = 0.02
"""A step that is covered less than this is not touched."""

RAISED = (1.0, 1.1, 1.2, 1.3, 1.5, 1.8)
LOWERED = (1.0, 0.9, 0.8, 0.7, 0.6, 0.4)
"""Factors, equally likely, where a text says "higher" or "lower" and no number."""

SHOWN = 0.1
"""A level is shown if past values are this close to it, relative to their range."""

SURE = 0.5
"""From this confidence on a statement is taken as true."""


def apply_effects(case: Case, draft: Draft) -> None:
    """Apply all effects of a reading: changes first, levels last, since a level is what it is."""
    effects = standing(case.of(Effect))
    for effect in sorted(effects, key=lambda one: one.change is Change.LEVEL):
        _apply(case, draft, effect)


def standing(effects: list[Effect]) -> list[Effect]:
    """Keep one effect for each window: what is said twice counts once, the later one wins."""
    kept: dict[object, Effect] = {}
    for effect in effects:
        signed = effect.change in (Change.SCALE, Change.ADD, Change.LEVEL)
        key = (effect.window, "number" if signed else "direction", effect.usual)
        kept.pop(key, None)
        kept[key] = effect
    numbers = [one for one in kept.values() if one.value is not None]
    said = {(one.window.start, one.window.end, one.window.clock) for one in numbers}
    return [
        one
        for one in kept.values()
        if one.value is not None or (one.window.start, one.window.end, one.window.clock) not in said
    ]


def changed_by(effect: Effect, quantiles: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Quantiles [49, K] after an effect that covers a share [K] of each step."""
    value = effect.value
    if effect.change is Change.LEVEL and value is not None:
        return np.asarray(share * value + (1 - share) * quantiles)
    if effect.change is Change.ADD and value is not None:
        return quantiles + share * value
    if effect.change is Change.SCALE and value is not None:
        return np.asarray(quantiles * (1 + share * (value - 1)))
    factors = RAISED if effect.change is Change.RAISE else LOWERED
    parts = [_moved(quantiles, 1 + share * (factor - 1)) for factor in factors]
    return mixture(parts, [1 / len(parts)] * len(parts))


def _moved(quantiles: np.ndarray, factor: np.ndarray) -> np.ndarray:
    """Raise or lower by a factor; where values are negative, "higher" still goes upwards."""
    return np.asarray(quantiles + (factor - 1) * np.abs(quantiles))


def _apply(case: Case, draft: Draft, effect: Effect) -> None:
    share = covered_share(effect.window, case.future, case.ends)
    share[share < LEAST_SHARE] = 0
    if not share.any():
        draft.skip(effect, "its time is not in the forecast")
        return
    if effect.change in (Change.SCALE, Change.ADD, Change.LEVEL) and effect.value is None:
        draft.skip(effect, "it does not say how much")
        return
    if wild(case, effect):
        draft.skip(effect, "it is far from anything that the series was")
        return
    if effect.usual and shown_before(case, effect):
        draft.skip(effect, "the history shows it, so the forecast knows it")
        return
    chance = edge_chance(effect.window, share > 0)
    share = np.where(chance > 0, 1.0, share)
    likely = np.where(chance > 0, chance, 1.0) * min(1.0, effect.confidence / SURE)
    followed = any(isinstance(one.statement, Relation) for one in draft.touched)
    likely = likely * odds_of(case, effect, float((share > 0).mean()), followed)
    steps = share > 0
    before = draft.predictive.quantiles[:, steps]
    after = np.sort(changed_by(effect, before, share[steps]), axis=0)
    doubtful = likely[steps] < 1
    if doubtful.any():
        odds = likely[steps][doubtful]
        after[:, doubtful] = mixture([after[:, doubtful], before[:, doubtful]], [odds, 1 - odds])
    draft.replace_steps(effect, steps, after, _did(effect))


def shown_before(case: Case, effect: Effect) -> bool:
    """Whether the history shows a rule already: at least twice, and with its effect on the values.

    A rule that sets a level is only taken as shown where the values are there: "closed at
    weekends" is new to a history with sales on Saturdays.
    """
    inside = effect.window.covers(case.past)
    begins = np.flatnonzero(inside & ~np.append(False, inside[:-1]))
    if len(begins) < 2:
        return False
    if effect.change is not Change.LEVEL or effect.value is None:
        return True
    covered = case.values[inside & np.isfinite(case.values)]
    if not covered.size:
        return False
    return float(np.median(np.abs(covered - effect.value))) <= SHOWN * case.scale


def _did(effect: Effect) -> str:
    when = describe(effect.window)
    if effect.value is None:
        return f"{'higher' if effect.change is Change.RAISE else 'lower'} {when}"
    value = f"{effect.value:g}"
    what = {
        Change.SCALE: f"times {value}",
        Change.ADD: f"plus {value}",
        Change.LEVEL: f"set to {value}",
    }.get(effect.change, str(effect.change))
    return f"{what} {when}"
