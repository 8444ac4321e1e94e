"""What held before the first entry of a course, and where its first entry begins."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from icl_forecasting.cik.language.items import Item, placed, role_of
from icl_forecasting.cik.language.moments import Scene
from icl_forecasting.cik.language.repeats import LONGEST_GAP, Run

_FIRST = frozenset(
    "first initially initial begin beginning begins start starts started originally before earlier "
    "coming previously until while kept previous".split()
)
_EARLIER = frozenset(
    "before earlier previously coming originally initially first beginning".split()
)


def begun(scene: Scene, items: Sequence[Item], run: Run, line: Sequence[int]) -> datetime:
    """Return where the first of several entries begins that have only ends."""
    if run.first and items[run.first - 1].kind == "T":
        k = run.first - 1
        moment = items[k].moment
        if moment is not None and role_of(scene, items, k, line) == "start":
            return placed(scene, [items[k]])[0][0]
    return scene.anchor.first


def value_before(
    scene: Scene, items: Sequence[Item], run: Run, start: datetime, line: Sequence[int]
) -> Item | None:
    """Find the value that held before the first moment."""
    if start <= scene.anchor.first:
        return None
    k = run.first - 1
    if k >= 0 and items[run.first].first - items[k].last <= LONGEST_GAP:
        if items[k].kind == "V" and not (k and _ends_at_start(scene, items, k - 1, start, line)):
            near = items[run.first].first - items[k].last <= 5
            words = _sentence(scene, items[k], line)
            beside = k == 0 or items[k].first - items[k - 1].last > 1
            if (near and beside) or words & _FIRST:
                return items[k]
        if items[k].kind == "V" and k and _ends_at_start(scene, items, k - 1, start, line):
            return items[k]
        if _ends_at_start(scene, items, k, start, line) and k and items[k - 1].kind == "V":
            return items[k - 1]
    for k in range(run.last, min(run.last + 2, len(items))):
        if items[k].kind != "V" or items[k].first - items[run.last - 1].last > LONGEST_GAP:
            continue
        if _sentence(scene, items[k], line) & _EARLIER:
            return items[k]
    return None


def _ends_at_start(
    scene: Scene, items: Sequence[Item], k: int, start: datetime, line: Sequence[int]
) -> bool:
    """Tell whether item `k` is the end of a first entry that has no beginning."""
    moment = items[k].moment
    if moment is None or role_of(scene, items, k, line) != "end":
        return False
    lo, hi = placed(scene, [items[k]])[0]
    return lo == start or hi == start


def _sentence(scene: Scene, item: Item, line: Sequence[int]) -> frozenset[str]:
    """Return the words around an item up to the signs that end a part of a sentence."""
    words = []
    for step, begin in ((-1, item.first - 1), (1, item.last)):
        i = begin
        while 0 <= i < len(scene.tokens) and abs(i - begin) < 12:
            word = scene.word(i)
            if word in (".", ";", "!", "?") or line[i] != line[item.first]:
                break
            words.append(word)
            i += step
    return frozenset(words)
