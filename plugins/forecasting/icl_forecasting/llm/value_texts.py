"""How LLM Processes write a series as text, and read the next value."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import numpy as np

from icl_forecasting.llm.parsing import LARGEST

OFFICIAL_DECIMALS, OFFICIAL_TOKENS = 2, 7
MOST_DECIMALS = 12

TASK = "The future values of a time series are to be forecast. What is known about it:\n"
FIELDS = ("Background", "Scenario", "Constraints")

_LABEL = re.compile(rf"^({'|'.join(FIELDS)}):[ \t]*", re.MULTILINE)
_NUMBER = re.compile(r"[-+]?(?:\d+(?:\.(?P<tail>\d*))?|\.(?P<alone>\d+))")


def prefix(text: str) -> str:
    """Write what goes before the values: the task and the text; "" where there is no text.

    A text with the labels `Background:`, `Constraints:` or `Scenario:` is laid out in the order
    background, scenario, constraints, with empty ones kept; any other text is the background.
    """
    if not text:
        return ""
    parts = _LABEL.split(text)
    fields = dict.fromkeys(FIELDS, "")
    fields[FIELDS[0]] = parts[0].strip()
    for name, words in zip(parts[1::2], parts[2::2], strict=True):
        fields[name] = "\n".join(one for one in (fields[name], words.strip()) if one)
    return TASK + "".join(f"{name}: {words}\n" for name, words in fields.items()) + "\n"


def decimals_of(values: np.ndarray) -> int:
    """Return how many decimals a series is written with.

    Values are not rescaled, so that numbers in the text keep their meaning. There are as many
    decimals as show a hundredth of the values' standard deviation, and no more than the values
    have.

    Args:
        values: float64 [T]; NaN = missing.
    """
    known = values[np.isfinite(values)]
    spread = float(known.std()) or float(np.abs(known).max())
    if spread == 0:
        return 0
    useful = min(max(0, 2 - math.floor(math.log10(spread))), MOST_DECIMALS)
    for count in range(useful):
        if np.allclose(np.round(known, count), known, rtol=1e-9, atol=0):
            return count
    return useful


def digits_of(values: np.ndarray) -> int:
    """Return how many digits before the point a value may have: one more than those of [T]."""
    return len(f"{float(np.nanmax(np.abs(values))):.0f}") + 1


def tokens_of(values: np.ndarray, decimals: int) -> int:
    """Return how many tokens a value may take, one a character: [T] and decimals -> a number."""
    around = 3  # a blank, a sign, the end of the line
    return digits_of(values) + around + (decimals + 1 if decimals else 0)


def lines_of(stamps: Sequence[str], values: np.ndarray, decimals: int) -> str:
    """Write values as lines `timestamp, value`; missing ones are left out."""
    return "".join(
        f"{stamp}, {value:.{decimals}f}\n"
        for stamp, value in zip(stamps, values, strict=True)
        if np.isfinite(value)
    )


def next_value(words: str, cut: bool, decimals: int, anywhere: bool = False) -> float | None:
    """Read the value that a model wrote behind a time stamp.

    Args:
        words: what it wrote.
        cut: whether the limit of tokens ended it; a number may then be half of one, unless all
            its decimals are there.
        decimals: of the series.
        anywhere: take the first number of the line, whatever is before it.

    Returns:
        None where there is no whole number.
    """
    line = words.split("\n", 1)[0]
    match = _NUMBER.search(line) if anywhere else _NUMBER.match(line.lstrip())
    if match is None:
        return None
    whole = "\n" in words or not cut
    tail = match["tail"] if match["alone"] is None else match["alone"]
    if not whole and (tail is None or len(tail) < max(1, decimals)):
        return None
    value = float(match[0])
    return value if abs(value) <= LARGEST else None
