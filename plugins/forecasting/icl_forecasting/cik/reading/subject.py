"""What the series is: its name, concepts, unit, places and limits."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from icl_forecasting.cik.language.model import Token
from icl_forecasting.cik.language.tokens import tokens as split_tokens
from icl_forecasting.cik.reading.places import places_in
from icl_forecasting.cik.reading.quantities import (
    COUNTED,
    MEASURES,
    NON_NEGATIVE,
    quantities,
)
from icl_forecasting.cik.reading.remarks import Remark
from icl_forecasting.cik.reading.units import is_unit_like, unit_in, unit_of
from icl_forecasting.cik.statements import Span, Subject

_SHOWS = frozenset(
    """be contain represent show record measure describe give report track count capture hold list
    comprise consist document reflect cover correspond plot monitor concern refer""".split()
)
_SERIES = frozenset(
    """series data dataset datum value figure number column chart graph measurement record history
    curve file table observation signal sequence history reading variable""".split()
)
_POINTS = frozenset("this these it the following our given here below what we that those".split())
_TASKS = frozenset("forecast predict project estimate extrapolate prediction forecasting".split())
_ENDS = frozenset(
    """recorded measured captured that which who whose in for at from on over during across by
    responded collected observed logged taken expressed given arriving within registered near
    made received reported where when between through to with as treated entering crossing
    passing using sold produced coming arrived per counted consumed and until since""".split()
)
_DETERMINERS = frozenset("the a an our its their this these amount of total".split())
_LIES = re.compile(
    r"\b(?:it|which|place|county|town) (?:is )?(?:located|situated|lies|belongs)\b", re.I
)
_LOCATED = re.compile(
    r"\b(?:located|situated|lies|lie|is\s+in|are\s+in|location|borough|county|"
    r"is\s+an?\s+(?:town|city|village|district|part|suburb|county|region))\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class _Found:
    """A noun phrase that names the series: tokens, where it was, and how sure the pattern is."""

    tokens: tuple[Token, ...]
    remark: Remark
    rank: float


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
    candidates = [one for one in _candidates(remarks, unit) if _is_noun(one.tokens)]
    found = sorted(candidates, key=lambda one: (_rank(one, of_unit), one.remark.order))
    best = next(iter(found), None)
    column = _column(name)
    if best is None:
        return Subject(name=name or "", concepts=column, confidence=0.5) if column else None
    sentence = best.remark.sentence.span
    words, tail = _name_of(best.tokens)
    head = frozenset(one.concept for one in quantities(words))
    concepts = head
    whole = quantities((*words, *tail))
    head |= frozenset(one.concept for one in whole if one.first < len(words))
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
        name=" ".join(t.text for t in words),
        concepts=concepts,
        unit=unit,
        places=_places(remarks, best.remark),
        lower=0.0 if concepts & NON_NEGATIVE and "temperature" not in concepts else None,
        upper=100.0 if concepts & {"percentage", "occupancy", "unemployment", "humidity"} else None,
        integer=bool(concepts & COUNTED) and not concepts & {"rate", "percentage", "occupancy"},
        span=_span(text, best),
    )


def _related(concepts: frozenset[str], remarks: Sequence[Remark]) -> frozenset[str]:
    """Add what belongs to the same thing and is named elsewhere: a cash machine's withdrawals."""
    named = frozenset(one.concept for remark in remarks for one in remark.named)
    wider = {"cash": "withdrawal", "incident": "count"}
    more = frozenset(wider[one] for one in concepts if one in wider) & named
    if not concepts - MEASURES:
        counts: dict[str, int] = {}
        for remark in remarks:
            for one in {n.concept for n in remark.named} & _WHAT:
                counts[one] = counts.get(one, 0) + 1
        if counts:
            more |= {max(counts, key=lambda one: counts[one])}
    return more


_WHAT = frozenset("unemployment withdrawal fire electricity irradiance crime".split())
"""Concepts that a bare "rate" or "number" is taken for, where the text speaks of one."""


def _rank(one: _Found, of_unit: frozenset[str]) -> float:
    """Order candidates: by pattern first, but one that names no quantity comes late."""
    words = _name_of(one.tokens)[0]
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


