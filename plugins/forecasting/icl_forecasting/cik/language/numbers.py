"""Numbers in digits and words, at a token."""

from __future__ import annotations

from collections.abc import Sequence

from icl_forecasting.cik.language.model import Token
from icl_forecasting.cik.language.vocabulary import (
    FRACTIONS,
    GROUPS,
    NUMBERS,
    ORDINALS,
    SCALES,
)

Found = tuple[float, int]
"""A value and the index of the first token after it."""


def number_at(tokens: Sequence[Token], i: int) -> Found | None:
    """Read a number that begins at token `i`: "3", "two and a half", "1.5 million", "a dozen".

    Ordinals ("second") are not numbers; `ordinal_at` reads them.
    """
    if i >= len(tokens):
        return None
    token = tokens[i]
    if token.kind == "number" and token.value is not None:
        value, j = token.value, i + 1
        fraction = _vulgar(tokens, j)
        if fraction:
            value, j = value + fraction[0], fraction[1]
        return _scaled(tokens, value, j)
    if token.kind != "word":
        return _sign_fraction(token, i)
    word = token.lower
    if word in ("minus", "negative"):
        rest = number_at(tokens, i + 1)
        return (-rest[0], rest[1]) if rest else None
    if word in ("a", "an", "one"):
        group = _group(tokens, i + 1)
        if group:
            return group
        if word == "one":
            return _words(tokens, i)
        return None
    if word == "half" and _next(tokens, i + 1) in ("a", "an"):
        # "half a dozen"; "half an hour" is left to the reader of lengths
        group = _group(tokens, i + 2)
        return (group[0] / 2, group[1]) if group else (0.5, i + 1)
    if word in ("half", "quarter", "third") or word in GROUPS:
        return _group(tokens, i)
    if word in NUMBERS:
        return _words(tokens, i)
    return None


def _next(tokens: Sequence[Token], i: int) -> str:
    return tokens[i].lower if i < len(tokens) else ""


def _sign_fraction(token: Token, i: int) -> Found | None:
    value = {"½": 0.5, "¼": 0.25, "¾": 0.75, "⅓": 1 / 3, "⅔": 2 / 3}.get(token.text)
    return None if value is None else (value, i + 1)


def _vulgar(tokens: Sequence[Token], i: int) -> Found | None:
    """Read what may follow a whole number: "½", "and a half", "and three quarters"."""
    if i < len(tokens) and tokens[i].text in "½¼¾⅓⅔":
        return _sign_fraction(tokens[i], i)
    if _next(tokens, i) != "and":
        return None
    if _next(tokens, i + 1) in ("a", "an", "one") and _next(tokens, i + 2) in FRACTIONS:
        return FRACTIONS[tokens[i + 2].lower], i + 3
    count = NUMBERS.get(_next(tokens, i + 1))
    if count is not None and _next(tokens, i + 2) in FRACTIONS:
        return count * FRACTIONS[tokens[i + 2].lower], i + 3
    return None


def _scaled(tokens: Sequence[Token], value: float, i: int) -> Found:
    while _next(tokens, i) in SCALES or _next(tokens, i) == "dozen":
        word = tokens[i].lower
        value *= SCALES.get(word, 12.0)
        i += 1
    return value, i


def _group(tokens: Sequence[Token], i: int) -> Found | None:
    """Read what may follow "a": "half", "quarter", "dozen", "hundred", "couple of"."""
    word = _next(tokens, i)
    if word == "couple":
        return 2.0, i + 2 if _next(tokens, i + 1) == "of" else i + 1
    if word in ("half", "quarter", "third", "tenth", "fifth", "sixth", "eighth", "fourth"):
        if word in ORDINALS and word not in ("third", "fourth", "fifth", "tenth", "sixth"):
            return None
        return FRACTIONS[word], i + 1
    if word == "dozen":
        return _scaled(tokens, 1.0, i)
    if word in SCALES:
        return _compound(tokens, SCALES[word], i + 1)
    return None


def _words(tokens: Sequence[Token], i: int) -> Found:
    """Read "three hundred and twenty-five", "two and a half", "zero point six"."""
    total, part = 0.0, NUMBERS[tokens[i].lower]
    i += 1
    if part >= 20 and _next(tokens, i) in NUMBERS:
        unit = NUMBERS[tokens[i].lower]
        if 0 < unit < 10:
            part, i = part + unit, i + 1
    elif part >= 20 and _next(tokens, i) == "-" and _next(tokens, i + 1) in NUMBERS:
        part, i = part + NUMBERS[tokens[i + 1].lower], i + 2
    gap = 1 if _next(tokens, i) == "-" else 0
    if _next(tokens, i + gap) in FRACTIONS and _next(tokens, i + gap) not in ("second",):
        # "three quarters", "two-thirds", "one fifth"
        return part * FRACTIONS[tokens[i + gap].lower], i + gap + 1
    if _next(tokens, i) == "point":
        digits, j = "", i + 1
        while _next(tokens, j) in NUMBERS and NUMBERS[tokens[j].lower] < 10 and len(digits) < 12:
            digits += str(int(NUMBERS[tokens[j].lower]))
            j += 1
        if digits:
            return _scaled(tokens, part + float("0." + digits), j)
    fraction = _vulgar(tokens, i)
    if fraction:
        return _scaled(tokens, part + fraction[0], fraction[1])
    while _next(tokens, i) in SCALES:
        return _compound(tokens, total + part * SCALES[tokens[i].lower], i + 1)
    if _next(tokens, i) == "dozen":
        return part * 12.0, i + 1
    return total + part, i


def _compound(tokens: Sequence[Token], value: float, i: int) -> Found:
    """Read on after a scale word: "two hundred | and five", "one thousand | two hundred"."""
    while _next(tokens, i) in SCALES:
        value, i = value * SCALES[tokens[i].lower], i + 1
    j = i + 1 if _next(tokens, i) == "and" else i
    if _next(tokens, j) in ("a", "an") and _next(tokens, j + 1) in FRACTIONS and j > i:
        return value, i
    if _next(tokens, j) in NUMBERS:
        rest, after = _words(tokens, j)
        if rest < value and float(rest).is_integer():
            return value + rest, after
    return value, i


def ordinal_at(tokens: Sequence[Token], i: int) -> Found | None:
    """Read an ordinal that begins at token `i`: "first", "28th", "twenty-first"."""
    word = _next(tokens, i)
    if word in ORDINALS:
        return float(ORDINALS[word]), i + 1
    if word in ("twenty", "thirty"):
        j = i + 2 if _next(tokens, i + 1) == "-" else i + 1
        unit = ORDINALS.get(_next(tokens, j), 0)
        if 0 < unit < 10:
            return NUMBERS[word] + unit, j + 1
        return None
    if i + 1 < len(tokens) and tokens[i].kind == "number":
        suffix = tokens[i + 1]
        if suffix.lower in ("st", "nd", "rd", "th") and suffix.start == tokens[i].end:
            value = tokens[i].value
            return (value, i + 2) if value is not None and value.is_integer() else None
    return None
