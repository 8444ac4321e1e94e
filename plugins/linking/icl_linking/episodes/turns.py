"""One picture with the words around it, as the released model is shown it, and what is asked.

The words are those of the released evaluation (isekai-portal/Link-Context-Learning); learners that
speak another language read `Turn.label` alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from icl_core.errors import InputError

SUPPORT_QUESTION = "[BEGIN EXAMPLE] What is in the image <image>?"
QUERY_QUESTION = "Based on the previous examples, what is in the image <image>?"
FIRST, FURTHER, FINAL = "causal_v1.0", "hypnotized_ans_v1.0", "final_v1.0"
END = " [END EXAMPLE]"
MAX_SHOTS = 8
"""Shots a class in the published tables: 16 pictures in all."""


@dataclass(frozen=True)
class Turn:
    """A picture that is shown or asked for.

    Args:
        image: path of the picture, relative to the folder of the data.
        label: its name as it is shown; of the query, the right answer.
        question: what is asked about it; `<image>` is the place of the picture.
        answer: the answer that is shown, or that would be right.
        mode: name of the released prompt template.
    """

    image: str
    label: str
    question: str
    answer: str
    mode: str


@dataclass(frozen=True)
class Plan:
    """An episode before any picture is read.

    Args:
        supports: in the order in which they are shown.
        query: what is asked.
        options: the names to choose from; with two, the positive one first.
    """

    supports: tuple[Turn, ...]
    query: Turn
    options: tuple[str, ...]

    @property
    def turns(self) -> tuple[Turn, ...]:
        """Supports, then the query."""
        return (*self.supports, self.query)


def sentence(label: str) -> str:
    """Say that something is in the picture, in the words of the released model."""
    return f'there is "{label}" in the image.'


def support_turns(shown: Iterable[tuple[str, str]]) -> tuple[Turn, ...]:
    """Put (image, label) pairs into the words of the released evaluation."""
    return tuple(
        Turn(image, label, SUPPORT_QUESTION, sentence(label) + END, FURTHER if number else FIRST)
        for number, (image, label) in enumerate(shown)
    )


def query_turn(image: str, label: str, question: str = QUERY_QUESTION) -> Turn:
    """Ask for a picture in the words of the released evaluation."""
    return Turn(image, label, question, sentence(label), FINAL)


def checked_shots(shots: int, least: int = 0, most: int | None = None) -> int:
    """Refuse shots that make no sense.

    Args:
        shots: pictures a class.
        least: smallest number that is allowed.
        most: largest number that is allowed; None = any.
    """
    wrong = isinstance(shots, bool) or not isinstance(shots, int) or shots < least
    if wrong or (most is not None and shots > most):
        upper = "" if most is None else f" to {most}"
        raise InputError(f"shots is {shots!r}, expected a whole number from {least}{upper} a class")
    return shots
