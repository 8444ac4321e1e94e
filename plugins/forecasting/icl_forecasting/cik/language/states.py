"""States told with a time: "at 11:00 it became clear", "clear from 11:00, cloudy from 14:00"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from icl_forecasting.cik.language.almanac import stamp
from icl_forecasting.cik.language.changes import (
    COPULAS,
    DETERMINERS,
    FIRST,
    Change,
    is_first,
    places,
    subject,
)
from icl_forecasting.cik.language.model import Clause, Sentence, TimePhrase, Token
from icl_forecasting.cik.language.moments import Scene
from icl_forecasting.cik.language.verbs import AUXILIARIES
from icl_forecasting.cik.statements import Span

_ADVERBS = frozenset(
    "again then back now still also once more mostly completely fully suddenly finally later "
    "already only just into from being be and or or will yet".split()
)
_STOPS = frozenset("for because due as since which and , . ; : after before but when ( )".split())
_FILLERS = (
    AUXILIARIES
    | COPULAS
    | DETERMINERS
    | FIRST
    | frozenset(
        "becomes became turns gets goes stays remains and or then again it they from at on "
        "in as of "
        "since until to first beginning begining according predicted expected forecast "
        "should".split()
    )
)
_MODALS = frozenset("should will would might may shall must can could".split())
_BOUNDS = frozenset("from as since until till between after before at starting".split())
_LABEL = re.compile(r"(?:start|initial(?:ly)?|at first|beginning)\s*:\s*(\w+)\W*$", re.IGNORECASE)
_LONGEST = 3
"""Words of a state."""


def states(scene: Scene, sentence: Sentence, n: int) -> list[Change]:
    """Read the states of a sentence with their times.

    Args:
        scene: the tokens and the clock.
        sentence: the sentence.
        n: its number.
    """
    if sentence.question:
        return []
    whole = [t for clause in sentence.clauses for t in clause.times if places(t)]
    label = _LABEL.match(sentence.span.text)
    if label and not whole:
        return [_change(scene, "", label[1].lower(), None, sentence.span, n)]
    if len(whole) > 1:
        found = _in_parts(scene, sentence, whole, n)
        if found:
            return found
    by_verb = _by_clause(scene, sentence, whole, n, bare=False)
    return by_verb or _by_clause(scene, sentence, whole, n, bare=True)


def _by_clause(
    scene: Scene, sentence: Sentence, whole: Sequence[TimePhrase], n: int, bare: bool
) -> list[Change]:
    """Read one state in each clause: by a verb of becoming, or (`bare`) by what happens."""
    changes: list[Change] = []
    for clause in sentence.clauses:
        if clause.negated and clause.negation and clause.negation.text.lower() != "none":
            continue
        if any(q.kind != "ordinal" for q in clause.quantities):
            continue
        times = [t for t in clause.times if places(t)]
        if len(times) > 1:
            return []
        near = not bare or clause.link == ":"
        time = times[0] if times else whole[0] if len(whole) == 1 and near else None
        first = is_first(clause.tokens)
        if time is None and not first:
            continue
        read = _event(clause, time) if bare else _state(clause)
        if read is not None:
            change = _change(scene, *read, time, clause.span, n)
            changes.append(replace(change, bare=bare))
    return changes


def _change(
    scene: Scene, name: str, value: str, time: TimePhrase | None, span: Span, n: int
) -> Change:
    first = stamp(scene.anchor.first)
    place = Span(span.start, span.end, "")
    if time is None:
        return Change(name, value, first, None, False, False, place, n)
    window = time.window
    start = window.start if window.start is not None else first
    if time.kind == "moment" and time.precision in ("second", "minute", "hour"):
        return Change(name, value, start, None, False, False, place, n)
    return Change(name, value, start, window.end, window.end is not None, False, place, n)


def _words(clause: Clause) -> list[Token]:
    """Return the tokens of a clause outside its times."""
    skip = [(t.span.start, t.span.end) for t in clause.times]
    return [
        token for token in clause.tokens if not any(low <= token.start < high for low, high in skip)
    ]


def _state(clause: Clause) -> tuple[str, str] | None:
    """Return subject and state of a clause with a verb of being or becoming."""
    words = _words(clause)
    verb = -1
    for i, token in enumerate(words):
        if token.kind == "word" and token.lemma in COPULAS and token.lower != "set":
            verb = i
    if verb < 0:
        return None
    if verb + 2 < len(words) and words[verb + 2].lower == "to":
        return None  # "was meant to open"
    after: list[str] = []
    for token in words[verb + 1 :]:
        if token.lower in _STOPS or token.kind != "word" or token.lower in ("at", "in", "to"):
            if after or token.text not in (",",):
                break
            continue
        if token.lower in _ADVERBS or token.lower in DETERMINERS or token.lower in FIRST:
            continue
        after.append(token.lower)
    if words[verb].lemma == "go" and after and after[0] in ("away", "down", "up", "on", "off"):
        return None
    if not 1 <= len(after) <= _LONGEST:
        return None
    return subject(words[:verb]), " ".join(after)


def _event(clause: Clause, time: TimePhrase | None) -> tuple[str, str] | None:
    """Return an event as a state: the lemmas of "cleared up", "went away", or bare "cloudy"."""
    if time is None or clause.reported:
        return None
    words = [
        token
        for token in _words(clause)
        if token.kind == "word" and token.lower not in DETERMINERS and token.lower not in _ADVERBS
    ]
    words = [t for t in words if t.lower not in ("at", "on", "in", "from", "by")]
    if not words or len(words) > 5:
        return None
    if len(words) == 1:
        return "", words[0].lower
    rest = [token.lemma for token in words[1:] if token.lower not in _MODALS]
    if not 1 <= len(rest) <= _LONGEST or any(token.lower in _STOPS for token in words):
        return None
    return "", " ".join(rest)


def _in_parts(
    scene: Scene, sentence: Sentence, times: Sequence[TimePhrase], n: int
) -> list[Change]:
    """Read "cloudy at first, then clear as of A, then cloudy as of B": a state beside each time."""
    if any(
        q.kind not in ("duration", "ordinal")
        for clause in sentence.clauses
        for q in clause.quantities
    ):
        return []
    tokens = [token for clause in sentence.clauses for token in clause.tokens]
    spans = [(t.span.start, t.span.end) for t in times]
    parts: list[tuple[list[Token], list[TimePhrase]]] = [([], [])]
    depth = 0
    rest = list(times)
    for token in tokens:
        depth += token.text == "("
        while rest and rest[0].span.start <= token.start:
            parts[-1][1].append(rest.pop(0))
        inside = any(low <= token.start < high for low, high in spans)
        if not inside and not depth:
            if token.text in (",", ";", ":") or token.lower in ("then", "and"):
                if parts[-1][0] or parts[-1][1]:
                    parts.append(([], []))
            elif token.kind == "word" and token.lower not in _FILLERS:
                parts[-1][0].append(token)
        depth -= token.text == ")"
    changes: list[Change] = []
    begin, opens = stamp(scene.anchor.first), is_first(tokens[:14])
    for words, when in parts:
        if not words or len(when) > 1:
            if when:
                return []
            continue
        if len(words) > _LONGEST:
            if when:
                return []
            continue
        value = " ".join(token.lower for token in words)
        span = Span(words[0].start, when[0].span.end if when else words[-1].end, "")
        if when:
            changes.append(_change(scene, "", value, when[0], span, n))
        elif all(one.end is None and one.start == begin for one in changes) and opens:
            changes = [_change(scene, "", value, None, span, n)]
    values = [one.value for one in changes]
    becomes = any(token.lemma in COPULAS and token.lemma != "be" for token in tokens)
    becomes = becomes or (
        any(token.lemma == "be" for token in tokens)
        and all(time.span.text.split(" ", 1)[0].lower() in _BOUNDS for time in times)
    )
    if len(changes) < 2 or not (becomes or opens or len(set(values)) < len(values)):
        return []
    return changes
