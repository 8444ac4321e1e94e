"""Lengths of time: "two and a half hours", "90 min", "an hour and a half", "a couple of days"."""

from __future__ import annotations

from collections.abc import Sequence

from icl_forecasting.cik.language.almanac import Length
from icl_forecasting.cik.language.model import Token
from icl_forecasting.cik.language.numbers import number_at
from icl_forecasting.cik.language.vocabulary import GROUPS, NUMBERS, SHORT_UNITS, UNITS

_VAGUE = {"few": 3.0, "several": 4.0, "some": 3.0, "couple": 2.0}
_OPENING = (
    frozenset(NUMBERS)
    | frozenset(_VAGUE)
    | frozenset(GROUPS)
    | frozenset(
        "a an one half quarter third another about around approximately roughly nearly almost "
        "circa some approx just only exactly over under at up more less close minus".split()
    )
)
"""Words that a length can begin with."""
_FILLERS = frozenset(
    "full whole entire consecutive straight more additional further successive calendar solid "
    "long short brief business working good further".split()
)
_ABOUT = frozenset("about around approximately roughly nearly almost circa some approx".split())


def about_at(tokens: Sequence[Token], i: int) -> int:
    """Return the index after words such as "about", "up to", "at least" before a number."""
    while i < len(tokens):
        word = tokens[i].lower
        following = tokens[i + 1].lower if i + 1 < len(tokens) else ""
        if word in _ABOUT or word in ("just", "only", "exactly", "over", "~", "under"):
            i += 1
            if word == "approx" and following == ".":
                i += 1
        elif (word, following) in (("at", "least"), ("at", "most"), ("up", "to")):
            i += 2
        elif (word, following) in (("more", "than"), ("less", "than"), ("close", "to")):
            i += 2
        else:
            break
    return i


def unit_at(tokens: Sequence[Token], i: int, after_number: bool) -> str | None:
    """Return the unit of time that the token names."""
    if i >= len(tokens) or tokens[i].kind != "word":
        return None
    word = tokens[i].lower
    unit = UNITS.get(word) or UNITS.get(word.removesuffix("'s").removesuffix("’s"))
    if unit is None or (word in SHORT_UNITS and not after_number) or word.endswith("ly"):
        return None
    return unit


def length_at(tokens: Sequence[Token], i: int) -> tuple[Length, int] | None:
    """Read a length of time that begins at token `i`, and the index after it."""
    if i >= len(tokens) or (tokens[i].kind == "word" and tokens[i].lower not in _OPENING):
        return None
    start = i
    i = about_at(tokens, i)
    loose = i > start
    first = _part(tokens, i)
    if first is None:
        return None
    parts, i, vague = first
    loose = loose or vague
    while True:  # "2 hours and 30 minutes", "1 h 30 min", "two days, three hours"
        j = i
        if j < len(tokens) and tokens[j].lower in ("and", ","):
            j += 1
        following = _part(tokens, j)
        if following is None or following[2] or not _finer(following[0][0][1], parts[-1][1]):
            break
        if j < len(tokens) and tokens[j].lower in ("a", "an"):
            break
        parts, i = parts + following[0], following[1]
    return Length(tuple(parts), loose), i


_ORDER = ("year", "month", "week", "day", "hour", "minute", "second")


def _finer(unit: str, than: str) -> bool:
    return unit in _ORDER and than in _ORDER and _ORDER.index(unit) > _ORDER.index(than)


def _part(tokens: Sequence[Token], i: int) -> tuple[list[tuple[float, str]], int, bool] | None:
    if i >= len(tokens):
        return None
    word = tokens[i].lower
    following = tokens[i + 1].lower if i + 1 < len(tokens) else ""
    vague = False
    if word == "half" and following in ("a", "an"):
        unit = unit_at(tokens, i + 2, False)
        return ([(0.5, unit)], i + 3, False) if unit else None
    if (word in ("a", "an") and following == "half") or word == "half":
        j = i + 2 if word != "half" else i + 1
        if j < len(tokens) and tokens[j].text == "-":
            j += 1
        unit = unit_at(tokens, j, False)
        return ([(0.5, unit)], j + 1, False) if unit else None
    found = number_at(tokens, i)
    if found is None:
        if word in ("a", "an") and following in _VAGUE:
            found, vague = (_VAGUE[following], i + 2), following != "couple"
        elif word in ("a", "an", "one", "another"):
            found = (1.0, i + 1)
        elif word in _VAGUE and word != "some":
            found, vague = (_VAGUE[word], i + 1), True
        else:
            return None
        if found[1] < len(tokens) and tokens[found[1]].lower == "of":
            found = (found[0], found[1] + 1)
    count, j = found
    if (
        0 < count < 1
        and j + 1 < len(tokens)
        and tokens[j].lower == "of"
        and tokens[j + 1].lower in ("a", "an")
    ):
        j += 2  # "three quarters of an hour"
    if j < len(tokens) and tokens[j].lower in ("to", "-", "–", "or"):
        upper = number_at(tokens, j + 1)
        if upper and unit_at(tokens, upper[1], True) and upper[0] > count:
            count, j, vague = (count + upper[0]) / 2, upper[1], True
    k = j
    while k < len(tokens) and (tokens[k].lower in _FILLERS or tokens[k].text == "-") and k < j + 3:
        k += 1
    if (
        k + 1 < len(tokens)
        and tokens[k].lower == "time"
        and tokens[k + 1].lower in ("step", "steps")
    ):
        return [(count, "step")], k + 2, vague
    unit = unit_at(tokens, k, k == j and tokens[i].kind == "number")
    if unit is None and k < len(tokens) and tokens[k].lower == "quarter":
        unit = "quarter"
    if unit is None:
        return None
    k += 1
    if (
        k + 2 < len(tokens)
        and tokens[k].lower == "and"
        and tokens[k + 1].lower in ("a", "one")
        and tokens[k + 2].lower in ("half", "quarter")
    ):  # "an hour and a half"
        count += 0.5 if tokens[k + 2].lower == "half" else 0.25
        k += 3
    return [(count, unit)], k, vague
