"""One row of a listing at a token: a moment or an interval, and its values."""

from __future__ import annotations

from dataclasses import dataclass

from icl_forecasting.cik.language.dates import date_at, moment_at
from icl_forecasting.cik.language.day_times import clock_at
from icl_forecasting.cik.language.moments import Moment, Scene
from icl_forecasting.cik.language.numbers import number_at

OPENING = frozenset({"(", "[", "{", "|", "-", "*", "•", '"', "'", "–", "<"})
CLOSING = frozenset({")", "]", "}", "|", '"', "'", ">"})
_BETWEEN = frozenset({",", ":", "|", "=", "-", "–", "—", "->", "→", "=>", ";", '"', "'", ")", "("})
_OPEN_START = frozenset(
    {"up", "until", "till", "to", "before", "..", "...", "start", "beginning", "initially"}
)
_RANGE = frozenset(
    {"..", "...", "…", "/", "->", "→", "-", "–", "—", "to", "until", "till", "through"}
)
_NUMBER_WORDS = frozenset({"nan", "na", "null", "none", "missing"})
_UNIT_SIGNS = frozenset({"%", "°", "$", "€", "£"})


@dataclass(frozen=True)
class Row:
    """A row.

    Args:
        start: its moment.
        end: end of its interval, if it has one.
        values: numbers, or a single state.
        first: index of its first token.
        last: index after its last token.
        wrapped: it stands in parentheses or brackets.
        line: number of its line.
    """

    start: Moment
    end: Moment | None
    values: tuple[float | str, ...]
    first: int
    last: int
    wrapped: bool
    line: int


def row_at(scene: Scene, i: int, line: list[int], states: bool) -> Row | None:
    """Read a row that begins at token `i`.

    Args:
        scene: the tokens and the clock.
        i: the token.
        line: number of the line of each token.
        states: accept words as a value.
    """
    tokens, n = scene.tokens, len(scene.tokens)
    j = i
    while j < n and tokens[j].text in OPENING and j < i + 3:
        j += 1
    wrapped = any(tokens[k].text in "([{" for k in range(i, j))
    if scene.word(j) in _OPEN_START:
        return _open_row(scene, i, j, line, wrapped)
    if scene.word(j) in ("from", "at", "on"):
        j += 1
    found = _when(scene, j)
    if found is None:
        return None
    start, k = found
    end: Moment | None = None
    m = k
    while m < n and tokens[m].text in ('"', "'", "|", ",") and line[m] == line[i]:
        m += 1
    if m < n and tokens[m].lower in _RANGE and line[m] == line[i]:
        second = _when(scene, m + 1)
        if second:
            end, k = second
    elif m < n and m > k and line[m] == line[i]:
        second = _when(scene, m)
        if second and not second[0].generic:
            end, k = second
    values, last = _values(scene, k, line, states)
    if not values or (wrapped and _outside(scene, k, last)):
        return None
    return Row(start, end, values, i, last, wrapped, line[i])


def _open_row(scene: Scene, i: int, j: int, line: list[int], wrapped: bool) -> Row | None:
    """Read a first row with an end alone: "up to 05:47:09: 0.0", "| start | 05:47:09 | 0.0 |"."""
    k = j + 1
    while scene.word(k) in ("to", "until", "|", ",", ":", "..", "-", "–") and k < j + 4:
        k += 1
    found = _when(scene, k)
    if found is None:
        return None
    values, last = _values(scene, found[1], line, False)
    if not values or (wrapped and _outside(scene, found[1], last)):
        return None
    first = scene.anchor.first
    start = Moment(first, first + scene.anchor.step, "second", dated=True)
    return Row(start, found[0], values, i, last, wrapped, line[i])


def _outside(scene: Scene, k: int, last: int) -> bool:
    """Tell whether the value stands behind the bracket: "0.1 (A to B), 0.2 (B to C)"."""
    for m in range(k, last):
        if scene.word(m) in (")", "]"):
            return scene.word(m + 1) not in (":", "=", "-", "->", "→") and m + 1 < last
        if scene.kind(m) == "number":
            return False
    return False


