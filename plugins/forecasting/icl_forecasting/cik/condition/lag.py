"""First-order lags: how fast a target goes to its new level after a change."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

TIMES = np.array([0.01, 0.4, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0, 6.0, 9.0, 14.0])
"""Time constants of the transient that are tried, in steps."""

UNKNOWN_TIMES = (0.01, 0.7, 1.4, 2.0, 4.0)
"""Equally likely time constants where the history shows no transient."""

DELAYS = np.arange(-0.5, 2.51, 0.25)
"""Delays that are tried, in steps; stated moments may be late by part of a step."""

UNKNOWN_DELAYS = (0.0, 0.5, 1.0)

ACTIVE = 8
"""Steps after a change that count for the fit, and half as many that it needs."""

LARGE = 0.1
"""A change of the level counts as one from this share of the largest one."""


@dataclass(frozen=True)
class Lag:
    """How a target approaches its level.

    Args:
        rise: time constants upwards, equally likely, in steps.
        fall: the same downwards.
        delays: equally likely delays, in steps; 0 = the step of the change is on its way.
    """

    rise: tuple[float, ...] = UNKNOWN_TIMES
    fall: tuple[float, ...] = UNKNOWN_TIMES
    delays: tuple[float, ...] = UNKNOWN_DELAYS

    @classmethod
    def fitted(cls, goals: np.ndarray, values: np.ndarray, size: float) -> Lag:
        """Fit on a history: one time constant for each direction, a delay for each change.

        Args:
            goals: [T], the steady level at each step.
            values: [T], the target, NaN = missing.
            size: range of the levels in history and future.
        """
        jumps = np.append(0.0, np.diff(goals))
        places = np.flatnonzero(np.abs(jumps) > LARGE * size) if size > 0 else np.zeros(0, int)
        ends = [*places[1:], len(goals)] if len(places) else []
        times: dict[bool, float] = {}
        delays: list[float] = []
        for up in (True, False):
            chosen = [
                (int(place), int(min(end, place + ACTIVE)))
                for place, end in zip(places, ends, strict=True)
                if (jumps[place] > 0) == up and end - place >= ACTIVE // 2
            ]
            if not chosen:
                continue
            errors = np.stack([_errors(goals, values, place, end) for place, end in chosen])
            best = int(np.argmin(errors.min(axis=2).sum(axis=0)))
            times[up] = float(TIMES[best])
            delays += [float(DELAYS[k]) for k in np.argmin(errors[:, best], axis=1)]
        if not times:
            return cls()
        rise, fall = times.get(True), times.get(False)
        return cls(
            (rise,) if rise is not None else tuple(share * times[False] for share in (0.7, 1, 1.4)),
            (fall,) if fall is not None else tuple(share * times[True] for share in (1, 1.4, 2)),
            tuple(delays),
        )


def _errors(goals: np.ndarray, values: np.ndarray, place: int, end: int) -> np.ndarray:
    """Squared errors of one transient for all time constants and delays: [times, delays]."""
    steps = np.arange(max(place - 1, 0), end)
    elapsed = np.maximum(steps - place + 1 - DELAYS[:, None], 0.0)
    moved = 1 - np.exp(-elapsed[None] / TIMES[:, None, None])
    before, after = goals[place - 1], goals[place]
    deviation = (before + (after - before) * moved - values[steps]) / abs(after - before)
    return np.asarray(np.nanmean(deviation**2, axis=2))


def follow(
    goals: np.ndarray,
    start: float,
    first: int,
    rise: np.ndarray,
    fall: np.ndarray,
    delay: np.ndarray,
) -> np.ndarray:
    """Let N targets follow their goals.

    Args:
        goals: [N, T + H], from the beginning of the history.
        start: the last value of the history.
        first: T, the step to begin with.
        rise: [N], time constants upwards, in steps.
        fall: [N], downwards.
        delay: [N], in steps; may be negative.

    Returns:
        float [N, H].
    """
    count, total = goals.shape
    rows = np.arange(count)
    up, down = 1 - np.exp(-1 / rise), 1 - np.exp(-1 / fall)
    whole = np.floor(delay).astype(int)
    part = delay - whole
    value = np.full(count, start)
    track = np.empty((count, total - first))
    for step in range(first, total):
        # part of the step still sees the goal of the step before
        for share, back in ((part, whole + 1), (1 - part, whole)):
            aim = goals[rows, np.clip(step - back, 0, total - 1)]
            rate = np.where(aim > value, up, down)
            value = value + (1 - (1 - rate) ** share) * (aim - value)
        track[:, step - first] = value
    return track
