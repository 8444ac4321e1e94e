"""The course of a number that is told by a pattern that comes again and again.

"We move it to 0.1 at 10:00. We move it to 0.3 at 11:00." Whatever the verb is, the same words
around other numbers and other times are a list. So numbers, moments and lengths are the only
things that are read here, and the words between them only have to repeat; a few of them ("from",
"until", "over at") tell whether a moment is a beginning or an end.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise

from icl_forecasting.cik.language.almanac import stamp
from icl_forecasting.cik.language.beginnings import begun, value_before
from icl_forecasting.cik.language.changes import subject
from icl_forecasting.cik.language.items import Item, items_of, lines_of, placed, role_of
from icl_forecasting.cik.language.model import Listing
from icl_forecasting.cik.language.moments import Scene
from icl_forecasting.cik.language.repeats import (
    FEWEST,
    FEWEST_CLOSED,
    Run,
    irregular,
    runs_of,
)
from icl_forecasting.cik.language.turns import turns
from icl_forecasting.cik.language.value_rows import value_rows
from icl_forecasting.cik.language.vocabulary import MONTHS
from icl_forecasting.cik.statements import Span

_CHANGES = frozenset(
    "change changes changed set setting settings switch switched keeps keep valid step steps "
    "start starts starting begin begins from since commands setpoint setpoints schedule plan "
    "timetable".split()
)


def courses(scene: Scene, text: str, known: Sequence[Listing]) -> list[Listing]:
    """Add the courses that a repeated pattern tells to the listings that were found otherwise.

    Args:
        scene: the tokens and the clock.
        text: the text.
        known: listings of the text; one that a fuller course covers is left out.
    """
    tokens = scene.tokens
    if sum(1 for one in tokens if one.kind in ("number", "stamp")) < 2 * FEWEST_CLOSED:
        return list(known)
    items = list(items_of(scene))
    line = lines_of(scene, text)
    known = _with_turns(list(known), turns(scene, text, items, line))
    kinds = "".join(one.kind for one in items)
    if kinds.count("V") < FEWEST_CLOSED or "T" not in kinds:
        return list(known)
    kept = list(known)
    for one in value_rows(scene, text, items, line):
        over = [other for other in known if _overlap(other.span, one.span)]
        if all(len(other.stamps) <= len(one.stamps) for other in over):
            kept = [other for other in kept if other not in over] + [one]
    for run in runs_of(scene, items, kinds, line):
        found = _listing(scene, text, items, run, line)
        if found is None:
            continue
        course, closed = found
        over = [one for one in kept if _overlap(one.span, course.span)]
        if any(_fuller(one, course, closed) for one in over):
            continue
        kept = [one for one in kept if one not in over] + [course]
    return kept


def _with_turns(known: list[Listing], found: Sequence[Listing]) -> list[Listing]:
    """Put two states that take turns in the place of a shorter reading of the same words."""
    for one in found:
        over = [other for other in known if _overlap(other.span, one.span)]
        numeric = any(not isinstance(other.values[0], str) for other in over)
        if numeric or sum(len(other.stamps) for other in over) >= len(one.stamps):
            continue
        known = [other for other in known if other not in over] + [one]
    return known


def _overlap(a: Span, b: Span) -> bool:
    return a.start < b.end and b.start < a.end


def _fuller(one: Listing, course: Listing, closed: bool) -> bool:
    """Tell whether a listing that was found otherwise says at least as much as a course."""
    if len(set(one.stamps)) < len(one.stamps):
        return False
    if not course.steps:
        better = course.name[:1].isupper() and not one.name[:1].isupper()
        return not one.steps and len(one.stamps) >= len(course.stamps) + better
    if any(isinstance(value, str) for value in one.values) or not one.steps:
        return len(one.stamps) > len(course.stamps)
    return len(one.stamps) >= len(course.stamps) + closed


def _listing(
    scene: Scene, text: str, items: Sequence[Item], run: Run, line: Sequence[int]
) -> tuple[Listing, bool] | None:
    """Make the listing of a run, and tell whether each entry has its beginning and its end."""
    rows = _rows(scene, items, run, line)
    if rows is None:
        return None
    segments, sure, fine = rows
    if sure is None:
        return _readings(scene, text, items, run, line, segments), False
    begin, stop = items[run.first].first, items[run.last - 1].last
    starts = [one[0] for one in segments]
    if any(a >= b for a, b in pairwise(starts)):
        return None
    anchor = scene.anchor
    inside = [one for one in starts[1:] if anchor.first <= one <= anchor.end]
    if 2 * len(inside) < len(starts) - 1 or not inside:
        return None
    before = value_before(scene, items, run, starts[0], line)
    if before is not None:
        segments.insert(0, (anchor.first, before.value, starts[0]))
        begin, stop = min(begin, before.first), max(stop, before.last)
    if len(segments) < FEWEST:
        return None
    if not sure and not (fine and irregular(starts)):
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
        before is not None or run.pattern.count("T") == 2,
    )


_Segment = tuple[datetime, float, datetime | None]


def _readings(
    scene: Scene,
    text: str,
    items: Sequence[Item],
    run: Run,
    line: Sequence[int],
    segments: Sequence[_Segment],
) -> Listing:
    """Make the listing of entries that are one reading for each month or day."""
    first = items[run.first].first
    low = scene.tokens[first].start
    high = scene.tokens[items[run.last - 1].last - 1].end
    begin = first
    after = items[run.first - 1].last if run.first else 0
    while begin > after and line[begin - 1] == line[first]:
        if (
            scene.word(begin - 1) in (".", "!", ";")
            or (scene.word(begin - 1) == "?" and first - begin > 2)
            or first - begin > 30
        ):
            break
        begin -= 1
    intro = text[scene.tokens[begin].start : low].strip(" :?(") if begin < first else ""
    proper = [one for one in _PROPER.findall(intro) if one.split()[0].lower() not in _OPENERS]
    return Listing(
        name=proper[-1] if proper else "",
        stamps=tuple(stamp(one[0]) for one in segments),
        values=tuple(one[1] for one in segments),
        steps=False,
        span=Span(low, high, text[low:high]),
        intro=intro,
    )


_PROPER = re.compile(r"\b[A-Z][\w’'-]+(?:\s[A-Z][\w’'-]+)*")
_OPENERS = frozenset(MONTHS) | frozenset(
    "in the a an what how as for at on here these those this our its we they values rates".split()
)


def _rows(
    scene: Scene, items: Sequence[Item], run: Run, line: Sequence[int]
) -> tuple[list[_Segment], bool | None, bool] | None:
    """Put the entries on the clock.

    Returns:
        Beginning, value and end of each; whether the words say that they hold for a time, None
        where each is one reading for its month or day; and whether the moments are times of day.
    """
    size = len(run.pattern)
    times = [k for k in range(run.first, run.last) if items[k].kind == "T"]
    at = dict(zip(times, placed(scene, [items[k] for k in times]), strict=True))
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
    roles = Counter(role_of(scene, items, k, line) for k in times)
    role = roles.most_common(1)[0][0]
    if role == "" and roles.keys() - {""}:
        role = max((one for one in roles if one), key=lambda one: roles[one])
        if roles[role] * 2 < len(times):
            role = ""
    if role == "" and _arrows(scene, items, run):
        role = "at"
    sure: bool | None = role in ("start", "end")
    follows = not fine and all(at[a][1] == at[b][0] for a, b in pairwise(times))
    if follows and role in ("", "at") and "D" not in run.pattern:
        role, sure = "at", None
    elif role in ("", "at"):
        header = _header(scene, items, run, line)
        if header == "start" and not irregular([at[k][0] for k in times]):
            header = ""
        role, sure = (header, True) if header else (role, False)
    values = [items[k].value for k in range(run.first, run.last) if items[k].kind == "V"]
    if "D" in run.pattern:
        sizes = [items[k].length for k in range(run.first, run.last) if items[k].kind == "D"]
        for k, value, length in zip(times, values, sizes, strict=True):
            assert length is not None
            begin, over = at[k][0], length.after(at[k][0], 1, scene.anchor.step)
            if role == "end":
                begin, over = length.after(at[k][1], -1, scene.anchor.step), at[k][1]
            segments.append((begin, value, over))
        return segments, True, fine
    if role == "end":
        begin = begun(scene, items, run, line)
        for k, value in zip(times, values, strict=True):
            segments.append((begin, value, at[k][1]))
            begin = at[k][1]
        return segments, True, fine
    moments = [at[k][0] for k in times]
    ends = [*moments[1:], None]
    segments = list(zip(moments, values, ends, strict=True))
    return segments, sure if sure is None else sure or (fine and role == "at"), fine


def _lengths(
    scene: Scene, items: Sequence[Item], run: Run, line: Sequence[int]
) -> tuple[list[_Segment], bool | None, bool] | None:
    """Lay values with lengths one behind the other, from the moment that was named before."""
    moments = [k for k in range(max(0, run.first - 3), run.first) if items[k].kind == "T"]
    if not moments:
        return None
    k = moments[-1]
    moment = items[k].moment
    assert moment is not None
    lo, hi = placed(scene, [items[k]])[0]
    segments: list[_Segment] = []
    begin = lo
    if role_of(scene, items, k, line) == "end":
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


def _arrows(scene: Scene, items: Sequence[Item], run: Run) -> bool:
    """Tell whether an arrow leads from each moment to its value."""
    return all(
        any(scene.word(i) in ("->", "→", "=>") for i in range(items[k].last, items[k + 1].first))
        for k in range(run.first, run.last - 1)
        if items[k].kind == "T" and items[k + 1].kind == "V"
    ) and run.pattern.startswith("TV")


def _header(scene: Scene, items: Sequence[Item], run: Run, line: Sequence[int]) -> str:
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


def _name(scene: Scene, items: Sequence[Item], run: Run, line: Sequence[int]) -> str:
    """Name what takes the values by a sign of equality, or by the subject before the first one."""
    values = [items[k] for k in range(run.first, run.last) if items[k].kind == "V"]
    equal = Counter(
        scene.tokens[one.first - 2].text
        for one in values
        if one.first >= 2
        and scene.word(one.first - 1) == "="
        and scene.kind(one.first - 2) == "word"
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
