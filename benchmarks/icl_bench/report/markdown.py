"""Markdown tables and numbers as text, safe against whatever a label holds."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable, Sequence

from icl_core.evaluation import Interval

NONE = "–"
"""Stands for what is missing."""

LONGEST = 300
"""Characters of a cell."""

_NOTHING = 1e-12
"""Rounding errors, which are no numbers to read."""

# Brackets alone are text; before a parenthesis or a colon they are a link, after ! a picture.
_SPECIAL = re.compile(r"([\\`*|#~$]|(?<!\w)_|_(?!\w)|(?<=\])[(\[:]|(?<=!)\[)")


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a Markdown table.

    Args:
        header: names of the columns.
        rows: their cells; None is missing, text is escaped.
    """
    lines = [[cell(one) for one in header], ["---"] * len(header)]
    lines += [[cell(one) for one in row] for row in rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def cell(value: object) -> str:
    """Return a value as one line of Markdown without markup, HTML, links or control characters."""
    if value is None:
        return NONE
    if isinstance(value, Interval):
        return interval(value) or NONE
    if isinstance(value, float):
        return number(value) or NONE
    text = _SPECIAL.sub(r"\\\1", one_line(str(value), LONGEST))
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return text.replace("://", ":&#47;&#47;")  # no link by itself


def one_line(text: str, longest: int = LONGEST) -> str:
    """Return text as one line without control characters, cut at `longest` characters."""
    words = " ".join(text.split())
    kept = "".join(c for c in words if unicodedata.category(c) not in ("Cc", "Cf", "Cs"))
    return kept if len(kept) <= longest else kept[: longest - 1] + "…"


def number(value: float) -> str:
    """Return a number with three digits; empty where there is none."""
    if math.isnan(value):
        return ""
    if abs(value) < _NOTHING:
        return "0"
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"


def interval(value: Interval) -> str:
    """Return a number and its interval; empty where there is none."""
    if math.isnan(value.value):
        return ""
    ends = "" if math.isnan(value.low) else f" [{number(value.low)}, {number(value.high)}]"
    return number(value.value) + ends
