"""The course of a number that is told by a pattern that comes again and again.

"We move it to 0.1 at 10:00. We move it to 0.3 at 11:00." Whatever the verb is, the same words around
other numbers and other times are a list. So numbers, moments and lengths are the only things that are
read here, and the words between them only have to repeat; a few of them ("from", "until", "over at")
tell whether a moment is a beginning or an end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from icl_forecasting.cik.language.almanac import Length, stamp
from icl_forecasting.cik.language.changes import subject
from icl_forecasting.cik.language.dates import date_at, moment_at
from icl_forecasting.cik.language.day_times import clock_at
from icl_forecasting.cik.language.durations import length_at
from icl_forecasting.cik.language.model import Listing
from icl_forecasting.cik.language.moments import Moment, Scene, day_of
from icl_forecasting.cik.language.numbers import number_at
from icl_forecasting.cik.language.vocabulary import MONTHS, NUMBERS
from icl_forecasting.cik.statements import Span

_PATTERNS = (
    "VTT", "TTV", "TVT", "VT", "TV", "VDT", "DVT", "VTD", "TVD", "TDV", "DTV", "VD", "DV"
)  # fmt: skip
"""Orders of a value V, moments T and a length D within one entry."""
_FEWEST = 3
"""Entries of a course whose moments are only beginnings or only ends."""
_FEWEST_CLOSED = 2
"""Entries of a course where each has a beginning and an end."""
_LONGEST_GAP = 24
"""Tokens between two entries."""
_LONGEST_INSIDE = 10
"""Tokens between the parts of one entry."""
_MOST = 4000
"""Items that are looked at."""
_ENDS = frozenset(
    "until till to through thru before ends end ended ending over finish finishes finished expires "
    "up stops closes lasts lasting".split()
)
_STARTS = frozenset(
    "from since of starting starts start started begins begin began beginning after when come once "
    "onset effective".split()
)
_AT = frozenset("at on in by with time @".split())
_ONWARD = frozenset("on onward onwards forward".split())
_FIRST = frozenset(
    "first initially initial begin beginning begins start starts started originally before earlier "
    "coming previously until while kept previous".split()
)
_EARLIER = frozenset("before earlier previously coming originally initially first beginning".split())
_CHANGES = frozenset(
    "change changes changed new set setting settings switch switched keeps keep valid step steps "
    "start starts starting begin begins from since commands setpoint setpoints schedule plan "
    "timetable".split()
)
_LAST_ROWS = frozenset("until till end ends ending to up".split())
_BREAKS = frozenset({".", ";", "!", "?", ":"})
_FILLERS = frozenset(
    ", ; . : ( ) [ ] | * - – — and then also again it is was be will the a an \" ' ` now".split()
)


@dataclass(frozen=True)
class _Item:
    """A number, moment or length; `kind` is "V", "T" or "D"."""

    kind: str
    first: int
    last: int
    value: float = 0.0
    percent: bool = False
    moment: Moment | None = None
    length: Length | None = None


@dataclass(frozen=True)
class _Run:
    """Entries that follow each other: `pattern` again and again from item `first`."""

    pattern: str
    first: int
    entries: int
    score: float

    @property
    def last(self) -> int:
        return self.first + self.entries * len(self.pattern)


def courses(scene: Scene, text: str, known: Sequence[Listing]) -> list[Listing]:
    """Add the courses that a repeated pattern tells to the listings that were found otherwise.

    Args:
        scene: the tokens and the clock.
        text: the text.
        known: listings of the text; one that a fuller course covers is left out.
    """
    tokens = scene.tokens
    if sum(1 for one in tokens if one.kind in ("number", "stamp")) < 2 * _FEWEST_CLOSED:
        return list(known)
    items = list(_items(scene))
    kinds = "".join(one.kind for one in items)
    if kinds.count("V") < _FEWEST_CLOSED or "T" not in kinds:
        return list(known)
    line = _lines(scene, text)
    kept = list(known)
    for run in _runs(scene, items, kinds, line):
        found = _listing(scene, text, items, run, line)
        if found is None:
            continue
        course, sure = found
        over = [one for one in kept if _overlap(one.span, course.span)]
        if any(_fuller(one, course, sure) for one in over):
            continue
        kept = [one for one in kept if one not in over] + [course]
    return kept


def _overlap(a: Span, b: Span) -> bool:
    return a.start < b.end and b.start < a.end


def _fuller(one: Listing, course: Listing, sure: bool) -> bool:
    """Tell whether a listing that was found otherwise says at least as much as a course."""
    if any(isinstance(value, str) for value in one.values):
        return len(one.stamps) > len(course.stamps)
    if not sure:
        return True
    return len(one.stamps) >= len(course.stamps) and one.steps


def _lines(scene: Scene, text: str) -> list[int]:
    """Return the number of the line of each token."""
    lines, n, at = [], 0, 0
    for token in scene.tokens:
        n += text.count("\n", at, token.start)
        at = token.start
        lines.append(n)
    return lines


def _items(scene: Scene) -> Iterator[_Item]:
    """Yield the numbers, moments and lengths of a text in order."""
    tokens, i, count = scene.tokens, 0, 0
    while i < len(tokens) and count < _MOST:
        item = _item(scene, i)
        if item is None:
            i += 1
            continue
        yield item
        count += 1
        i = max(item.last, i + 1)


def _item(scene: Scene, i: int) -> _Item | None:
    tokens = scene.tokens
    kind, word = scene.kind(i), scene.word(i)
    if kind == "stamp":
        found = moment_at(scene, i)
        return _Item("T", i, found[1], moment=found[0]) if found else None
    if kind == "word":
        if word in MONTHS:
            found = date_at(scene, i)
            return _Item("T", i, found[1], moment=found[0]) if found else None
        if word in NUMBERS:
            size = length_at(tokens, i)
            return _Item("D", i, size[1], length=size[0]) if size else None
        return None
    if kind != "number":
        return None
    found = date_at(scene, i) or (moment_at(scene, i) if clock_at(scene, i) else None)
    if found:
        return _Item("T", i, found[1], moment=found[0])
    size = length_at(tokens, i)
    if size:
        return _Item("D", i, size[1], length=size[0])
    number = number_at(tokens, i)
    if number is None:
        return None
    value, last = number
    if scene.word(i - 1) in ("-", "−", "–") and i > 1 and tokens[i - 1].end == tokens[i].start:
        if scene.kind(i - 2) == "symbol" or tokens[i - 2].end < tokens[i - 1].start:
            value = -value
    percent = scene.word(last) in ("%", "percent")
    return _Item("V", i, last + percent, value=value, percent=percent)


def _runs(
    scene: Scene, items: Sequence[_Item], kinds: str, line: Sequence[int]
) -> list[_Run]:
    """Return the best runs, none over another, in the order of the text."""
    found: list[_Run] = []
    for pattern in _PATTERNS:
        size = len(pattern)
        closed = size == 3
        i = 0
        while i + size <= len(items):
            entries = 0
            while kinds.startswith(pattern, i + entries * size):
                if entries and not _alike(scene, items, i, i + entries * size, size):
                    break
                if entries and _gap_size(items, i + entries * size) > _LONGEST_GAP:
                    break
                entries += 1
            if entries >= (_FEWEST_CLOSED if closed else _FEWEST):
                score = _score(scene, items, line, i, entries, size)
                if score is not None:
                    found.append(_Run(pattern, i, entries, score))
                    i += entries * size
                    continue
            i += 1
    chosen: list[_Run] = []
    for run in sorted(found, key=lambda one: -one.score):
        if all(run.last <= one.first or one.last <= run.first for one in chosen):
            chosen.append(run)
    return sorted(chosen, key=lambda one: one.first)


def _gap_size(items: Sequence[_Item], k: int) -> int:
    return items[k].first - items[k - 1].last


def _signature(scene: Scene, items: Sequence[_Item], k: int) -> tuple[str, ...]:
    """Return the words between items `k - 1` and `k` that matter."""
    words = [scene.word(i) for i in range(items[k - 1].last, items[k].first)]
    return tuple(word for word in words if word not in _FILLERS)


def _alike(scene: Scene, items: Sequence[_Item], i: int, k: int, size: int) -> bool:
    """Tell whether two entries have the same words between their parts."""
    for inside in range(1, size):
        if _gap_size(items, k + inside) > _LONGEST_INSIDE:
            return False
        if _signature(scene, items, i + inside) != _signature(scene, items, k + inside):
            return False
    return True


def _rank(scene: Scene, items: Sequence[_Item], line: Sequence[int], k: int) -> int:
    """Rank the sign between items `k - 1` and `k`: 3 for a line or sentence, 0 for none."""
    first, last = items[k - 1].last, items[k].first
    words = [scene.word(i) for i in range(first, last)]
    if line[last] != line[first - 1] or "." in words or "?" in words:
        return 3
    if ";" in words:
        return 2
    return 1 if any(word in (",", "and", "then") for word in words) else 0


def _score(
    scene: Scene, items: Sequence[_Item], line: Sequence[int], i: int, entries: int, size: int
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


def _listing(
    scene: Scene, text: str, items: Sequence[_Item], run: _Run, line: Sequence[int]
) -> tuple[Listing, bool] | None:
    """Make the listing of a run, and tell whether its entries surely hold for a time."""
    rows = _rows(scene, items, run, line)
    if rows is None:
        return None
    segments, sure, fine = rows
    begin, stop = items[run.first].first, items[run.last - 1].last
    starts = [one[0] for one in segments]
    if any(a >= b for a, b in zip(starts, starts[1:], strict=False)):
        return None
    anchor = scene.anchor
    inside = [one for one in starts[1:] if anchor.first <= one <= anchor.end]
    if 2 * len(inside) < len(starts) - 1 or not inside:
        return None
    before = _before(scene, items, run, starts[0], line)
    if before is not None:
        segments.insert(0, (anchor.first, before.value, starts[0]))
        begin, stop = min(begin, before.first), max(stop, before.last)
    if len(segments) < _FEWEST:
        return None
    if not sure and not (fine and _irregular(starts)):
        return None
    values = [items[k] for k in range(run.first, run.last) if items[k].kind == "V"]
    low, high = scene.tokens[begin].start, scene.tokens[stop - 1].end
    end = segments[-1][2]
    return (
        Listing(
            name=_name(scene, items, run, line),
            stamps=tuple(stamp(one[0]) for one in segments),
            values=tuple(one[1] for one in segments),
            steps=True,
            end=None if end is None else stamp(end),
            span=Span(low, high, text[low:high]),
            intro=_intro(text, low),
            unit="percent" if all(one.percent for one in values) else None,
        ),
        True,
    )


_Segment = tuple[datetime, float, datetime | None]


def _rows(
    scene: Scene, items: Sequence[_Item], run: _Run, line: Sequence[int]
) -> tuple[list[_Segment], bool, bool] | None:
    """Put the entries on the clock.

    Returns:
        Beginning, value and end of each; whether the words say that they hold for a time; and
        whether the moments are times of day.
    """
    size = len(run.pattern)
    times = [k for k in range(run.first, run.last) if items[k].kind == "T"]
    placed = _placed(scene, [items[k].moment for k in times])  # type: ignore[misc]
    at = dict(zip(times, placed, strict=True))
    fine = all(items[k].moment.precision in ("second", "minute", "hour") for k in times)  # type: ignore[union-attr]
    segments: list[_Segment] = []
    if run.pattern.count("T") == 2:
        for n in range(run.entries):
            entry = range(run.first + n * size, run.first + (n + 1) * size)
            a, b = (k for k in entry if items[k].kind == "T")
            value = next(items[k].value for k in entry if items[k].kind == "V")
            lo, hi = at[a][0], at[b][1]
            if lo >= hi:
                return None
            segments.append((lo, value, hi))
        return segments, True, fine
    if not times:
        return _lengths(scene, items, run, line)
    roles = Counter(_role(scene, items, k, run, line) for k in times)
    role = roles.most_common(1)[0][0]
    if role == "" and roles.keys() - {""}:
        role = max((one for one in roles if one), key=lambda one: roles[one])
        if roles[role] * 2 < len(times):
            role = ""
    sure = role in ("start", "end")
    if role in ("", "at"):
        header = _header(scene, items, run, line)
        role, sure = (header, True) if header else (role, False)
    values = [items[k].value for k in range(run.first, run.last) if items[k].kind == "V"]
    if "D" in run.pattern:
        sizes = [items[k].length for k in range(run.first, run.last) if items[k].kind == "D"]
        for k, value, length in zip(times, values, sizes, strict=True):
            assert length is not None
            lo = at[k][0]
            hi: datetime | None = length.after(lo, 1, scene.anchor.step)
            if role == "end":
                lo, hi = length.after(at[k][1], -1, scene.anchor.step), at[k][1]
            segments.append((lo, value, hi))
        return segments, True, fine
    if role == "end":
        begin = _begun(scene, items, run, line)
        for k, value in zip(times, values, strict=True):
            segments.append((begin, value, at[k][1]))
            begin = at[k][1]
        return segments, True, fine
    moments = [at[k][0] for k in times]
    ends = [*moments[1:], None]
    segments = list(zip(moments, values, ends, strict=True))
    return segments, sure or (fine and role == "at"), fine


def _placed(scene: Scene, moments: Sequence[Moment]) -> list[tuple[datetime, datetime]]:
    """Return where each moment begins and where an interval that ends with it is over."""
    anchor = scene.anchor
    one_day = timedelta(days=1)
    base = day_of(anchor.first) if anchor.now - anchor.first < one_day else day_of(anchor.now)
    found: list[tuple[datetime, datetime]] = []
    previous: datetime | None = None
    for moment in moments:
        lo = moment.lo
        if moment.floating and moment.clock is not None:
            lo = base + moment.clock
            while previous is not None and lo < previous:
                base += one_day
                lo = base + moment.clock
        elif previous is not None and lo < previous and not moment.dated:
            try:
                lo = lo.replace(year=lo.year + 1)
            except ValueError:
                lo = moment.lo
        fine = moment.precision in ("second", "minute", "hour")
        found.append((lo, lo if fine else lo + (moment.hi - moment.lo)))
        previous = lo
    return found


def _lengths(
    scene: Scene, items: Sequence[_Item], run: _Run, line: Sequence[int]
) -> tuple[list[_Segment], bool, bool] | None:
    """Lay values with lengths one behind the other, from the moment that was named before."""
    moments = [k for k in range(max(0, run.first - 3), run.first) if items[k].kind == "T"]
    if not moments:
        return None
    k = moments[-1]
    moment = items[k].moment
    assert moment is not None
    lo, hi = _placed(scene, [moment])[0]
    segments: list[_Segment] = []
    begin = lo
    if _role(scene, items, k, run, line) == "end":
        begin = hi
        beside = [j for j in (k - 1, k + 1) if 0 <= j < run.first and items[j].kind == "V"]
        if beside:
            segments.append((scene.anchor.first, items[beside[0]].value, hi))
    values = [items[j].value for j in range(run.first, run.last) if items[j].kind == "V"]
    sizes = [items[j].length for j in range(run.first, run.last) if items[j].kind == "D"]
    for value, length in zip(values, sizes, strict=True):
        assert length is not None
        end = length.after(begin, 1, scene.anchor.step)
        segments.append((begin, value, end))
        begin = end
    return segments, True, moment.precision in ("second", "minute", "hour")


def _role(
    scene: Scene, items: Sequence[_Item], k: int, run: _Run | None, line: Sequence[int]
) -> str:
    """Tell by the words around a moment whether it is a "start", an "end" or only "at"."""
    first = items[k].first
    low = items[k - 1].last if k else 0
    weak = ""
    for i in range(first - 1, max(low, first - 7) - 1, -1):
        word = scene.word(i)
        if word in _BREAKS and word != ":" or line[i] != line[first]:
            break
        if word in _ENDS and not (word == "up" and scene.word(i + 1) != "to"):
            return "end"
        if word == "of" and scene.word(i - 1) != "as":
            continue
        if word in _STARTS:
            return "start"
        if word in _AT or word in ("->", "→"):
            weak = weak or ("at" if word in _AT else "")
    after = scene.word(items[k].last)
    if after in _ONWARD:
        return "start"
    if after == "(" and scene.word(items[k].last + 1) in ("end", "until"):
        return "end"
    return weak


def _header(scene: Scene, items: Sequence[_Item], run: _Run, line: Sequence[int]) -> str:
    """Read what the moments are from the line or the sentence in front of the entries."""
    first = items[run.first].first
    words: list[str] = []
    i = first - 1
    while i >= 0 and len(words) < 40 and line[first] - line[i] <= 3:
        if scene.word(i) in (".", "?") and words and line[i] == line[first]:
            break
        words.append(scene.word(i))
        i -= 1
    if not set(words).isdisjoint(("until", "till", "ends", "ending")):
        return "end"
    after = items[run.last - 1].last
    follow = [scene.word(i) for i in range(after, min(after + 12, len(scene.tokens)))]
    told = set(words) | set(follow)
    return "start" if not told.isdisjoint(_CHANGES) else ""


def _begun(scene: Scene, items: Sequence[_Item], run: _Run, line: Sequence[int]) -> datetime:
    """Return where the first of several entries begins that have only ends."""
    if run.first and items[run.first - 1].kind == "T":
        k = run.first - 1
        moment = items[k].moment
        if moment is not None and _role(scene, items, k, None, line) == "start":
            return _placed(scene, [moment])[0][0]
    return scene.anchor.first


def _before(
    scene: Scene, items: Sequence[_Item], run: _Run, start: datetime, line: Sequence[int]
) -> _Item | None:
    """Find the value that held before the first moment."""
    if start <= scene.anchor.first:
        return None
    k = run.first - 1
    if k >= 0 and items[run.first].first - items[k].last <= _LONGEST_GAP:
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
        if items[k].kind != "V" or items[k].first - items[run.last - 1].last > _LONGEST_GAP:
            continue
        if _sentence(scene, items[k], line) & _EARLIER:
            return items[k]
    return None


def _ends_at_start(
    scene: Scene, items: Sequence[_Item], k: int, start: datetime, line: Sequence[int]
) -> bool:
    """Tell whether item `k` is the end of a first entry that has no beginning."""
    moment = items[k].moment
    if moment is None or _role(scene, items, k, None, line) != "end":
        return False
    lo, hi = _placed(scene, [moment])[0]
    return lo == start or hi == start


def _sentence(scene: Scene, item: _Item, line: Sequence[int]) -> frozenset[str]:
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


def _irregular(starts: Sequence[datetime]) -> bool:
    """Tell whether moments follow each other at different distances, as changes do."""
    gaps = [(b - a).total_seconds() for a, b in zip(starts, starts[1:], strict=False)]
    return bool(gaps) and max(gaps) > 1.5 * min(gaps)


def _name(scene: Scene, items: Sequence[_Item], run: _Run, line: Sequence[int]) -> str:
    """Name what takes the values by a sign of equality, or by the subject before the first one."""
    values = [items[k] for k in range(run.first, run.last) if items[k].kind == "V"]
    equal = Counter(
        scene.tokens[one.first - 2].text
        for one in values
        if one.first >= 2 and scene.word(one.first - 1) == "=" and scene.kind(one.first - 2) == "word"
    )
    if equal:
        return equal.most_common(1)[0][0]
    first = values[0].first
    low = items[run.first].first
    begin = low
    while begin > 0 and low - begin < 30:
        word = scene.word(begin - 1)
        if word in (".", "?", "!") or (line[begin - 1] != line[low] and low - begin > 8):
            break
        begin -= 1
    skip = {i for one in items for i in range(one.first, one.last) if one.kind != "V"}
    words = [scene.tokens[i] for i in range(begin, first) if i not in skip]
    return subject(words)


def _intro(text: str, low: int) -> str:
    """Return the words before the entries, back to the end of a sentence."""
    begin = max(text.rfind(". ", 0, low), text.rfind("\n\n", 0, low), low - 300, 0)
    return text[begin:low].strip(" .\n")
