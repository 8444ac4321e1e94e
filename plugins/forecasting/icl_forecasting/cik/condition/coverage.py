"""How much of each step a window covers, and how sure that is at its edges."""

from __future__ import annotations

import numpy as np

from icl_forecasting.cik.windows import Window

PARTS = 24
"""Moments a step is sampled at, to see how much of it a window covers."""

EDGE = 0.15
"""Probability that a vague edge lies one step further than it was read."""


def covered_share(window: Window | None, stamps: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Share of each step that lies in a window.

    A step is what is measured from its stamp to the next one, so a window that is shorter than a
    step covers part of it.

    Args:
        window: None = all time.
        stamps: `datetime64[ns]` [H].
        ends: `datetime64[ns]` [H], when each step is over.

    Returns:
        float [H] from 0 to 1.
    """
    if window is None:
        return np.ones(len(stamps))
    lengths = (ends - stamps).astype(np.int64)
    moments = np.arange(PARTS) * lengths[:, None] // PARTS
    at = stamps[:, None] + moments.astype("timedelta64[ns]")
    inside: np.ndarray = window.covers(at.ravel()).reshape(at.shape).mean(axis=1)
    return inside


def edge_chance(window: Window, covered: np.ndarray) -> np.ndarray:
    """Probability [H] that a step beside a vague window belongs to it after all.

    An end that was given without saying whether it is included, or an "about", leaves the next
    step in doubt.

    Args:
        window: its `loose` says whether it is vague.
        covered: bool [H].
    """
    chance = np.zeros(len(covered))
    if not window.loose:
        return chance
    after = np.append(False, covered[:-1]) & ~covered
    chance[after] = EDGE
    return chance


def describe(window: Window | None) -> str:
    """Say a window in a few words."""
    if window is None:
        return "for the whole forecast"
    words = []
    if window.start is not None:
        words.append(f"from {_moment(window.start)}")
    if window.end is not None:
        words.append(f"until {_moment(window.end)}")
    if window.period is not None:
        words.append("again and again")
    if window.weekdays:
        names = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
        words.append("on " + ", ".join(names[day] for day in sorted(window.weekdays)))
    if window.clock is not None:
        words.append(f"between {_clock(window.clock[0])} and {_clock(window.clock[1])}")
    if window.months:
        words.append("in months " + ", ".join(map(str, sorted(window.months))))
    return " ".join(words) or "all the time"


def _moment(stamp: np.datetime64) -> str:
    text = str(stamp.astype("datetime64[s]")).replace("T", " ")
    return text.removesuffix(" 00:00:00").removesuffix(":00")


def _clock(since: np.timedelta64) -> str:
    minutes = int(since // np.timedelta64(1, "m"))
    return f"{minutes // 60:02d}:{minutes % 60:02d}"
