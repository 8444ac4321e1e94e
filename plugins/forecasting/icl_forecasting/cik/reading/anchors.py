"""The ends of a law: full load and top speed, and where nothing happens yet."""

from __future__ import annotations

import re
from collections.abc import Sequence

from icl_forecasting.cik.language.model import Quantity
from icl_forecasting.cik.reading.remarks import Remark
from icl_forecasting.cik.reading.topic import Topic, concepts_of
from icl_forecasting.cik.reading.units import same_unit
from icl_forecasting.cik.statements import TARGET, Bound, Covariate, Span

APART = 5.0
"""A number this much larger than the largest covariate value is no value of the covariate."""

MANY_TIMES = 2
"""A sentence with more moments than this is a timetable, not a law."""

_LEAST = frozenset(
    """minimum threshold least dead below unless certain slow slowest lowest slower effective lower
    smaller less under above keep same stiction idle minimal floor low""".split()
)
_FULL = frozenset("full hundred maximal largest greatest top maximum highest complete".split())
_WAS = re.compile(r"\b(?:old|former|previous|earlier)\b", re.IGNORECASE)
_PAIR = re.compile(
    r"(?<![\d.:,])(?P<low>\d*\.?\d+)\s*%?\s*(?:-|–|…|\.{2,3}|to|or|and|up\s+to)\s*"
    r"(?P<high>\d*\.?\d+)(?P<percent>\s*%|\s*per\s?cent)?(?![\d:])"
)
_TIMES_IT = re.compile(
    r"(?P<slope>\d+(?:\.\d+)?)\s*(?:\*|×|·|x\s|times\s+(?:the\s+|its\s+)?)\s*(?P<name>[A-Za-z_]+)"
)


def scale_of(covariate: Covariate) -> float:
    """Guess the largest value a covariate can have: 1 for shares, 100 for percentages."""
    values = [abs(value) for value in covariate.values if isinstance(value, float | int)]
    top = max(values, default=1.0)
    return 1.0 if top <= 1 else 100.0 if top <= 100 else top


def sentences_of(remarks: Sequence[Remark]) -> list[list[Remark]]:
    """Put clauses of one sentence together, without timetables."""
    orders = dict.fromkeys(one.order for one in remarks)
    found = [[one for one in remarks if one.order == order] for order in orders]
    return [one for one in found if sum(len(r.times) for r in one) <= MANY_TIMES]


def loose_anchor(
    sentence: Sequence[Remark], topic: Topic, scale: float, names: frozenset[str] = frozenset()
) -> tuple[float, float] | None:
    """Read one number for the covariate's largest value and one for the target, by their sizes.

    "3000 with the slider at 1, never more": the words for the covariate may be any.
    """
    text = sentence[0].sentence.span.text
    if _WAS.search(text) or any(one.hypothetical or one.clause.conditional for one in sentence):
        return None
    numbers = [q for one in sentence for q in one.numbers if q.high is None and q.kind != "factor"]
    full = [q for q in numbers if _is_full(q, scale)]
    others = [
        q
        for q in numbers
        if q.kind == "plain" and q.value >= APART * scale and not _foreign(q, topic)
    ]
    words = any(not one.lemmas.isdisjoint({"full", "maximal", "largest"}) for one in sentence)
    if len({q.value for q in others}) != 1 or not (full or words):
        return None
    named = any(topic.mentions(one) or one.says("it", "they", "full") for one in sentence)
    own = same_unit(others[0].unit, topic.subject.unit) or bool(
        concepts_of(others[0].unit or "") & topic.specific
    )
    named = named or any(not one.lemmas.isdisjoint(names) for one in sentence)
    level = any(one.says("setting", "load", "duty", "level", "setpoint") for one in sentence)
    return (scale, others[0].value) if named or own or level else None


def slope_anchor(sentence: Sequence[Remark], names: frozenset[str]) -> tuple[float, float] | None:
    """Read a law that is written out: "n is about 3000 * d"."""
    for found in _TIMES_IT.finditer(sentence[0].sentence.span.text):
        known = found["name"].lower() in names or len(found["name"]) == 1
        if known:
            return 1.0, float(found["slope"])
    return None


def idle_zone(sentence: Sequence[Remark], scale: float) -> tuple[float, float] | None:
    """Read a range of the covariate below which nothing changes: "like a load of 0.1 to 0.2"."""
    if all(one.lemmas.isdisjoint(_LEAST) for one in sentence):
        return None
    if any(":" in time.span.text for one in sentence for time in one.times):
        return None
    for pair in _PAIR.finditer(sentence[0].sentence.span.text):
        share = 100.0 if pair["percent"] and scale <= 1 else 1.0
        low, high = float(pair["low"]) / share, float(pair["high"]) / share
        if 0 < low < high < scale:
            return low, high
    return None


def without_inputs(
    bounds: Sequence[Bound], anchors: Sequence[tuple[float, float]], scales: Sequence[float]
) -> list[Bound]:
    """Leave out bounds of the target that are values of a covariate.

    A limit inside the range of the covariate is no limit of a target that is much larger.
    """
    sizes = [abs(target) for _, target in anchors if target]
    sizes += [abs(one.upper) for one in bounds if one.of == TARGET and one.upper]
    kept = []
    for one in bounds:
        values = [abs(v) for v in (one.lower, one.upper) if v is not None]
        inside = [s for s in scales if all(v <= s for v in values)]
        theirs = inside and any(size >= APART * min(inside) for size in sizes)
        nothing = values == [0.0]
        if one.of != TARGET or not theirs or nothing:
            kept.append(one)
    return kept


def top_of(sentence: Sequence[Remark], target: float, span: Span) -> Bound | None:
    """Read that a value of the target is its largest one."""
    text = sentence[0].sentence.span.text.lower()
    top = any(one.has("at_most", "busiest", "limit") for one in sentence) or re.search(
        r"\b(?:never|nothing|no|not|n['’]t)\b[^.;]*\b(?:more|above|larger|higher|faster)\b|\bmost\b"
        r"|\bend of the line\b",
        text,
    )
    return Bound(upper=target, span=span) if top and target > 0 else None


def _is_full(quantity: Quantity, scale: float) -> bool:
    if quantity.kind == "percent":
        return quantity.value == 100.0
    return quantity.kind == "plain" and quantity.value == scale


def _foreign(quantity: Quantity, topic: Topic) -> bool:
    """Tell whether a number has the unit of something else: "600 euros"."""
    theirs = concepts_of(quantity.unit or "")
    return bool(theirs) and not theirs & (topic.concepts | topic.family)
