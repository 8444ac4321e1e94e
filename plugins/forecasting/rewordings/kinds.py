"""Made-up kinds of tasks that the development file does not have, as instances with a text.

A kind is a generator of history and future with seeded noise; its wordings lie in
`develop/made_up.json`, `develop/wide_made_up.json` and `apart/made_up.json`. Some kinds have
wordings in only one of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cache

import kinds_events
import kinds_laws
import kinds_wide
import kinds_windows
import numpy as np
from filling import Kind, chosen, reworded
from usual import Problem

from icl_core.types import Series
from icl_forecasting.cik.columns import step_alias
from icl_forecasting.cik.instances import Instance
from icl_forecasting.cik.metric.target import RcrpsTarget

GENERATORS: dict[str, Callable[[np.random.Generator], Problem]] = {
    "traffic after an accident": kinds_events.accident,
    "closed at weekends": kinds_events.closed_weekends,
    "more visitors by a number": kinds_events.added_visitors,
    "amount in another unit": kinds_events.other_unit,
    "nothing happens here": kinds_events.nothing_happens,
    "a day like a Sunday": kinds_events.like_sunday,
    "holiday without its date": kinds_events.named_holiday,
    "ban on water use": kinds_events.water_ban,
    "page views after a launch": kinds_events.launch,
    "strike in a hospital": kinds_events.strike,
    "half of the machines": kinds_events.half_capacity,
    "hypothetical only": kinds_events.hypothetical,
    "association, not cause": kinds_events.association,
    "price cap": kinds_events.price_cap,
    "level limited by a weir": kinds_events.weir,
    "limit at some hours": kinds_events.limited_hours,
    "false spikes": kinds_events.spikes,
    "square law, stated": kinds_laws.pressure,
    "square law, known from physics": kinds_laws.pressure,
    "clear-sky list": kinds_laws.clear_sky,
    "day of a similar site": kinds_laws.similar_site,
    "rates of several regions": kinds_laws.regions,
    "counts of several districts": kinds_laws.districts,
}

EVERY = {**GENERATORS, **kinds_wide.GENERATORS, **kinds_windows.GENERATORS}
"""Those of `kinds_wide` and `kinds_windows` have wordings in `develop/wide_made_up.json` only."""

SCALING_SEEDS = range(1001, 1026)
"""The metric's scale is taken from these seeds, as the benchmark does."""


@dataclass(frozen=True, eq=False)
class MadeUp:
    """A made-up instance, the words for it, and the forecast that knows the effect.

    Args:
        kind: its name.
        instance: history, future and metric; without text.
        texts: number of the template and the filled text.
        oracle: float64 [25, H].
    """

    kind: str
    instance: Instance
    texts: tuple[tuple[int, str], ...]
    oracle: np.ndarray


def problem_of(name: str, seed: int) -> Problem:
    """Draw one problem of a kind."""
    words = [ord(letter) for letter in name]
    return EVERY[name](np.random.default_rng([seed, *words]))


@cache
def scaling_of(name: str) -> float:
    """Give 1 / mean range of the future over `SCALING_SEEDS`."""
    ranges = [np.ptp(problem_of(name, seed).future) for seed in SCALING_SEEDS]
    return float(1 / np.mean(ranges))


def make(kind: Kind, seeds: range, count: int | None, seed: int = 0) -> list[MadeUp]:
    """Make the instances of a kind with their texts.

    Args:
        kind: its wordings; its name is one of `EVERY`.
        seeds: of the instances.
        count: texts for each instance; None = all.
        seed: of the choice of texts.
    """
    return [_made(kind, number, count, seed) for number in seeds]


def _made(kind: Kind, number: int, count: int | None, seed: int) -> MadeUp:
    problem = problem_of(kind.name, number)
    stamps = np.concatenate([problem.past, problem.coming])
    instance = Instance(
        name=kind.name,
        seed=number,
        weight=Fraction(1),
        context_sources=(),
        skills=(),
        background="",
        scenario="",
        constraints="",
        seasonal_period=problem.period,
        history=Series(problem.history, problem.past[0], step_alias(stamps), "value"),
        future=problem.future,
        history_stamps=problem.past,
        future_stamps=problem.coming,
        target=RcrpsTarget(
            values=problem.future,
            scaling=scaling_of(kind.name),
            region=problem.region,
            lower=problem.lower,
            upper=problem.upper,
            upper_steps=problem.upper_steps,
            upper_values=problem.upper_values,
        ),
    )
    which = chosen(kind, count, kind.name, number, seed)
    texts = tuple((at, reworded(kind, at, problem.slots, kind.name, number, seed)) for at in which)
    return MadeUp(kind.name, instance, texts, problem.oracle)