def _candidates(remarks: Sequence[Remark], unit: str | None) -> list[_Found]:
    found: list[_Found] = []
    for remark in remarks:
        if remark.hypothetical or remark.sentence.quoted or remark.clause.negated:
            continue
        tokens = remark.tokens
        for i, token in enumerate(tokens):
            if token.kind != "word":
                continue
            after = tokens[i + 1 :]
            if token.lemma in _TASKS and _noun_follows(after):
                start = _skip(after)
                rank = 0.0 if _task(tokens[:i]) else 2.5
                if token.lower in ("forecasting", "prediction", "forecast") and rank:
                    rank = 3.0
                found.append(_Found(after[start:], remark, rank))
            elif token.lemma in _SHOWS and i <= 9 and _opens(tokens[:i]):
                found.append(_Found(after[_skip(after) :], remark, 1.0 + 0.02 * remark.order))
            elif token.lower in ("recorded", "measured", "counted", "logged", "monitored"):
                before = tokens[:i]
                if before and before[-1].lemma == "be" and 1 < len(before) < 16:
                    found.append(_Found(before[:-1], remark, 2.0))
            elif token.lower in (
                "track",
                "count",
                "record",
                "monitor",
                "measure",
                "tracks",
                "records",
            ):
                if i and len(tokens[:i]) <= 6 and _noun_follows(after):
                    found.append(_Found(after[_skip(after) :], remark, 2.2))
        if (end := _to_be_forecast(tokens)) is not None:
            found.append(_Found(tokens[_skip(tokens[:end]) : end], remark, 0.3))
        if tokens and tokens[0].lower in ("ours", "our"):
            verb = next((i for i, t in enumerate(tokens[:8]) if t.lemma in _SHOWS), None)
            if verb is not None:
                after = tokens[verb + 1 :]
                found.append(_Found(after[_skip(after) :], remark, 0.2))
        found += _by_unit(remark, unit)
        label = _labelled(remark)
        if label is not None:
            found.append(_Found(tokens[label + _skip(tokens[label:]) :], remark, 0.9))
        first = [t for t in tokens if t.kind == "word"][:1]
        if remark.index == 0 and first and any(n.first < 14 for n in remark.named):
            start = next((i for i, t in enumerate(tokens) if t.kind == "word"), 0)
            verbs = any(t.lemma in ("be", "have", "will", "do") for t in tokens)
            heading = not verbs and not remark.clause.past and not remark.times
            rank = 1.45 if heading and remark.order == 0 else 4.0
            found.append(_Found(tokens[start:], remark, rank + 0.1 * remark.order))
        for i, token in enumerate(tokens[:-2]):
            if (
                token.lower in ("number", "amount", "count", "total")
                and tokens[i + 1].lower == "of"
            ):
                if remark.order <= 4 and not remark.times and not remark.says("other"):
                    found.append(_Found(tokens[i:], remark, 1.2 + 0.05 * remark.order))
        if (end := _variable_to_forecast(tokens)) is not None:
            found.append(_Found(tokens[max(0, end - 3) : end], remark, 0.5))
    return found


_LABELS = frozenset(
    "quantity series variable data target measured counted what dataset metric values unit".split()
)


def _labelled(remark: Remark) -> int | None:
    """Find the words after a label such as "Quantity:" or "Series =": their first token."""
    if remark.lead is not None and remark.lead.tokens[0].lower in _LABELS:
        return 0 if len(remark.lead.tokens) <= 3 else None
    for i, token in enumerate(remark.tokens[:3]):
        if token.text in (":", "=") and i and remark.tokens[0].lower in _LABELS | {"("}:
            return i + 1
    return None


def _by_unit(remark: Remark, unit: str | None) -> list[_Found]:
    """Find quantities in a clause that names a unit, or that speaks of a series of them."""
    if not remark.named or remark.index > 4:
        return []
    with_unit = unit is not None and unit.lower() in remark.text.lower()
    about = not remark.lemmas.isdisjoint(_SERIES | {"hourly", "daily", "monthly", "plot"})
    found = []
    for one in remark.named:
        start = one.first
        while start > 0 and _joins(remark.tokens[start - 1]):
            start -= 1
        late = 1.4 if with_unit else 2.6 if about else 5.0
        late += 0.05 * remark.order + 0.01 * one.first
        found.append(_Found(remark.tokens[start:], remark, late))
    return found


def _joins(token: Token) -> bool:
    """Tell whether a word before a quantity belongs to its name: "road occupancy"."""
    if token.kind != "word" or token.lower in _APART:
        return token.lower == "of"
    return not token.lower.endswith(("ed", "ly", "s")) or token.lower.endswith("ss")


