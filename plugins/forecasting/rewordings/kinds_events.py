"""Made-up kinds of tasks: something happens, or does not."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
from slots import Slots
from spelling import Figure, Length
from usual import (
    DAY,
    Effect,
    Problem,
    added,
    climatology,
    day_drawn,
    moment_of,
    phase,
    scaled,
    stamps_from,
    steps_in,
    usual,
    with_effect,
)

PLACES = ("Larvik", "Tessin", "Oakham", "Brenner", "Pinewood", "Salto", "Mirfield", "Corvo")


def window(start: datetime, count: int, unit: str) -> Slots:
    """Slots of a window."""
    length = Length(count, unit)
    end = start + timedelta(**{f"{unit}s": count})
    last = end - timedelta(**{f"{unit}s": 1})
    return {"start": start, "length": length, "end": end, "last": last}


def hourly_stamps(
    rng: np.random.Generator, days: int = 7, steps: int = 24
) -> tuple[np.ndarray, np.ndarray]:
    """Draw hourly stamps: of the past and of the steps to forecast."""
    start = day_drawn(rng) + timedelta(hours=int(rng.integers(0, 24)))
    stamps = stamps_from(start, 24 * days + steps)
    return stamps[: 24 * days], stamps[24 * days :]


def daily_stamps(
    rng: np.random.Generator, weeks: int = 10, steps: int = 28
) -> tuple[np.ndarray, np.ndarray]:
    """Draw daily stamps: of the past and of the steps to forecast."""
    stamps = stamps_from(day_drawn(rng), 7 * weeks + steps, DAY)
    return stamps[: 7 * weeks], stamps[7 * weeks :]


def event_in(
    rng: np.random.Generator,
    coming: np.ndarray,
    unit: str,
    lengths: tuple[int, int],
    earliest: int = 2,
) -> Slots:
    """Draw a window in the horizon and a place, as slots."""
    count = int(rng.integers(*lengths))
    at = int(rng.integers(earliest, len(coming) - count - 1))
    return {**window(moment_of(coming[at]), count, unit), "place": str(rng.choice(PLACES))}


def scaling_by(
    rng: np.random.Generator,
    hourly: bool,
    level: float,
    factor: float,
    slots: Slots,
    stamps: tuple[np.ndarray, np.ndarray],
) -> Problem:
    """Make a problem whose values are multiplied between the slots start and end."""
    past, coming = stamps
    effect = scaled(factor, slots["start"], slots["end"])
    region = steps_in(coming, slots["start"], slots["end"])
    period = 24 if hourly else 7
    series = usual(rng, level, hourly)
    return with_effect(
        series, past, coming, rng, effect, slots=slots, region=region, period=period, lower=0.0
    )


def accident(rng: np.random.Generator) -> Problem:
    """Traffic falls by a share for some hours."""
    stamps = hourly_stamps(rng)
    drop = int(rng.choice([40, 50, 60, 70, 80]))
    slots = event_in(rng, stamps[1], "hour", (2, 6))
    slots |= {"drop": Figure(str(drop)), "left": Figure(str(100 - drop))}
    return scaling_by(rng, True, 900, 1 - drop / 100, slots, stamps)


def closed_weekends(rng: np.random.Generator) -> Problem:
    """A shop that was open all week closes on Saturdays and Sundays."""
    past, coming = daily_stamps(rng)
    weekend = phase(coming)[1] >= 5

    def effect(values: np.ndarray, stamps: np.ndarray) -> np.ndarray:
        values[..., phase(stamps)[1] >= 5] = 0
        return values

    region = tuple(int(step) for step in np.flatnonzero(weekend))
    series = usual(rng, 300, False, weekend=1.4)
    slots = {"place": str(rng.choice(PLACES))}
    return with_effect(
        series, past, coming, rng, effect, slots=slots, region=region, period=7, lower=0.0
    )


def added_visitors(rng: np.random.Generator) -> Problem:
    """Some more visitors on each of a few days."""
    past, coming = daily_stamps(rng)
    amount = int(rng.choice([150, 200, 250, 400]))
    slots = event_in(rng, coming, "day", (2, 7))
    slots["amount"] = Figure(str(amount))
    effect = added(amount, slots["start"], slots["end"])
    region = steps_in(coming, slots["start"], slots["end"])
    series = usual(rng, 350, False, weekend=1.3)
    return with_effect(series, past, coming, rng, effect, slots=slots, region=region, period=7)


def other_unit(rng: np.random.Generator) -> Problem:
    """Sales in euros rise by an amount that is told in thousands."""
    past, coming = daily_stamps(rng)
    amount = float(rng.choice([1.5, 2.5, 3.0]))
    slots = event_in(rng, coming, "day", (3, 8))
    slots["amount"] = Figure(f"{amount:g}")
    effect = added(1000 * amount, slots["start"], slots["end"])
    region = steps_in(coming, slots["start"], slots["end"])
    series = usual(rng, 4000, False, weekend=1.2)
    return with_effect(series, past, coming, rng, effect, slots=slots, region=region, period=7)


def nothing_happens(rng: np.random.Generator) -> Problem:
    """Another place, a cancelled event, a past event: nothing changes here."""
    past, coming = hourly_stamps(rng)
    slots = event_in(rng, coming, "hour", (3, 7))
    here, there = rng.choice(PLACES, 2, replace=False)
    slots |= {"place": str(here), "other": str(there), "factor": Figure(str(rng.integers(2, 6)))}
    region = steps_in(coming, slots["start"], slots["end"])
    return with_effect(
        usual(rng, 120), past, coming, rng, slots=slots, region=region, period=24, lower=0.0
    )


def like_sunday(rng: np.random.Generator) -> Problem:
    """A working day that is as busy as a Sunday."""
    past, coming = hourly_stamps(rng, days=21, steps=48)
    while phase(coming)[1].max() > 4:  # both days are working days
        past, coming = past + DAY, coming + DAY
    day = moment_of(coming[24]).replace(hour=0)
    series = usual(rng, 500, weekend=0.35)
    history = series.path(past, rng)
    sunday = coming.copy()
    steps = list(steps_in(coming, day, day + timedelta(days=1)))
    weekday = phase(coming)[1]
    sunday[steps] += (6 - weekday[steps]) * DAY
    future = series.path(sunday, rng)
    oracle = climatology(history, past, sunday, rng)
    slots = {"day": day, "place": str(rng.choice(PLACES)), "now": moment_of(coming[0])}
    return Problem(past, coming, history, future, oracle, slots, tuple(steps), period=24, lower=0.0)


def named_holiday(rng: np.random.Generator) -> Problem:
    """Christmas or New Year lies in the horizon and is named without its date."""
    year = int(rng.integers(2014, 2024))
    christmas = bool(rng.integers(0, 2))
    holiday = datetime(year, 12, 25) if christmas else datetime(year + 1, 1, 1)
    while holiday.weekday() > 4:  # a working day, so that it matters
        year -= 1
        holiday = datetime(year, 12, 25) if christmas else datetime(year + 1, 1, 1)
    stamps = stamps_from(holiday - timedelta(days=22), 24 * 24)
    past, coming = stamps[: 21 * 24], stamps[21 * 24 :]
    series = usual(rng, 700, weekend=0.35)
    history = series.path(past, rng)
    steps = list(steps_in(coming, holiday, holiday + timedelta(days=1)))
    sunday = coming.copy()
    sunday[steps] += (6 - holiday.weekday()) * DAY
    future, oracle = series.path(sunday, rng), climatology(history, past, sunday, rng)
    name = "Christmas Day" if christmas else "New Year's Day"
    slots = {"holiday": name, "place": str(rng.choice(PLACES))}
    return Problem(past, coming, history, future, oracle, slots, tuple(steps), period=24, lower=0.0)


def water_ban(rng: np.random.Generator) -> Problem:
    """A ban lowers water use from some day to the end."""
    stamps = daily_stamps(rng)
    drop = int(rng.choice([25, 30, 40]))
    at = int(rng.integers(5, 15))
    start = moment_of(stamps[1][at])
    slots: Slots = {"start": start, "end": moment_of(stamps[1][-1]) + timedelta(days=1)}
    slots |= {"drop": Figure(str(drop)), "place": str(rng.choice(PLACES))}
    return scaling_by(rng, False, 60, 1 - drop / 100, slots, stamps)


def launch(rng: np.random.Generator) -> Problem:
    """Page views after a launch."""
    stamps = daily_stamps(rng)
    factor = int(rng.integers(2, 5))
    slots = {**event_in(rng, stamps[1], "day", (4, 9)), "factor": Figure(str(factor))}
    return scaling_by(rng, False, 8000, factor, slots, stamps)


def strike(rng: np.random.Generator) -> Problem:
    """A strike halves the admissions of a hospital."""
    stamps = daily_stamps(rng)
    slots = event_in(rng, stamps[1], "day", (2, 6))
    return scaling_by(rng, False, 90, 0.5, slots, stamps)


def half_capacity(rng: np.random.Generator) -> Problem:
    """One of two machines stands still."""
    stamps = hourly_stamps(rng, steps=48)
    slots = event_in(rng, stamps[1], "hour", (6, 20))
    return scaling_by(rng, True, 40, 0.5, slots, stamps)


def hypothetical(rng: np.random.Generator) -> Problem:
    """What might have happened is not going to."""
    past, coming = daily_stamps(rng)
    slots = event_in(rng, coming, "day", (3, 8))
    region = steps_in(coming, slots["start"], slots["end"])
    return with_effect(
        usual(rng, 2000, False), past, coming, rng, slots=slots, region=region, period=7, lower=0.0
    )


def association(rng: np.random.Generator) -> Problem:
    """Two things go together, and somebody acts on the other one."""
    past, coming = daily_stamps(rng)
    start = moment_of(coming[6])
    slots: Slots = {"start": start, "place": str(rng.choice(PLACES))}
    region = tuple(range(6, len(coming)))
    return with_effect(
        usual(rng, 250, False), past, coming, rng, slots=slots, region=region, period=7, lower=0.0
    )


def capped(level: float, steps: tuple[int, ...] | None = None) -> Effect:
    """Cut values at a level."""

    def effect(values: np.ndarray, stamps: np.ndarray) -> np.ndarray:
        where = list(range(len(stamps))) if steps is None else list(steps)
        values[..., where] = np.minimum(values[..., where], level)
        return values

    return effect


def price_cap(rng: np.random.Generator) -> Problem:
    """A price may not exceed a limit from some day on."""
    past, coming = hourly_stamps(rng, steps=48)
    series = usual(rng, 80)
    cap = float(round(80 * float(series.day.max()) * 0.9))
    start = moment_of(coming[0]).replace(hour=0) + timedelta(days=1)
    steps = steps_in(coming, start, moment_of(coming[-1]) + timedelta(hours=1))
    slots = {"start": start, "cap": Figure(f"{cap:g}"), "place": str(rng.choice(PLACES))}
    return with_effect(
        series,
        past,
        coming,
        rng,
        capped(cap, steps),
        slots=slots,
        period=24,
        region=steps if len(steps) < len(coming) else (),
        upper_steps=steps,
        upper_values=(cap,) * len(steps),
    )


def weir(rng: np.random.Generator) -> Problem:
    """Water that rises over a weir runs off: the level has a top."""
    past, coming = hourly_stamps(rng, steps=36)
    series = usual(rng, 210)
    cap = float(round(210 * float(series.day.max()) * 0.85))
    slots = {"cap": Figure(f"{cap:g}"), "place": str(rng.choice(PLACES))}
    return with_effect(
        series, past, coming, rng, capped(cap), slots=slots, period=24, upper=cap, lower=0.0
    )


def limited_hours(rng: np.random.Generator) -> Problem:
    """Power is limited at certain hours of the day."""
    past, coming = hourly_stamps(rng, steps=48)
    series = usual(rng, 60)
    hours, _ = phase(coming)
    first = int(rng.integers(7, 9)) if rng.integers(0, 2) else int(rng.integers(16, 18))
    last = first + 3
    steps = tuple(int(s) for s in np.flatnonzero((hours >= first) & (hours < last)))
    cap = float(round(60 * float(series.day[first:last].mean()) * 0.9))
    slots = {
        "from": datetime(2000, 1, 1, first),
        "to": datetime(2000, 1, 1, last),
        "cap": Figure(f"{cap:g}"),
        "place": str(rng.choice(PLACES)),
    }
    return with_effect(
        series,
        past,
        coming,
        rng,
        capped(cap, steps),
        slots=slots,
        period=24,
        lower=0.0,
        region=steps,
        upper_steps=steps,
        upper_values=(cap,) * len(steps),
    )


def spikes(rng: np.random.Generator) -> Problem:
    """The history has false peaks that will not come again."""
    past, coming = hourly_stamps(rng)
    clean = with_effect(usual(rng, 30), past, coming, rng, period=24)
    at = np.sort(rng.choice(np.arange(96, len(past) - 2), 3, replace=False))
    history = clean.history.copy()
    history[at] *= rng.uniform(6, 12, 3)
    slots = {
        **clean.slots,
        "moments": [{"when": moment_of(past[step])} for step in at],
        "place": str(rng.choice(PLACES)),
    }
    return Problem(past, coming, history, clean.future, clean.oracle, slots, period=24, lower=0.0)
