"""What the series is: its name, concepts, unit, places and limits."""

from __future__ import annotations

import re
from collections.abc import Sequence

from icl_forecasting.cik.language.model import Token
from icl_forecasting.cik.language.tokens import tokens as split_tokens
from icl_forecasting.cik.reading.candidates import (
    DETERMINERS,
    Found,
    candidates,
    is_noun,
    name_of,
)
from icl_forecasting.cik.reading.places import places_in
from icl_forecasting.cik.reading.quantities import (
    COUNTED,
    FAMILY,
    MEASURES,
    NON_NEGATIVE,
    quantities,
)
from icl_forecasting.cik.reading.remarks import Remark
from icl_forecasting.cik.reading.units import area_unit, is_unit_like, unit_in, unit_of
from icl_forecasting.cik.statements import Span, Subject

_LIES = re.compile(
    r"\b(?:it|which|place|county|town) (?:is )?(?:located|situated|lies|belongs)\b", re.I
)

_LOCATED = re.compile(
    r"\b(?:located|situated|lies|lie|is\s+in|are\s+in|location|borough|county|"
    r"is\s+an?\s+(?:town|city|village|district|part|suburb|county|region))\b",
    re.IGNORECASE,
)


def subject_of(remarks: Sequence[Remark], text: str, name: str | None) -> Subject | None:
    """Read what the series is.

    Args:
        remarks: the clauses of the text.
        text: the whole text.
        name: of the series, such as the heading of its column.

    Returns:
        None where neither text nor name says anything.
    """
    unit, of_unit = unit_of(remarks, text)
    phrases = [one for one in candidates(remarks, unit) if is_noun(one.tokens)]
    column = _column(name)
    found = sorted(phrases, key=lambda one: (_rank(one, of_unit), one.remark.order))
    called = ""
    if column - MEASURES:
        fitting = [one for one in found if _fits(one, column)]
        called = "" if fitting else name or ""
        bare = [one for one in found if not _named(one) - MEASURES - _SUNNY]
        found = fitting or bare or ([] if column & {"percentage"} else found)
    best = next(iter(found), None)
    if best is None and not column:
        best = _only_one(remarks)
    if best is None:
        measured, at = area_unit(text)
        told = None if at is None or not column & measured else Span(*at, text[at[0] : at[1]])
        found_unit = None if told is None else told.text
        named = Subject(
            name=name or "", concepts=column, unit=found_unit, span=told, confidence=0.5
        )
        return named if column else None
    sentence = best.remark.sentence.span
    words, tail = name_of(best.tokens)
    head = frozenset(one.concept for one in quantities(words))
    concepts = head
    whole = quantities((*words, *tail))
    head |= frozenset(one.concept for one in whole if one.first < len(words))
    head = column if called else head
    concepts = head
    rest = frozenset(one.concept for one in whole)
    if not head - MEASURES or head <= {"occupancy", "percentage", "rate"}:
        concepts |= rest
    concepts |= rest & {"cash", "solar"} if head & {"withdrawal", "power"} else frozenset()
    own_unit, of_own = unit_in(sentence.text)
    if own_unit is not None and (of_own or unit is None):
        unit, of_unit = own_unit, of_own
    concepts |= of_unit if not concepts & {"irradiance"} else frozenset()
    if concepts & {"power", "load", "demand", "energy"} and _mentions_electricity(unit, remarks):
        concepts |= {"electricity"}
    concepts |= column if not concepts - MEASURES or column & concepts else frozenset()
    concepts |= _defined(remarks, words)
    concepts |= _related(concepts, remarks)
    if concepts & {"irradiance"}:
        concepts -= {"power", "energy", "count"}
    if "power" in concepts and concepts & {"electricity"}:
        concepts -= {"power"}
    if "electricity" in concepts and "load" in concepts:
        concepts -= {"load"}
    return Subject(
        name=called or " ".join(t.text for t in words),
        concepts=concepts,
        unit=unit,
        places=_places(remarks, best.remark),
        lower=0.0 if concepts & NON_NEGATIVE and "temperature" not in concepts else None,
        upper=100.0 if concepts & {"percentage", "occupancy", "unemployment", "humidity"} else None,
        integer=bool(concepts & COUNTED) and not concepts & {"rate", "percentage", "occupancy"},
        span=_span(text, best),
    )


def _only_one(remarks: Sequence[Remark]) -> Found | None:
    """Where no words say what the series is: the only quantity that the text names."""
    named = [(one, n) for one in remarks if not one.sentence.quoted for n in one.named]
    named = [(one, n) for one, n in named if n.concept not in MEASURES | _UNTOLD]
    concepts = frozenset(n.concept for _, n in named)
    for remark, one in named:
        wider = FAMILY.get(one.concept, frozenset()) | {one.concept}
        if concepts <= wider.union(*(FAMILY.get(c, frozenset()) for c in wider)) | _PARTICULAR:
            if len(concepts & _PARTICULAR) <= 1:
                return Found(remark.tokens[one.first : one.last + 1], remark, 9.0)
    return None


_SUNNY = frozenset("solar energy power weather cloud".split())
"""Quantities that words about sunlight also name."""

