"""Changes of a value or state at a moment, and the listings that they make."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from icl_forecasting.cik.language.model import Listing, Sentence, TimePhrase, Token
from icl_forecasting.cik.language.verbs import AUXILIARIES
from icl_forecasting.cik.statements import Span

COPULAS = frozenset(
    "be become turn get go stay remain switch change keep grow fall set equal take hold continue "
    "return start begin stand".split()
)
_PRONOUNS = frozenset({"it", "this", "that", "they", "there", "which"})
DETERMINERS = frozenset("the a an this that its their our these those".split())
FIRST = frozenset("initially originally".split())
_FIRST_WORDS = re.compile(
    r"\b(?:initially|originally|at first|in the begin?ning|at the (?:start|beginning|outset)|"
    r"to (?:begin|start) with|before (?:the first|that))\b"
)
_EXPECTING = frozenset("we expect that i they believe think assume forecast predict".split())


@dataclass(frozen=True)
class Change:
    """One value or state and the time it holds.

    Args:
        name: what takes it.
        value: a number or a state.
        start: when it begins.
        end: when it ends, if that was said.
        closed: whether an end was said.
        reading: it is a reading for the time and not a level that holds.
        span: its characters.
        sentence: number of its sentence.
        unit: of the number.
        bare: a state that was told by what happened, without a verb of becoming.
    """

    name: str
    value: float | str
    start: np.datetime64
    end: np.datetime64 | None
    closed: bool
    reading: bool
    span: Span
    sentence: int
    unit: str | None = None
    bare: bool = False


def places(time: TimePhrase) -> bool:
    """Tell whether a phrase puts something in time."""
    window = time.window
    return time.kind in ("window", "moment") and (
        window.start is not None or window.end is not None
    )


def is_first(tokens: Sequence[Token]) -> bool:
    """Tell whether words such as "initially" or "at first" say that a path begins here."""
    return _FIRST_WORDS.search(" ".join([token.lower for token in tokens])) is not None


def names_match(a: str, b: str) -> bool:
    """Tell whether two names can stand for the same thing: one holds the words of the other."""
    x, y = set(a.lower().split()), set(b.lower().split())
    return x <= y or y <= x


def subject(words: Sequence[Token]) -> str:
    """Return the subject: an identifier such as "X_0", else the words before the verb."""
    for token in words:
        if token.kind == "word" and ("_" in token.text or any(c.isdigit() for c in token.text)):
            return token.text
    if len(words) > 1 and words[0].text == "A" and words[1].lower in AUXILIARIES:
        return "A"
    names: list[str] = []
    led = False  # a phrase such as "before the first line" stands before the subject
    for token in words:
        if token.kind != "word":
            if names and token.text not in ("-", "'"):
                break
            continue
        if token.lower in AUXILIARIES or (token.lemma in COPULAS and names):
            break
        if token.lower in FIRST and not names:
            continue
        if token.lower in DETERMINERS | _EXPECTING | {"while", "and", "then", "when", "or"}:
            if names and not led:
                break
            names, led = [], False
            continue
        if (
            token.lower in ("at", "in", "on", "for", "from", "until", "with", "by", "before")
            and not names
        ):
            led = True
            continue
        names.append(token.lower)
    return "" if len(names) > 6 or set(names) & _PRONOUNS else " ".join(names)


def listing(text: str, group: Sequence[Change], found: Sequence[Sentence]) -> list[Listing]:
    """Make a listing of changes that belong together; none where they make no path.

    Args:
        text: the text.
        group: in the order of the text.
        found: the sentences.
    """
    if len(group) < 2:
        return []
    told = isinstance(group[0].value, str)
    kinds = len({one.value for one in group})
    if told and (kinds < 2 or (kinds == len(group) and any(one.bare for one in group))):
        return []  # events that do not come again are no states of one thing
    group = [one for one in group if one.end is None or one.end > one.start]
    if len(group) < 2:
        return []
    order = sorted(group, key=lambda one: one.start.astype(np.int64))
    starts = [one.start for one in order]
    if len(set(starts)) < len(starts):
        return []
    start, end = min(one.span.start for one in group), max(one.span.end for one in group)
    last = order[-1]
    sentence = found[group[0].sentence]
    before = found[group[0].sentence - 1].span.text if group[0].sentence else ""
    return [
        Listing(
            name=next((one.name for one in group if one.name), ""),
            stamps=tuple(starts),
            values=tuple(one.value for one in order),
            steps=not all(one.reading for one in group),
            end=last.end if last.closed else None,
            span=Span(start, end, text[start:end]),
            intro=before if told else sentence.span.text,
            unit=next((one.unit for one in group if one.unit), None),
        )
    ]
