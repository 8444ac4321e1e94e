"""A series with a memory, told in prose: "each day follows from both of the last three days".

Where a text names no equation but says that a series is linear in its own past and in that of the
one variable whose course is told, the terms are those two at all the lags that are named.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from icl_forecasting.cik.language.equations import noise_scale
from icl_forecasting.cik.language.model import Equation, EquationSystem, Listing, Sentence
from icl_forecasting.cik.language.vocabulary import NUMBERS
from icl_forecasting.cik.statements import TARGET, Span, Term

_LARGEST = 12
"""Lags above it are not read from prose."""
_COUNT = r"(?:\d{1,2}(?![\d.]*\d)|one|two|three|four|five|six|seven|eight|nine|ten|twelve)"
_MANY = rf"{_COUNT}(?:\s*(?:,\s*and|,|and|or|&)\s*{_COUNT})*"
_UNIT = (
    r"(?:time[- ]?)?(?:steps?|days?|hours?|periods?|months?|weeks?|samples?|minutes?|ticks?|"
    r"values?|observations?|readings?)(?:\(s\))?"
)
_BACK = r"(?:before|earlier|ago|back|previously|prior|in the past)"
_INDEX = re.compile(r"(?<![A-Za-z])[tkni]\s*[-−–]\s*(\d{1,2})\b")
_RANGE = re.compile(
    rf"\b(?:lags?|delays?|memory)\b[^.;\n]{{0,25}}?\b({_COUNT})\s*(?:\.\.+|…|-|–|to|through|until)\s*"
    rf"({_COUNT})\b",
    re.IGNORECASE,
)
_LAGS = re.compile(rf"\b(?:lags?|delays?)\s+(?:of\s+|=\s*|:\s*)?({_MANY})\b", re.IGNORECASE)
_EACH = re.compile(
    rf"\b(?:up to|(?:each|any|all) of the)\s+({_COUNT})\s+(?:lags|{_UNIT}\s+{_BACK})\b",
    re.IGNORECASE,
)
_EARLIER = re.compile(rf"\b({_MANY})\s+{_UNIT}\s+{_BACK}\b", re.IGNORECASE)
_RECENT = re.compile(
    rf"\b(?:last|previous|preceding|past|latest)\s+({_COUNT})\s+{_UNIT}"
    rf"|\b({_COUNT})\s+(?:last|previous|preceding|past|latest|most recent)\s+{_UNIT}"
    rf"|\bthe\s+({_COUNT})\s+{_UNIT}\s+before\b",
    re.IGNORECASE,
)
_CHAIN = re.compile(r"\byesterday\b|\bthe (?:day|step|hour|week|month) before\b", re.IGNORECASE)
_DEPENDS = re.compile(
    r"\blinear|\bautoregress|\bparents?\b|\bcaus|\bdepend|\bweights?\b|\bcoefficients?\b|"
    r"\bcombination\b|\bdriven\b|\bdetermined\b|\bresults? from\b|\bcomputed\b",
    re.IGNORECASE,
)
_LINEAR = re.compile(r"\blinear|\bautoregress", re.IGNORECASE)
_OWN = re.compile(
    r"\b(?:both|itself|its own|own past|as well as)\b"
    r"|\b[\w)\]]+\s+and\s+(?:in\s+|of\s+|the\s+|its\s+)*[A-Za-z]",
    re.IGNORECASE,
)
_PAIR = re.compile(r"\b([A-Za-z]\w{0,15})\s?[\[(]\s?[tkni]\s*[-−–]\s*\d")


def with_memory(
    systems: tuple[EquationSystem, ...],
    found: Sequence[Sentence],
    courses: Sequence[Listing],
    text: str,
) -> tuple[EquationSystem, ...]:
    """Complete the equations of a text by what its prose says about lags.

    Args:
        systems: equations that were read from signs or from parents named one by one.
        found: the sentences.
        courses: listings of the text.
        text: the text.

    Returns:
        One system with both the driver's and the series' own lags where the prose names more lags
        than `systems`; else `systems` as they are.
    """
    systems = tuple(_without_index(one, courses) for one in systems)
    drivers = {
        one.name: one
        for one in courses
        if one.steps and len(one.values) > 2 and not isinstance(one.values[0], str)
    }
    if len(drivers) != 1:
        return systems
    driver = next(iter(drivers)) or "driver"
    weighted = _weighted(text, driver, drivers[next(iter(drivers))].span)
    if weighted is not None and not any(len(one.terms) > 1 for s in systems for one in s.equations):
        return (weighted,)
    known = [term for system in systems for one in system.equations for term in one.terms]
    if any(term.coefficient is not None for term in known):
        return systems
    told = [one.span.text for one in found]
    if not any(_LINEAR.search(words) for words in told):
        return systems
    best: tuple[list[int], Span] | None = None
    for n, sentence in enumerate(found):
        words = sentence.span.text
        if sentence.question and ". " not in words:
            continue
        lags = _lags(words)
        around = " ".join(told[max(0, n - 1) : n + 2])
        if not lags or not _DEPENDS.search(around) or not (_own(words) or _own(around)):
            continue
        if best is None or len(lags) > len(best[0]):
            best = lags, sentence.span
    if best is None or len({term.lag for term in known}) >= min(2, len(best[0])):
        return systems
    terms = tuple(Term(one, lag) for lag in best[0] for one in (driver, TARGET))
    noise = noise_scale(text)
    equation = Equation(TARGET, terms, 0.0, best[1])
    return (EquationSystem((equation,), noise, max(best[0]), False, TARGET, best[1]),)


def _without_index(system: EquationSystem, courses: Sequence[Listing]) -> EquationSystem:
    """Leave out terms that are the index of time or the noise, and no variable."""
    names = {one.name for one in courses}
    equations = tuple(
        replace(
            one,
            terms=tuple(
                term
                for term in one.terms
                if term.variable in names or term.variable not in _INDICES
            ),
        )
        for one in system.equations
    )
    return replace(system, equations=equations)


_INDICES = frozenset("t k n i e".split())


def _own(words: str) -> bool:
    """Tell whether a sentence speaks of two variables, or of one and its own past."""
    pairs = {match[1] for match in _PAIR.finditer(words)}
    if len(pairs) > 1:
        return True
    plain = re.sub(rf"\b{_MANY}\b", " ", words, flags=re.IGNORECASE)
    return bool(_OWN.search(plain))


def _lags(words: str) -> list[int]:
    """Read all lags that a sentence names."""
    lags = {int(match[1]) for match in _INDEX.finditer(words)}
    for match in _RANGE.finditer(words):
        low, high = _number(match[1]), _number(match[2])
        lags.update(range(low, min(high, _LARGEST) + 1))
    for match in _LAGS.finditer(words):
        lags.update(_numbers(match[1]))
    for match in _EACH.finditer(words):
        lags.update(range(1, min(_number(match[1]), _LARGEST) + 1))
    for match in _EARLIER.finditer(words):
        lags.update(_numbers(match[1]))
    for match in _RECENT.finditer(words):
        top = _number(next(group for group in match.groups() if group))
        lags.update(range(1, min(top, _LARGEST) + 1))
    chain = len(_CHAIN.findall(words))
    if chain and lags:
        lags.add(1)
    elif chain > 1:
        lags.update(range(1, min(chain, _LARGEST) + 1))
    return sorted(lag for lag in lags if 0 < lag <= _LARGEST)


def _number(word: str) -> int:
    return int(word) if word.isdigit() else int(NUMBERS.get(word.lower(), 0))


def _numbers(words: str) -> list[int]:
    return [_number(one) for one in re.findall(_COUNT, words, re.IGNORECASE)]


_WEIGHT = re.compile(
    r"(?<![\w.])(?:(?P<sign>[-−–]|\bminus)\s*)?(?P<number>\d*\.\d+(?:[eE][+-]?\d+)?)(?![\w.]*\d)"
)
_LAG = re.compile(
    rf"(?<![A-Za-z])[tkni]\s*[-−–]\s*(\d{{1,2}})\b|\b({_COUNT})\s+{_UNIT}\s+{_BACK}\b|\blags?\s+({_COUNT})\b",
    re.IGNORECASE,
)
_FILLERS = frozenset(
    "times of the x a an by value values its that from what was at in take on day days step steps "
    "and plus with as is".split()
)
_RESPONSES = re.compile(
    r"\b(?:target|response|output|outcome|effect|itself|own|answer)\b", re.IGNORECASE
)
_WANTED = r"(?:forecast|predict|target|asked|wanted|continued|measured|series|given history)"


def _weighted(text: str, driver: str, skip: Span) -> EquationSystem | None:
    """Read weights told with a name and a lag each: "0.8 times the inflow of 2 days ago"."""
    weights = [one for one in _WEIGHT.finditer(text) if not skip.start <= one.start() < skip.end]
    found: list[tuple[str, int, float]] = []
    first = last = 0
    ahead = _named_ahead(text, weights)
    for n, weight in enumerate(weights):
        end = weights[n + 1].start() if n + 1 < len(weights) else len(text)
        part = text[weight.end() : min(end, weight.end() + 80)]
        if ahead:  # "inflow, lag 2: 0.8"
            low = weights[n - 1].end() if n else 0
            part = re.split(
                r"[.:]\s|\n", text[max(low, weight.start() - 80) : weight.start()].rstrip(": ")
            )[-1]
        lag = _LAG.search(part)
        name = _variable(part[: lag.start()]) if lag else ""
        if lag is None or not name:
            if len(found) > 1:
                break
            found = []
            continue
        value = float(weight["number"]) * (-1 if weight["sign"] else 1)
        first = first if found else weight.start()
        last = weight.end() + (0 if ahead else lag.end())
        back = _number(next(group for group in lag.groups() if group))
        found.append((name, back, value))
    names = list(dict.fromkeys(name for name, _, _ in found))
    if len(found) < 2 or len(names) > 2 or len({one[:2] for one in found}) < len(found):
        return None
    own = _own_name(text, names, driver)
    if own is None:
        return None
    terms = tuple(Term(TARGET if name == own else driver, lag, value) for name, lag, value in found)
    span = Span(first, last, text[first:last])
    equation = Equation(TARGET, terms, 0.0, span)
    lags = max(term.lag for term in terms)
    return EquationSystem((equation,), noise_scale(text), lags, True, TARGET, span)


def _named_ahead(text: str, weights: Sequence[re.Match[str]]) -> bool:
    """Tell whether names and lags stand before their weights."""
    for weight in weights:
        part = re.split(
            r"[.:]\s|\n", text[max(0, weight.start() - 80) : weight.start()].rstrip(": ")
        )[-1]
        lag = _LAG.search(part)
        if lag and _variable(part[: lag.start()]):
            return True
        follow = text[weight.end() : weight.end() + 80]
        lag = _LAG.search(follow)
        if lag and _variable(follow[: lag.start()]):
            return False
    return False


def _variable(words: str) -> str:
    """Return the name between a weight and its lag; empty where the words are more than a name."""
    names = [one for one in re.findall(r"[A-Za-z]\w*", words) if one not in _FILLERS]
    return names[0] if len(names) == 1 else ""


def _own_name(text: str, names: Sequence[str], driver: str) -> str | None:
    """Tell which of two variables is the series itself; None where it cannot be told."""
    course = set(re.findall(r"\w+", driver.lower()))
    drivers = [name for name in names if name.lower() in course]
    if len(drivers) == 1 and len(names) == 2:
        return next(name for name in names if name not in drivers)
    for name in names:
        word = re.escape(name)
        asked = re.search(
            rf"\b{word}\b[^.;\n]{{0,30}}\b{_WANTED}|\b{_WANTED}\w*\b[^.;\n]{{0,30}}\b{word}\b", text
        )
        if _RESPONSES.search(name) or asked:
            return name
    return None
