"""Repair of the history: what was false in it is masked or undone before anything is forecast."""

from __future__ import annotations

import numpy as np

from icl_forecasting.cik.condition.coverage import covered_share
from icl_forecasting.cik.condition.effects import SURE
from icl_forecasting.cik.statements import Artefact, Damage
from icl_forecasting.cik.windows import Clock

REACH = 1
"""Steps by which the edges of an outage in the data may differ from the stated ones."""

FLAT = 0.1
"""An outage shows values within this share of the usual spread around its own level."""

PART, MOSTLY = 0.3, 0.8
"""With a share of the stated window between these at the stated level, only that share is false."""

ALIKE = 3
"""So many other outages of the same length are needed to take them for outages."""

SPIKE = 6.0
"""A spike stands out from its neighbours by so many typical differences."""


def repair(
    values: np.ndarray, artefacts: list[Artefact], clock: Clock
) -> tuple[np.ndarray, list[tuple[Artefact, np.ndarray, str]], list[tuple[Artefact, str]]]:
    """Undo what the artefacts did.

    Args:
        values: float64 [T], NaN = missing.
        artefacts: what was false; those of doubtful confidence are left alone.
        clock: stamps of the history.

    Returns:
        The repaired values [T]; for each artefact that was found its steps bool [T] and one
        sentence; and the artefacts that changed nothing, with the reason.
    """
    repaired = values.copy()
    done: list[tuple[Artefact, np.ndarray, str]] = []
    unused: list[tuple[Artefact, str]] = []
    for artefact in artefacts:
        share = covered_share(artefact.window, clock.history, _ends(clock))
        covered = share > 0
        if artefact.confidence < SURE:
            unused.append((artefact, "not sure enough to change the history"))
        elif not covered.any():
            unused.append((artefact, "its time is not in the history"))
        else:
            steps, did = _undo(repaired, artefact, covered, clock)
            if steps.any():
                done.append((artefact, steps, did))
            else:
                unused.append((artefact, "nothing of it is seen in the history"))
    if not np.isfinite(repaired).any():
        return values.copy(), [], [(one, "it would leave nothing") for one in artefacts]
    return repaired, done, unused


def _day(clock: Clock) -> int:
    """Steps in one day; 1 where a step does not divide it."""
    day, step = np.timedelta64(1, "D"), clock.step
    return int(day / step) if step < day and day % step == np.timedelta64(0, "ns") else 1


def _ends(clock: Clock) -> np.ndarray:
    return np.append(clock.history[1:], clock.now)


def _undo(
    values: np.ndarray, artefact: Artefact, covered: np.ndarray, clock: Clock
) -> tuple[np.ndarray, str]:
    """Change `values` in place; tell which steps and what was done."""
    value = artefact.value
    if artefact.damage is Damage.MISSING:
        steps = outage_steps(values, covered, value)
        window = artefact.window
        if window.period is None and window.clock is None and not window.weekdays:
            steps |= repeated_steps(values, steps, value)
        values[steps] = np.nan
        return steps, "left out of the history: nothing was measured"
    if artefact.damage is Damage.SPIKE:
        steps = spike_steps(values, covered, _day(clock))
        values[steps] = np.nan
        return steps, "left out of the history: false values"
    if artefact.damage is Damage.SCALE and value:
        values[covered] /= value
        return covered, f"divided the history by {value:g}"
    if artefact.damage is Damage.ADD and value is not None:
        values[covered] -= value
        return covered, f"took {value:g} off the history"
    if artefact.damage is Damage.DRIFT:
        rate = _drift_rate(values, artefact, clock)
        start = artefact.window.start if artefact.window.start is not None else clock.history[0]
        elapsed = (clock.history - start) / np.timedelta64(1, "s")
        drift = np.where(covered, rate * elapsed, 0.0)
        values -= drift
        return covered, f"took off a drift of {rate * 3600:g} an hour"
    return np.zeros(len(values), bool), ""


def _drift_rate(values: np.ndarray, artefact: Artefact, clock: Clock) -> float:
    """Rate a second: as stated, else the slope of the history in the window."""
    if artefact.value is not None:
        per = artefact.per if artefact.per is not None else clock.step
        return float(artefact.value / (per / np.timedelta64(1, "s")))
    inside = artefact.window.covers(clock.history) & np.isfinite(values)
    if inside.sum() < 4:
        return 0.0
    seconds = (clock.history[inside] - clock.history[inside][0]) / np.timedelta64(1, "s")
    return float(np.polyfit(seconds, values[inside], 1)[0])


