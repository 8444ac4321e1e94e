"""A clause with the meanings of its words: what the rules look at."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

from icl_forecasting.cik.language.model import (
    Clause,
    Document,
    Quantity,
    Sentence,
    TimePhrase,
    Token,
)
from icl_forecasting.cik.reading.lexicon import Mark, marks
from icl_forecasting.cik.reading.phrases import forms
from icl_forecasting.cik.reading.quantities import Named, quantities
from icl_forecasting.cik.statements import Span

_MODAL = frozenset("may might could would if unless perhaps maybe whether".split())


_TITLE = 9
"""A clause of so many words before a colon is a title: "Lower limit of the values:"."""


class Words:
    """The words of a clause with their meanings, found once.

    Args:
        tokens: of the clause.
        lead: the words of the clause before a colon that it goes on from: "Visits in May: none".
    """

    def __init__(self, tokens: tuple[Token, ...], lead: Words | None = None) -> None:
        self._tokens = tokens
        self._lead = lead

    @property
    def count(self) -> int:
        """How many words and signs there are."""
        return len(self._tokens)

    @cached_property
    def marks(self) -> dict[str, list[Mark]]:
        """Phrases of the lexicon, by meaning; those of the lead stand at the first token."""
        found: dict[str, list[Mark]] = {}
        for mark in marks(self._tokens):
            found.setdefault(mark.meaning, []).append(mark)
        if self._lead is not None:
            short = self._lead.count <= _TITLE
            for meaning in self._lead.marks:
                if short or meaning not in ("at_most", "at_least", "limit", "exceed", "undercut"):
                    found.setdefault(meaning, [Mark(meaning, 0, 0)])
        return found

    @cached_property
    def named(self) -> list[Named]:
        """Words for quantities."""
        return quantities(self._tokens)

    @cached_property
    def lemmas(self) -> frozenset[str]:
        """Base forms and written forms of the words, with those of the lead."""
        words = [forms(t.lower, t.lemma) for t in self._tokens if t.kind == "word"]
        if self._lead is not None:
            words.append(self._lead.lemmas)
        return frozenset().union(*words)


@dataclass(frozen=True, eq=False)
class Remark:
    """One clause.

    Args:
        clause: its words, numbers and times.
        sentence: the sentence that it is part of.
        order: number of the sentence in the text.
        index: number of the clause in the sentence.
        words: what its words mean.
        told: its times, joined with those of other clauses; None = only its own.
        lead: the clause before a colon that it goes on from.
    """

    clause: Clause
    sentence: Sentence
    order: int
    index: int
    words: Words
    told: tuple[TimePhrase, ...] | None = None
    lead: Remark | None = None

    @property
    def marks(self) -> dict[str, list[Mark]]:
        """Phrases of the lexicon, by meaning."""
        return self.words.marks

    @property
    def named(self) -> list[Named]:
        """Words for quantities."""
        return self.words.named

    @property
    def lemmas(self) -> frozenset[str]:
        """Base forms and written forms of its words."""
        return self.words.lemmas

    def has(self, *meanings: str) -> bool:
        """Tell whether any of the meanings occurs."""
        found = self.words.marks
        for meaning in meanings:
            if meaning in found:
                return True
        return False

    def says(self, *words: str) -> bool:
        """Tell whether any of the lemmas occurs."""
        return not self.words.lemmas.isdisjoint(words)

    @cached_property
    def hypothetical(self) -> bool:
        """Whether it is not asserted; the month of May is no "may"."""
        if not self.clause.hypothetical:
            return False
        words = [t for t in self.tokens if t.kind == "word"]
        if words and words[0].lower in ("had", "were") and not self.clause.conditional:
            second = words[1].lower if len(words) > 1 else ""
            told = second == "been" or (second.endswith("ed") and second != "need")
            if told and _MODAL.isdisjoint(t.lower for t in words):
                return False  # "it had been closed" and not "had it been closed"
        months = [t for t in words[1:] if t.text == "May"]
        return not months or any(t.lower in _MODAL and t not in months for t in words)

    @property
    def tokens(self) -> tuple[Token, ...]:
        """Its tokens."""
        return self.clause.tokens

    @property
    def span(self) -> Span:
        """Its characters."""
        return self.clause.span

    @property
    def text(self) -> str:
        """Its words."""
        return self.clause.span.text

    @cached_property
    def times(self) -> tuple[TimePhrase, ...]:
        """Phrases that tell when, without mere lengths."""
        if self.told is not None:
            return self.told
        return tuple(one for one in self.clause.times if tells_when(one))

    @cached_property
    def numbers(self) -> tuple[Quantity, ...]:
        """Numbers that are no lengths of time and no ranks."""
        found = []
        for one in self.clause.quantities:
            if one.kind == "duration" and "\n" in one.span.text:
                one = replace(one, kind="plain", unit=None)  # the unit stands in the next line
            if one.kind in ("plain", "percent", "factor"):
                found.append(one)
        return tuple(found)

    def token_at(self, character: int) -> int:
        """Return the index of the token at or after a character of the text."""
        for index, token in enumerate(self.tokens):
            if token.end > character:
                return index
        return len(self.tokens)


def tells_when(time: TimePhrase) -> bool:
    """Tell whether a phrase restricts time at all."""
    window = time.window
    return time.kind != "duration" and (
        window.start is not None
        or window.end is not None
        or bool(window.weekdays)
        or window.clock is not None
        or bool(window.months)
    )


def remarks_of(document: Document) -> list[Remark]:
    """Return all clauses of a text in order, those of questions included."""
    found: list[Remark] = []
    for order, sentence in enumerate(document.sentences):
        for index, clause in enumerate(sentence.clauses):
            if not clause.tokens:
                continue
            lead = found[-1] if clause.link == ":" and index and found else None
            words = Words(clause.tokens, None if lead is None else lead.words)
            found.append(Remark(clause, sentence, order, index, words, lead=lead))
    return found
