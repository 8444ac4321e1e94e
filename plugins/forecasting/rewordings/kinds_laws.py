"""Made-up kinds of tasks: another series is known, and the target follows it."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
from kinds_events import PLACES
from slots import Slots
from spelling import Figure, Length
from usual import DRAWS, Problem, day_drawn, moment_of, months_from, phase, stamps_from

TEN_MINUTES = np.timedelta64(10, "m")


def pressure(rng: np.random.Generator) -> Problem:
    """The pressure of a pump grows with the square of its speed; the speed is known."""
    start = day_drawn(rng) + timedelta(hours=6)
    stamps = stamps_from(start, 120, TEN_MINUTES)
    past, coming = stamps[:84], stamps[84:]
    cuts = np.r_[0, np.sort(rng.choice(np.arange(6, 80, 6), 3, replace=False)), 84]
    cuts = np.r_[cuts, 84 + np.sort(rng.choice(np.arange(6, 34, 6), 2, replace=False)), 120]
    speeds = rng.permutation([400, 600, 800, 1000, 1200, 500, 900])
    speed = np.repeat(speeds, np.diff(cuts)).astype(float)
    true = 2e-6 * rng.uniform(0.8, 1.2) * speed**2
    values = true * np.exp(rng.normal(0, 0.01, 120))
    oracle = true[84:] * np.exp(rng.normal(0, 0.01, (DRAWS, 36)))
    ends = [*stamps[cuts[1:-1]], stamps[-1] + TEN_MINUTES]
    pieces: list[Slots] = [
        {
            "value": Figure(str(int(value))),
            "start": moment_of(stamps[first]),
            "end": moment_of(end),
            "length": Length(int(10 * size), "minute"),
        }
        for value, first, end, size in zip(speeds, cuts, ends, np.diff(cuts), strict=False)
    ]
    slots = {"segments": pieces, "changes": pieces[1:], "initial": pieces[0]["value"]}
    return Problem(past, coming, values[:84], values[84:], oracle, slots, lower=0.0)


def clear_sky(rng: np.random.Generator) -> Problem:
    """Sunlight under changing clouds, and what it would be without any."""
    start = day_drawn(rng).replace(hour=0)
    stamps = stamps_from(start, 24 * 5)
    past, coming = stamps[:96], stamps[96:]
    hours, _ = phase(stamps)
    noon, half, top = rng.uniform(11.5, 13), rng.uniform(5.5, 7), rng.uniform(600, 1000)
    sky = top * np.cos(np.pi / 2 * (hours - noon) / half).clip(0) ** 1.2
    sky[np.abs(hours - noon) >= half] = 0
    sky = np.round(sky, 1)
    cloud = np.repeat(rng.uniform(0.6, 1, 5), 24) * rng.uniform(0.9, 1.0, 120)
    values = sky * cloud
    draws = rng.uniform(0.6, 1, (DRAWS, 1)) * rng.uniform(0.9, 1.0, (DRAWS, 24))
    rows: list[Slots] = [
        {"when": moment_of(stamp), "value": Figure(f"{value:g}")}
        for stamp, value in zip(stamps, sky, strict=True)
    ]
    slots = {"rows": rows, "place": str(rng.choice(PLACES))}
    return Problem(
        past, coming, values[:96], values[96:], sky[96:] * draws, slots, period=24, lower=0.0
    )


def similar_site(rng: np.random.Generator) -> Problem:
    """Half a day of sunlight, and a whole day at a similar site."""
    start = day_drawn(rng).replace(hour=0)
    stamps = stamps_from(start, 144, TEN_MINUTES)
    hours = np.arange(144) / 6
    noon, half, top = rng.uniform(11.5, 13), rng.uniform(5, 7), rng.uniform(500, 1000)
    shape = np.cos(np.pi / 2 * (hours - noon) / half).clip(0) * (np.abs(hours - noon) < half)
    values = top * shape * np.exp(rng.normal(0, 0.03, 144))
    other = top * rng.uniform(0.85, 1.15) * shape[::6] * np.exp(rng.normal(0, 0.05, 24))
    before = moment_of(stamps[0]) - timedelta(days=int(rng.integers(1, 20)))
    rows: list[Slots] = [
        {"when": before + timedelta(hours=hour), "value": Figure(f"{value:.0f}")}
        for hour, value in enumerate(other)
    ]
    here, there = rng.choice(PLACES, 2, replace=False)
    slots = {"rows": rows, "day": before, "place": str(here), "other": str(there)}
    oracle = top * shape[72:] * np.exp(rng.normal(0, 0.05, (DRAWS, 72)))
    return Problem(stamps[:72], stamps[72:], values[:72], values[72:], oracle, slots, lower=0.0)


def regions(rng: np.random.Generator) -> Problem:
    """A monthly rate and those of several regions; one of them holds the target's town."""
    stamps = months_from(datetime(int(rng.integers(2012, 2022)), int(rng.integers(1, 13)), 1), 16)
    names = [str(name) for name in rng.choice(PLACES, 4, replace=False)]
    levels = rng.uniform(3, 9, 3)
    paths = np.cumsum(rng.normal(0, 0.45, (3, 16)), axis=1) + levels[:, None]
    paths = np.round(paths.clip(0.8), 1)
    own = int(rng.integers(0, 3))
    shift = rng.uniform(-1.0, 1.5)
    values = (paths[own] + shift + rng.normal(0, 0.1, 16)).clip(0.2)
    oracle = (paths[own, 8:] + shift + rng.normal(0, 0.15, (DRAWS, 8))).clip(0.2)
    months = [moment_of(stamp) for stamp in stamps]
    return Problem(
        stamps[:8],
        stamps[8:],
        values[:8],
        values[8:],
        oracle,
        _tables(names, paths, months, own, 1),
        lower=0.0,
    )


