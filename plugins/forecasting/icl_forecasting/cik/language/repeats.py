"""Patterns of numbers, moments and lengths that repeat, with the same words between them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from icl_forecasting.cik.language.items import Item
from icl_forecasting.cik.language.moments import Scene

_PATTERNS = (
    "VTT", "TTV", "TVT", "VT", "TV", "VDT", "DVT", "VTD", "TVD", "TDV", "DTV", "VD", "DV"
)  # fmt: skip
"""Orders of a value V, moments T and a length D within one entry."""
FEWEST = 3
"""Entries of a course whose moments are only beginnings or only ends."""
FEWEST_CLOSED = 2
"""Entries of a course where each has a beginning and an end."""
LONGEST_GAP = 24
"""Tokens between two entries."""
_LONGEST_INSIDE = 10
"""Tokens between the parts of one entry."""
_FILLERS = frozenset(
    ", ; . : ( ) [ ] | * - – — and then also again it is was be will the a an \" ' ` now".split()
)


@dataclass(frozen=True)
class Run:
    """Entries that follow each other: `pattern` again and again from item `first`."""

    pattern: str
    first: int
    entries: int
    score: float

    @property
    def last(self) -> int:
        """Index after its last item."""
        return self.first + self.entries * len(self.pattern)


def runs_of(scene: Scene, items: Sequence[Item], kinds: str, line: Sequence[int]) -> list[Run]:
    """Return the best runs, none over another, in the order of the text."""
    found: list[Run] = []
    for pattern in _PATTERNS:
        size = len(pattern)
        closed = size == 3
        i = 0
        while i + size <= len(items):
            entries = 0
            while kinds.startswith(pattern, i + entries * size):
                if entries and not _alike(scene, items, i, i + entries * size, size):
                    break
                if entries and _gap_size(items, i + entries * size) > LONGEST_GAP:
                    break
                if entries and _again(items, i, i + entries * size, size):
                    break
                entries += 1
            if entries >= (FEWEST_CLOSED if closed else FEWEST):
                score = _score(scene, items, line, i, entries, size)
                if score is not None:
                    found.append(Run(pattern, i, entries, score))
                    i += entries * size
                    continue
            i += 1
    chosen: list[Run] = []
    for run in sorted(found, key=lambda one: -one.score):
        if all(run.last <= one.first or one.last <= run.first for one in chosen):
            chosen.append(run)
    return sorted(chosen, key=lambda one: one.first)


def _gap_size(items: Sequence[Item], k: int) -> int:
    return items[k].first - items[k - 1].last


def _again(items: Sequence[Item], i: int, k: int, size: int) -> bool:
    """Tell whether entry `k` begins another list: its moment is not after that of entry `i`."""
    ours = next((one.moment for one in items[i : i + size] if one.moment), None)
    theirs = next((one.moment for one in items[k : k + size] if one.moment), None)
    if ours is None or theirs is None or ours.floating or theirs.floating:
        return False
    return theirs.lo <= ours.lo and theirs.dated


def _signature(scene: Scene, items: Sequence[Item], k: int) -> tuple[str, ...]:
    """Return the words between items `k - 1` and `k` that matter."""
    words = [scene.word(i) for i in range(items[k - 1].last, items[k].first)]
    return tuple(word for word in words if word not in _FILLERS)


def _alike(scene: Scene, items: Sequence[Item], i: int, k: int, size: int) -> bool:
    """Tell whether two entries have the same words between their parts."""
    for inside in range(1, size):
        if _gap_size(items, k + inside) > _LONGEST_INSIDE:
            return False
        if _signature(scene, items, i + inside) != _signature(scene, items, k + inside):
            return False
    return True


def _rank(scene: Scene, items: Sequence[Item], line: Sequence[int], k: int) -> int:
    """Rank the sign between items `k - 1` and `k`: 3 for a line or sentence, 0 for none."""
    first, last = items[k - 1].last, items[k].first
    words = [scene.word(i) for i in range(first, last)]
    if line[last] != line[first - 1] or "." in words or "?" in words:
        return 3
    if ";" in words:
        return 2
    return 1 if any(word in (",", "and", "then") for word in words) else 0


def _score(
    scene: Scene, items: Sequence[Item], line: Sequence[int], i: int, entries: int, size: int
) -> float | None:
    """Score a run: many entries, with stronger signs between them than within; None = no list."""
    outer = [_rank(scene, items, line, i + n * size) for n in range(1, entries)]
    inner = [
        _rank(scene, items, line, i + n * size + k) for n in range(entries) for k in range(1, size)
    ]
    between = [_gap_size(items, i + n * size) for n in range(1, entries)]
    words = Counter(_signature(scene, items, i + n * size) for n in range(1, entries))
    same = words.most_common(1)[0][1]
    short = sum(1 for one in between if one <= 6)
    if max(same, short) * 2 < len(between):
        return None
    if any(_gap_size(items, i + k) > _LONGEST_INSIDE for k in range(1, size)):
        return None
    lead = sum(outer) / len(outer) - sum(inner) / max(1, len(inner))
    return entries * size + 2 * lead + 0.1 * size


def irregular(starts: Sequence[datetime]) -> bool:
    """Tell whether moments follow each other at different distances, as changes do."""
    gaps = [(b - a).total_seconds() for a, b in pairwise(starts)]
    return bool(gaps) and max(gaps) > 1.5 * min(gaps)
