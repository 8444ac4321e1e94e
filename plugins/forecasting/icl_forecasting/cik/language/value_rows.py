"""Values that stand without their times: a start and a step, or times in the head of a table.

"Norway, monthly, from May 2020: 3.1, 2.9, 3.0", and tables with a row for each place and a column
for each month, or "for May, north 3, south 4; for June, north 2, south 5".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise

from icl_forecasting.cik.language.almanac import shift, stamp
from icl_forecasting.cik.language.items import Item, placed, role_of
from icl_forecasting.cik.language.model import Listing
from icl_forecasting.cik.language.moments import Scene
from icl_forecasting.cik.language.vocabulary import MONTHS
from icl_forecasting.cik.statements import Span

_FEWEST = 4
"""Values in a row."""
_SEPARATORS = frozenset(", ; / | and & [ ] ( ) { } - –".split())
_STEP = re.compile(
    r"\b(?:(hour|day|week|month|year)ly|(dai)ly|(?:one|a|per|each|every|by|following|next)\s+"
    r"(?:value\s+)?(?:(?:for|per|in)\s+)?(?:each\s+|every\s+|a\s+)?(?:following\s+)?"
    r"(hour|day|week|month|year)s?|(?:step|interval|spacing)\w*\s*(?:is|of|:|=)?\s*"
    r"(?:one|1|a)\s+(hour|day|week|month|year))\b",
    re.IGNORECASE,
)
_LABEL = re.compile(r"^[\s|\"'`(\[*•:=-]+|[\s|\"'`()\[\]*•:=,;-]+$")


_NO_NAMES = frozenset(MONTHS) | frozenset(
    "values value start data rates readings numbers figures then months".split()
)


def value_rows(
    scene: Scene, text: str, items: Sequence[Item], line: Sequence[int]
) -> list[Listing]:
    """Find rows of values whose times stand elsewhere.

    Args:
        scene: the tokens and the clock.
        text: the text.
        items: numbers, moments and lengths in order.
        line: number of the line of each token.
    """
    rows = _rows(scene, items, line)
    found = _tabled(scene, text, items, rows, line)
    if not found:
        found = _stepped(scene, text, items, rows, line)
    return found or _across(scene, text, items)


def _separated(scene: Scene, items: Sequence[Item], k: int) -> bool:
    """Tell whether nothing but signs stands between items `k - 1` and `k`."""
    between = range(items[k - 1].last, items[k].first)
    return len(between) <= 4 and all(scene.word(i) in _SEPARATORS for i in between)


def _rows(scene: Scene, items: Sequence[Item], line: Sequence[int]) -> list[tuple[int, int, str]]:
    """Return the runs of values or of moments on one line: first, last, kind."""
    rows: list[tuple[int, int, str]] = []
    i = 0
    while i < len(items):
        j = i + 1
        while (
            j < len(items)
            and items[j].kind == items[i].kind
            and line[items[j].first] == line[items[i].first]
            and _separated(scene, items, j)
        ):
            j += 1
        if j - i >= _FEWEST and items[i].kind in "VT":
            rows.append((i, j, items[i].kind))
        i = j
    return rows


def _label(scene: Scene, text: str, items: Sequence[Item], i: int, line: Sequence[int]) -> str:
    """Return the words directly before item `i`, back to a sign that ends a part."""
    first = items[i].first
    begin = first
    low = items[i - 1].last if i else 0
    while begin > low and first - begin < 8 and line[begin - 1] == line[first]:
        word = scene.word(begin - 1)
        ends = word in (".", "?", "!", ";")
        if ends or (
            word in (",", ":") and any(scene.kind(k) == "word" for k in range(begin, first))
        ):
            break
        begin -= 1
    if begin == first:
        return ""
    words: str = text[scene.tokens[begin].start : scene.tokens[first].start]
    label = _LABEL.sub("", words)
    return label if label[:1].isupper() and label.split()[0].lower() not in _NO_NAMES else ""


def _listing(
    scene: Scene,
    text: str,
    items: Sequence[Item],
    i: int,
    j: int,
    when: Sequence[datetime],
    name: str,
) -> Listing:
    low, high = scene.tokens[items[i].first].start, scene.tokens[items[j - 1].last - 1].end
    return Listing(
        name=name,
        stamps=tuple(stamp(one) for one in when),
        values=tuple(one.value for one in items[i:j]),
        steps=False,
        span=Span(low, high, text[low:high]),
        intro=text[max(text.rfind("\n", 0, low) + 1, low - 200) : low],
        unit="percent" if all(one.percent for one in items[i:j]) else None,
    )


def _tabled(
    scene: Scene,
    text: str,
    items: Sequence[Item],
    rows: Sequence[tuple[int, int, str]],
    line: Sequence[int],
) -> list[Listing]:
    """Read a table whose head has the moments: a row of values for each name."""
    found: list[Listing] = []
    when: list[datetime] = []
    for i, j, kind in rows:
        if kind == "T":
            when = [lo for lo, _ in placed(scene, items[i:j])]
            if any(a >= b for a, b in pairwise(when)):
                when = []
        elif when and j - i == len(when):
            found.append(
                _listing(scene, text, items, i, j, when, _label(scene, text, items, i, line))
            )
    return found


def _stepped(
    scene: Scene,
    text: str,
    items: Sequence[Item],
    rows: Sequence[tuple[int, int, str]],
    line: Sequence[int],
) -> list[Listing]:
    """Read rows of values that begin at one moment and go on by one step."""
    values = [(i, j) for i, j, kind in rows if kind == "V"]
    if not values:
        return []
    found: list[Listing] = []
    for i, j in values:
        begin = _beginning(scene, items, i, j, line)
        if begin is None:
            return found
        start, end, unit = begin
        told = _STEP.search(text)
        if told:
            unit = next(group for group in told.groups() if group).lower()
            unit = "day" if unit == "dai" else unit
        when = [shift(start, n, unit, scene.anchor.step) for n in range(j - i)]
        if end is not None and not when[-1] <= end <= shift(when[-1], 1, unit, scene.anchor.step):
            return []
        if when[-1] < scene.anchor.first or when[0] > scene.anchor.end:
            return []
        found.append(_listing(scene, text, items, i, j, when, _label(scene, text, items, i, line)))
    return found


def _beginning(
    scene: Scene, items: Sequence[Item], i: int, j: int, line: Sequence[int]
) -> tuple[datetime, datetime | None, str] | None:
    """Find the moment that a row of values begins with: nearest before it, else after it."""
    before = [k for k in range(i - 1, -1, -1) if items[k].kind == "T"]
    after = [k for k in range(j, len(items)) if items[k].kind == "T"]
    for k in (*before, *after):
        moment = items[k].moment
        if moment is None or moment.floating:
            continue
        first = k
        end: datetime | None = None
        if k and items[k - 1].kind == "T" and items[k].first - items[k - 1].last <= 2:
            first, end = k - 1, placed(scene, items[k : k + 1])[0][0]
        elif k + 1 < len(items) and items[k + 1].kind == "T":
            if items[k + 1].first - items[k].last <= 2:
                end = placed(scene, items[k + 1 : k + 2])[0][0]
        role = role_of(scene, items, first, line)
        near = first in before[:2] and i - first <= 2
        if role != "start" and end is None and not near:
            continue
        begins = items[first].moment
        assert begins is not None
        unit = begins.precision
        if unit == "day":
            monthly = 27 <= scene.anchor.step.days <= 32
            unit = "month" if monthly else "step"
        elif unit not in ("month", "week", "year"):
            unit = "step"
        return begins.lo, end, unit
    return None


def _across(scene: Scene, text: str, items: Sequence[Item]) -> list[Listing]:
    """Read "for May, north 3, south 4; for June, north 2, south 5": names before each value."""
    kinds = "".join(one.kind for one in items)
    for match in re.finditer(r"(TV{2,12})\1{2,}", kinds):
        size, first = len(match[1]), match.start()
        entries = (match.end() - first) // size
        names = []
        for k in range(1, size):
            labels = set()
            for n in range(entries):
                at = first + n * size + k
                low = scene.tokens[items[at - 1].last - 1].end
                labels.add(
                    _LABEL.sub("", text[low : scene.tokens[items[at].first].start]).strip(" ,")
                )
            if len(labels) != 1:
                break
            names.append(labels.pop())
        if len(names) < size - 1 or not all(names) or len(set(names)) < len(names):
            continue
        moments = [items[first + n * size] for n in range(entries)]
        when = [lo for lo, _ in placed(scene, moments)]
        if any(a >= b for a, b in pairwise(when)):
            continue
        low = scene.tokens[items[first].first].start
        high = scene.tokens[items[match.end() - 1].last - 1].end
        return [
            Listing(
                name=name,
                stamps=tuple(stamp(one) for one in when),
                values=tuple(items[first + n * size + k].value for n in range(entries)),
                steps=False,
                span=Span(low, high, text[low:high]),
            )
            for k, name in enumerate(names, 1)
        ]
    return []
