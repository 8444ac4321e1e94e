"""Rows of moments and values: the path of another variable, or readings to compare with."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from icl_forecasting.cik.language.model import Document, Listing
from icl_forecasting.cik.reading.places import places_in, same_place
from icl_forecasting.cik.reading.quantities import MEASURES
from icl_forecasting.cik.reading.remarks import Remark
from icl_forecasting.cik.reading.topic import Topic, concepts_of
from icl_forecasting.cik.statements import Covariate, Reference, Statement

_LIKE = frozenset(
    """similar nearby neighbouring neighboring closest identical comparable adjacent
    clear-sky clearsky""".split()
)
_SAME = ("clear sky", "same place", "same location", "same site", "same day", "same station")
_OTHER = frozenset("different unrelated distant far".split())


def listings_of(document: Document, topic: Topic, remarks: Sequence[Remark]) -> list[Statement]:
    """Turn the listings of a text into covariates and references."""
    accepted = paths_in(document, remarks)
    if not accepted and document.equations:
        accepted = _told_paths(remarks)
    titles = [place_name(one) or one.name for one in accepted]
    found = [_statement(one, topic, titles) for one in accepted]
    found = [_decoded(one, document.text) for one in found]
    found = [_renamed(one, topic, remarks) for one in found]
    if not document.equations:
        pairs = zip(accepted, found, strict=True)
        found = [_as_reference(listing, one, topic, titles) for listing, one in pairs]
    return _joined(_resembling(found, remarks, topic))


_LEGEND = re.compile(
    r"(?<![\w.:/-])(\d)\s*(?:means?|stands? for|denotes?|is|=|:|for)\s+(?:that\s+)?"
    r"((?:[a-z][a-z'’-]*\s?){1,4})(?=[,.;)\n]|and\b|$)",
    re.IGNORECASE,
)


def _decoded(statement: Statement, text: str) -> Statement:
    """Put words in the place of codes that a text explains: "0 means shut, 1 means open"."""
    if not isinstance(statement, Covariate):
        return statement
    values = set(statement.values)
    if len(values) > _CODES or any(isinstance(one, str) or one not in _DIGITS for one in values):
        return statement
    legend = {float(code): words.strip().lower() for code, words in _LEGEND.findall(text)}
    codes = [float(one) for one in values]
    if not set(codes) <= legend.keys() or len({legend[one] for one in codes}) < len(codes):
        return statement
    shared = set.intersection(*(set(legend[one].split()) for one in codes))
    legend = {
        code: " ".join(one for one in words.split() if one not in shared) or words
        for code, words in legend.items()
    }
    return replace(statement, values=tuple(legend[float(one)] for one in statement.values))


_CODES = 4
"""Codes of states; more different values are numbers."""
_DIGITS = frozenset(float(one) for one in range(10))


def _resembling(
    statements: list[Statement], remarks: Sequence[Remark], topic: Topic
) -> list[Statement]:
    """Keep the place that the text calls most like the series' own, where it names one."""
    names = [one.name for one in statements if isinstance(one, Reference) and one.name]
    if len(set(names)) < 2:
        return statements
    for remark in remarks:
        if not remark.says(*_ALIKE) or remark.clause.negated or remark.hypothetical:
            continue
        words = remark.sentence.span.text.lower()
        named = [name for name in dict.fromkeys(names) if name.lower() in words]
        if len(named) == 1:
            return [
                replace(one, relevant=one.name == named[0]) if isinstance(one, Reference) else one
                for one in statements
            ]
    return statements


_ALIKE = frozenset("similar resemble alike like neighbour neighbor comparable closest twin".split())


def _as_reference(
    listing: Listing, statement: Statement, topic: Topic, titles: Sequence[str]
) -> Statement:
    """Read the path of no other quantity, told for a place, as readings to compare with."""
    if not isinstance(statement, Covariate) or not place_name(listing):
        return statement
    if any(isinstance(v, str) for v in statement.values) or _quantity_in(statement.name, topic):
        return statement
    return Reference(
        name=place_name(listing),
        stamps=tuple(listing.stamps),
        values=tuple(float(one) for one in listing.values),
        relevant=_relevant(listing, topic, titles),
        span=listing.span,
    )


