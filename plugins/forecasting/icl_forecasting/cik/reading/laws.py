"""How the series follows other variables: laws, anchors, dead zones, lagged equations."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from icl_forecasting.cik.language.model import Document, EquationSystem, Quantity
from icl_forecasting.cik.reading.anchors import (
    idle_zone,
    loose_anchor,
    scale_of,
    sentences_of,
    slope_anchor,
    top_of,
)
from icl_forecasting.cik.reading.remarks import Remark
from icl_forecasting.cik.reading.topic import Topic, concepts_of
from icl_forecasting.cik.reading.units import same_unit
from icl_forecasting.cik.statements import TARGET, Bound, Covariate, Law, Relation, Span, Term

_PHYSICS: dict[tuple[str, str], tuple[Law, float | None]] = {
    ("pressure", "speed"): (Law.POWER, 2.0),  # fan and pump laws, drag
    ("pressure", "wind"): (Law.POWER, 2.0),
    ("flow", "speed"): (Law.PROPORTIONAL, None),
    ("wind-power", "wind"): (Law.POWER, 3.0),
    ("power", "wind"): (Law.POWER, 3.0),
    ("solar", "irradiance"): (Law.PROPORTIONAL, None),
    ("speed", "load"): (Law.LINEAR, None),
}
"""Laws of nature for a target and a covariate, used where the text states none."""

_RANGE_GAP = 7
"""Characters between two numbers of a range, such as "0.1 up to 0.2" or "0.1...0.2"."""

_THRESHOLD = frozenset(
    "minimum threshold least dead below unless certain slow slowest lowest slower effective".split()
)


def relations_of(
    document: Document, remarks: Sequence[Remark], topic: Topic, covariates: Sequence[Covariate]
) -> list[Relation]:
    """Read the relations of the series to variables whose path is known."""
    lagged = [one for one in (_lagged(e, topic) for e in document.equations) if one is not None]
    if lagged:
        return lagged
    if not covariates:
        return []
    states = [one for one in covariates if any(isinstance(v, str) for v in one.values)]
    found = [Relation(law=Law.STATES, of=(one.name,), span=one.span) for one in states]
    numeric = [one for one in covariates if one not in states]
    alone = len(numeric) == 1
    return found + [_relation(one, remarks, topic, alone) for one in numeric]


def _relation(
    covariate: Covariate, remarks: Sequence[Remark], topic: Topic, alone: bool
) -> Relation:
    words = _words(covariate.name)
    speaking = [one for one in remarks if _speaks(one, words) and not one.hypothetical]
    law, exponent, span, sure = _law(speaking, covariate, topic)
    if not sure and alone:
        told = [
            one for one in remarks if one.has("linear", "proportional") and not one.hypothetical
        ]
        if told and not any(one.has("inverse") or topic.away(one) for one in told):
            straight = told[0].has("linear") or law is Law.LINEAR
            law = Law.LINEAR if straight else Law.PROPORTIONAL
            exponent, span, sure = None, told[0].span, True
    scale = scale_of(covariate)
    anchors = tuple(dict.fromkeys(pair for pair, _ in _anchors(remarks, words, topic, scale)))
    sentences = sentences_of(remarks)
    zone = next((z for one in sentences if (z := _dead_zone(one, words, scale))), None)
    if zone is None and alone and (anchors or law is Law.LINEAR):
        zone = next((z for one in sentences if (z := idle_zone(one, scale))), None)
    return Relation(
        law=law,
        of=(covariate.name,),
        exponent=exponent,
        anchors=anchors,
        dead_zone=zone,
        span=span or covariate.span,
        confidence=1.0 if sure or (anchors and zone) else 0.6,
    )


def tops_of(
    remarks: Sequence[Remark], topic: Topic, covariates: Sequence[Covariate]
) -> list[Bound]:
    """Read the largest value of the target where the covariate is at its own largest one."""
    found = []
    for covariate in covariates:
        if any(isinstance(value, str) for value in covariate.values):
            continue
        scale = scale_of(covariate)
        for (value, target), span in _anchors(remarks, _words(covariate.name), topic, scale):
            told = [one for one in remarks if one.sentence.span == span]
            top = top_of(told, target, span) if told and value == scale else None
            if top is not None:
                found.append(top)
    return found


def _words(name: str) -> frozenset[str]:
    skipped = ("the", "of", "a", "and", "in", "value", "values")
    return frozenset(w for w in name.lower().replace("_", " ").split() if w not in skipped)


def _speaks(remark: Remark, words: frozenset[str]) -> bool:
    return bool(words & remark.lemmas)


def _law(
    speaking: Sequence[Remark], covariate: Covariate, topic: Topic
) -> tuple[Law, float | None, Span | None, bool]:
    """Choose the law that the text states, else the one that nature has for the two."""
    for remark in speaking:
        if not (topic.mentions(remark) or remark.says("it")):
            continue
        squared = any(sign in remark.text for sign in ("^2", "²", "** 2", "^{2}"))
        if (remark.has("square") or squared) and not remark.has("root"):
            return Law.POWER, 2.0, remark.span, True
        if remark.has("cube"):
            return Law.POWER, 3.0, remark.span, True
        if remark.has("root"):
            return Law.POWER, 0.5, remark.span, True
        if remark.has("inverse"):
            if remark.has("proportional"):
                return Law.POWER, -1.0, remark.span, True
            return Law.FALLING, None, remark.span, True
        if remark.has("linear"):
            return Law.LINEAR, None, remark.span, True
        if remark.has("proportional") or ("scale" in remark.lemmas and "with" in remark.lemmas):
            return Law.PROPORTIONAL, None, remark.span, True
    natural = _natural(covariate, topic)
    named = next((one for one in speaking if one.has("fan_law")), None)
    if natural is not None:
        return (*natural, named.span if named else None, named is not None)
    for remark in speaking:
        if topic.mentions(remark) and (remark.has("cause", "depend") or remark.says("when", "as")):
            rise, fall = remark.has("rise"), remark.has("fall")
            if rise and fall:
                return Law.FALLING, None, remark.span, True
            if rise:
                return Law.RISING, None, remark.span, True
    return Law.LINEAR, None, None, False


def _natural(covariate: Covariate, topic: Topic) -> tuple[Law, float | None] | None:
    theirs = concepts_of(covariate.name)
    for (target, other), law in _PHYSICS.items():
        if target in topic.concepts and other in theirs:
            return law
    return None


def _anchors(
    remarks: Sequence[Remark], words: frozenset[str], topic: Topic, scale: float
) -> list[tuple[tuple[float, float], Span]]:
    """Read pairs of values: "at full load (=1) it turns at 3000 rpm", sentence by sentence."""
    found = []
    for sentence in sentences_of(remarks):
        loose = slope_anchor(sentence, words) or loose_anchor(sentence, topic, scale, words)
        if loose is not None:
            found.append((loose, sentence[0].sentence.span))
            continue
        if not any(_speaks(one, words) or one.says("full", "hundred") for one in sentence):
            continue
        inputs = [v for one in sentence for v in _input_values(one, words, topic, scale)]
        targets = [v for one in sentence for v in _target_values(one, topic)]
        inputs = [v for v in dict.fromkeys(inputs) if v != 0] or inputs
        if not inputs and any(_speaks(one, words) for one in sentence):
            inputs = [
                q.value
                for one in sentence
                for q in one.numbers
                if q.kind == "plain" and q.high is None and q.value == scale
                if not _of_target(q, one, topic)
            ][:1]
        if len(set(targets)) == 1 and len(inputs) == 1:
            found.append(((inputs[0], targets[0]), sentence[0].sentence.span))
    return found


def _input_values(remark: Remark, words: frozenset[str], topic: Topic, scale: float) -> list[float]:
    """Values of the covariate in a clause: beside its name, or "full" for its largest one."""
    found = []
    for quantity in remark.numbers:
        if quantity.high is not None or _of_target(quantity, remark, topic):
            continue
        at = remark.token_at((quantity.core or quantity.span).start)
        near = remark.tokens[max(0, at - 4) : at + 4]
        percent = quantity.kind == "percent" or "hundred" in quantity.span.text.lower()
        if any(t.lower in words or t.lemma in words for t in near) or "full" in [
            t.lower for t in near
        ]:
            found.append(quantity.value / 100 if percent and scale <= 1 else quantity.value)
        elif percent and quantity.value == 100:
            found.append(scale)
    if not found and remark.says("full", "maximum") and _speaks(remark, words):
        found.append(scale)
    return found


def _target_values(remark: Remark, topic: Topic) -> list[float]:
    """Values of the target in a clause: with its unit, or beside its name."""
    return [
        one.value
        for one in remark.numbers
        if one.high is None and one.kind == "plain" and _of_target(one, remark, topic)
    ]


def _of_target(quantity: Quantity, remark: Remark, topic: Topic) -> bool:
    """Tell whether a number is a value of the target: by its unit, else by the words beside it."""
    if quantity.kind == "percent":
        return False
    if _has_unit(quantity, topic):
        return True
    if any(_has_unit(one, topic) for one in remark.numbers):
        return False
    at = remark.token_at((quantity.core or quantity.span).start)
    end = remark.token_at((quantity.core or quantity.span).end)
    after = {n.concept for n in remark.named if at < n.first <= end + 2}
    if after & topic.specific:
        return True
    return any(n.concept in topic.specific and 0 < at - n.last <= 2 for n in remark.named)


def _has_unit(quantity: Quantity, topic: Topic) -> bool:
    if quantity.unit is None:
        return False
    if same_unit(quantity.unit, topic.subject.unit):
        return True
    return bool(concepts_of(quantity.unit) & topic.specific)


def _dead_zone(
    sentence: Sequence[Remark], words: frozenset[str], scale: float
) -> tuple[float, float] | None:
    """Read where the covariate has no effect yet: "a minimum load between 0.1 and 0.2"."""
    shares = scale == 100 and any(q.kind == "percent" for one in sentence for q in one.numbers)
    if not shares and not any(_speaks(one, words) for one in sentence):
        return None
    if all(one.lemmas.isdisjoint(_THRESHOLD) for one in sentence):
        return None
    for remark in sentence:
        for quantity in remark.numbers:
            if quantity.kind == "factor" or quantity.high is None or quantity.value <= 0:
                continue
            percent = quantity.kind == "percent" and scale <= 1
            share = 100.0 if percent else 1.0
            if quantity.value / share < scale and quantity.high / share < scale:
                return quantity.value / share, quantity.high / share
    for remark in sentence:
        plain = [one for one in remark.numbers if one.kind == "plain" and one.high is None]
        for low, high in pairwise(plain):
            beside = high.span.start - low.span.end <= _RANGE_GAP
            if 0 < low.value < high.value < scale and beside:
                return low.value, high.value
    if any(one.says("threshold", "dead", "effective") for one in sentence):
        single = [
            q.value for one in sentence for q in one.numbers if q.kind == "plain" and not q.high
        ]
        if len(single) == 1 and 0 < single[0] < scale:
            return single[0], single[0]
    return None


def _lagged(system: EquationSystem, topic: Topic) -> Relation | None:
    """Turn lagged equations into the relation of the variable that is to be forecast."""
    children = [one for one in system.equations if one.terms]
    if not children:
        return None
    target = system.target
    wanted = next((one for one in children if one.child == target), None)
    if wanted is None:
        wanted = next((one for one in children if one.child == topic.subject.name), None)
    wanted = wanted or children[-1]
    named = [
        Term(TARGET if one.variable == wanted.child else one.variable, one.lag, one.coefficient)
        for one in wanted.terms
    ]
    terms = tuple(sorted(dict.fromkeys(named), key=lambda one: (one.lag, one.variable)))
    names = dict.fromkeys(one.variable for one in terms if one.variable != TARGET)
    return Relation(
        law=Law.LAGGED, of=tuple(names), terms=terms, noise=system.noise, span=system.span
    )
