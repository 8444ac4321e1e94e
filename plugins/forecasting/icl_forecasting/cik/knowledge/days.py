"""Days of the week: which are days off, and what a day off does to what people do."""

from __future__ import annotations

import numpy as np

DAYS_OFF = frozenset({5, 6})
"""Saturday and Sunday; a holiday behaves like one of them."""

HUMAN = frozenset(
    """traffic occupancy electricity demand energy power load gas water passenger bicycle visitor
    sale withdrawal cash call web patient arrival parcel count""".split()
)
NATURAL = frozenset(
    """irradiance sunlight solar wind wind-power temperature rain humidity cloud weather flow level
    speed pressure concentration""".split()
)
"""What people do has a week: workdays and days off differ. Nature has none."""


def has_week(concepts: frozenset[str]) -> bool:
    """Whether a quantity follows the week of people's work."""
    return bool(concepts & HUMAN) and not concepts & NATURAL


def weekday_of(stamps: np.ndarray) -> np.ndarray:
    """Day of the week, 0 = Monday: `datetime64` [N] -> int [N]."""
    days = stamps.astype("datetime64[D]").astype(np.int64)
    weekdays: np.ndarray = (days + 3) % 7  # 1970-01-01 was a Thursday
    return weekdays


def phase_of(stamps: np.ndarray) -> np.ndarray:
    """Time since midnight in nanoseconds: `datetime64[ns]` [N] -> int64 [N]."""
    since = stamps.astype("datetime64[ns]") - stamps.astype("datetime64[D]")
    phases: np.ndarray = since.astype(np.int64)
    return phases
