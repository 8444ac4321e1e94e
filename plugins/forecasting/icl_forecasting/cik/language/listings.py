"""Listings: rows of moments and values in lines, tables or running text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from icl_forecasting.cik.language.almanac import stamp
from icl_forecasting.cik.language.model import Listing
from icl_forecasting.cik.language.moments import Scene, day_of
from icl_forecasting.cik.language.rows import OPENING, Row, row_at
from icl_forecasting.cik.language.vocabulary import MONTHS, WEEKDAYS
from icl_forecasting.cik.statements import Span

_DASHES = re.compile(r"^[\s|:=\-_–—*+]*$")
_MARKS = re.compile(r"^[\s#*_\-•>|\"'`(\[]+|[\s*_:\-|\"'`]+$")
_FRAME = re.compile(
    r"\s+(?:so far|until now|to date|ahead|(?:in|for|over) the (?:past|future|coming|next|last|"
    r"first|history|forecast)\b.*)$",
    re.IGNORECASE,
)
"""Words of a title that say which part of the time it is about."""
_UNTIL = re.compile(r"\b(?:until|till|up to|ends?|end time)\b", re.IGNORECASE)
_FROM = re.compile(r"\b(?:from|since|starting|starts?|as of)\b", re.IGNORECASE)
_GAP = frozenset({",", ";", "and", "|", ".", "•", "*", "then", "->", "→"})
_ONE_DAY = timedelta(days=1)
_LONGEST_TITLE = 10
"""Words of a title line; more than that is a sentence."""


def listings(scene: Scene, text: str) -> tuple[list[Listing], bytearray]:
    """Find the listings of a text.

    Args:
        scene: the tokens and the clock.
        text: the text.

    Returns:
        The listings, and for each token 1 where it belongs to their rows, titles or headers.
    """
    tokens = scene.tokens
    hidden = bytearray(len(tokens))
    if not tokens:
        return [], hidden
    line, breaks = _lines(scene, text)
    found: list[Listing] = []
    intro = ""
    before = 0
    for rows in _runs(scene, line):
        name, headers, head_first, intro_here = _title(scene, text, rows, line, breaks, before)
        intro = intro_here or intro
        found += _columns(scene, text, rows, _FRAME.sub("", name), headers, intro)
        hidden[head_first : rows[-1].last] = b"\x01" * (rows[-1].last - head_first)
        before = rows[-1].last
        if (
            before < len(tokens)
            and tokens[before].text in (".", ")")
            and line[before] == rows[-1].line
        ):
            hidden[before] = 1
            before += 1
    return _merged(found, text), hidden


def _merged(found: list[Listing], text: str) -> list[Listing]:
    """Join listings of the same name that go on where the one before ended: past, then future."""
    kept: list[Listing] = []
    for one in found:
        last = kept[-1] if kept else None
        if (
            last is not None
            and last.name.lower() == one.name.lower()
            and last.steps == one.steps
            and last.stamps[-1] < one.stamps[0]
            and isinstance(last.values[0], str) == isinstance(one.values[0], str)
        ):
            start, end = last.span.start, one.span.end
            kept[-1] = replace(
                last,
                stamps=last.stamps + one.stamps,
                values=last.values + one.values,
                end=one.end,
                span=Span(start, end, text[start:end]),
            )
        else:
            kept.append(one)
    return kept


def _lines(scene: Scene, text: str) -> tuple[list[int], list[int]]:
    """Return the line number of each token, and where each line begins in the text."""
    breaks = [0, *(match.end() for match in re.finditer("\n", text))]
    line: list[int] = []
    n = 0
    for token in scene.tokens:
        while n + 1 < len(breaks) and breaks[n + 1] <= token.start:
            n += 1
        line.append(n)
    return line, breaks


def _candidate(scene: Scene, i: int, line: list[int]) -> bool:
    """Tell cheaply whether a row can begin at token `i`."""
    token = scene.tokens[i]
    if token.kind == "stamp":
        return True
    if token.kind == "number":
        return scene.word(i + 1) in MONTHS or scene.word(i + 1) in ("st", "nd", "rd", "th")
    if token.kind == "word":
        opens = token.lower in ("up", "until", "till", "from", "to", "start", "beginning")
        if opens and (i == 0 or line[i - 1] != line[i] or scene.word(i - 1) in ("|", "-", "(")):
            return True
        return token.lower in MONTHS or token.lower in WEEKDAYS
    return (
        token.text in OPENING
        and i + 1 < len(scene.tokens)
        and (scene.kind(i + 1) != "symbol" and _candidate(scene, i + 1, line))
    )


def _runs(scene: Scene, line: list[int]) -> list[list[Row]]:
    """Find rows that follow each other with nothing but separators between them."""
    runs: list[list[Row]] = []
    run: list[Row] = []
    tokens, n = scene.tokens, len(scene.tokens)
    i = 0
    while i < n:
        row = None
        if _candidate(scene, i, line):
            own_line = (i == 0 or line[i - 1] != line[i]) or bool(run)
            row = row_at(scene, i, line, states=own_line)
        if row is None:
            if run and tokens[i].text not in _GAP:
                if _DASHES.match(tokens[i].text) is None or line[i] == run[-1].line:
                    _keep(runs, run)
                    run = []
            i += 1
            continue
        if run and (len(row.values) != len(run[-1].values) or _backwards(run, row)):
            _keep(runs, run)
            run = []
        run.append(row)
        i = max(row.last, i + 1)
    _keep(runs, run)
    return runs


def _backwards(run: Sequence[Row], row: Row) -> bool:
    """Tell whether a row begins another list: it lies at or before the first row."""
    first = run[0].start
    return (
        not row.start.floating
        and not first.floating
        and row.start.lo <= first.lo
        and (row.start.dated or row.start.lo == first.lo)
    )


def _keep(runs: list[list[Row]], run: list[Row]) -> None:
    if not run:
        return
    lines = {row.line for row in run}
    apart = len(lines) == len(run) or all(row.wrapped for row in run)
    if len(run) >= 3 or (len(run) == 2 and apart):
        runs.append(list(run))


def _title(
    scene: Scene, text: str, rows: Sequence[Row], line: list[int], breaks: list[int], before: int
) -> tuple[str, list[str], int, str]:
    """Find the title, the column names, where they begin, and the sentence before them.

    Args:
        scene: the tokens and the clock.
        text: the text.
        rows: of the listing.
        line: number of the line of each token.
        breaks: where each line begins.
        before: index of the first token that can belong to it.

    Returns:
        Title, names of the columns, index of the first token that belongs to the listing,
        introduction.
    """
    tokens = scene.tokens
    first = rows[0].first
    start = tokens[first].start
    same = text[max(breaks[line[first]], tokens[before - 1].end if before else 0) : start]
    name, intro = "", ""
    headers: list[str] = []
    if same.strip(" \t|([{\"'-*•"):
        name, intro = _named(same)
        return name, [], first if intro else _first_on(line, first, before), intro or same.strip()
    number = line[first]
    head = first
    k = number - 1
    while k >= 0 and not name:
        low = max(breaks[k], tokens[before - 1].end if before else 0)
        words = text[low : breaks[k + 1]].strip()
        inside = _tokens_from(tokens, low, head)
        if inside == head and words and not _DASHES.match(words):
            break
        if not words or _DASHES.match(words):
            head = min(head, inside)
            k -= 1
            continue
        columns = _header(words, len(rows[0].values) + 1 + (rows[0].end is not None))
        if columns and not headers:
            headers, head = columns, inside
            k -= 1
            continue
        if words.endswith((".", "!", "?")) or len(words.split()) > _LONGEST_TITLE:
            intro = words
        elif words.endswith(":") and len(words.split()) > 5:
            intro = words
            name = _MARKS.sub("", words) if len(words.split()) <= 8 else ""
            break
        else:
            name, head = _MARKS.sub("", words), inside
            intro = _above(text, breaks, k, tokens[before - 1].end if before else 0)
            break
        break
    return name, headers, head, intro


def _first_on(line: list[int], first: int, before: int) -> int:
    """Return the first token of the line of token `first`."""
    while first > before and line[first - 1] == line[first]:
        first -= 1
    return first


def _tokens_from(tokens: Sequence, low: int, high: int) -> int:  # type: ignore[type-arg]
    """Return the index of the first token at or after a character, at most `high`."""
    k = high
    while k > 0 and tokens[k - 1].start >= low:
        k -= 1
    return k


def _named(words: str) -> tuple[str, str]:
    """Split "Here are the rates. Kansas: " into the title and the sentence before it."""
    whole = words.strip()
    head = re.match(r"(.*[.!?:])\s+(.+)$", whole.rstrip(": -"), re.DOTALL)
    last = head[2] if head else whole
    if len(last.split()) > 6 or (not head and whole.endswith((".", "!", "?"))):
        return "", whole
    name = _MARKS.sub("", last)
    return name if "(" in name else name.rstrip(" )"), head[1] if head else ""


def _above(text: str, breaks: list[int], k: int, low: int) -> str:
    """Return the nearest line above line `k` that is a sentence."""
    for m in range(k - 1, max(-1, k - 4), -1):
        if breaks[m] < low:
            return ""
        words = text[breaks[m] : breaks[m + 1]].strip()
        if words and not _DASHES.match(words):
            return words
    return ""


def _header(words: str, columns: int) -> list[str]:
    """Read the names of columns; empty where a line is no header."""
    if words.endswith(":") and "(" in words:
        inside = re.search(r"\(([^()]*[,;|][^()]*)\)\s*:$", words)
        cells = [cell.strip() for cell in re.split(r"[,;|]", inside[1])] if inside else []
        return cells if len(cells) == columns else []
    for separator in ("|", "\t", ";", ",", " / "):
        if separator in words:
            cells = [cell.strip(" *_\"'`") for cell in words.strip("| ").split(separator)]
            if len(cells) == columns and all(cells) and len(words.split()) <= 4 * columns:
                return cells
            return []
    cells = words.split()
    kinds = (
        "date",
        "time",
        "timestamp",
        "month",
        "day",
        "hour",
        "stamp",
        "datetime",
        "year",
        "period",
    )
    if len(cells) == columns and cells[0].lower() in kinds:
        return cells
    return []


def _columns(
    scene: Scene, text: str, rows: Sequence[Row], name: str, headers: list[str], intro: str
) -> list[Listing]:
    """Make one listing for each column of values."""
    stamps, ends = _stamps(scene, rows)
    width = len(rows[0].values)
    start, stop = scene.tokens[rows[0].first].start, scene.tokens[rows[-1].last - 1].end
    span = Span(start, stop, text[start:stop])
    order = sorted(range(len(rows)), key=lambda k: stamps[k])
    segments = any(row.end is not None for row in rows)
    end = ends[order[-1]] if segments else None
    about = headers[0] if headers else name
    if not segments and _UNTIL.search(about):
        end, segments = stamps[order[-1]], True
        stamps = [scene.anchor.first, *(stamps[k] for k in order[:-1])]
        order = list(range(len(rows)))
    elif not segments and _FROM.search(about):
        segments = True
    found = []
    for column in range(width):
        values = tuple(rows[k].values[column] for k in order)
        states = any(isinstance(value, str) for value in values)
        title = name
        if headers and (width > 1 or not name):
            title = headers[len(headers) - width + column]
            if not name and width == 1 and title.lower() in ("value", "values"):
                title = ""
        found.append(
            Listing(
                name=title,
                stamps=tuple(stamp(stamps[k]) for k in order),
                values=values,
                steps=segments or states,
                end=None if end is None else stamp(end),
                span=span,
                intro=intro,
            )
        )
    return found


def _stamps(scene: Scene, rows: Sequence[Row]) -> tuple[list[datetime], list[datetime | None]]:
    """Put the rows on the calendar; without a date or a year they go on from row to row."""
    anchor = scene.anchor
    stamps: list[datetime] = []
    ends: list[datetime | None] = []
    previous: datetime | None = None
    base = day_of(anchor.first) if anchor.now - anchor.first < _ONE_DAY else day_of(anchor.now)
    for row in rows:
        at = row.start.lo
        if row.start.floating and row.start.clock is not None:
            at = base + row.start.clock
            while previous is not None and at < previous:
                base += _ONE_DAY
                at = base + row.start.clock
        elif previous is not None and at < previous and row.start.month is not None:
            try:
                later = at.replace(year=at.year + 1)
                at = later if later > previous else at
            except ValueError:
                pass
        previous = at
        stamps.append(at)
        ends.append(_end_of(row, at))
    return stamps, ends


def _end_of(row: Row, at: datetime) -> datetime | None:
    if row.end is None:
        return None
    if row.end.floating and row.end.clock is not None:
        end = day_of(at) + row.end.clock
        return end if end > at else end + _ONE_DAY
    fine = row.end.precision in ("second", "minute", "hour")
    return row.end.lo if fine else row.end.hi
