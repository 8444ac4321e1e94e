"""More made-up kinds of tasks, from other fields; their wordings are for development only."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import numpy as np
from kinds_events import PLACES, daily_stamps, event_in, hourly_stamps, scaling_by
from slots import Slots
from spelling import Figure, Length
from usual import (
    DAY,
    DRAWS,
    Problem,
    added,
    climatology,
    day_drawn,
    moment_of,
    phase,
    stamps_from,
    steps_in,
    usual,
    with_effect,
)

TEN_MINUTES = np.timedelta64(10, "m")


def _place(rng: np.random.Generator) -> Slots:
    return {"place": str(rng.choice(PLACES))}


def _stopped(
    rng: np.random.Generator,
    level: float,
    hourly: bool,
    stamps: tuple[np.ndarray, np.ndarray],
    steps: tuple[int, ...],
    slots: Slots,
) -> Problem:
    """Make a problem whose values are zero at some steps."""
    past, coming = stamps
    period = 24 if hourly else 7

    def effect(values: np.ndarray, _: np.ndarray) -> np.ndarray:
        values[..., list(steps)] = 0
        return values

    series = usual(rng, level, hourly)
    return with_effect(
        series, past, coming, rng, effect, slots=slots, region=steps, period=period, lower=0.0
    )


def clinic(rng: np.random.Generator) -> Problem:
    """A hospital takes over the patients of another one: more of them by a percentage."""
    stamps = hourly_stamps(rng, steps=48)
    more = int(rng.choice([50, 75, 80, 120]))
    slots = event_in(rng, stamps[1], "hour", (6, 16)) | {"more": Figure(str(more))}
    return scaling_by(rng, True, 25, 1 + more / 100, slots, stamps)


def server(rng: np.random.Generator) -> Problem:
    """A web server is switched off for some hours."""
    stamps = hourly_stamps(rng, steps=36)
    slots = event_in(rng, stamps[1], "hour", (3, 9))
    steps = steps_in(stamps[1], slots["start"], slots["end"])
    return _stopped(rng, 5400, True, stamps, steps, slots)


def sale(rng: np.random.Generator) -> Problem:
    """A sale multiplies the takings of a shop; prices fall by a percentage as well."""
    stamps = daily_stamps(rng)
    factor, off = int(rng.integers(2, 5)), int(rng.choice([20, 30, 40]))
    slots = event_in(rng, stamps[1], "day", (3, 9))
    slots |= {"factor": Figure(str(factor)), "off": Figure(str(off))}
    return scaling_by(rng, False, 1800, factor, slots, stamps)


def release(rng: np.random.Generator) -> Problem:
    """A dam lets water go: a river stands higher by an amount for some hours."""
    past, coming = hourly_stamps(rng, steps=48)
    amount = int(rng.choice([60, 80, 120]))
    slots = event_in(rng, coming, "hour", (6, 18)) | {"amount": Figure(str(amount))}
    effect = added(amount, slots["start"], slots["end"])
    region = steps_in(coming, slots["start"], slots["end"])
    series = usual(rng, 140)
    return with_effect(series, past, coming, rng, effect, slots=slots, region=region, period=24)


def night_shift(rng: np.random.Generator) -> Problem:
    """A factory gives up its night shift: nothing is made at night from now on."""
    stamps = hourly_stamps(rng, steps=72)
    hours, _ = phase(stamps[1])
    steps = tuple(int(step) for step in np.flatnonzero((hours >= 22) | (hours < 6)))
    return _stopped(rng, 320, True, stamps, steps, _place(rng))


def weekly_stop(rng: np.random.Generator) -> Problem:
    """A ferry does not sail on one day of each week any more."""
    stamps = daily_stamps(rng)
    weekday = int(rng.integers(0, 5))
    steps = tuple(int(step) for step in np.flatnonzero(phase(stamps[1])[1] == weekday))
    slots = {**_place(rng), "day": moment_of(stamps[1][steps[0]])}
    return _stopped(rng, 650, False, stamps, steps, slots)


def calls_moved(rng: np.random.Generator) -> Problem:
    """A share of the calls goes to another call centre from some day to the end."""
    stamps = daily_stamps(rng)
    part = int(rng.integers(2, 5))
    start = moment_of(stamps[1][int(rng.integers(4, 14))])
    slots = {**_place(rng), "start": start, "part": Figure(str(part))}
    slots["end"] = moment_of(stamps[1][-1]) + timedelta(days=1)
    return scaling_by(rng, False, 1200, 1 - 1 / part, slots, stamps)


def school_break(rng: np.random.Generator) -> Problem:
    """During a school holiday of some days, buses are as empty as on Sundays."""
    past, coming = hourly_stamps(rng, days=21, steps=96)
    while phase(coming[24:72])[1].max() > 4:
        past, coming = past + DAY, coming + DAY
    start = moment_of(coming[23]).replace(hour=0) + timedelta(days=1)
    end = start + timedelta(days=2)
    series = usual(rng, 400, weekend=0.3)
    history = series.path(past, rng)
    steps = steps_in(coming, start, end)
    sunday = coming.copy()
    sunday[list(steps)] += (6 - phase(coming)[1][list(steps)]) * DAY
    future, oracle = series.path(sunday, rng), climatology(history, past, sunday, rng)
    slots = {**_place(rng), "start": start, "end": end, "last": end - timedelta(days=1)}
    return Problem(past, coming, history, future, oracle, slots, steps, period=24, lower=0.0)


def rinsing(rng: np.random.Generator) -> Problem:
    """A well is rinsed for a day every few days from now on: no water on these days."""
    stamps = daily_stamps(rng)
    every, first = int(rng.integers(4, 7)), int(rng.integers(2, 6))
    steps = tuple(range(first, len(stamps[1]), every))
    start = moment_of(stamps[1][first])
    slots = {**_place(rng), "start": start, "every": Length(every, "day")}
    slots["second"] = start + timedelta(days=every)
    return _stopped(rng, 75, False, stamps, steps, slots)


def dropped_plan(rng: np.random.Generator) -> Problem:
    """A plan with a large effect has been given up: nothing changes."""
    past, coming = daily_stamps(rng)
    slots = event_in(rng, coming, "day", (4, 10)) | {"factor": Figure(str(rng.integers(3, 8)))}
    region = steps_in(coming, slots["start"], slots["end"])
    return with_effect(
        usual(rng, 160, False), past, coming, rng, slots=slots, region=region, period=7, lower=0.0
    )


def other_limit(rng: np.random.Generator) -> Problem:
    """A limit is put on another quantity; the series goes on as before."""
    past, coming = hourly_stamps(rng, steps=48)
    slots = event_in(rng, coming, "hour", (8, 20))
    region = steps_in(coming, slots["start"], slots["end"])
    return with_effect(
        usual(rng, 210), past, coming, rng, slots=slots, region=region, period=24, lower=0.0
    )


def offset(rng: np.random.Generator) -> Problem:
    """A probe has shown too much, by a constant, since some moment; it is right from now on."""
    past, coming = hourly_stamps(rng, days=9, steps=36)
    clean = with_effect(usual(rng, 22), past, coming, rng, period=24)
    amount = int(rng.choice([15, 20, 25]))
    at = int(rng.integers(72, 140))
    history = clean.history.copy()
    history[at:] += amount
    slots = {**clean.slots, **_place(rng), "start": moment_of(past[at])}
    slots["amount"] = Figure(str(amount))
    return Problem(past, coming, history, clean.future, clean.oracle, slots, period=24, lower=0.0)


def past_closure(rng: np.random.Generator) -> Problem:
    """A road was shut for some days of the past; it is open again."""
    past, coming = daily_stamps(rng, weeks=8, steps=21)
    clean = with_effect(usual(rng, 4200, False), past, coming, rng, period=7)
    count = int(rng.integers(6, 14))
    at = len(past) - count - int(rng.integers(1, 4))
    history = clean.history.copy()
    history[at : at + count] = 0
    start = moment_of(past[at])
    slots = {**clean.slots, **_place(rng), "start": start, "length": Length(count, "day")}
    slots["end"] = start + timedelta(days=count)
    slots["last"] = start + timedelta(days=count - 1)
    return Problem(past, coming, history, clean.future, clean.oracle, slots, period=7, lower=0.0)


def early_closing(rng: np.random.Generator) -> Problem:
    """On one day a library shuts in the afternoon; nobody is in it until midnight."""
    past, coming = hourly_stamps(rng, days=14, steps=60)
    day = moment_of(coming[23]).replace(hour=0) + timedelta(days=1)
    start = day + timedelta(hours=int(rng.integers(12, 16)))
    steps = steps_in(coming, start, day + timedelta(days=1))
    slots = {**_place(rng), "start": start, "day": day}
    return _stopped(rng, 85, True, (past, coming), steps, slots)


def dearer_tickets(rng: np.random.Generator) -> Problem:
    """Tickets get dearer by one percentage, and passengers fewer by another."""
    stamps = daily_stamps(rng)
    dearer, fewer = int(rng.choice([10, 15, 25])), int(rng.choice([30, 40, 45]))
    start = moment_of(stamps[1][int(rng.integers(3, 12))])
    slots = {**_place(rng), "start": start, "dearer": Figure(str(dearer))}
    slots |= {"fewer": Figure(str(fewer)), "left": Figure(str(100 - fewer))}
    slots["end"] = moment_of(stamps[1][-1]) + timedelta(days=1)
    return scaling_by(rng, False, 2600, 1 - fewer / 100, slots, stamps)


def belt(rng: np.random.Generator) -> Problem:
    """What a belt carries is in proportion to its speed; the speed is known."""
    stamps = stamps_from(day_drawn(rng) + timedelta(hours=5), 120, TEN_MINUTES)
    cuts = np.r_[0, np.sort(rng.choice(np.arange(6, 80, 6), 3, replace=False)), 84]
    cuts = np.r_[cuts, 84 + np.sort(rng.choice(np.arange(6, 34, 6), 2, replace=False)), 120]
    speeds = rng.permutation([0.5, 0.8, 1.0, 1.2, 1.5, 1.8, 2.4])
    true = rng.uniform(40, 60) * np.repeat(speeds[: len(cuts) - 1], np.diff(cuts))
    values = true * np.exp(rng.normal(0, 0.02, 120))
    oracle = true[84:] * np.exp(rng.normal(0, 0.02, (DRAWS, 36)))
    ends = [*stamps[cuts[1:-1]], stamps[-1] + TEN_MINUTES]
    pieces: list[Slots] = [
        {
            "value": Figure(f"{value:g}"),
            "start": moment_of(stamps[first]),
            "end": moment_of(end),
            "length": Length(int(10 * size), "minute"),
        }
        for value, first, end, size in zip(speeds, cuts, ends, np.diff(cuts), strict=False)
    ]
    slots = {**_place(rng), "segments": pieces, "changes": pieces[1:]}
    slots |= {"initial": pieces[0]["value"], "final": moment_of(ends[-1])}
    return Problem(stamps[:84], stamps[84:], values[:84], values[84:], oracle, slots, lower=0.0)


def bookings(rng: np.random.Generator) -> Problem:
    """Meals of a canteen follow the number of people who registered, which is known ahead."""
    past, coming = daily_stamps(rng, weeks=5, steps=14)
    stamps = np.concatenate([past, coming])
    listed = np.round(rng.uniform(80, 400, len(stamps)))
    true = listed * rng.uniform(0.7, 0.95)
    values = true * np.exp(rng.normal(0, 0.03, len(stamps)))
    ahead = len(past)
    oracle = true[ahead:] * np.exp(rng.normal(0, 0.03, (DRAWS, len(coming))))
    rows: list[Slots] = [
        {"when": moment_of(stamp), "value": Figure(f"{value:.0f}")}
        for stamp, value in zip(stamps, listed, strict=True)
    ]
    slots = {**_place(rng), "rows": rows, "first": rows[0]["when"]}
    return Problem(past, coming, values[:ahead], values[ahead:], oracle, slots, lower=0.0)


def half_speed(rng: np.random.Generator) -> Problem:
    """Two of a known number of lines stand still: the rest of the output remains."""
    stamps = hourly_stamps(rng, steps=48)
    lines = int(rng.integers(3, 7))
    slots = event_in(rng, stamps[1], "hour", (8, 24))
    slots |= {"lines": Figure(str(lines)), "rest": Figure(str(lines - 2))}
    return scaling_by(rng, True, 900, (lines - 2) / lines, slots, stamps)


GENERATORS: dict[str, Callable[[np.random.Generator], Problem]] = {
    "patients of a closed clinic": clinic,
    "web server switched off": server,
    "sale with lower prices": sale,
    "water let out of a dam": release,
    "night shift given up": night_shift,
    "no ferry on a weekday": weekly_stop,
    "share of calls moved": calls_moved,
    "school holidays": school_break,
    "rinsing every few days": rinsing,
    "plan that was dropped": dropped_plan,
    "limit of another quantity": other_limit,
    "constant offset removed": offset,
    "closure in the past": past_closure,
    "closing early on one day": early_closing,
    "dearer tickets": dearer_tickets,
    "belt in proportion to its speed": belt,
    "meals after registrations": bookings,
    "some of several lines": half_speed,
}
