"""Read the forecast in the words of a language model.

`strict` makes the decisions of the released parser, defects included. `lenient` accepts every
answer that `strict` accepts, and more:

- tags in any case, code fences, bullets, tables, blank lines and remarks between the lines;
- several pairs in one line, indented lines, square brackets, a semicolon or a bar as separator;
- time stamps with a `T`, without seconds, or as short as still says which step is meant;
- units and remarks behind a number, thousands separators, decimal commas;
- an echo of the example before the answer, a block that was not closed, or no block at all, as
  long as every time stamp has its value; drafts inside `<think>` and `<reason>` come last.

It differs where `strict` would be wrong: "4,5" is 4.5 and "1,234.5" is 1234.5, not 4 and 1; and
"nan", "inf", a range, a time or a multiple such as "4k" is no number.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from icl_forecasting.llm.numbers import number_in, values_of
from icl_forecasting.llm.stamps import StampReader

LARGEST = float(np.finfo(np.float32).max)

_THOUGHTS = re.compile(r"<(think|reason)>.*?(?:</\1>|\Z)", re.DOTALL | re.IGNORECASE)
_BULLET = re.compile(r"^(?:[-*•]\s+|\d{1,3}[.)]\s+(?=[\[(\"'`]))")
_AROUND = "()[]{}<>|\"'`* \t\r"


@dataclass(frozen=True)
class Parsed:
    """What an answer says.

    Args:
        values: one for each time stamp [H], float64; None where the answer is rejected.
        reason: why it is rejected, in a few words; None where it is not.
    """

    values: np.ndarray | None
    reason: str | None = None


def strict(words: str, stamps: Sequence[str], tag: str = "forecast") -> Parsed:
    """Read an answer as the released parser does.

    The first block counts. In each of its lines the text before the first comma, without quotes
    and parentheses, is a time stamp, and the text up to the next comma a number; a line that is
    anything else rejects the answer. Every time stamp has to be there as it was asked for; of
    several values for one the last counts; others are ignored.

    Args:
        words: of the model.
        stamps: the H time stamps that were asked for, as they were written.
        tag: name of the block.
    """
    block = re.search(rf"<{tag}>(.*?)</{tag}>", words, re.DOTALL)
    if block is None:
        return Parsed(None, "no block")
    found: dict[str, float] = {}
    for line in re.sub(r"[()]", "", block[1].strip()).split("\n"):
        parts = line.split(",")
        try:
            found[re.sub("[\"']", "", parts[0])] = float(parts[1])
        except (IndexError, ValueError):
            return Parsed(None, "a line that is no pair")
    if missing := [stamp for stamp in stamps if stamp not in found]:
        return Parsed(None, f"{'a time stamp' if len(missing) == 1 else 'time stamps'} missing")
    return Parsed(np.array([found[stamp] for stamp in stamps]))


def lenient(words: str, stamps: Sequence[str], tag: str = "forecast", cut: bool = False) -> Parsed:
    """Read an answer that may deviate from the form; see the module.

    Args:
        words: of the model.
        stamps: the H time stamps that were asked for, as they were written.
        tag: name of the block.
        cut: whether the answer was ended by the limit of tokens; its last number may then be
            half a number.
    """
    reader = _reader(tuple(stamps))
    tagged = re.search(rf"<\s*{tag}\s*>", words, re.IGNORECASE) is not None
    reason = "no values" if tagged else "no block"
    for block, closed in _blocks(words, tag):
        values, missing = _values(block, reader, closed, cut)
        if not missing:
            return Parsed(values)
        if missing < len(stamps):
            reason = f"{missing} of {len(stamps)} values missing"
    return Parsed(None, "cut off" if cut else reason)


@lru_cache(64)
def _reader(stamps: tuple[str, ...]) -> StampReader:
    """All samples of a problem have the same time stamps."""
    return StampReader(stamps)


def fits(values: np.ndarray) -> bool:
    """Whether a forecast can hold values: finite, and no larger than float32."""
    return bool(np.isfinite(values).all() and (np.abs(values) <= LARGEST).all())


def _blocks(words: str, tag: str) -> Iterator[tuple[str, bool]]:
    """Yield what may be the answer, best first, and whether it is closed."""
    whole = re.compile(rf"<\s*{tag}\s*>(.*?)<\s*/\s*{tag}\s*>", re.DOTALL | re.IGNORECASE)
    start = re.compile(rf"<\s*{tag}\s*>", re.IGNORECASE)
    texts = [_THOUGHTS.sub("\n", words)]
    if texts[0] != words:
        texts.append(words)
    for text in texts:
        for match in whole.finditer(text):
            yield match[1], True
            # a tag that was only mentioned opens a block that reaches over the next one
            if inner := list(start.finditer(match[1])):
                yield match[1][inner[-1].end() :], True
        if opened := list(start.finditer(text)):
            yield text[opened[-1].end() :], False
        else:
            yield text, False


def _values(block: str, reader: StampReader, closed: bool, cut: bool) -> tuple[np.ndarray, int]:
    """Return the values of a block [H] and how many are missing."""
    rows = []
    for line in _lines(block, reader.start, closed, cut):
        split = reader.split(line)
        if split is None or split[0] is None:
            continue
        number = number_in(split[1].lstrip("()[]{}|\"'`*,;:=\t "))
        if number is not None:
            rows.append((split[0], number))
    found = np.full(len(reader.stamps), math.nan)
    values = values_of([number for _, number in rows])
    for (place, _), value in zip(rows, values, strict=True):
        if value is not None and abs(value) <= LARGEST:
            found[place] = value
    return found, int(np.isnan(found).sum())


def _lines(block: str, start: str, closed: bool, cut: bool) -> Iterator[str]:
    """Yield lines, one pair each, without what stands around them."""
    next_pair = rf"(?=[(\[]?\s*[\"'`]?{start})"
    apart = re.sub(rf"([)\]])\s*[;,]?\s*{next_pair}", r"\1\n", block)
    lines = re.sub(rf";\s*{next_pair}", "\n", apart).split("\n")
    if cut and not closed and not lines[-1].rstrip().endswith((")", "]")):
        lines = lines[:-1]  # its number may go on
    for line in lines:
        yield _BULLET.sub("", line.strip()).strip(_AROUND)