def _renamed(statement: Statement, topic: Topic, remarks: Sequence[Remark]) -> Statement:
    """Name a covariate by the quantity that the text has beside the series.

    The words in front of its rows are often no name ("it", "up to", "start").
    """
    if not isinstance(statement, Covariate) or any(isinstance(v, str) for v in statement.values):
        return statement
    plain = re.sub(r"[^\w\s-]+", " ", statement.name).strip()
    plain = re.sub(r"(?:\s+(?:of|the|a|in|is))+$", "", plain)
    if _quantity_in(plain, topic):
        return replace(statement, name=plain)
    counts: dict[str, int] = {}
    for remark in remarks:
        for one in remark.named:
            if one.concept not in topic.family | MEASURES:
                word = remark.tokens[one.last].lemma
                counts[word] = counts.get(word, 0) + 1
    if not counts:
        return replace(statement, name=plain or "covariate")
    return replace(statement, name=max(counts, key=lambda word: counts[word]))


def _quantity_in(name: str, topic: Topic) -> bool:
    return bool(concepts_of(name) - topic.family - MEASURES)


def _joined(statements: list[Statement]) -> list[Statement]:
    """Join paths of one covariate that were told in parts, the past and the future."""
    joined: list[Statement] = []
    for statement in statements:
        other = next((one for one in joined if _continues(one, statement)), None)
        if other is None:
            joined.append(statement)
            continue
        assert isinstance(other, Covariate) and isinstance(statement, Covariate)
        first, second = sorted((other, statement), key=lambda one: one.stamps[0])
        path = replace(
            first,
            stamps=first.stamps + second.stamps,
            values=first.values + second.values,
            end=second.end,
        )
        joined[joined.index(other)] = path
    return joined


def _continues(one: Statement, other: Statement) -> bool:
    if not isinstance(one, Covariate) or not isinstance(other, Covariate):
        return False
    if not (one.steps and other.steps) or type(one.values[0]) is not type(other.values[0]):
        return False
    first, second = sorted((one, other), key=lambda each: each.stamps[0])
    apart = first.stamps[-1] < second.stamps[0]
    words = set(one.name.lower().split()) & set(other.name.lower().split())
    meets = first.end is not None and bool(abs(second.stamps[0] - first.end) <= _DAYS)
    return bool(apart) and (bool(words) or meets)


_DAYS = np.timedelta64(2 * 86_400_000_000_000, "ns")


def place_name(listing: Listing) -> str:
    """Return the place that rows are of, by their title or the sentence before them."""
    for words in (listing.name, listing.intro):
        names = [one.name for one in places_in(words) if not _KINDS_ONLY.match(one.name)]
        if names:
            return names[-1]
        if words and words.strip().istitle() and len(words.split()) <= 4:
            return words.strip()
    capital: list[str] = [
        one for one in _CAPITAL.findall(listing.name) if one.lower() not in _NO_NAMES
    ]
    if len(capital) == 1:
        return capital[0]
    spoken: list[str] = [
        one for one in _CAPITAL.findall(listing.intro)[1:] if one.lower() not in _NO_NAMES
    ]
    return spoken[-1] if spoken and not listing.name else ""


_CAPITAL = re.compile(r"(?<![\w])[A-ZÀ-Þ][\w’'-]+(?:\s[A-ZÀ-Þ][\w’'-]+)*")
_NO_NAMES = frozenset("the rate rates for reference readings values month months state".split())


_KINDS_ONLY = re.compile(r"(?:American|US|USA)$")


def paths_in(document: Document, remarks: Sequence[Remark]) -> list[Listing]:
    """Return the listings that are paths; numbers and times in a limit are none."""
    limits = [one.span for one in remarks if one.has("at_most", "at_least") and one.numbers]
    return [
        one
        for one in document.listings
        if is_path(one)
        and not (
            len(one.stamps) < _SHORT
            and any(s.start < one.span.end and one.span.start < s.end for s in limits)
        )
    ]


_SHORT = 4
"""A listing of fewer rows may be prose."""


