"""The metrics of the toys."""

from __future__ import annotations

import math


def right(prediction, target, meta):
    """1 for the right label; and a number that only some episodes have."""
    numbers = {"right": float(prediction.label == target), "missing": math.nan}
    if meta["task"] % 2 == 0:
        numbers["even"] = float(meta["task"])
    return numbers


def odd(prediction, target, meta):
    """Fails on odd episodes."""
    if meta["task"] % 2:
        raise ZeroDivisionError("an odd episode")
    return {"right": float(prediction.label == target), "huge": math.inf}