def _when(scene: Scene, i: int) -> tuple[Moment, int] | None:
    kind = scene.kind(i)
    if kind == "stamp":
        return moment_at(scene, i)
    if kind == "word":
        return date_at(scene, i) if scene.word(i) not in ("the", "a", "day", "hour") else None
    if kind == "number":
        found = date_at(scene, i)
        if found:
            return found
        if clock_at(scene, i):
            return moment_at(scene, i)
    return None


def _values(
    scene: Scene, i: int, line: list[int], states: bool
) -> tuple[tuple[float | str, ...], int]:
    tokens, n = scene.tokens, len(scene.tokens)
    values: list[float | str] = []
    at = line[i - 1]
    j = i
    closed = False
    while j < n and line[j] == at:
        text = tokens[j].text
        if (text in _BETWEEN or (text == "/" and _spaced(scene, j))) and not closed:
            if text == ")":
                closed = bool(values)
            if values and text in ("-", "(", ";") and text != ";":
                break
            j += 1
            continue
        if tokens[j].kind == "stamp" or (values and _when(scene, j)):
            break
        number = number_at(scene.tokens, j) if tokens[j].kind == "number" else None
        if number is None and tokens[j].lower in _NUMBER_WORDS and not states:
            values.append(float("nan"))
            j += 1
            continue
        if number is None or closed:
            break
        if (
            values
            and tokens[j - 1].text not in (",", "|", ";", "/")
            and tokens[j - 1].kind != "word"
        ):
            # a second number without a separator is another column only where white space says so
            if tokens[j].start - tokens[j - 1].end < 1:
                break
        values.append(number[0])
        j = number[1]
        if j < n and tokens[j].text in _UNIT_SIGNS:
            j += 1
        elif j < n and line[j] == at and tokens[j].kind == "word" and _is_unit(scene, j, line):
            j += 1
            while j + 1 < n and tokens[j].text == "/" and tokens[j + 1].kind == "word":
                j += 2
    if not values and states:
        return _state(scene, i, line)
    while j < n and line[j] == at and tokens[j].text in CLOSING:
        j += 1
    return tuple(values), j


def _spaced(scene: Scene, j: int) -> bool:
    """Tell whether a stroke stands between two columns: it has space on both sides."""
    tokens = scene.tokens
    if not 0 < j < len(tokens) - 1:
        return False
    return tokens[j - 1].end < tokens[j].start and tokens[j].end < tokens[j + 1].start


def _is_unit(scene: Scene, j: int, line: list[int]) -> bool:
    """Tell whether the word after a value is its unit: it ends the row or a separator follows."""
    after = scene.word(j + 1)
    return (
        j + 1 >= len(scene.tokens)
        or line[j + 1] != line[j]
        or after in (",", ";", "|", ")", "]", "/", ".")
    ) and _when(scene, j) is None


def _state(scene: Scene, i: int, line: list[int]) -> tuple[tuple[float | str, ...], int]:
    """Read a state in words: "cloudy", "partly closed"."""
    tokens, n = scene.tokens, len(scene.tokens)
    j = i
    at = line[i - 1]
    while j < n and line[j] == at and tokens[j].text in _BETWEEN:
        j += 1
    alone = j == i  # "05:00 shut": nothing between moment and state, but a line of its own
    words: list[str] = []
    while j < n and line[j] == at and tokens[j].kind == "word" and len(words) < 5:
        words.append(tokens[j].lower)
        j += 1
    while j < n and line[j] == at and tokens[j].text in CLOSING:
        j += 1
    if j < n and line[j] == at and tokens[j].text == "(" and words:
        while j < n and line[j] == at and tokens[j].text != ")":
            j += 1
        j = min(j + 1, n)
    ended = j >= n or line[j] != at or tokens[j].text in (",", ";", ".")
    limit = 2 if alone else 4
    if alone and (j < n and line[j] == at):
        return (), i
    if not words or not ended or len(words) > limit:
        return (), i
    return (" ".join(words),), j
