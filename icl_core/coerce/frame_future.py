"""Covariates known into the future, from a table of the steps to come."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from icl_core.coerce.frame_series import (
    ITEM_COLUMNS,
    TIME_COLUMNS,
    FrameSeries,
    covariate_column,
    find_column,
    flat_frame,
)
from icl_core.coerce.stamps import to_stamps
from icl_core.coerce.timeline import show, time_index
from icl_core.errors import InputError


def future_from_frame(
    frame: Any,
    series: Sequence[FrameSeries],
    covariates: Sequence[str],
    length: int,
    time_column: str | None = None,
    item_column: str | None = None,
) -> list[dict[str, np.ndarray]]:
    """Find the future values of covariates for each series; see `FutureTable`."""
    table = FutureTable(frame, covariates, length, time_column, item_column)
    return [table.of(one) for one in series]


class FutureTable:
    """A table of the steps to come, without target values.

    Rows are found by item and time stamp; rows of other stamps are not used. Where the series
    have no time stamps, an item's rows are its next steps in order.

    Args:
        frame: `pandas.DataFrame`, one row an item and step to come.
        covariates: columns that the series were read with. Those that the frame lacks stay
            past-only.
        length: steps H of the horizon.
        time_column: column with the time stamps; found under its usual names.
        item_column: column that tells the items apart; found under its usual names.

    Raises:
        InputError: there is no row, or no covariate in the frame.
    """

    def __init__(
        self,
        frame: Any,
        covariates: Sequence[str],
        length: int,
        time_column: str | None = None,
        item_column: str | None = None,
    ) -> None:
        frame = flat_frame(frame)
        item_column = find_column(frame, item_column, ITEM_COLUMNS, "item")
        time_column = find_column(frame, time_column, TIME_COLUMNS, "time")
        known = [name for name in covariates if name in frame.columns]
        if not known:
            named = ", ".join(map(repr, covariates)) or "none was named"
            raise InputError(f"the table of the future has none of the covariates ({named})")
        if len(frame) == 0:
            raise InputError("the table of the future has no rows, expected one a step to come")
        self._length = length
        self._columns = {name: covariate_column(frame, name) for name in known}
        self._rows: dict[Any, np.ndarray] | None = None
        if item_column is not None:
            self._rows = frame.groupby(item_column, sort=False).indices
        self._all = np.arange(len(frame))
        self._stamps: np.ndarray | None = None
        if time_column is not None:
            what = f"column {time_column!r} of the future"
            self._stamps = to_stamps(frame[time_column], what, None).values

    def of(self, one: FrameSeries) -> dict[str, np.ndarray]:
        """The future of one series: name -> [H], for `icl.Horizon(length, covariates=...)`.

        Raises:
            InputError: its item or a step is not there, or a step twice; both are named.
        """
        where = "" if one.item is None else f" for {one.item!r}"
        rows = _rows_of(self._rows, one.item, self._all, where)
        rows = _next_steps(one, rows, self._stamps, self._length, where)
        return {name: column[rows] for name, column in self._columns.items()}


def _rows_of(
    by_item: dict[Any, np.ndarray] | None, item: Any, every: np.ndarray, where: str
) -> np.ndarray:
    if item is None:
        return every
    if by_item is None:
        raise InputError(
            "the table of the future has no column that tells the items apart, as the series have"
        )
    if item not in by_item:
        raise InputError(f"the table of the future has no rows{where}")
    return by_item[item]


def _next_steps(
    one: FrameSeries, rows: np.ndarray, stamps: np.ndarray | None, length: int, where: str
) -> np.ndarray:
    """The rows of the H steps after the series, in order."""
    wanted = time_index(one.series, length)
    if wanted is None or stamps is None:
        if (wanted is None) != (stamps is None):
            side = "series have" if stamps is None else "table of the future has"
            raise InputError(f"only the {side} time stamps, expected both or neither")
        if len(rows) < length:
            raise InputError(
                f"the table of the future has {len(rows)} rows{where}, expected the horizon's "
                f"{length} steps"
            )
        return rows[:length]
    own = stamps[rows]
    found = []
    for step, stamp in enumerate(wanted):
        here = np.flatnonzero(own == stamp)
        if len(here) != 1:
            how = "more than one row" if len(here) else "no row"
            raise InputError(
                f"the table of the future has {how} for {show(stamp)}, step {step + 1} of "
                f"{length}{where}"
            )
        found.append(rows[here[0]])
    return np.array(found)