_UNTOLD = frozenset("weather cloud temperature wind rain price load power energy humidity".split())
"""Quantities that mostly explain others."""


def _fits(found: Found, column: frozenset[str]) -> bool:
    """Tell whether a noun phrase can be what the heading of the column names."""
    named = _named(found)
    wider = column.union(*(FAMILY.get(one, frozenset()) for one in column))
    back = frozenset().union(*(FAMILY.get(one, frozenset()) for one in named))
    return bool(named & wider or back & column)


def _named(found: Found) -> frozenset[str]:
    words, tail = name_of(found.tokens)
    return frozenset(one.concept for one in quantities((*words, *tail[:12])))


def _related(concepts: frozenset[str], remarks: Sequence[Remark]) -> frozenset[str]:
    """Add what belongs to the same thing and is named elsewhere: a cash machine's withdrawals."""
    named = frozenset(one.concept for remark in remarks for one in remark.named)
    wider = {"cash": "withdrawal", "incident": "count"}
    more = frozenset(wider[one] for one in concepts if one in wider) & named
    if concepts & _KINDS_OF and len(kinds := named & _PARTICULAR) == 1 and not concepts & kinds:
        more |= kinds
    if not concepts - MEASURES:
        counts: dict[str, int] = {}
        for remark in remarks:
            for one in {n.concept for n in remark.named} & _WHAT:
                counts[one] = counts.get(one, 0) + 1
        if counts:
            more |= {max(counts, key=lambda one: counts[one])}
    return more


_PARTICULAR = frozenset("field-fire trash-fire water-rescue ice-rescue gas-leak".split())
_KINDS_OF = frozenset("fire rescue incident count call".split())
"""What a fire service counts may be named apart from the kind that is counted."""

_WHAT = frozenset("unemployment withdrawal fire electricity irradiance crime".split())
"""Concepts that a bare "rate" or "number" is taken for, where the text speaks of one."""


def _rank(one: Found, of_unit: frozenset[str]) -> float:
    """Order candidates: by pattern first, but one that names no quantity comes late."""
    words = name_of(one.tokens)[0]
    start, end = words[0].start, words[-1].end
    tokens = one.remark.tokens
    named = frozenset(
        n.concept
        for n in one.remark.named
        if tokens[n.first].start >= start and tokens[n.last].end <= end
    )
    if one.remark.has("reference") or one.remark.says("yardstick", "help"):
        return one.rank + 2.5
    if of_unit & {"power", "energy"} and not named & _POWERED and one.rank > 1:
        return one.rank + 3
    if named - MEASURES or named & of_unit or one.rank == 0.5:
        return one.rank
    if named:
        return one.rank + 0.6
    return one.rank + 3.5


_POWERED = frozenset("electricity power energy load demand solar wind-power".split())


def _mentions_electricity(unit: str | None, remarks: Sequence[Remark]) -> bool:
    """Tell whether power is what a grid delivers and people use."""
    used = {"electricity", "electric", "electrical", "grid", "consumption", "consume", "demand"}
    used |= {"use", "usage", "household", "customer"}
    used |= {"load", "supplier"}
    return bool(unit) and any(not one.lemmas.isdisjoint(used) for one in remarks)


def _column(name: str | None) -> frozenset[str]:
    if not name or name.strip().lower() in ("", "0", "1", "value", "values", "target", "y", "x"):
        return frozenset()
    words = re.sub(r"[_\W]+", " ", name)
    found = frozenset(one.concept for one in quantities(tuple(split_tokens(words))))
    return found | ({"percentage"} if "%" in name else frozenset())


def _defined(remarks: Sequence[Remark], words: Sequence[Token]) -> frozenset[str]:
    """Concepts from a definition: "The X is the amount of energy arriving from the sun"."""
    name = {t.lemma for t in words if t.kind == "word"} - DETERMINERS
    if not name or len(name) < 2:
        return frozenset()
    for remark in remarks:
        lemmas = [t.lemma for t in remark.tokens if t.kind == "word"]
        if "be" in lemmas and name <= set(lemmas[: lemmas.index("be")]):
            concepts = frozenset(one.concept for one in remark.named)
            return concepts & {"irradiance", "sunlight", "electricity", "unemployment", "pressure"}
    return frozenset()


def _places(remarks: Sequence[Remark], best: Remark) -> tuple[str, ...]:
    found = [one.name for one in places_in(best.sentence.span.text)]
    beside = _BESIDE.findall(best.sentence.span.text)
    found += [one for one in beside if not is_unit_like(one)]
    for remark in remarks:
        near = abs(remark.order - best.order) <= 3 and remark.order != best.order
        told = _LOCATED if not found else _LIES
        if near and remark.index == 0 and told.search(remark.sentence.span.text):
            found += [one.name for one in places_in(remark.sentence.span.text)]
    return tuple(dict.fromkeys(found))


_BESIDE = re.compile(r",\s+([A-ZÀ-Þ][\w’'-]+(?:\s[A-ZÀ-Þ][\w’'-]+)*)(?=\s*(?:[.,;)]|$))")


def _span(text: str, found: Found) -> Span:
    words = name_of(found.tokens)[0]
    start, end = words[0].start, words[-1].end
    return Span(start, end, text[start:end])
