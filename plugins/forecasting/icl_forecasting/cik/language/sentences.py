"""Splits a text into sentences, with its headings and quotations."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from icl_forecasting.cik.language.model import Token

_ABBREVIATIONS = frozenset(
    "e.g i.e approx mr mrs ms dr prof st vs no fig eq resp etc ca inc ltd dept est min max avg jan "
    "feb mar apr jun jul aug sep sept oct nov dec mon tue wed thu fri hr hrs vol al cf".split()
)
_HEADINGS = {
    "background": "background",
    "scenario": "scenario",
    "scenarios": "scenario",
    "constraints": "constraints",
    "constraint": "constraints",
}
_OPEN_ENDED = frozenset(
    ", of the a an in on at to and or with for from by is are was were be will than that "
    "which as".split()
)
_BEGINNERS = frozenset(
    "it we they the this that these those there he she i you in on at from for during a an "
    "our its if "
    "when as suppose assume since because after before until between about around "
    "according then so "
    "and but however no not every each".split()
)
_BLANK_LINE = re.compile(r"\n[ \t\r]*\n")
_OPENING, _CLOSING = "“«„", "”»"


@dataclass(frozen=True)
class Piece:
    """A sentence as a range of tokens.

    Args:
        first: index of its first token.
        last: index after its last token.
        heading: the heading above it.
        quoted: most of its words stand in quotation marks.
        question: it ends with a question mark.
        paragraph: number of the block of lines.
    """

    first: int
    last: int
    heading: str | None
    quoted: bool
    question: bool
    paragraph: int


MOST_TOKENS = 400
"""Tokens of a sentence; what has no full stop for so long is cut, since joining pieces is slow."""


def sentences(tokens: Sequence[Token], text: str, hidden: bytearray) -> list[Piece]:
    """Split tokens into sentences.

    Args:
        tokens: of the text.
        text: the text.
        hidden: for each token, 1 where it belongs to a table; such tokens are in no sentence.
    """
    inside = _quoted(tokens, text)
    found: list[Piece] = []
    heading: str | None = None
    paragraph = 0
    first = 0
    n = len(tokens)
    i = 0
    while i < n:
        if hidden[i]:
            _close(found, tokens, first, i, heading, paragraph, inside)
            while i < n and hidden[i]:
                i += 1
            first = i
            continue
        gap = text[tokens[i].end : tokens[i + 1].start] if i + 1 < n else ""
        blank = bool(gap) and "\n" in gap and _BLANK_LINE.search(gap) is not None
        short = "\n" in gap and tokens[i].end - text.rfind("\n", 0, tokens[i].end) < _SHORT_LINE
        title = _heading(tokens, i, first, text)
        if title:
            heading, first, i = title[0], title[1], title[1]
            continue
        too_long = i + 1 - first >= MOST_TOKENS
        if i + 1 >= n or too_long or _ends(tokens, i, gap, blank, short):
            _close(found, tokens, first, i + 1, heading, paragraph, inside)
            first = i + 1
        if blank:
            paragraph += 1
        i += 1
    _close(found, tokens, first, n, heading, paragraph, inside)
    return found


def _close(
    found: list[Piece],
    tokens: Sequence[Token],
    first: int,
    last: int,
    heading: str | None,
    paragraph: int,
    inside: bytearray,
) -> None:
    while first < last and tokens[first].text in ("-", "*", "•", "–", "#", ".", ">", "|"):
        first += 1
    if first >= last:
        return
    quoted = sum(inside[first:last]) * 2 > last - first
    question = any(tokens[k].text == "?" for k in range(max(first, last - 2), last))
    found.append(Piece(first, last, heading, quoted, question, paragraph))


def _heading(tokens: Sequence[Token], i: int, first: int, text: str) -> tuple[str, int] | None:
    """Read "Background:", "**Scenario**", "# Constraints" at the beginning of a line."""
    name = _HEADINGS.get(tokens[i].lower)
    if name is None:
        return None
    j = i - 1
    marked = False
    while j >= first and tokens[j].text in ("#", "*", "_", "-", "[", "<"):
        marked, j = True, j - 1
    if j >= first:
        return None
    k = i + 1
    colon = False
    while k < len(tokens) and tokens[k].text in (":", "*", "_", "]", ">", "--", "---"):
        colon = colon or tokens[k].text in (":", "]", ">", "*")
        k += 1
    alone = k < len(tokens) and "\n" in text[tokens[k - 1].end : tokens[k].start]
    if colon or ((marked or not j >= first) and alone):
        return name, k
    return None


def _labels(tokens: Sequence[Token], i: int) -> bool:
    """Tell whether a line begins with a label: "speed of fan = ...", "parents of X: ..."."""
    return any(token.text in (":", "=") for token in tokens[i + 1 : i + 8])


_SHORT_LINE = 55
"""Characters; a shorter line is not broken because the paper ended."""


def _ends(tokens: Sequence[Token], i: int, gap: str, blank: bool, short: bool) -> bool:
    token, following = tokens[i], tokens[i + 1]
    if blank:
        return True
    text = token.text
    starts = following.text[0].isupper() or not following.text[0].isalpha()
    if "\n" in gap:
        if text in ".!?:;" or following.text in ("-", "*", "•"):
            return True
        if text in _OPEN_ENDED:
            return False
        return starts or short or token.kind in ("stamp", "number") or _labels(tokens, i + 1)
    if text in ("!", "?"):
        return following.text not in ('"', "”", "'", ")")
    closes = i > 0 and tokens[i - 1].end == token.start
    if text in ('"', "”", "'", ")") and closes and tokens[i - 1].text in (".", "!", "?"):
        return following.text[0].isupper() and text != ")"
    if text == "." or (token.kind == "stamp" and text.endswith(".")):
        if following.text in ('"', "”", ")", "'") and not gap:
            return False
        before = tokens[i - 1] if i else None
        if text == "." and before is not None and _abbreviated(tokens, i, before, following):
            return False
        if text != ".":
            return bool(gap) and following.text[0].isupper()
        if not gap:
            # "grid.According": the space was forgotten
            return (
                following.text[0].isupper() and before is not None and before.lower == before.text
            )
        return starts or (before is not None and (len(before.text) > 2 or before.kind != "word"))
    return text in (";",) and False


def _abbreviated(tokens: Sequence[Token], i: int, before: Token, following: Token) -> bool:
    if before.end != tokens[i].start:
        return False
    if len(before.text) == 1 and before.kind == "word":
        if following.lower in _BEGINNERS and following.text[0].isupper():
            return False
        return before.text != "I" or following.start == tokens[i].end
    return before.lower in _ABBREVIATIONS and not (
        before.lower in ("no", "min", "max", "st") and following.kind == "word"
    )


def _quoted(tokens: Sequence[Token], text: str) -> bytearray:
    """Mark the tokens between quotation marks."""
    inside = bytearray(len(tokens))
    if '"' not in text and not any(mark in text for mark in _OPENING):
        return inside
    open_since = -1
    for i, token in enumerate(tokens):
        if token.text == '"':
            if open_since < 0:
                open_since = i
            else:
                inside[open_since : i + 1] = b"\x01" * (i + 1 - open_since)
                open_since = -1
        elif token.text in _OPENING:
            open_since = i
        elif token.text in _CLOSING and open_since >= 0:
            inside[open_since : i + 1] = b"\x01" * (i + 1 - open_since)
            open_since = -1
    return inside
