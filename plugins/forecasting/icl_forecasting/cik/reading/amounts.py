"""What a number in a clause does to values: factors, shares, amounts, levels."""

from __future__ import annotations

from icl_forecasting.cik.language.model import Quantity
from icl_forecasting.cik.reading.remarks import Remark
from icl_forecasting.cik.reading.topic import Topic
from icl_forecasting.cik.reading.units import same_unit
from icl_forecasting.cik.statements import Change

_LEVEL_VERBS = frozenset(
    """read show stick stuck reach hold stay remain freeze frozen fix set stand report display
    indicate register record plateau average""".split()
)
_CAPACITY = frozenset("capacity strength level normal usual typical speed".split())


def _value(quantity: Quantity) -> float:
    return quantity.value if quantity.high is None else (quantity.value + quantity.high) / 2


def _direction(remark: Remark, at: int) -> int:
    """Return +1 or -1 by the nearest word for a rise or a fall, 0 where there is none."""
    marks = [(m, 1) for m in remark.marks.get("rise", ())]
    marks += [(m, -1) for m in remark.marks.get("fall", ())]
    best, sign = 99, 0
    for mark, direction in marks:
        gap = mark.first - at if mark.first > at else at - mark.last
        if mark.bare and gap > 4:
            continue
        if gap < best:
            best, sign = gap, direction
    return sign


def change_of(
    quantity: Quantity, remark: Remark, topic: Topic, at: int
) -> tuple[Change, float] | None:
    """Read what a number does to the usual level; None where it does nothing.

    "By a third" and "to a third" differ; a bare fraction follows the verb ("falls a third" takes
    it off, "half the usual" leaves it).
    """
    value, basis = _value(quantity), quantity.basis
    if quantity.kind == "plain" and _multiplied(remark, quantity):
        return (Change.SCALE, value) if value > 0 else None
    if quantity.kind == "plain" and basis == "by" and value > 0:
        if remark.says("multiply"):
            return Change.SCALE, value
        if remark.says("divide"):
            return Change.SCALE, 1 / value
    sign = {"above": 1, "more": 1, "below": -1, "less": -1}.get(basis or "", 0)
    sign = sign or _direction(remark, at)
    if _noun_of_change(remark, quantity):
        basis = "by"
    if quantity.kind == "factor":
        return _factor(value, basis, sign, remark, topic)
    if quantity.kind == "percent":
        return _percent(quantity, value, basis, sign, remark, topic)
    return _plain(value, basis, sign, quantity, remark, topic)


def _multiplied(remark: Remark, quantity: Quantity) -> bool:
    """Tell whether a sign makes a number a multiple: "usual load x 4", "4 * normal"."""
    core = quantity.core or quantity.span
    at = remark.token_at(core.start)
    around = [t.text for t in remark.tokens[max(0, at - 1) : at]]
    around += [t.text for t in remark.tokens if t.start >= core.end][:1]
    return bool(_TIMES & set(around)) and remark.has("usual")


_TIMES = frozenset({"x", "X", "×", "*"})


def _noun_of_change(remark: Remark, quantity: Quantity) -> bool:
    """Tell whether "of" before the number belongs to a noun of change: "a drop of 40 %"."""
    at = remark.token_at((quantity.core or quantity.span).start)
    before = [t.lower for t in remark.tokens[max(0, at - 3) : at]]
    if "of" not in before:
        return False
    place = max(0, at - 3) + before.index("of") - 1
    marks = [*remark.marks.get("rise", ()), *remark.marks.get("fall", ())]
    return any(m.last == place for m in marks)


def _factor(
    value: float, basis: str | None, sign: int, remark: Remark, topic: Topic
) -> tuple[Change, float] | None:
    if value <= 0 or value == 1:
        return None
    known = basis in ("of", "usual", "to") or remark.has("usual", "same")
    if not sign and not known and not topic.mentions(remark) and not topic.generic(remark):
        return None
    if value > 1:
        down = sign < 0 and basis not in ("of", "usual", "to")
        return Change.SCALE, 1 / value if down else value
    if basis == "by":
        return Change.SCALE, 1 + value if sign > 0 else 1 - value
    if basis in ("of", "usual", "to"):
        return Change.SCALE, value
    if sign < 0:
        halved = remark.says("halve", "half") and value == 0.5
        return Change.SCALE, value if halved else 1 - value
    return Change.SCALE, 1 + value if sign > 0 and basis in ("more", "above") else value


def _percent(
    quantity: Quantity, value: float, basis: str | None, sign: int, remark: Remark, topic: Topic
) -> tuple[Change, float] | None:
    if quantity.points:
        return (Change.ADD, sign * value) if sign else None
    usual = remark.has("usual") or not remark.lemmas.isdisjoint(_CAPACITY)
    share = bool(topic.concepts & {"percentage", "occupancy", "unemployment", "humidity"})
    if basis == "to" and share and not usual:
        return Change.LEVEL, value
    if basis in ("to", "of", "usual"):
        return Change.SCALE, value / 100
    if sign:
        return Change.SCALE, max(0.0, 1 + sign * value / 100)
    if usual:
        return Change.SCALE, value / 100
    if share and topic.mentions(remark) and remark.says(*_LEVEL_VERBS):
        return Change.LEVEL, value
    return None


def _plain(
    value: float, basis: str | None, sign: int, quantity: Quantity, remark: Remark, topic: Topic
) -> tuple[Change, float] | None:
    if remark.has("at_most", "at_least") or quantity.comparison in ("at most", "at least"):
        return None
    at = remark.token_at((quantity.core or quantity.span).start)
    signed = quantity.span.text.lstrip().startswith("+") or (
        at > 0 and remark.tokens[at - 1].text == "+"
    )
    if signed and (topic.mentions(remark) or remark.has("usual") or remark.says("extra")):
        if not remark.has("fault", "offset", "drift"):
            return Change.ADD, value
    unit = bool(quantity.unit) and same_unit(quantity.unit, topic.subject.unit)
    mine = bool(topic.mentions(remark)) or topic.generic(remark) or remark.has("instrument")
    mine = mine or (remark.has("usual") and not topic.others(remark))
    if not mine and not unit:
        return None
    if sign and basis is None and unit and remark.says("add", "additional", "extra", "remove"):
        return Change.ADD, -value if remark.says("remove") else value
    if basis == "by" and sign and not remark.has("drift"):
        return Change.ADD, sign * value
    if basis == "to" and (sign or remark.says(*_LEVEL_VERBS)):
        return Change.LEVEL, value
    at = remark.token_at(quantity.span.start)
    before = [t.lemma for t in remark.tokens[max(0, at - 4) : at]]
    after = [t.lower for t in remark.tokens[at : at + 4]]
    if basis in ("more", "less") or "additional" in after + before or "extra" in after + before:
        if remark.has("usual") or "additional" in after + before or "extra" in after + before:
            return Change.ADD, -value if basis == "less" else value
        return None
    future = remark.clause.future or remark.clause.supposed or not remark.clause.past
    stuck = any(word in _LEVEL_VERBS for word in before)
    if stuck and (future or remark.has("instrument", "fault")) and not remark.has("usual"):
        return Change.LEVEL, value
    return None
