"""Words around a number: comparison, basis and rate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import numpy as np

from icl_forecasting.cik.language.almanac import Length
from icl_forecasting.cik.language.durations import length_at, unit_at
from icl_forecasting.cik.language.model import Quantity, Token
from icl_forecasting.cik.statements import Span

_ABOUT = frozenset(
    "about around approximately roughly nearly almost circa some approx ~ ≈ near".split()
)


_OVER = frozenset("over above exceeding exceed exceeds exceeded beyond > surpass surpasses".split())


_UNDER = frozenset("under below < beneath".split())


_PHRASES: tuple[tuple[tuple[str, ...], str], ...] = (
    (("at", "or", "below"), "at most"),
    (("at", "or", "under"), "at most"),
    (("below", "or", "at"), "at most"),
    (("at", "or", "above"), "at least"),
    (("above", "or", "at"), "at least"),
    (("less", "than", "or", "equal", "to"), "at most"),
    (("smaller", "than", "or", "equal", "to"), "at most"),
    (("greater", "than", "or", "equal", "to"), "at least"),
    (("larger", "than", "or", "equal", "to"), "at least"),
    (("equal", "to", "or", "less", "than"), "at most"),
    (("equal", "to", "or", "below"), "at most"),
    (("equal", "to", "or", "greater", "than"), "at least"),
    (("equal", "to", "or", "above"), "at least"),
    (("no", "more", "than"), "at most"),
    (("not", "more", "than"), "at most"),
    (("no", "higher", "than"), "at most"),
    (("no", "greater", "than"), "at most"),
    (("no", "larger", "than"), "at most"),
    (("no", "less", "than"), "at least"),
    (("no", "fewer", "than"), "at least"),
    (("not", "less", "than"), "at least"),
    (("no", "lower", "than"), "at least"),
    (("no", "smaller", "than"), "at least"),
    (("a", "minimum", "of"), "at least"),
    (("a", "maximum", "of"), "at most"),
    (("a", "total", "of"), ""),
    (("more", "than"), "more than"),
    (("greater", "than"), "more than"),
    (("higher", "than"), "more than"),
    (("larger", "than"), "more than"),
    (("less", "than"), "less than"),
    (("fewer", "than"), "less than"),
    (("lower", "than"), "less than"),
    (("smaller", "than"), "less than"),
    (("at", "least"), "at least"),
    (("at", "most"), "at most"),
    (("up", "to"), "at most"),
    (("close", "to"), "about"),
    (("in", "excess", "of"), "more than"),
    (("≥",), "at least"),
    ((">=",), "at least"),
    (("≤",), "at most"),
    (("<=",), "at most"),
)


MORE = frozenset(
    "more higher greater increase rise jump surge growth extra additional gain larger up uplift "
    "boost spike hike faster stronger bigger".split()
)


LESS = frozenset(
    "less lower fewer decrease drop reduction decline fall cut dip loss smaller down discount "
    "slower weaker shortfall".split()
)


def in_context(
    tokens: Sequence[Token],
    first: int,
    last: int,
    quantity: Quantity,
    text: str,
    step: timedelta,
) -> Quantity:
    """Add comparison, basis and characters."""
    core = Span(
        tokens[first].start, tokens[last - 1].end, text[tokens[first].start : tokens[last - 1].end]
    )
    j = first
    comparison: str | None = quantity.comparison
    approximate = False
    if j and tokens[j - 1].lower == "a" and tokens[first].lower == "factor":
        j -= 1
    for _ in range(3):
        word = tokens[j - 1].lower if j else ""
        phrase = _phrase_before(tokens, j)
        if phrase:
            j -= phrase[0]
            comparison = phrase[1] or comparison
        elif word in _ABOUT:
            j -= 1
            approximate, comparison = True, comparison or "about"
        elif word in _OVER and not (j >= 2 and tokens[j - 2].lower == "%"):
            j, comparison = j - 1, "more than"
        elif word in _UNDER:
            j, comparison = j - 1, "less than"
        elif word in ("between", "from", "exactly", "only", "just", "the", "a", "an"):
            if word in ("the", "a", "an") and quantity.kind == "plain":
                break
            j -= 1
        else:
            break
    if quantity.high is not None:
        approximate = True
    if comparison in ("more than", "less than") and _denied(tokens, j):
        comparison = "at most" if comparison == "more than" else "at least"
    if comparison is None and last + 1 < len(tokens) and tokens[last].lower == "or":
        side = tokens[last + 1].lower
        if side in ("less", "lower", "fewer", "below", "under", "smaller"):
            comparison, last = "at most", last + 2
        elif side in ("more", "higher", "greater", "above", "over", "larger"):
            comparison, last = "at least", last + 2
    basis, last = _basis(tokens, j, last, quantity)
    if basis == "by" and quantity.kind == "plain" and quantity.value > 0:
        verbs = {token.lemma for token in tokens[max(0, j - 10) : j]}
        if "multiply" in verbs:
            quantity = replace(quantity, kind="factor")
        elif "divide" in verbs:
            quantity = replace(quantity, kind="factor", value=1 / quantity.value)
    start, end = tokens[j].start, tokens[last - 1].end
    return replace(
        quantity,
        comparison=comparison,
        approximate=approximate or comparison == "about",
        basis=basis or quantity.basis,
        span=Span(start, end, text[start:end]),
        core=core,
        per=_rate(tokens, last, quantity, step),
    )


def _rate(
    tokens: Sequence[Token], last: int, quantity: Quantity, step: timedelta
) -> np.timedelta64 | None:
    """Read "per hour", "every 10 minutes", "a day", "at each step" after a number."""
    if quantity.kind in ("duration", "ordinal") or last >= len(tokens):
        return None
    j = last
    while (
        j < last + 2
        and j < len(tokens)
        and tokens[j].lower in ("at", "for", "with", "on", "units", "points")
    ):
        j += 1
    if j >= len(tokens):
        return None
    word = tokens[j].lower
    named = {
        "hourly": "hour",
        "daily": "day",
        "weekly": "week",
        "monthly": "month",
        "yearly": "year",
    }
    if word in named and j == last:
        return Length(((1.0, named[word]),)).delta(step)
    if word not in ("per", "every", "each", "a", "an", "/") or (word in ("a", "an") and j > last):
        return None
    length = length_at(tokens, j + 1)
    if length and word != "a":
        return length[0].delta(step)
    single = (
        j + 2
        if j + 1 < len(tokens) and tokens[j + 1].lower in ("single", "passing", "time")
        else j + 1
    )
    unit = unit_at(tokens, single, word == "/")
    return None if unit is None else Length(((1.0, unit),)).delta(step)


def _denied(tokens: Sequence[Token], j: int) -> bool:
    """Tell whether a comparison before token `j` is denied: "never exceeds"."""
    for k in range(j - 1, max(-1, j - 6), -1):
        word = tokens[k].lower
        if word in ("never", "not", "cannot", "nor", "no", "without") or word.endswith("n't"):
            return True
        if tokens[k].kind != "word" or word in ("and", "but", "which", "if", "when", "that"):
            return False
    return False


def _phrase_before(tokens: Sequence[Token], j: int) -> tuple[int, str] | None:
    for words, meaning in _PHRASES:
        n = len(words)
        if j >= n and tokens[j - 1].lower == words[-1]:
            if all(tokens[j - n + k].lower == words[k] for k in range(n)):
                return n, meaning
    return None


def _basis(
    tokens: Sequence[Token], j: int, last: int, quantity: Quantity
) -> tuple[str | None, int]:
    before = tokens[j - 1].lower if j else ""
    after = tokens[last].lower if last < len(tokens) else ""
    if quantity.kind in ("percent", "factor", "plain", "duration") and after:
        if after == "of" and quantity.kind != "plain":
            return ("by" if before == "by" else "to" if before == "to" else "of"), last + 1
        if after in ("above", "over") and quantity.kind == "percent":
            return "above", last + 1
        if after in ("below", "under") and quantity.kind == "percent":
            return "below", last + 1
        if after in MORE and quantity.kind in ("percent", "factor", "plain"):
            return "more", last + 1
        if after in LESS and quantity.kind in ("percent", "factor", "plain"):
            return "less", last + 1
    if before in ("by", "to"):
        return before, last
    if tokens[j].text.startswith("+"):
        return "more", last
    if before == "of" and j >= 2:
        noun = tokens[j - 2].lower
        if noun in MORE or tokens[j - 2].lemma in MORE:
            return "more", last
        if noun in LESS or tokens[j - 2].lemma in LESS:
            return "less", last
    if before in ("up", "down"):
        return ("more" if before == "up" else "less"), last
    return None, last
