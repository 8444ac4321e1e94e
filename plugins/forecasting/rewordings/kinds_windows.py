"""Made-up kinds of tasks for development: several windows, hours of each day, ramps and limits."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import numpy as np
from kinds_events import PLACES, capped, daily_stamps, event_in, hourly_stamps, scaling_by
from slots import Slots
from spelling import Figure, Length
from usual import Effect, Problem, climatology, moment_of, phase, steps_in, usual, with_effect


def _place(rng: np.random.Generator) -> Slots:
    return {"place": str(rng.choice(PLACES))}


def _multiplied(steps: tuple[int, ...], factors: np.ndarray) -> Effect:
    """Multiply values at steps by factors [len(steps)]."""

    def effect(values: np.ndarray, _: np.ndarray) -> np.ndarray:
        values[..., list(steps)] *= factors
        return values

    return effect


def two_events(rng: np.random.Generator) -> Problem:
    """Two events with two factors, one after the other."""
    past, coming = daily_stamps(rng)
    first, second = rng.choice([2, 3, 4, 5], 2, replace=False)
    at = int(rng.integers(2, 5))
    then = at + int(rng.integers(6, 9))
    sizes = rng.integers(2, 5, 2)
    steps = (*range(at, at + int(sizes[0])), *range(then, then + int(sizes[1])))
    factors = np.repeat([first, second], sizes).astype(float)
    events: list[Slots] = []
    for factor, begin, size in ((first, at, int(sizes[0])), (second, then, int(sizes[1]))):
        start = moment_of(coming[begin])
        end = start + timedelta(days=size)
        piece: Slots = {"start": start, "end": end, "last": end - timedelta(days=1)}
        events.append(piece | {"length": Length(size, "day"), "factor": Figure(str(factor))})
    slots: Slots = {**_place(rng), "events": events}
    slots |= {f"{key}1": value for key, value in events[0].items()}
    slots |= {f"{key}2": value for key, value in events[1].items()}
    return with_effect(
        usual(rng, 240, False),
        past,
        coming,
        rng,
        _multiplied(steps, factors),
        slots=slots,
        region=steps,
        period=7,
        lower=0.0,
    )


def _daily_factor(
    rng: np.random.Generator, level: float, first: int, last: int, factor: float, slots: Slots
) -> Problem:
    past, coming = hourly_stamps(rng, steps=72)
    hours, _ = phase(coming)
    steps = tuple(int(step) for step in np.flatnonzero((hours >= first) & (hours < last)))
    slots |= {"from": datetime(2000, 1, 1, first), "to": datetime(2000, 1, 1, last)}
    return with_effect(
        usual(rng, level),
        past,
        coming,
        rng,
        _multiplied(steps, np.full(len(steps), factor)),
        slots=slots,
        region=steps,
        period=24,
        lower=0.0,
    )


def cheap_hours(rng: np.random.Generator) -> Problem:
    """A cheap tariff at some hours of every day raises the load then."""
    first = int(rng.integers(10, 14))
    more = int(rng.choice([60, 80, 100]))
    slots = {**_place(rng), "more": Figure(str(more)), "all": Figure(str(100 + more))}
    return _daily_factor(rng, 75, first, first + 4, 1 + more / 100, slots)


def quiet_hours(rng: np.random.Generator) -> Problem:
    """A road is narrowed at some hours of every day: a part of the cars remains."""
    first, part = int(rng.integers(6, 16)), int(rng.integers(2, 5))
    slots = {**_place(rng), "part": Figure(str(part))}
    return _daily_factor(rng, 1300, first, first + 5, 1 / part, slots)


def busy_weekends(rng: np.random.Generator) -> Problem:
    """From now on weekends are busier by a factor."""
    past, coming = daily_stamps(rng)
    factor = int(rng.integers(2, 4))
    steps = tuple(int(step) for step in np.flatnonzero(phase(coming)[1] >= 5))
    return with_effect(
        usual(rng, 90, False),
        past,
        coming,
        rng,
        _multiplied(steps, np.full(len(steps), float(factor))),
        slots={**_place(rng), "factor": Figure(str(factor))},
        region=steps,
        period=7,
        lower=0.0,
    )


def changing_cap(rng: np.random.Generator) -> Problem:
    """The upper limit of a feed-in changes at a known time."""
    past, coming = hourly_stamps(rng, steps=48)
    series = usual(rng, 500)
    top = 500 * float(series.day.max())
    caps = [float(round(top * share, -1)) for share in rng.permutation([0.5, 0.75])]
    cut = int(rng.integers(18, 30))
    limits = np.r_[np.full(cut, caps[0]), np.full(48 - cut, caps[1])]

    def effect(values: np.ndarray, _: np.ndarray) -> np.ndarray:
        kept: np.ndarray = np.minimum(values, limits)
        return kept

    slots = {**_place(rng), "turn": moment_of(coming[cut])}
    slots |= {"cap1": Figure(f"{caps[0]:g}"), "cap2": Figure(f"{caps[1]:g}")}
    return with_effect(
        series,
        past,
        coming,
        rng,
        effect,
        slots=slots,
        period=24,
        lower=0.0,
        upper_steps=tuple(range(48)),
        upper_values=tuple(float(limit) for limit in limits),
    )


def cap_withdrawn(rng: np.random.Generator) -> Problem:
    """A limit that was announced is replaced by another one."""
    past, coming = hourly_stamps(rng, steps=36)
    series = usual(rng, 260)
    cap = float(round(260 * float(series.day.max()) * 0.7))
    slots = {**_place(rng), "cap": Figure(f"{cap:g}"), "old": Figure(f"{round(cap / 2)}")}
    return with_effect(
        series, past, coming, rng, capped(cap), slots=slots, period=24, upper=cap, lower=0.0
    )


def floor(rng: np.random.Generator) -> Problem:
    """A least flow is guaranteed from now on."""
    past, coming = hourly_stamps(rng, steps=48)
    series = usual(rng, 30)
    least = float(round(30 * float(np.quantile(series.day, 0.45)), 1))

    def effect(values: np.ndarray, _: np.ndarray) -> np.ndarray:
        kept: np.ndarray = np.maximum(values, least)
        return kept

    slots = {**_place(rng), "least": Figure(f"{least:g}")}
    return with_effect(series, past, coming, rng, effect, slots=slots, period=24, lower=least)


def ramp(rng: np.random.Generator) -> Problem:
    """A pond is filled: its level rises by so much every hour from some time on."""
    past, coming = hourly_stamps(rng, steps=48)
    rate, at = int(rng.integers(4, 10)), int(rng.integers(5, 16))
    size = int(rng.integers(12, 24))
    hours = np.clip(np.arange(48) - at, 0, size)

    def effect(values: np.ndarray, _: np.ndarray) -> np.ndarray:
        raised: np.ndarray = values + rate * hours
        return raised

    start = moment_of(coming[at])
    slots = {**_place(rng), "start": start, "end": start + timedelta(hours=size)}
    slots |= {"length": Length(size, "hour"), "rate": Figure(str(rate))}
    slots["total"] = Figure(str(rate * size))
    region = tuple(range(at + 1, 48))
    series = usual(rng, 120)
    series.day[:] = 1 + 0.05 * (series.day - 1)  # a pond hardly knows the time of day
    series.week[:] = 1
    return with_effect(series, past, coming, rng, effect, slots=slots, region=region, period=24)


def strike_ends(rng: np.random.Generator) -> Problem:
    """What is going on since some day of the past ends on a day of the horizon."""
    past, coming = daily_stamps(rng, weeks=9)
    share, at, until = int(rng.choice([2, 4])), int(rng.integers(44, 54)), int(rng.integers(3, 8))
    series = usual(rng, 500, False)
    values = series.path(np.concatenate([past, coming]), rng)
    oracle = climatology(values[:at], past[:at], coming, rng)
    values[at : len(past) + until] /= share
    oracle[:, :until] /= share
    slots = {**_place(rng), "start": moment_of(past[at]), "end": moment_of(coming[until])}
    slots |= {"now": moment_of(coming[0]), "share": Figure(str(share))}
    history, future = values[: len(past)], values[len(past) :]
    region = tuple(range(until, len(coming)))
    return Problem(past, coming, history, future, oracle, slots, region, period=7, lower=0.0)


def corrected(rng: np.random.Generator) -> Problem:
    """A first announcement is replaced by a second one with other days and another factor."""
    stamps = daily_stamps(rng)
    factor = int(rng.integers(2, 4))
    slots = event_in(rng, stamps[1], "day", (3, 8), earliest=9)
    slots |= {"factor": Figure(str(factor)), "old": Figure(str(factor + 4))}
    slots["before"] = slots["start"] - timedelta(days=7)
    return scaling_by(rng, False, 130, factor, slots, stamps)


def all_closed(rng: np.random.Generator) -> Problem:
    """A swimming pool is shut for good from some day of the horizon on."""
    past, coming = daily_stamps(rng)
    at = int(rng.integers(6, 18))
    start = moment_of(coming[at])
    steps = steps_in(coming, start, moment_of(coming[-1]) + timedelta(days=1))
    return with_effect(
        usual(rng, 310, False),
        past,
        coming,
        rng,
        _multiplied(steps, np.zeros(len(steps))),
        slots={**_place(rng), "start": start, "last": start - timedelta(days=1)},
        region=steps,
        period=7,
        lower=0.0,
    )


GENERATORS: dict[str, Callable[[np.random.Generator], Problem]] = {
    "two events": two_events,
    "cheap hours of each day": cheap_hours,
    "narrow road at some hours": quiet_hours,
    "busier weekends": busy_weekends,
    "cap that changes": changing_cap,
    "cap that was replaced": cap_withdrawn,
    "least flow": floor,
    "pond that is filled": ramp,
    "strike that ends": strike_ends,
    "event that was moved": corrected,
    "shut for good": all_closed,
}
