"""A context and a query as a conversation, the same for local models and endpoints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

QUESTION = "What is in the image?"
LAYOUTS = ("turns", "single")


@dataclass(frozen=True, eq=False)
class Turn:
    """What one side says.

    Args:
        role: "user" or "assistant".
        parts: words, and pictures uint8 [H, W, 3], in order.
    """

    role: str
    parts: tuple[str | np.ndarray, ...]


@dataclass(frozen=True)
class Style:
    """How a conversation is laid out.

    Args:
        layout: "turns" = every example is a question and its answer, in turn; "single" = one
            question that shows all examples.
        question: what is asked about each picture.
        list_labels: whether the question names the labels to choose from.
    """

    layout: str = "turns"
    question: str = QUESTION
    list_labels: bool = False


def conversation(
    shown: Sequence[tuple[np.ndarray, str]],
    query: np.ndarray,
    style: Style,
    labels: Sequence[str] = (),
    text: str | None = None,
) -> list[Turn]:
    """Lay a context and a query out.

    Args:
        shown: examples, in order.
        query: the picture that is asked about.
        style: of the layout.
        labels: named where the style wants them named, and where there are no examples.
        text: words that go before everything.

    Returns:
        Turns that begin and end with the user's; the answer is what comes next.
    """
    asked = style.question
    if labels and (style.list_labels or not shown):
        asked = f"{asked} Answer with one of: {', '.join(labels)}."
    start: tuple[str | np.ndarray, ...] = (f"{text}\n",) if text else ()
    if style.layout == "single":
        parts = list(start)
        for picture, label in shown:
            parts += [picture, f"\nQuestion: {asked}\nAnswer: {label}\n\n"]
        parts += [query, f"\nQuestion: {asked}\nAnswer:"]
        return [Turn("user", tuple(parts))]
    turns = []
    for picture, label in shown:
        turns += [Turn("user", (*start, picture, asked)), Turn("assistant", (label,))]
        start = ()
    return [*turns, Turn("user", (*start, query, asked))]
