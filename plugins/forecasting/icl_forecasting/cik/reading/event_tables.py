"""Tables with one event in each row: when it begins, when it ends, and what it does."""

from __future__ import annotations

import re
from collections.abc import Sequence

from icl_forecasting.cik.language import parse
from icl_forecasting.cik.language.tokens import tokens
from icl_forecasting.cik.reading.quantities import MEASURES, quantities
from icl_forecasting.cik.reading.topic import GENERIC, Topic
from icl_forecasting.cik.reading.when import side_of
from icl_forecasting.cik.statements import Change, Effect, Span, Statement
from icl_forecasting.cik.windows import Clock, Window

_RULE = re.compile(r"[\s|:+=-]+$")
_BEGINS = re.compile(
    r"\b(?:begin\w*|start\w*|from|first|onset|since|opens?|opening|off|down|out|arrival)\b", re.I
)
_ENDS = re.compile(
    r"\b(?:ends?|ending|until|till|to|through|last|stop\w*|over|clos\w+|back|again|departure"
    r"|finish\w*|up)\b",
    re.I,
)
_INCLUDED = re.compile(r"\b(?:last|through|including|incl)\b", re.I)
_LENGTH = re.compile(r"\b(?:length|duration|lasts?|hours?|days?)\b", re.I)
_NUMBER = r"(\d+(?:\.\d+)?)"
_FACTOR = re.compile(rf"(?:[x×*]\s*{_NUMBER}|{_NUMBER}\s*(?:[x×]|times|-?\s*fold)\b.*)$", re.I)
_PERCENT = re.compile(rf"(?P<sign>[+−–-]|plus|minus)?\s*{_NUMBER}\s*(?:%|percent)(?P<of>.*)$", re.I)
_TIMES = re.compile(r"\b(?:times|factor|multipl\w+|x)\b", re.I)
_AGAINST = re.compile(r"\b(?:usual|normal|typical|regular|average|effect|impact|change)\b", re.I)
_NONE = frozenset({"0", "0.0", "zero", "none", "nil", "0 %", "0%"})


def table_events(text: str, clock: Clock, topic: Topic) -> tuple[list[Statement], list[Span]]:
    """Read the rows of tables of events.

    Args:
        text: all of it.
        clock: of the forecast.
        topic: what the series is about.

    Returns:
        The effects, one for each row, and the characters of the tables.
    """
    found: list[Statement] = []
    spans: list[Span] = []
    for header, rows in _tables(text):
        begin = _column(header, _BEGINS)
        end = _column(header, _ENDS, begin)
        length = _column(header, _LENGTH, begin, end) if end is None else None
        if begin is None or (end is None and length is None):
            continue
        made: list[Statement] = []
        for cells, span in rows:
            last = cells[end] if end is not None else cells[length or 0]
            inside = end is not None and bool(_INCLUDED.search(header[end]))
            window = _window(cells[begin], last, inside, end is None, clock)
            if window is None or side_of(window, clock) not in ("future", "both"):
                continue
            for place, cell in enumerate(cells):
                if place in (begin, end, length):
                    continue
                read = _effect(header[place], cell, topic)
                if read is not None:
                    change, value = read
                    effect = Effect(
                        window=window, change=change, value=value, cause=cells[0], span=span
                    )
                    made.append(effect)
        if made:
            found += made
            spans += [span for _, span in rows]
    return found, spans


Row = tuple[list[str], Span]


def _tables(text: str) -> list[tuple[list[str], list[Row]]]:
    """Split runs of lines with the same number of cells into a header and rows."""
    lines: list[Row] = []
    at = 0
    for line in text.split("\n"):
        lines.append((_cells(line), Span(at, at + len(line), line)))
        at += len(line) + 1
    tables: list[tuple[list[str], list[Row]]] = []
    run: list[Row] = []
    for cells, span in [*lines, ([], Span(at, at, ""))]:
        if span.text and _RULE.match(span.text):
            continue
        if len(cells) >= 3 and (not run or len(run[-1][0]) == len(cells)):
            run.append((cells, span))
            continue
        if len(run) > 1:
            tables.append((run[0][0], run[1:]))
        run = [(cells, span)] if len(cells) >= 3 else []
    return tables


def _cells(line: str) -> list[str]:
    for sign in ("|", "\t", ";", ","):
        if line.count(sign) >= 2:
            return [cell.strip() for cell in line.strip().strip(sign).split(sign)]
    return []


def _column(header: Sequence[str], words: re.Pattern[str], *taken: int | None) -> int | None:
    for place, title in enumerate(header):
        if place not in taken and words.search(title):
            return place
    return None


def _window(begin: str, end: str, included: bool, length: bool, clock: Clock) -> Window | None:
    """Read the cells of a beginning and an end, or of a length."""
    joint = "for" if length else "through" if included else "until"
    document = parse(f"It lasts from {begin} {joint} {end}.", clock)
    windows = [
        time.window
        for sentence in document.sentences
        for clause in sentence.clauses
        for time in clause.times
        if time.window.start is not None and time.window.end is not None
    ]
    return windows[0] if len(windows) == 1 else None


def _effect(title: str, cell: str, topic: Topic) -> tuple[Change, float] | None:
    """Read what a row does: "x 4", "+30 %", "0", under a title that speaks of the series."""
    if not _own(title, topic):
        return None
    plain = cell.strip()
    factor = _FACTOR.match(plain)
    if factor:
        return Change.SCALE, float(factor[1] or factor[2])
    percent = _PERCENT.match(plain)
    if percent:
        value = float(percent[2]) / 100
        if percent["sign"]:
            down = percent["sign"].lower() in ("-", "−", "–", "minus")
            return Change.SCALE, max(0.0, 1 - value) if down else 1 + value
        if percent["of"] or _AGAINST.search(title):
            return Change.SCALE, value
        return None
    if re.fullmatch(_NUMBER, plain) and _TIMES.search(title) and float(plain) > 0:
        return Change.SCALE, float(plain)
    return (Change.LEVEL, 0.0) if plain.lower() in _NONE else None


def _own(title: str, topic: Topic) -> bool:
    """Tell whether the title of a column speaks of the series."""
    words = tuple(tokens(title))
    named = quantities(words)
    others = [one for one in named if one.concept not in topic.family | MEASURES]
    lemmas = {one.lemma for one in words} | {one.lower for one in words}
    mine = any(one.concept in topic.family for one in named) or bool(lemmas & topic.words)
    general = bool(lemmas & GENERIC) or bool(_AGAINST.search(title) or _TIMES.search(title))
    return mine or (general and not others)
