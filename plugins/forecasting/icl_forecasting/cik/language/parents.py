"""Lagged dependence in words: "X_1 depends on its own value two steps before and on X_0"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from icl_forecasting.cik.language.model import Equation, Sentence
from icl_forecasting.cik.language.variables import Names
from icl_forecasting.cik.language.vocabulary import NUMBERS, ORDINALS
from icl_forecasting.cik.statements import Span, Term

_OWN = r"(?:itself|its own\b|its(?=\s+(?:previous|past|last|preceding|lagged|earlier|value)))"
_COUNT = r"(?:\d{1,3}(?!\.?\d)|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)"
_STEP = (
    r"(?:time[- ]?)?(?:steps?|days?|hours?|periods?|months?|weeks?|ticks?|time points?|lags?|"
    r"samples?|minutes?|years?)(?:\(s\))?"
)
_SEVERAL = rf"{_COUNT}(?:\s*(?:,\s*and|,|and|or|to|-|&)\s*{_COUNT})*"
_LAGS = (
    rf"(?P<upto>\b(?:every|each|all)\s+(?:of\s+the\s+)?lags?\s+(?:from\s+\S+\s+)?(?:up\s+to|to|until)\s+(?P<top>{_COUNT}))"
    rf"|(?P<lags>\blags?\s*(?:=|:|of|order)?\s*(?P<list>{_SEVERAL})\b)"
    r"|(?P<t>\(?\[?\bt\s*[-−–]\s*(?P<back>\d{1,3})\b[\])]?)"
    rf"|(?P<before>\b(?P<count>{_SEVERAL})[- ]{_STEP}\s*"
    r"(?:before|earlier|ago|back|previously|prior|in the past|behind|later|delay|lag|lagged)?)"
    rf"|(?P<span>\b(?:last|previous|preceding|past)\s+(?P<many>{_COUNT})\s+"
    rf"(?:{_STEP}|values?|observations?))"
    rf"|(?P<one>\b(?:(?:the\s+)?(?:previous|preceding|last|prior)\s+(?:{_STEP}|value|observation)"
    rf"|a (?:single )?{_STEP} (?:before|earlier|ago)|{_STEP} before|yesterday(?:'s)?))"
    r"|(?P<nth>\b(?P<ordinal>first|second|third|fourth|fifth|sixth)\s+lags?\b)"
)
_COEFFICIENT = (
    r"(?P<minus>\bminus\s+)?(?P<coefficient>(?<![\w.])[-−–]?\s?\d*\.\d+(?:[eE][+-]?\d+)?"
    r"|(?<![\w.])[-−–]?\d+(?=\s*(?:\*|×|times\b|x\s)))"
)
_DEPENDS = (
    r"(?:depends?|relies|is\s+(?:\w+\s+)?(?:driven|influenced|caused|affected|determined|explained|"
    r"generated|given|computed|predicted|governed|linear)|is\s+(?:then\s+)?(?:a|the)\s+(?:weighted\s+)?(?:linear\s+)?"
    r"(?:function|combination|sum)|responds?|reacts?|has\s+(?:as\s+)?(?:its\s+|these\s+|the\s+following\s+)?"
    r"(?:causal\s+)?parents?|is\s+regressed|follows|linear\s+(?:function|combination)|obeys|satisfies|=)"
)
_SYSTEM = re.compile(
    r"\blags?\b|\blinear|autoregress|\bparents?\b|\bcaus|\bdepend|\bweights?\b|\bcoefficients?\b|\bdriven\b"
    r"|\binfluenc|\baffect|\bdrives?\b|t\s*[-−–]\s*\d|\bsum\b|\bdelay|→",
    re.I,
)


@lru_cache(maxsize=4)
def _patterns(name: str) -> dict[str, re.Pattern[str]]:
    """Compile the patterns of dependence for a pattern of names."""
    piece = re.compile(
        rf"(?i:{_LAGS}|(?P<own>\b{_OWN})|(?P<both>\bboth(?:\s+of\s+them|\s+variables)?\b(?=\s+(?:are|of|vari))))"
        rf"|(?P<name>{name})|{_COEFFICIENT}"
    )
    child_of = re.compile(
        r"\b(?i:parents?|causes?|predictors?|inputs?|drivers?|influences?)\s+(?:for|of|on|to)\s+"
        rf"(?:the\s+)?(?:variable\s+|node\s+)?(?P<child>{name})"
    )
    none = re.compile(
        r"\b[Nn]o\s+(?:causal\s+)?(?:parents?|causes?|drivers?|predictors?)\s+(?:for|of)\s+"
        rf"(?:the\s+)?(?:variable\s+)?(?P<child>{name})"
        rf"|(?P<alone>{name})\s+(?:has|have)\s+(?:no\s+(?:causal\s+)?(?:parents?|causes?|drivers?)|none)"
        rf"|(?i:parents?\s+of)\s+(?:the\s+)?(?P<listed>{name})\s*:\s*(?:none|-|nothing)"
        rf"|(?P<free>{name})\s+(?:depends\s+on\s+nothing|is\s+not\s+(?:influenced|caused))"
    )
    depends = re.compile(
        rf"(?P<child>{name})(?:\s*[\[(^_]?\{{?\(?t\)?\}}?[\])]?)?[\s\])]*(?:today|now)?"
        rf"(?:,[^,.;]{{0,40}},)?\s*(?:at\s+(?:time|day|step)?\s*t\s*)?(?:\w+ly\s+|also\s+|only\s+)?[:\s]*{_DEPENDS}"
        r"(?:\s+\w+ly)?(?:\s+(?:on|by|of|to|from|upon|in))?"
    )
    has = re.compile(
        rf"(?P<child>{name})\s+has\s+(?P<list>[^.;:]*?)\s+as\s+(?:its\s+)?(?:causal\s+)?parents?"
    )
    affects = re.compile(
        rf"(?P<parent>{name})[^.;:]{{0,60}}?\s*(?:\b(?:affects?|influences?|drives?|causes?|impacts?|"
        r"acts?\s+on|feeds?\s+into|is\s+a\s+(?:causal\s+)?parent\s+of|enters?|acts\s+upon)\b|→|-+>)\s*"
        rf"(?:the\s+)?(?:variable\s+|value\s+of\s+)?(?P<child>{name}|{_OWN})"
    )
    return {
        "piece": piece,
        "child_of": child_of,
        "none": none,
        "depends": depends,
        "has": has,
        "affects": affects,
    }


class Words:
    """Reads dependence in sentences about the variables of one text.

    Args:
        names: the variables.
    """

    def __init__(self, names: Names) -> None:
        patterns = _patterns(names.pattern)
        self.names = names
        self.piece = patterns["piece"]
        self.child_of = patterns["child_of"]
        self.none = patterns["none"]
        self.depends = patterns["depends"]
        self.has = patterns["has"]
        self.affects = patterns["affects"]

    def read(self, words: str) -> list[tuple[str, list[Term]]]:
        """Return the children of a sentence with their terms."""
        of = self.names.of
        found: list[tuple[str, list[Term]]] = []
        none = self.none.search(words)
        if none:
            found.append((of(next(group for group in none.groups() if group)), []))
            words = words[: none.start()] + " " * (none.end() - none.start()) + words[none.end() :]
        has = self.has.search(words)
        if has:
            child = of(has["child"])
            return [*found, (child, self._terms(words, child, has.start("list"), []))]
        parents = self.child_of.search(words)
        if parents:
            child = of(parents["child"])
            lags = self._lags(words[: parents.start()])
            named = self._named(words[: parents.start()]) if ":" not in words else []
            terms = self._terms(words, child, parents.end(), lags, named)
            return [*found, (child, terms)] if terms else found
        depends = self.depends.search(words)
        if depends:
            child = of(depends["child"])
            lags = self._lags(words[: depends.start()])
            terms = self._terms(words, child, depends.end(), lags)
            if terms:
                return [*found, (child, terms)]
        affects = self.affects.search(words)
        if affects:
            parent = of(affects["parent"])
            own = re.fullmatch(_OWN, affects["child"], re.I)
            child = parent if own else of(affects["child"])
            lags = self._lags(words)
            if lags:
                return [*found, (child, [Term(parent, lag) for lag in lags])]
        if self.names.target is not None and _SYSTEM.search(words):
            terms = self._terms(words, self.names.target, 0, [])
            if len(terms) > 1 or (terms and terms[0].coefficient is not None):
                return [*found, (self.names.target, terms)]
        return found

    def _named(self, words: str) -> list[str]:
        """Return the variables named before "are parents of"."""
        found: list[str] = []
        for match in self.piece.finditer(words):
            if match["both"]:
                found += [name for name in self.names.all if name not in found]
            elif match["name"]:
                found.append(self.names.of(match["name"]))
        return found

    def _lags(self, words: str) -> list[int]:
        lags: list[int] = []
        for match in self.piece.finditer(words):
            lags += [lag for lag in _lags_of(match) if lag not in lags]
        return lags

    def _terms(
        self, words: str, child: str, begin: int, lags: list[int], named: Sequence[str] = ()
    ) -> list[Term]:
        """Read parents with their lags, and coefficients where there are any."""
        pieces = list(self.piece.finditer(words, begin))
        weighted = re.search(r"\b(?:coefficients?|weights?)\b", words, re.I)
        lagged = sum(1 for match in pieces if _lags_of(match))
        count = sum(1 for match in pieces if match["coefficient"])
        if count >= max(lagged - 1, 1 if weighted else 2):
            terms = self._weighted(pieces, child)
            if terms:
                return terms
        return _unique(self._parents(words, pieces, child, lags, named))

    def _weighted(self, pieces: Sequence[re.Match[str]], child: str) -> list[Term]:
        """Read triples of coefficient, variable and lag in any order."""
        terms: list[Term] = []
        name: str | None = None
        weight: float | None = None
        lag: int | None = None
        for match in pieces:
            if match["coefficient"]:
                weight = _value(match["coefficient"])
                weight = -weight if match["minus"] else weight
            elif match["own"]:
                name = name or child
            elif match["name"]:
                name = self.names.of(match["name"])
            elif match["both"]:
                continue
            else:
                lag = (_lags_of(match) or [None])[0]  # type: ignore[list-item]
            if name is not None and weight is not None and lag is not None:
                terms.append(Term(name, lag, weight))
                weight = lag = None
        return _unique(terms)

    def _parents(
        self,
        words: str,
        pieces: Sequence[re.Match[str]],
        child: str,
        lags: list[int],
        named: Sequence[str],
    ) -> list[Term]:
        """Give each parent its lags.

        A lag belongs to the parents named since the last lag; a lag before the first parent
        belongs to all that have none of their own.
        """
        terms: list[Term] = []
        waiting: list[str] = list(named)
        since: list[str] = []
        shared = list(lags)
        ahead = False
        for k, match in enumerate(pieces):
            if match["name"] or match["own"] or match["both"]:
                if match["both"]:
                    continue
                name = child if match["own"] else self.names.of(match["name"])
                since = []
                if ahead and shared and not _own_lag(words, pieces, k):
                    terms += [Term(name, lag) for lag in shared]
                else:
                    waiting.append(name)
                continue
            found = _lags_of(match)
            if waiting:
                terms += [Term(name, lag) for name in waiting for lag in [*lags, *found]]
                since, waiting = waiting, []
            elif since:  # "X_0 at t-1 and t-2"
                terms += [Term(name, lag) for name in since for lag in found]
            elif found:
                shared, ahead = found, True
        terms += [Term(name, lag) for name in waiting for lag in shared]
        return terms


def parents_in_words(found: Sequence[Sentence], names: Names) -> list[Equation]:
    """Read which variables each variable depends on, at which lags and with which weights.

    Args:
        found: the sentences.
        names: the variables of the text.

    Returns:
        An equation for each variable, in the order of the text; a coefficient that is not said
        is None.
    """
    if not names.all:
        return []
    reader = Words(names)
    terms: dict[str, list[Term]] = {}
    spans: dict[str, Span] = {}
    for sentence in found:
        words = sentence.span.text
        if not _SYSTEM.search(words):
            continue
        for child, parents in reader.read(words):
            terms.setdefault(child, [])
            spans.setdefault(child, sentence.span)
            known = {(one.variable, one.lag) for one in terms[child]}
            terms[child] += [one for one in parents if (one.variable, one.lag) not in known]
    return [Equation(child, tuple(parents), 0.0, spans[child]) for child, parents in terms.items()]


def _value(words: str) -> float:
    return float(words.replace("−", "-").replace("–", "-").replace(" ", ""))


def _number(word: str) -> int:
    return int(word) if word.isdigit() else int(NUMBERS.get(word.lower(), 1))


def _numbers(words: str) -> list[int]:
    ends = re.fullmatch(rf"\s*({_COUNT})\s*(?:to|-)\s*({_COUNT})\s*", words, re.I)
    if ends:
        low, high = _number(ends[1]), _number(ends[2])
        return list(range(low, min(high, low + 100) + 1))
    return [_number(one) for one in re.findall(_COUNT, words, re.I)]


def _lags_of(match: re.Match[str]) -> list[int]:
    if match["upto"]:
        return list(range(1, min(_number(match["top"]), 100) + 1))
    if match["lags"]:
        return _numbers(match["list"])
    if match["t"]:
        return [int(match["back"])]
    if match["before"]:
        return _numbers(match["count"])
    if match["span"]:
        return list(range(1, min(_number(match["many"]), 100) + 1))
    if match["one"]:
        return [1]
    if match["nth"]:
        return [ORDINALS[match["ordinal"].lower()]]
    return []


def _own_lag(words: str, pieces: Sequence[re.Match[str]], k: int) -> bool:
    """Tell whether a lag follows a name directly: "its previous value", "X_0 at lag 2"."""
    if k + 1 >= len(pieces) or not _lags_of(pieces[k + 1]):
        return False
    gap = words[pieces[k].end() : pieces[k + 1].start()]
    return len(gap) <= 12 and "," not in gap and " and " not in gap


def _unique(terms: Sequence[Term]) -> list[Term]:
    found: list[Term] = []
    for term in terms:
        if term not in found:
            found.append(term)
    return found
