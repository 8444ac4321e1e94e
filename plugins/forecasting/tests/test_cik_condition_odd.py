"""Odd readings and odd histories: a finite forecast, never an error."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from icl_core.coerce.timeline import grid
from icl_forecasting.cik import statements as s
from icl_forecasting.cik.windows import Window

sys.path.append(str(Path(__file__).parent))
from condition_cases import conditioned, hours

CONCEPTS = ("count", "irradiance", "percentage", "electricity", "fire", "water-rescue", "speed")


class Random:
    """Random statements about a span of stamps."""

    def __init__(self, seed: int, stamps: np.ndarray) -> None:
        self.rng = np.random.default_rng(seed)
        self.stamps = stamps

    def chance(self, odds: float = 0.5) -> bool:
        return bool(self.rng.random() < odds)

    def number(self) -> float:
        scale = self.rng.choice([0.0, 1e-6, 1.0, 40.0, 1e6])
        return float(self.rng.normal() * scale)

    def stamp(self) -> np.datetime64:
        moment: np.datetime64 = self.stamps[self.rng.integers(len(self.stamps))]
        return np.datetime64(moment + hours(self.rng.normal()), "ns")

    def window(self) -> Window:
        start, end = sorted((self.stamp(), self.stamp()))
        return Window(
            start=start if self.chance(0.7) else None,
            end=end if self.chance(0.7) else None,
            period=hours(24 * self.rng.integers(1, 9)) if self.chance(0.2) else None,
            duration=hours(self.rng.integers(1, 50)) if self.chance(0.3) else None,
            weekdays=frozenset({int(self.rng.integers(7))}) if self.chance(0.2) else frozenset(),
            clock=(hours(3), hours(self.rng.integers(0, 24))) if self.chance(0.2) else None,
            months=frozenset({int(self.rng.integers(1, 13))}) if self.chance(0.1) else frozenset(),
            loose=self.chance(),
        )

    def readings(self) -> tuple[tuple[np.datetime64, ...], tuple[float, ...]]:
        count = int(self.rng.integers(0, 30))
        stamps = [self.stamp() for _ in range(count)]
        if self.chance():
            stamps.sort()
        return tuple(stamps), tuple(self.number() for _ in range(count))

    def statement(self) -> s.Statement:
        kind = int(self.rng.integers(11))
        sure = float(self.rng.random())
        if kind == 0:
            some = self.rng.choice(CONCEPTS, 2)
            return s.Subject(concepts=frozenset(some), lower=0.0, integer=self.chance())
        if kind == 1:
            lower, upper = sorted((self.number(), self.number()))
            return s.Bound(lower=lower, upper=upper, window=self.window(), confidence=sure)
        if kind == 2:
            change = self.rng.choice(list(s.Change))
            value = self.number() if self.chance(0.8) else None
            return s.Effect(
                window=self.window(),
                change=s.Change(change),
                value=value,
                usual=self.chance(),
                confidence=sure,
            )
        if kind == 3:
            damage = s.Damage(self.rng.choice(list(s.Damage)))
            value = self.number() if self.chance() else None
            per = hours(1) if self.chance() else None
            return s.Artefact(window=self.window(), damage=damage, value=value, per=per)
        stamps, values = self.readings()
        if kind == 4:
            return s.Covariate(name="x", stamps=stamps, values=values, steps=self.chance())
        if kind == 5:
            states = tuple("wet" if value > 0 else "dry" for value in values)
            return s.Covariate(name="x", stamps=stamps, values=states)
        if kind == 6:
            law = s.Law(self.rng.choice(list(s.Law)))
            terms = tuple(
                s.Term(
                    str(self.rng.choice([s.TARGET, "x", "y"])),
                    int(self.rng.integers(0, 200 if self.chance(0.1) else 4)),
                    self.number() if self.chance() else None,
                )
                for _ in range(self.rng.integers(0, 4))
            )
            return s.Relation(
                law=law,
                of=("x",) if self.chance(0.8) else (),
                exponent=2.0 if self.chance() else None,
                anchors=((self.number(), self.number()),) if self.chance() else (),
                dead_zone=(0.1, 0.2) if self.chance(0.3) else None,
                terms=terms,
                noise=abs(self.number()) if self.chance() else None,
            )
        if kind == 7:
            relevant = [None, True, False][self.rng.integers(3)]
            return s.Reference(name="r", stamps=stamps, values=values, relevant=relevant)
        if kind == 8:
            amount = s.Amount(self.rng.choice(list(s.Amount)))
            per = str(self.rng.choice(["year", "month", "day", "fortnight"]))
            return s.Statistic(amount=amount, value=self.number(), per=per)
        if kind == 9:
            months = frozenset({int(self.rng.integers(1, 13))})
            cycle = str(self.rng.choice(["year", "day", "week"]))
            return s.Peak(cycle=cycle, months=months, clock=hours(12.3), low=self.chance())
        days = (self.stamp().astype("datetime64[D]"),)
        change = s.Change.LOWER if self.chance() else None
        return s.SpecialDays(
            days=days, like=frozenset({6}) if self.chance() else frozenset(), change=change
        )


def history(seed: int) -> tuple[np.ndarray, str, str]:
    rng = np.random.default_rng(1000 + seed)
    count = int(rng.choice([1, 2, 3, 6, 30, 100, 170]))
    kind = rng.integers(6)
    values = [
        rng.normal(size=count) * 50,
        np.zeros(count),
        np.full(count, 7.0),
        rng.poisson(3, count).astype(float),
        1e30 * rng.random(count),
        1e-30 * rng.random(count),
    ][kind]
    if rng.random() < 0.3 and count > 3:
        values[rng.integers(count, size=count // 3)] = np.nan
        values[0] = 1.0
    freq, start = [
        ("h", "2023-05-01"),
        ("D", "2023-05-01"),
        ("MS", "2019-02-01"),
        ("10min", "2023-05-01"),
        ("s", "1970-01-01"),
    ][rng.integers(5)]
    return values, start, freq


@pytest.mark.parametrize("seed", range(60))
def test_nothing_raises_and_all_is_finite_and_sorted(seed: int) -> None:
    for part in range(5):
        values, start, freq = history(seed * 5 + part)
        stamps = grid(np.datetime64(start, "ns"), freq, len(values) + 12)
        source = Random(seed * 5 + part, stamps)
        readings = [source.statement() for _ in range(source.rng.integers(1, 6))]
        found = conditioned(values, 12, *readings, start=start, freq=freq, season=1)
        assert np.isfinite(found.forecast.quantiles).all(), readings
        assert (np.diff(found.predictive.quantiles, axis=0) >= 0).all(), readings
        paths = found.draw(25, 0, "independent")
        assert np.isfinite(paths).all()
        lower, upper = found.limits
        assert (paths >= np.minimum(lower, upper) - 1e-9).all()