def outage_steps(values: np.ndarray, covered: np.ndarray, level: float | None) -> np.ndarray:
    """Find the steps of an outage whose stated window may be off by a step.

    The covered steps show what an outage looks like: a narrow band of values around its level
    (zero, a stuck reading). Neighbouring steps in the band belong to it as well; covered steps
    at the rim of the window that lie far outside the band do not.

    Args:
        values: float64 [T].
        covered: bool [T], what was stated.
        level: the false value, if stated.

    Returns:
        bool [T].
    """
    inside = values[covered & np.isfinite(values)]
    outside = values[~covered & np.isfinite(values)]
    if inside.size < 1 or outside.size < 2:
        return covered.copy()
    centre = float(np.median(inside)) if level is None else level
    usual = float(np.median(np.abs(outside - np.median(outside)))) * 1.4826
    usual = usual or float(np.abs(outside - centre).mean())
    deviation = np.abs(inside - centre)
    flat = FLAT * abs(float(np.median(outside)) - centre)
    share = float(np.mean(deviation <= flat))
    if level is not None and PART <= share < MOSTLY:
        # the window is longer than the outage in it, which the stated level shows
        return np.asarray(covered & (np.abs(values - centre) <= flat))
    width = max(3 * 1.4826 * float(np.median(deviation)), 1e-9 * usual)
    if width > 2 * FLAT * usual + np.abs(np.median(outside) - centre) / 3:
        return covered.copy()  # the outage has no level of its own: take it as stated
    band = np.abs(values - centre) <= width * 1.5
    steps = covered.copy()
    for _ in range(REACH):
        beside = np.zeros(len(steps), bool)
        beside[1:] |= steps[:-1]
        beside[:-1] |= steps[1:]
        steps |= beside & band
        rim = steps & ~(np.append(steps[1:], True) & np.append(True, steps[:-1]))
        steps &= ~(rim & ~band & np.isfinite(values))
    return steps if steps.any() else covered.copy()


def repeated_steps(values: np.ndarray, outage: np.ndarray, level: float | None) -> np.ndarray:
    """Find further outages like one that was stated: as flat, at its level, and about as long.

    A text may describe one of several. They only count where at least `ALIKE` of them are alike
    in length, since many series have low stretches of their own.

    Args:
        values: float64 [T].
        outage: bool [T], the steps of the stated one.
        level: the false value, if stated.

    Returns:
        bool [T].
    """
    none = np.zeros(len(values), bool)
    inside, outside = values[outage & np.isfinite(values)], values[~outage & np.isfinite(values)]
    if inside.size < 3 or outside.size < 3:
        return none
    centre = float(np.median(inside)) if level is None else level
    low = np.abs(values - centre) <= FLAT * abs(float(np.median(outside)) - centre)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], low, [False]]).astype(int)))
    runs = [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True) if b - a >= 3]
    stated = [b - a for a, b in runs if outage[a:b].any()]
    others = [(a, b) for a, b in runs if not outage[a:b].any()]
    if not stated or len(others) < ALIKE:
        return none
    length = max(stated)
    # the first and the last run may be cut by the ends of the history
    cut = [(a, b) for a, b in others if a == 0 or b == len(values)]
    alike = [(a, b) for a, b in others if abs(b - a - length) <= 1 or (a, b) in cut]
    if len(alike) < len(others) or len(alike) < ALIKE:
        return none
    for a, b in alike:
        none[a:b] = True
    return none


def spike_steps(values: np.ndarray, covered: np.ndarray, season: int = 1) -> np.ndarray:
    """Find single false values: they stand out from their neighbours and from their time of day.

    Args:
        values: float64 [T].
        covered: bool [T], where they may be.
        season: steps in one day; 1 = unknown.

    Returns:
        bool [T]; the covered steps themselves where only a few are covered.
    """
    if covered.sum() <= max(3, len(values) // 20):
        return covered.copy()
    filled = np.where(np.isfinite(values), values, np.nanmedian(values))
    padded = np.pad(filled, 2, mode="edge")
    neighbours = np.stack([padded[k : k + len(values)] for k in (0, 1, 3, 4)])
    gap = np.abs(filled - np.median(neighbours, axis=0))
    beside = np.pad(gap, 2, mode="edge")
    largest = np.max([beside[k : k + len(values)] for k in range(5)], axis=0)
    found = covered & (gap > SPIKE * _typical(gap)) & (gap > 0.5 * largest)
    if season > 1 and len(values) >= 3 * season:
        usual = np.array([np.median(filled[phase::season]) for phase in range(season)])
        apart = np.abs(filled - np.resize(usual, len(values)))
        found &= apart > SPIKE * _typical(apart)
    return np.asarray(found)


def _typical(gap: np.ndarray) -> float:
    return float(np.median(gap[gap > 0])) if (gap > 0).any() else np.inf