def _to_be_forecast(tokens: Sequence[Token]) -> int | None:
    """Find "X has to be forecast" or "X is to be predicted": where X ends."""
    words = [t.lower for t in tokens]
    for i in range(1, len(words) - 3):
        if words[i] in ("is", "are", "has", "have") and words[i + 1 : i + 3] == ["to", "be"]:
            if words[i + 3] in ("forecast", "predicted", "forecasted", "estimated"):
                return i
    return None


def _variable_to_forecast(tokens: Sequence[Token]) -> int | None:
    """Find "X is the variable to forecast": the index of "is"."""
    words = [t.lower for t in tokens]
    for i, word in enumerate(words):
        if word in ("forecast", "predict", "forecasted", "predicted") and i > 3:
            if not {"variable", "series", "quantity", "target", "one"} & set(words[:i]):
                continue
            for back in range(i - 1, max(0, i - 8), -1):
                if words[back] in ("is", "are"):
                    return back
    return None


def _is_noun(phrase: Sequence[Token]) -> bool:
    """Tell whether a phrase can name a quantity: "bounded below" and "zero" cannot."""
    if not phrase or phrase[0].kind != "word":
        return False
    first = phrase[0].lower
    if first in _NO_NOUN or (first.endswith("ed") and phrase[0].lemma != first):
        return False
    return any(t.kind == "word" and t.lower not in _ENDS for t in phrase[:6])


_NO_NOUN = frozenset(
    """between not never above below always expected zero no higher lower in at on to for from by if
    that which is are was were be because however also only there it they we you known sure likely
    about around over under due now then""".split()
)


def _task(before: Sequence[Token]) -> bool:
    words = {t.lemma for t in before}
    return bool(words & {"task", "goal", "aim", "objective", "want", "need", "please", "have"})


def _opens(before: Sequence[Token]) -> bool:
    """Tell whether words stand for the series: "This", "The data", "Each value of the series"."""
    words = [t.lemma for t in before if t.kind == "word"]
    if not words:
        return False
    plain = [
        w for w in words if w not in _DETERMINERS and w not in ("time", "each", "every", "all")
    ]
    if len(words) == 1:
        return words[0] in _POINTS
    if any(w in _SERIES for w in plain):
        return len(plain) <= 5
    return all(w in _POINTS | {"be", "now", "also"} for w in words)


def _noun_follows(after: Sequence[Token]) -> bool:
    return bool(after) and after[0].kind in ("word", "symbol") and len(after) > 1


def _skip(after: Sequence[Token]) -> int:
    """Skip what stands before the noun: articles, "that", "information about", "values of"."""
    skipped = 0
    for token in after:
        if token.lower not in _SKIPPED:
            break
        skipped += 1
    return skipped if skipped < len(after) else 0


_SKIPPED = frozenset(
    """the a an of about on how many much our up what value values future next to : time series data
    hourly daily weekly monthly yearly annual historical recorded for following information is are
    past measurements readings figures use used and or we will would be was were it as with when
    their its has have had do does usual normal typical expect measure record see""".split()
)
_APART = _DETERMINERS | _NO_NOUN | _ENDS | _SKIPPED
"""Words that are no part of the name of a quantity after them."""


def _name_of(tokens: tuple[Token, ...]) -> tuple[tuple[Token, ...], tuple[Token, ...]]:
    """Split a noun phrase into its name and what follows (places, instruments, units)."""
    for i, token in enumerate(tokens):
        ends = token.lower in _ENDS or (token.kind == "symbol" and token.text in "(,;:.")
        if (i and (ends or token.lemma == "be")) or i >= 9:
            return tokens[:i], tokens[i:]
    return tokens, ()


def _column(name: str | None) -> frozenset[str]:
    if not name or name.strip().lower() in ("", "0", "1", "value", "values", "target", "y", "x"):
        return frozenset()
    words = re.sub(r"[_\W]+", " ", name)
    found = frozenset(one.concept for one in quantities(tuple(split_tokens(words))))
    return found | ({"percentage"} if "%" in name else frozenset())


def _defined(remarks: Sequence[Remark], words: Sequence[Token]) -> frozenset[str]:
    """Concepts from a definition: "The X is the amount of energy arriving from the sun"."""
    name = {t.lemma for t in words if t.kind == "word"} - _DETERMINERS
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


def _span(text: str, found: _Found) -> Span:
    words = _name_of(found.tokens)[0]
    start, end = words[0].start, words[-1].end
    return Span(start, end, text[start:end])
