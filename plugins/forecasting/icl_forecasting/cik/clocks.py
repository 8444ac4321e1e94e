"""The clock of a forecast, from a history and the number of steps that follow it."""

from __future__ import annotations

import numpy as np

from icl_core import Series
from icl_core.coerce.series import time_index
from icl_core.coerce.timeline import grid
from icl_forecasting.cik.windows import Clock

HOUR = np.timedelta64(3_600_000_000_000, "ns")


def clock_of(history: Series, length: int) -> Clock:
    """Give the stamps of a history and of the steps after it.

    Args:
        history: T values; without start or frequency its steps count as hours from 1970-01-01.
        length: H, steps to forecast.
    """
    past = len(history)
    future = time_index(history, length)
    if future is None or history.start is None or history.freq is None:
        stamps = np.datetime64(0, "ns") + np.arange(past + length) * HOUR
        return Clock(stamps[:past], stamps[past:], stamped=False)
    start = np.datetime64(history.start).astype("datetime64[ns]")
    return Clock(grid(start, history.freq, past), future)
