"""Steady levels of a target for each value of a covariate, between and beyond those seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from icl_forecasting.cik.statements import Law, Relation

SETTLED = 5
"""Steps after a change of the covariate from which on the target counts as settled."""

UNSEEN = 0.06
"""Relative doubt about a level that the history does not show and a law gives."""

UNSURE = 0.2
"""The same where the law itself is only known as rising or falling."""

TELLING = 0.2
"""A known level corrects the law in proportion only for levels up to 1 / TELLING times its own."""

BY_ZONE = 0.35
"""The same where only the end of a dead zone ties the covariate to the target."""

SATURATING = 0.03
"""Responses to a drive level off: between rest and its maximum a level lies above the line."""


@dataclass(frozen=True, eq=False)
class Steady:
    """What is known about the settled target.

    Args:
        inputs: [K] values of the covariate that were seen settled, increasing.
        levels: [K] median target there.
        residuals: for each, the deviations of the settled values.
        relation: the law.
        exponent: of the law, 1 for lines.
    """

    inputs: np.ndarray
    levels: np.ndarray
    residuals: tuple[np.ndarray, ...]
    relation: Relation
    exponent: float

    @property
    def floor(self) -> float | None:
        """Level below which the target does not go while the covariate is in its dead zone."""
        zone = self.relation.dead_zone
        if zone is None:
            return None
        low = self.levels[self.inputs <= zone[0]]
        return float(np.median(low)) if low.size else None

    def at(self, path: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Settled level and its standard deviation for values [N] of the covariate."""
        distinct, places = np.unique(path, return_inverse=True)
        found = np.array([self._one(float(value)) for value in distinct])
        return found[places, 0], found[places, 1]

    def _one(self, value: float) -> tuple[float, float]:
        near = np.abs(self.inputs - value) <= 1e-9 * max(1.0, abs(value))
        if near.any():
            place = int(np.argmax(near))
            deviation = self.residuals[place]
            return float(self.levels[place]), float(np.std(deviation)) / max(
                len(deviation), 1
            ) ** 0.5
        zone, floor = self.relation.dead_zone, self.floor
        if zone is not None and floor is not None and value <= zone[0]:
            return floor, UNSEEN * abs(floor)
        level, sd = self._by_law(value)
        if floor is not None and zone is not None and level < floor:
            return floor, sd
        return level, sd

    def _by_law(self, value: float) -> tuple[float, float]:
        """Level by the law, corrected by what the seen levels deviate from it."""
        zone = self.relation.dead_zone
        active = np.ones(len(self.inputs), bool) if zone is None else self.inputs >= zone[1] - 1e-12
        anchors = [pair for pair in self.relation.anchors if np.isfinite(pair).all()]
        inputs = np.concatenate([self.inputs[active], [x for x, _ in anchors]])
        levels = np.concatenate([self.levels[active], [y for _, y in anchors]])
        floor = self.floor
        if not len(inputs) and zone is not None and zone[0] > 0 and floor:
            # the least level belongs to a drive somewhere in the dead zone: that is one pair
            pair = np.array([np.sqrt(zone[0] * zone[1])]), np.array([floor])
            guess = _Curve(Law.PROPORTIONAL, *pair, self.exponent)(value)
            return guess, BY_ZONE * abs(guess)
        if not len(inputs):
            fallback = float(np.median(self.levels)) if len(self.levels) else 0.0
            return fallback, UNSURE * abs(fallback)
        curve = _Curve(self.relation.law, inputs, levels, self.exponent)
        level = curve(value)
        seen = len(self.inputs[active])
        if not seen and self.relation.law in (Law.LINEAR, Law.PROPORTIONAL) and zone is not None:
            level *= 1 + SATURATING
        doubt = UNSEEN if self.relation.law not in (Law.RISING, Law.FALLING, Law.SAME) else UNSURE
        gap = curve.distance(value)
        return level, doubt * gap * max(abs(level), 1e-12)


class _Curve:
    """A law through known points; relative deviations from it are joined by straight lines."""

    def __init__(self, law: Law, inputs: np.ndarray, levels: np.ndarray, exponent: float) -> None:
        order = np.argsort(inputs, kind="stable")
        self.inputs, self.levels = inputs[order], levels[order]
        self.exponent = exponent
        through_origin = law in (Law.PROPORTIONAL, Law.POWER) or len(np.unique(inputs)) == 1
        drive = np.sign(self.inputs) * np.abs(self.inputs) ** exponent
        if law is Law.LINEAR and not through_origin and (self.inputs >= 0).all():
            # a line "broadly through" rest is not told apart from one with an intercept by two
            # points; the origin counts as one more
            through_origin = len(np.unique(self.inputs)) < 3
        if through_origin:
            weight = float(drive @ drive)
            self.slope = float(drive @ self.levels) / weight if weight else 0.0
            self.intercept = 0.0 if weight else float(np.mean(self.levels))
        else:
            self.slope, self.intercept = map(float, np.polyfit(drive, self.levels, 1))
        self.base = self._base(self.inputs)

    def _base(self, values: np.ndarray) -> np.ndarray:
        drive = np.sign(values) * np.abs(values) ** self.exponent
        return np.asarray(self.intercept + self.slope * drive)

    def __call__(self, value: float) -> float:
        base = float(self._base(np.array([value]))[0])
        # a level near rest says little in proportion, since an offset or noise is large there
        telling = (np.abs(self.base) >= TELLING * abs(base)) & (self.base * self.levels > 0)
        if base != 0 and telling.any():
            ratio = self.levels[telling] / self.base[telling]
            return base * float(np.interp(value, self.inputs[telling], ratio))
        return base + float(np.interp(value, self.inputs, self.levels - self.base))

    def distance(self, value: float) -> float:
        """How far a value lies from the known ones: 0 on one of them, 1 far away."""
        nearest = float(np.min(np.abs(self.inputs - value)))
        span = max(float(np.ptp(self.inputs)), abs(float(self.inputs[-1])), 1e-12)
        return min(1.0, 0.3 + 3 * nearest / span)


def settled(
    path: np.ndarray, values: np.ndarray
) -> tuple[np.ndarray, np.ndarray, tuple[np.ndarray, ...]]:
    """Find the levels that a target settles at.

    Args:
        path: [T], values of the covariate, NaN where unknown.
        values: [T], the target, NaN = missing.

    Returns:
        Distinct values of the covariate [K], the target's median for each, and the deviations
        from it. Values that the covariate kept too shortly for the target to settle are left
        out, unless it never stays.
    """
    known = np.isfinite(path) & np.isfinite(values)
    changes = np.append(True, np.abs(np.diff(path)) > 0)
    since = np.arange(len(path)) - np.maximum.accumulate(np.where(changes, np.arange(len(path)), 0))
    rest = known & (since >= SETTLED)
    if not rest.any():
        rest = known
    inputs, levels, residuals = [], [], []
    for value in np.unique(path[rest]):
        values_there = values[rest & (path == value)]
        level = float(np.median(values_there))
        inputs.append(float(value))
        levels.append(level)
        residuals.append(values_there - level)
    return np.array(inputs), np.array(levels), tuple(residuals)
