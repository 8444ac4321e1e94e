"""The form of an answer as an automaton over characters, for constrained decoding.

An answer is fixed pieces of text with a number between each two. A number is an optional minus,
digits, and optionally a point with digits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Place:
    """Where in an answer we are.

    Args:
        piece: number of the fixed piece, from 0; behind the last one is the end.
        offset: characters of it that are written; -1 = in the number behind it.
        whole: digits before the point of that number.
        decimals: digits behind it; -1 = no point yet.
        signed: whether a minus is written.
    """

    piece: int = 0
    offset: int = 0
    whole: int = 0
    decimals: int = -1
    signed: bool = False


class AnswerGrammar:
    """Fixed pieces of text with numbers between them.

    Args:
        pieces: at least two; the first may be empty.
        whole: digits before a point, at most.
        decimals: digits behind it, at most; 0 = whole numbers.
    """

    def __init__(self, pieces: Sequence[str], whole: int = 15, decimals: int = 10) -> None:
        self._pieces = tuple(pieces)
        self._most_whole = whole
        self._most_decimals = decimals
        numbers = "-0123456789" + ("." if decimals else "")
        self.characters = frozenset("".join(self._pieces)) | frozenset(numbers)
        self.start = Place() if self._pieces[0] else Place(0, -1)

    @classmethod
    def of_forecast(cls, stamps: Sequence[str], tag: str = "forecast") -> AnswerGrammar:
        """Return the form of a forecast: a line `(timestamp, number)` for each stamp, in order."""
        first, *lines = [f"({stamp}, " for stamp in stamps]
        between = [f")\n{line}" for line in lines]
        return cls([f"<{tag}>\n{first}", *between, f")\n</{tag}>"])

    def ended(self, place: Place) -> bool:
        """Whether the answer is complete."""
        return place.piece == len(self._pieces)

    def after(self, place: Place | None, words: str) -> Place | None:
        """Return where we are after more characters; None where they cannot stand there."""
        for character in words:
            if place is None:
                return None
            place = self._step(place, character)
        return place

    def _step(self, place: Place, character: str) -> Place | None:
        if self.ended(place):
            return None
        if place.offset < 0:
            return self._in_number(place, character)
        return self._in_piece(place.piece, place.offset, character)

    def _in_piece(self, number: int, offset: int, character: str) -> Place | None:
        piece = self._pieces[number]
        if piece[offset] != character:
            return None
        if offset + 1 < len(piece):
            return Place(number, offset + 1)
        last = number + 1 == len(self._pieces)
        return Place(number + 1) if last else Place(number, -1)

    def _in_number(self, place: Place, character: str) -> Place | None:
        piece, whole, decimals, signed = place.piece, place.whole, place.decimals, place.signed
        if character == "-":
            return None if whole or signed else Place(piece, -1, 0, -1, True)
        if character == ".":
            fits = bool(whole and decimals < 0 and self._most_decimals)
            return Place(piece, -1, whole, 0, signed) if fits else None
        if character in "0123456789":
            if decimals < 0:
                fits = whole < self._most_whole
                return Place(piece, -1, whole + 1, -1, signed) if fits else None
            fits = decimals < self._most_decimals
            return Place(piece, -1, whole, decimals + 1, signed) if fits else None
        return self._in_piece(piece + 1, 0, character) if whole and decimals else None
