"""Numbers in the words of a language model: units, separators, and what is no number."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

_FORM = re.compile(
    r"[\s~≈$€£¥]*(?P<sign>[-+−]?)\s*"
    r"(?P<body>\d[\d_,.]*\d|\d|\.\d+)(?:[eE](?P<exponent>[-+]?\d+))?"
)
_NO_END = re.compile(r"\d|[:/]|\s*(?:[-–]|to\s)\s*\d")
"""What follows a number that was only the start of something else: a time, a range."""

_MULTIPLE = re.compile(r"\s*(?:k|m|b|bn|mn|thousand|million|billion)\b", re.IGNORECASE)
"""A multiple, or metres: "4k" and "4 m" are not understood rather than read as 4."""

_GROUPS = re.compile(r"\d{1,3}(?:[,.]\d{3})+")


@dataclass(frozen=True)
class Number:
    """A number as it was written.

    Args:
        sign: 1 or -1.
        body: digits with their separators.
        exponent: of ten.
    """

    sign: int
    body: str
    exponent: int

    @property
    def comma(self) -> str | None:
        """What a comma in it is: "decimal", "thousands", "unclear", None where there is none."""
        if "," not in self.body:
            return None
        if "." in self.body:
            return "decimal" if self.body.rfind(",") > self.body.rfind(".") else "thousands"
        head, *groups = self.body.split(",")
        if len(groups) > 1:
            return "thousands"
        plain = len(groups[0]) != 3 or head.lstrip("0") == "" or len(head) > 3
        return "decimal" if plain else "unclear"

    def value(self, comma: str) -> float | None:
        """Return the number; None where its separators make no sense.

        Args:
            comma: what an unclear one is.
        """
        kind = self.comma
        body = self.body
        if (comma if kind == "unclear" else kind) == "decimal":
            head, _, tail = body.rpartition(",")
            if "." in head and not _GROUPS.fullmatch(head):
                return None
            body = f"{head.replace('.', '')}.{tail}" if "," not in head else ""
        elif kind is not None:
            head, _, tail = body.partition(".")
            if not _GROUPS.fullmatch(head) or "," in tail or "." in tail:
                return None
            body = body.replace(",", "")
        elif body.count(".") > 1:
            body = body.replace(".", "") if _GROUPS.fullmatch(body) else ""
        try:
            found = self.sign * float(body) * 10.0**self.exponent
        except (ValueError, OverflowError):
            return None
        return found if math.isfinite(found) else None


def number_in(text: str) -> Number | None:
    """Read the number at the start of a text; what follows it may be a unit or a remark."""
    match = _FORM.match(text)
    if match is None:
        return None
    rest = text[match.end() :]
    if _NO_END.match(rest) or _MULTIPLE.match(rest):
        return None
    sign = -1 if match["sign"] in ("-", "−") else 1
    exponent = int(match["exponent"] or 0)
    return Number(sign, match["body"].replace("_", ""), max(-400, min(400, exponent)))


def values_of(numbers: Sequence[Number]) -> list[float | None]:
    """Return the values of numbers that one hand wrote.

    "1,234" may be either; the others decide, and where they do not, a comma parts thousands.
    """
    commas = [number.comma for number in numbers]
    decimal = "decimal" in commas and "thousands" not in commas
    points = any(number.comma is None and number.body.count(".") == 1 for number in numbers)
    unclear = "decimal" if decimal and not points else "thousands"
    return [number.value(unclear) for number in numbers]
