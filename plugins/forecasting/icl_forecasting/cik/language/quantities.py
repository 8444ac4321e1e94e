"""Numbers in their context: percentages, multiples, ranges, units, comparisons."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from icl_forecasting.cik.language.comparisons import LESS, MORE, in_context
from icl_forecasting.cik.language.durations import length_at, unit_at
from icl_forecasting.cik.language.model import Quantity, Token
from icl_forecasting.cik.language.numbers import number_at, ordinal_at
from icl_forecasting.cik.language.vocabulary import FRACTIONS, MULTIPLES, NUMBERS, ORDINALS

_NO_UNIT = frozenset(
    "and or but to of in on at from for until by with the a an is are was were be been "
    "will would as "
    "than that which it its this these those if when because so then per each every during between "
    "above below over under more less higher lower times fold usual normal typical until since due "
    "after before while not no only also both all has have had can could may might should must "
    "respectively instead again later ago throughout through they we you he she there their our "
    "additional extra other further new "
    "rather instead even still now today just very quite too yet there here together "
    "altogether else "
    "greater fewer larger smaller twice once starting beginning lasting leading resulting "
    "causing".split()
)
_WORDS = (
    set(NUMBERS)
    | set(FRACTIONS)
    | set(ORDINALS)
    | {"a", "an", "factor", "minus", "negative", "dozen"}
) - {"second"}
"""Words that a quantity can begin with."""
_X_NUMBER = re.compile(r"[x×](\d+(?:\.\d+)?)$")
_FOLD = re.compile(r"(\w+)fold$")


def quantities(
    tokens: Sequence[Token], taken: bytearray, text: str, step: timedelta
) -> list[Quantity]:
    """Read the quantities of a text.

    Args:
        tokens: of the text.
        taken: for each token, 1 where it belongs to a date or time of day, 0 elsewhere.
        text: the text.
        step: length of one step of the series, for rates "per step".
    """
    found: list[Quantity] = []
    i = 0
    while i < len(tokens):
        if taken[i]:
            i += 1
            continue
        token = tokens[i]
        kind = token.kind
        if kind == "word":
            if token.lower not in _WORDS and token.lemma not in MULTIPLES and not _odd(token.lower):
                i += 1
                continue
        elif kind == "symbol" and token.text not in "½¼¾⅓⅔":
            i += 1
            continue
        read = _at(tokens, i, taken)
        if read is None:
            i += 1
            continue
        quantity, last = read
        for k in range(i + 1, last):
            if "\n" in text[tokens[k - 1].end : tokens[k].start]:
                quantity, last = _at(tokens[:k], i, taken) or (quantity, k)
                break
        found.append(in_context(tokens, i, last, quantity, text, step))
        i = max(last, i + 1)
    return found


def _odd(word: str) -> bool:
    """Tell whether a word holds a number: "x4", "twelvefold"."""
    return word.endswith("fold") or (word[0] in "x×" and word[1:2].isdigit())


def _at(tokens: Sequence[Token], i: int, taken: bytearray) -> tuple[Quantity, int] | None:
    word = tokens[i].lower
    if tokens[i].kind == "word":
        single = _multiple(tokens, i)
        if single:
            return single
        if word in ("a", "an", "one") or word in FRACTIONS or word in NUMBERS:
            length = length_at(tokens, i)
            if length and len(length[0].parts) == 1 and length[0].parts[0][0] != 1:
                count, unit = length[0].parts[0]
                return Quantity(count, kind="duration", unit=unit), length[1]
            part = _part_of(tokens, i)
            if part:
                return part
        ordinal = ordinal_at(tokens, i)
        if ordinal and i and tokens[i - 1].lower == "at":
            return None  # "at first"
        if ordinal and word not in ("second", "third", "quarter", "half"):
            return Quantity(ordinal[0], kind="ordinal"), ordinal[1]
        if word == "factor" and i + 1 < len(tokens):
            j = i + 2 if tokens[i + 1].lower == "of" else i + 1
            number = number_at(tokens, j)
            if number:
                return _range(tokens, Quantity(number[0], kind="factor", basis="by"), number[1])
    else:
        if i >= 2 and tokens[i - 1].lower in ("x", "×", "*") and tokens[i - 2].kind == "word":
            value = tokens[i].value
            if value is not None and tokens[i - 2].lower not in ("t", "y"):
                return Quantity(value, kind="factor"), i + 1  # "usual demand x 4"
        ordinal = ordinal_at(tokens, i)
        if ordinal:
            return Quantity(ordinal[0], kind="ordinal"), ordinal[1]
    number = number_at(tokens, i)
    if number is None or any(taken[i : number[1]]):
        return None
    if tokens[i].kind == "word" and word in ("one", "a", "an") and not _counts(tokens, number[1]):
        return None
    return _suffix(tokens, *_range(tokens, Quantity(number[0]), number[1]))


def _counts(tokens: Sequence[Token], j: int) -> bool:
    """Tell whether "one" or "a ..." before token `j` is a number and not a pronoun or article."""
    if j >= 2 and tokens[j - 1].lower in ("dozen", "hundred", "thousand", "million"):
        return True
    if j >= len(tokens):
        return False
    word = tokens[j].lower
    return (
        word in ("percent", "%", "per", "x", "times")
        or unit_at(tokens, j, True) is not None
        or (
            j >= 2
            and tokens[j - 1].lower
            in ("dozen", "hundred", "thousand", "million", "half", "quarter")
        )
    )


def _multiple(tokens: Sequence[Token], i: int) -> tuple[Quantity, int] | None:
    """Read "twice", "doubled", "fourfold", "x4"."""
    token = tokens[i]
    following = tokens[i + 1].lower if i + 1 < len(tokens) else ""
    value = MULTIPLES.get(token.lemma) or MULTIPLES.get(token.lower)
    if value is not None:
        if following == "-":
            return None  # "double-digit"
        if following in ("a", "an", "per", "each", "every", "daily", "weekly", "monthly"):
            if token.lower in ("twice", "thrice"):
                return None  # "twice a week" tells how often
        basis = "by" if token.lower in ("halve", "halved", "halves", "halving") else None
        return Quantity(value, kind="factor", basis=basis and None), i + 1
    sign = _X_NUMBER.match(token.lower)
    if sign:
        return Quantity(float(sign[1]), kind="factor"), i + 1
    fold = _FOLD.match(token.lower)
    if fold and fold[1] in NUMBERS:
        return Quantity(NUMBERS[fold[1]], kind="factor"), i + 1
    return None


def _part_of(tokens: Sequence[Token], i: int) -> tuple[Quantity, int] | None:
    """Read "half the usual", "a third of", "three quarters of", "half as many"."""
    number = number_at(tokens, i)
    if number is None or not 0 < number[0] < 1:
        return None
    j = number[1]
    word = tokens[j].lower if j < len(tokens) else ""
    if word in (
        "the",
        "its",
        "their",
        "as",
        "of",
        "that",
        "what",
        "normal",
        "usual",
        "this",
        "his",
    ):
        return Quantity(number[0], kind="factor", basis="of"), j + (word == "of")
    if word in MORE | LESS:
        return Quantity(number[0], kind="factor"), j
    before = tokens[i - 1].lower if i else ""
    if before in ("by", "to") and unit_at(tokens, j, False) is None:
        return Quantity(number[0], kind="factor"), j
    return None


def _range(tokens: Sequence[Token], quantity: Quantity, j: int) -> tuple[Quantity, int]:
    """Read the upper end of "0.1 to 0.2", "10-20", "between 2 and 3", "2 or 3"."""
    if j + 1 >= len(tokens):
        return quantity, j
    word = tokens[j].lower
    k = j
    if word in ("%", "percent", "times", "x") and j + 2 < len(tokens):
        k, word = j + 1, tokens[j + 1].lower
    if word in ("to", "-", "–", "—", "and", "or"):
        upper = number_at(tokens, k + 1)
        if upper and upper[0] > quantity.value:
            if word == "and" and not _after_between(tokens, j):
                return quantity, j
            if word == "or" and k > j:
                return quantity, j
            if word == "to" and k > j and _suffix_word(tokens, upper[1]) != tokens[j].lower:
                return quantity, j
            if word == "-" and tokens[k].start > tokens[k - 1].end:
                return quantity, j
            return replace(quantity, high=upper[0]), upper[1]
    return quantity, j


def _suffix_word(tokens: Sequence[Token], j: int) -> str:
    return tokens[j].lower if j < len(tokens) else ""


def _after_between(tokens: Sequence[Token], j: int) -> bool:
    return any(tokens[k].lower == "between" for k in range(max(0, j - 6), j))


def _suffix(tokens: Sequence[Token], quantity: Quantity, j: int) -> tuple[Quantity, int]:
    """Read the sign or unit after a number."""
    if j >= len(tokens):
        return quantity, j
    word = tokens[j].lower
    following = tokens[j + 1].lower if j + 1 < len(tokens) else ""
    third = tokens[j + 2].lower if j + 2 < len(tokens) else ""
    if word == "-" and following in ("percent", "fold", "times", "point"):
        j, word, following = j + 1, following, third
    if word in ("%", "percent", "pct", "percents", "％"):
        if following in ("point", "points"):
            return replace(quantity, kind="percent", points=True), j + 2
        return replace(quantity, kind="percent"), j + 1
    if word == "per" and following in ("cent", "cents"):
        return replace(quantity, kind="percent"), j + 2
    if word in ("percentage", "pp") and (following in ("point", "points") or word == "pp"):
        return replace(quantity, kind="percent", points=True), j + (1 if word == "pp" else 2)
    if word == "*" and j + 1 < len(tokens) and tokens[j + 1].kind == "word":
        if "_" not in following and len(following) > 2:
            return replace(quantity, kind="factor"), j + 1  # "4 * normal load"
    if word in ("times", "x", "×", "fold", "time"):
        if word in ("x", "×") and j + 1 < len(tokens) and tokens[j + 1].kind == "number":
            return quantity, j
        if word == "time" and quantity.value != 1:
            return quantity, j
        if word in ("times", "time") and following in ("a", "per", "each", "every"):
            if third in ("day", "week", "month", "year", "hour"):
                return replace(quantity, unit="times"), j + 1
        return replace(quantity, kind="factor"), j + 1
    hyphen = word == "-" and j + 1 < len(tokens) and unit_at(tokens, j + 1, True) is not None
    unit = unit_at(tokens, j + 1 if hyphen else j, True)
    if unit is not None:
        return replace(quantity, kind="duration", unit=unit), j + (2 if hyphen else 1)
    if word == "°" and following in ("c", "f", "k"):
        return replace(quantity, unit="°" + tokens[j + 1].text), j + 2
    if tokens[j].kind != "word" and word not in ("$", "€", "£", "°"):
        return quantity, j
    if word in _NO_UNIT:
        return quantity, j
    unit, k = tokens[j].text, j + 1
    while k + 1 < len(tokens) and tokens[k].text == "/" and tokens[k + 1].kind == "word":
        unit, k = f"{unit}/{tokens[k + 1].text}", k + 2
    return replace(quantity, unit=unit), k
