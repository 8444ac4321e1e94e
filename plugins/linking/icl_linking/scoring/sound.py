"""Which label an answer names: whole words, any case, any punctuation, any number of labels."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

from icl_core.errors import InputError

_SPECIAL = re.compile(r"<[^<>\s]{1,32}>|\[(?:BEGIN|END) EXAMPLE\]|\[FINAL QUESTION\]")
_BETWEEN = re.compile(r"[\s_/\\,;:|()\[\]{}<>\"“”„«»‐‑‒–—-]+")
_APOSTROPHES = str.maketrans({"’": "'", "‘": "'", "ʼ": "'", "´": "'", "`": "'"})
_EDGES = ".!?…'*~¡¿"
"""Taken off the ends of a word. Signs that tell names apart (c++, c#) stay."""


def words(text: str) -> tuple[str, ...]:
    """Split a text into words that can be compared.

    NFKC, case folded, special tokens of language models dropped, cut at spaces, hyphens,
    underscores, brackets, quotation marks and commas, full stops and apostrophes taken off the
    ends of words.
    """
    plain = unicodedata.normalize("NFKC", _SPECIAL.sub(" ", text)).casefold()
    parts = _BETWEEN.split(plain.translate(_APOSTROPHES))
    return tuple(word for part in parts if (word := part.strip(_EDGES)))


def mentioned(answer: str, labels: Sequence[str]) -> tuple[str, ...]:
    """List the labels that an answer names, in the order of `labels`.

    Longer labels are looked for first and use up their words, so that "kit fox" does not name
    "fox" as well.

    Args:
        answer: what was said.
        labels: the names to choose from.

    Raises:
        InputError: two labels cannot be told apart, or one has no word in it.
    """
    known = _known(tuple(labels))
    left: list[str | None] = list(words(answer))
    found = set()
    for number in sorted(range(len(known)), key=lambda n: -len(known[n])):
        label = known[number]
        size = len(label)
        for start in range(len(left) - size + 1):
            if tuple(left[start : start + size]) == label:
                found.add(number)
                left[start : start + size] = [None] * size
    return tuple(labels[number] for number in sorted(found))


def decide(answer: str, labels: Sequence[str]) -> str | None:
    """Return the one label that an answer names; None where it names none or several.

    Args:
        answer: what was said.
        labels: the names to choose from, any number.

    Raises:
        InputError: two labels cannot be told apart, or one has no word in it.
    """
    found = mentioned(answer, labels)
    return found[0] if len(found) == 1 else None


@lru_cache(maxsize=4096)
def _known(labels: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    known: dict[tuple[str, ...], str] = {}
    for label in labels:
        split = words(label)
        if not split:
            raise InputError(f"the label {label!r} has no word that an answer could name")
        if split in known:
            raise InputError(
                f"the labels {known[split]!r} and {label!r} cannot be told apart in an answer, "
                "expected names that differ in more than case and punctuation"
            )
        known[split] = label
    return tuple(known)
