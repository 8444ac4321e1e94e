"""How many steps one season has, from the frequency of a series.

| frequency (pandas alias)           | steps in a season | cycle   |
|------------------------------------|-------------------|---------|
| seconds (`s`)                      | 3600              | an hour |
| minutes (`min`)                    | 1440              | a day   |
| hours (`h`), business hours (`bh`) | 24                | a day   |
| days (`D`)                         | 7                 | a week  |
| business days (`B`, `C`)           | 5                 | a week  |
| weeks (`W`)                        | 1                 | none    |
| half months (`SM`, `SMS`)          | 24                | a year  |
| months (`ME`, `MS`, `BME`, `BMS`)  | 12                | a year  |
| quarters (`QE`, `QS`, `BQE`)       | 4                 | a year  |
| years (`YE`, `YS`), anything else  | 1                 | none    |

A multiple of a frequency divides the season when it divides it exactly (`30min` has 48 steps,
`2h` has 12), and has none otherwise (`5h` has 1). This is the convention of GluonTS with one
difference: GluonTS gives days a season of 1, which makes the seasonal naive forecast of daily
data needlessly weak.
"""

from __future__ import annotations

import re

from icl_core.errors import InputError
from icl_core.types import Series

_STEPS = {
    "s": 3600,
    "min": 1440,
    "h": 24,
    "bh": 24,
    "D": 7,
    "B": 5,
    "C": 5,
    "W": 1,
    "SM": 24,
    "M": 12,
    "Q": 4,
    "Y": 1,
}

_SPELLINGS = {
    "S": "s",
    "T": "min",
    "H": "h",
    "BH": "bh",
    "d": "D",
    "b": "B",
    "w": "W",
    "SME": "SM",
    "SMS": "SM",
    **dict.fromkeys(("ME", "MS", "BM", "BME", "BMS", "CBME", "CBMS"), "M"),
    **dict.fromkeys(("QE", "QS", "BQ", "BQE", "BQS"), "Q"),
    **dict.fromkeys(("A", "AS", "BA", "BAS", "YE", "YS", "BY", "BYE", "BYS"), "Y"),
}

_ALIAS = re.compile(r"(\d*)([A-Za-z]+)(?:-[A-Za-z0-9]+)?")


def seasonality_of(freq: str | None) -> int:
    """Give the number of steps in one season.

    Args:
        freq: a pandas frequency alias such as "h", "30min", "MS" or "QS-OCT"; None = unknown.

    Returns:
        At least 1; 1 means that no season is assumed, also where the alias is not in the table.
    """
    match = _ALIAS.fullmatch(freq or "")
    if match is None:
        return 1
    multiple = int(match[1] or 1)
    steps = _STEPS.get(_SPELLINGS.get(match[2], match[2]), 1)
    return steps // multiple if multiple and steps % multiple == 0 else 1


def resolve_seasonality(asked: int | None, series: Series) -> int:
    """Take the seasonality that was asked for, else the one of the series' frequency.

    Args:
        asked: steps in one season, or None.
        series: its `freq` decides when nothing was asked.

    Raises:
        InputError: `asked` is not an integer of at least 1.
    """
    if asked is None:
        return seasonality_of(series.freq)
    if isinstance(asked, bool) or not hasattr(asked, "__index__") or int(asked) < 1:
        raise InputError(f"seasonality is {asked!r}, expected a whole number of at least 1")
    return int(asked)
