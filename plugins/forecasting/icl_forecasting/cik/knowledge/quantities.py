"""How quantities behave, by the concepts that a series falls under."""

from __future__ import annotations

from dataclasses import dataclass

from icl_forecasting.cik.statements import Subject

COUNTS = frozenset({"count", "incident", "withdrawal", "visitor", "arrival", "sale"})
PERCENTAGES = frozenset({"percentage", "occupancy", "humidity"})
NON_NEGATIVE = frozenset(
    {
        "count",
        "percentage",
        "occupancy",
        "electricity",
        "power",
        "energy",
        "irradiance",
        "solar",
        "traffic",
        "speed",
        "rate",
        "unemployment",
        "incident",
        "fire",
        "rescue",
        "water-rescue",
        "ice-rescue",
        "withdrawal",
        "cash",
        "rain",
        "humidity",
        "concentration",
        "visitor",
        "arrival",
        "sale",
        "demand",
        "volume",
    }
)
DAYLIGHT = frozenset({"irradiance", "sunlight", "solar"})
"""Driven by the sun: zero while it is down, a smooth curve while it is up."""


@dataclass(frozen=True)
class Traits:
    """What is true of a kind of quantity whatever the series.

    Args:
        lower: no value lies below; None = no limit known.
        upper: no value lies above.
        integer: only whole numbers occur.
        daylight: follows the sun: zero at night, one rise and one fall a day.
    """

    lower: float | None = None
    upper: float | None = None
    integer: bool = False
    daylight: bool = False


def traits_of(subject: Subject) -> Traits:
    """Tell how a series behaves from what it is.

    What the subject says itself (its own limits) wins over what its concepts imply.
    """
    concepts = subject.concepts
    lower = subject.lower
    if lower is None and concepts & NON_NEGATIVE and "temperature" not in concepts:
        lower = 0.0
    upper = subject.upper
    if upper is None and concepts & PERCENTAGES:
        upper = 100.0
    return Traits(
        lower=lower,
        upper=upper,
        integer=subject.integer,
        daylight=bool(concepts & DAYLIGHT),
    )
