"""Phrases of a word list in a row of tokens."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache

from icl_forecasting.cik.language.model import Token
from icl_forecasting.cik.language.tokens import lemma

Entry = tuple[tuple[str, ...], str]
"""The words of a phrase, and its meaning."""


class Table:
    """A word list: meaning -> words and phrases, the words of a phrase joined by "_".

    Args:
        meanings: the list; entries are base forms.
    """

    def __init__(self, meanings: Mapping[str, str]) -> None:
        self._starts: dict[str, list[Entry]] = {}
        self._known: dict[tuple[str, str], tuple[Entry, ...]] = {}
        for meaning, words in meanings.items():
            for phrase in dict.fromkeys(words.split()):
                parts = tuple(phrase.split("_"))
                for first in {parts[0], lemma(parts[0])}:
                    self._starts.setdefault(first, []).append((parts, meaning))
        _KNOWN.update(self._starts)
        for word in self._starts:
            if len(word) >= _LONG:
                for short in _shortened(word):
                    _SPELLINGS.setdefault(short, set()).add(word)

    def beginning_with(self, lower: str, base: str) -> tuple[Entry, ...]:
        """Return the phrases whose first word can be this one."""
        key = (lower, base)
        found = self._known.get(key)
        if found is None:
            entries = [e for one in forms(lower, base) for e in self._starts.get(one, ())]
            found = tuple(dict.fromkeys(entries))
            if len(self._known) < _MOST:
                self._known[key] = found
        return found


_MOST = 50_000
"""So many words are remembered."""

_LONG = 8
"""Words of so many letters are known with one wrong, missing or surplus letter too."""

_SPELLINGS: dict[str, set[str]] = {}
_KNOWN: set[str] = set()


def _shortened(word: str) -> list[str]:
    return [word, *(word[:i] + word[i + 1 :] for i in range(1, len(word)))]


def _meant(word: str) -> set[str]:
    """Find the long words that a word with a typing error can stand for."""
    found: set[str] = set()
    for short in _shortened(word):
        found |= _SPELLINGS.get(short, set())
    return found


@lru_cache(maxsize=16_384)
def forms(lower: str, base: str) -> frozenset[str]:
    """Return the spellings under which a word may stand in a list.

    A base form by rules may lose or gain a letter ("cancelled", "called"), so the plain cuts of
    the ending are tried as well.
    """
    found = {lower, base}
    for ending in ("ed", "ing", "es", "s"):
        if lower.endswith(ending) and len(lower) - len(ending) >= 3:
            stem = lower[: -len(ending)]
            found |= {stem, stem + "e"}
            if stem[-1] == stem[-2]:
                found.add(stem[:-1])
            if stem.endswith("i"):
                found.add(stem[:-1] + "y")
    if len(lower) >= _LONG - 1 and _KNOWN.isdisjoint(found):
        for word in list(found):
            if len(word) >= _LONG - 1:
                found |= _meant(word)
    return frozenset(found)


def phrases(tokens: tuple[Token, ...], known: Table) -> Iterator[tuple[str, int, int, int]]:
    """Find all phrases of a list: meaning, first and last token, number of words.

    Hyphens and other signs between the words of a phrase are set aside.
    """
    words = [(i, t) for i, t in enumerate(tokens) if t.kind == "word"]
    count = len(words)
    for place, (index, token) in enumerate(words):
        seen: set[tuple[str, int]] = set()
        for parts, meaning in known.beginning_with(token.lower, token.lemma):
            size = len(parts)
            if size == 1:
                last = index
            elif place + size > count:
                continue
            else:
                rest = words[place + 1 : place + size]
                if not all(
                    part in forms(t.lower, t.lemma)
                    for part, (_, t) in zip(parts[1:], rest, strict=True)
                ):
                    continue
                last = rest[-1][0]
            if (meaning, last) not in seen:
                seen.add((meaning, last))
                yield meaning, index, last, size