def districts(rng: np.random.Generator) -> Problem:
    """Monthly counts of incidents and those of other districts; the text says which is alike."""
    stamps = months_from(datetime(int(rng.integers(2012, 2022)), int(rng.integers(1, 13)), 1), 20)
    names = [str(name) for name in rng.choice(PLACES, 4, replace=False)]
    month = stamps.astype("datetime64[M]").astype(int) % 12
    peaks, level = rng.permutation(12)[:3], rng.uniform(20, 60, 3)
    shape = 1 + 0.6 * np.cos(2 * np.pi * (month - peaks[:, None]) / 12)
    common = np.exp(rng.normal(0, 0.25, (3, 20)))
    rates = level[:, None] * shape * common
    paths = rng.poisson(rates).astype(float)
    own = int(rng.integers(0, 3))
    share = rng.uniform(0.4, 0.9)
    values = rng.poisson(share * rates[own]).astype(float)
    oracle = rng.poisson(share * rates[own, 10:], (DRAWS, 10)).astype(float)
    months = [moment_of(stamp) for stamp in stamps]
    return Problem(
        stamps[:10],
        stamps[10:],
        values[:10],
        values[10:],
        oracle,
        _tables(names, paths, months, own, 0),
        lower=0.0,
    )


def _tables(
    names: list[str], paths: np.ndarray, months: list[datetime], own: int, digits: int
) -> Slots:
    tables: list[Slots] = [
        {
            "name": names[at],
            "own": at == own,
            "rows": [
                {"month": month, "value": Figure(f"{value:.{digits}f}")}
                for month, value in zip(months, path, strict=True)
            ],
        }
        for at, path in enumerate(paths)
    ]
    grid: list[Slots] = [
        {
            "month": month,
            "cells": [{"value": Figure(f"{path[at]:.{digits}f}")} for path in paths],
        }
        for at, month in enumerate(months)
    ]
    return {
        "tables": tables,
        "grid": grid,
        "place": names[3],
        "own": names[own],
        "first": months[0],
        "final": months[-1],
    }
