"""The names of the methods, and what each is, without importing numpy."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches

from icl_core.errors import UnknownNameError


@dataclass(frozen=True)
class MethodCard:
    """One method of selection.

    Args:
        name: how it is asked for.
        summary: one line.
        paper: where it comes from.
        options: those of `select` that not every method takes.
    """

    name: str
    summary: str
    paper: str = ""
    options: tuple[str, ...] = ()


METHODS = {
    card.name: card
    for card in (
        MethodCard("random", "Drawn at random."),
        MethodCard("nearest", "The most similar to given queries.", options=("queries",)),
        MethodCard("k-centre", "Each as far as can be from all before it.", "arXiv 1708.00489"),
        MethodCard(
            "diversity", "The least sum of cosines with those before it.", "arXiv 2209.01975"
        ),
        MethodCard("mfl", "Every item is similar to a picked one.", "arXiv 2209.01975"),
        MethodCard(
            "fast-vote-k",
            "Most often a neighbour, at a discount for what is covered.",
            "arXiv 2209.01975",
            ("k", "neighbours"),
        ),
        MethodCard(
            "vote-k",
            "Fast vote-k, then one from each level of a model's confidence.",
            "arXiv 2209.01975",
            ("k", "neighbours", "confidence"),
        ),
        MethodCard(
            "ideal",
            "Most of the pool is reached from the picked ones.",
            "arXiv 2310.10873",
            ("k", "neighbours", "graphs"),
        ),
    )
}
_OTHER_NAMES = {"kcenter": "k-centre", "facilitylocation": "mfl", "nearestneighbour": "nearest"}


def method_named(name: str) -> str:
    """Return the name of a method as `METHODS` has it; case, dashes and underscores do not count.

    Raises:
        UnknownNameError: there is none; the sentence has the names.
    """
    plain = re.sub(r"[-_ ]", "", str(name)).lower()
    known = {card.replace("-", ""): card for card in METHODS} | _OTHER_NAMES
    if plain in known:
        return known[plain]
    close = get_close_matches(plain, known, n=1, cutoff=0.6)
    raise UnknownNameError(
        f"there is no selector {name!r}; there are: {', '.join(METHODS)}",
        f"did you mean {known[close[0]]}?" if close else None,
    )