def _told_paths(remarks: Sequence[Remark]) -> list[Listing]:
    """Read a path from the numbers and times of clauses: "0.2 from 1 May to 7 May"."""
    rows: dict[np.datetime64, tuple[float, np.datetime64]] = {}
    for remark in remarks:
        for time in remark.clause.times:
            start, end = time.window.start, time.window.end
            before = [one for one in remark.numbers if one.span.end <= time.span.start]
            if start is None or end is None or start >= end or not before:
                continue
            if time.span.start - before[-1].span.end <= 3:
                rows[start] = (before[-1].value, end)
    if len(rows) < 2:
        return []
    stamps = sorted(rows)
    values = tuple(rows[one][0] for one in stamps)
    end = max(last for _, last in rows.values())
    return [Listing(name="", stamps=tuple(stamps), values=values, steps=True, end=end)]


def is_path(listing: Listing) -> bool:
    """Tell whether rows are a path, and not prose that only looks like state changes.

    A state comes again ("clear", "cloudy", "clear"); two different words at two times are prose.
    """
    if not len(listing.stamps):
        return False
    states = [one for one in listing.values if isinstance(one, str)]
    return not states or len(set(states)) < len(states)


def _statement(listing: Listing, topic: Topic, titles: Sequence[str]) -> Statement:
    numeric = all(isinstance(one, float | int) for one in listing.values)
    words = f"{listing.name} {listing.intro}".lower()
    concepts = concepts_of(listing.name)
    introduced = concepts_of(listing.intro)
    if numeric and not listing.steps and _comparable(concepts, introduced, words, topic):
        clear = ("clear" in words and ("sky" in words or "cloud" in words)) or "cloudless" in words
        quantity = topic.concepts | {"clear-sky"} if clear else frozenset[str]()
        if concepts - MEASURES and not concepts & topic.family:
            quantity |= concepts
        return Reference(
            name=_reference_name(listing),
            stamps=tuple(listing.stamps),
            values=tuple(float(one) for one in listing.values),
            quantity=quantity,
            relevant=True if clear else _relevant(listing, topic, titles),
            span=listing.span,
        )
    return Covariate(
        name=listing.name or _name(listing),
        stamps=listing.stamps,
        values=listing.values,
        steps=listing.steps,
        end=listing.end,
        span=listing.span,
    )


def _reference_name(listing: Listing) -> str:
    name = listing.name.strip(" =:;-")
    short = len(name.split()) <= 4 and "," not in name
    return name if name and short else place_name(listing) or name


def _comparable(
    concepts: frozenset[str], introduced: frozenset[str], words: str, topic: Topic
) -> bool:
    """Tell whether the rows are the same quantity as the series, of another place or day."""
    own = topic.family - MEASURES or topic.family
    if concepts - MEASURES:
        return bool(concepts & own)
    if introduced - MEASURES:
        return bool(introduced & own)
    return True


def _relevant(listing: Listing, topic: Topic, titles: Sequence[str]) -> bool | None:
    """Tell whether the text says that a listing goes with the series.

    A title that names a place of the series does; beside it the other titles do not.
    """
    homes = topic.subject.places
    if len(titles) > 1 and sum(_at_home(title, homes) for title in titles) > 1:
        return None
    if _at_home(place_name(listing) or listing.name, homes):
        return True
    if any(_at_home(title, homes) for title in titles):
        return False
    words = set(f"{listing.name} {listing.intro}".lower().replace(",", " ").split())
    if words & _OTHER:
        return False
    told = " ".join(f"{listing.name} {listing.intro}".lower().split())
    alone = len(titles) == 1
    if (alone and words & _LIKE) or any(phrase in told for phrase in _SAME):
        return True
    return None


def _at_home(title: str, homes: Sequence[str]) -> bool:
    if not title:
        return False
    names = [one.name for one in places_in(title)] or [title]
    return any(same_place(name, home) for name in names for home in homes)


def _name(listing: Listing) -> str:
    """Name a variable by the words that introduce its path: "The load is set to" -> "load"."""
    words = listing.intro.replace(":", " ").split()
    ends = (
        "is",
        "are",
        "was",
        "were",
        "takes",
        "will",
        "varies",
        "changes",
        "has",
        "of",
        "follows",
    )
    kept: list[str] = []
    for word in words:
        if word.lower() in ends:
            break
        if word.lower() not in ("the", "a", "an", "our", "its", "this"):
            kept.append(word.strip(",."))
    return " ".join(kept[-4:]) if kept else "state"
