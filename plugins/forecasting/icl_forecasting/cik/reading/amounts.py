"""What a number in a clause does to values: factors, shares, amounts, levels."""

from __future__ import annotations

import re
from collections.abc import Sequence

from icl_forecasting.cik.language.model import Quantity, Token
from icl_forecasting.cik.reading.parts import part_of
from icl_forecasting.cik.reading.quantities import ADDITIVE
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
    if basis != "by" and quantity.kind in ("percent", "factor"):
        part = part_of(quantity, remark, topic)
        if part == "other":
            return None
        if part is not None:
            share = value / 100 if quantity.kind == "percent" else value
            return (Change.SCALE, share if part == "kept" else max(0.0, 1 - share))
        if basis in ("of", "usual", None) and _on_top(remark, quantity) and value > 0:
            return Change.SCALE, 1 + (value / 100 if quantity.kind == "percent" else value)
    if quantity.kind == "plain" and _multiplied(remark, quantity):
        return (Change.SCALE, value) if value > 0 else None
    if quantity.kind == "plain" and basis == "by" and value > 0:
        if remark.says("multiply"):
            return Change.SCALE, value
        if remark.says("divide"):
            return Change.SCALE, 1 / value
    sign = {"above": 1, "more": 1, "below": -1, "less": -1}.get(basis or "", 0)
    sign = sign or _signed(remark, quantity) or _direction(remark, at)
    if quantity.kind == "percent" and value < 0:
        value, sign = -value, -1
    if _noun_of_change(remark, quantity):
        basis = "by"
    if quantity.kind == "factor":
        return _factor(value, basis, sign, remark, topic)
    if quantity.kind == "percent":
        return _percent(quantity, value, basis, sign, remark, topic)
    return _plain(value, basis, sign, quantity, remark, topic)


_MINUS = frozenset({"-", "−", "–", "minus"})


def _signed(remark: Remark, quantity: Quantity) -> int:
    """Return the sign that stands before a percentage: "-30 %", "minus 30 percent"."""
    at = remark.token_at((quantity.core or quantity.span).start)
    if quantity.kind != "percent" or not at:
        return 0
    before = remark.tokens[at - 1]
    if before.lower in ("+", "plus"):
        return 1
    joined = remark.tokens[at].start - before.end == 0 or before.lower in ("minus", "−")
    apart = at < 2 or remark.tokens[at - 2].kind == "symbol" or remark.tokens[at - 2].kind == "word"
    return -1 if before.lower in _MINUS and joined and apart else 0


def _on_top(remark: Remark, quantity: Quantity) -> bool:
    """Tell whether a share comes on top of the usual: "another 30 % of it", "50 % on top"."""
    at = remark.token_at((quantity.core or quantity.span).start)
    before = {t.lower for t in remark.tokens[max(0, at - 2) : at]}
    if before & {"another", "additional", "extra", "further"}:
        return True
    words = " ".join(t.lower for t in remark.tokens)
    return any(one in words for one in ("in addition to", "on top of", "over and above"))


def inverse_of(quantity: Quantity, remark: Remark, topic: Topic) -> float | None:
    """Read a comparison whose subject is the usual level, and return the multiple of it.

    "Usual demand is a quarter of what is expected then" is the factor 4, and so is "a quarter as
    much would have been normal". None where the usual level is not what is compared.
    """
    value = _value(quantity)
    if quantity.kind == "percent":
        value /= 100
    if quantity.kind not in ("factor", "percent") or value <= 0 or quantity.basis == "by":
        return None
    core = quantity.core or quantity.span
    at = remark.token_at(core.start)
    before = remark.tokens[:at]
    after = [t for t in remark.tokens if t.start >= core.end]
    usual = remark.marks.get("usual", [])
    verbs = [i for i, t in enumerate(before) if t.lemma in _COPULAS]
    named = topic.mentions(remark) or topic.generic(remark)
    later = [m for m in usual if m.first > at and remark.tokens[m.first].lemma != "expect"]
    if verbs and named and not later and quantity.basis in ("of", "usual", None):
        subject = [m for m in usual if m.last < verbs[-1]]
        nouns = [m for m in subject if not remark.tokens[m.last].lower.endswith("ly")]
        if (nouns or (subject and _of_then(after))) and not _of_then(before[: verbs[0]]):
            return 1 / value
    words = [t.lower for t in after]
    if later and named and not verbs and "as" in words[:3]:
        last = later[-1]
        be = [t.lower for t in remark.tokens[at : last.first]]
        if {"would", "be"} <= {*be} or "been" in be or {"is", "was"} & {*be}:
            return 1 / value
    if remark.says("would") and _really(words) and quantity.basis == "of":
        return 1 / value
    return None


_COPULAS = frozenset("be make amount equal represent come constitute reach".split())
_THEN = frozenset("then that this those these what during while its".split())


def _of_then(words: Sequence[Token]) -> bool:
    """Tell whether some words point at the time of an event."""
    return not _THEN.isdisjoint(t.lower for t in words[:8])


def _really(words: list[str]) -> bool:
    """Tell whether some words are about what will be and not about what would be."""
    if not words or words[0] not in ("what", "that", "the", "it", "this"):
        return False
    ahead = words[:9]
    return bool({"really", "actually", "going", "will", "expected", "forecast"} & set(ahead))


def _multiplied(remark: Remark, quantity: Quantity) -> bool:
    """Tell whether a sign makes a number a multiple: "usual load x 4", "4 * normal"."""
    core = quantity.core or quantity.span
    at = remark.token_at(core.start)
    around = [t.text for t in remark.tokens[max(0, at - 1) : at]]
    around += [t.text for t in remark.tokens if t.start >= core.end][:1]
    return bool(_TIMES & set(around)) and remark.has("usual")


def _beside(remark: Remark, quantity: Quantity) -> int:
    """Return the side of the usual level on which a number lies: "80 cm above normal"."""
    core = quantity.core or quantity.span
    after = [t.lower for t in remark.tokens if t.start >= core.end][:7]
    if remark.has("fault", "offset", "limit"):
        return 0
    for place, word in enumerate(after[:2]):
        sign = {**dict.fromkeys(_UP, 1), **dict.fromkeys(_DOWN, -1)}.get(word, 0)
        rest = after[place + 1 :]
        if sign and (remark.has("usual") or {"would", "otherwise", "before", "without"} & {*rest}):
            return sign
    return 0


_STEPWISE = re.compile(
    r"\b(?:each|every|per|an?)\s+(?:single\s+)?(?:hour|day|minute|step|week)\b"
    r"|\b(\w+) by \1\b|\bhourly\b",
    re.IGNORECASE,
)
_UP = frozenset("above over higher more".split())
_DOWN = frozenset("below under lower less fewer".split())
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
    known = topic.mentions(remark) or topic.generic(remark) or remark.has("usual")
    if quantity.per is not None and not topic.concepts & ADDITIVE and (sign or signed):
        return None  # a level that grows step by step is no level that is raised
    if signed and (known or remark.says("extra")):
        if not remark.has("fault", "offset", "drift"):
            return Change.ADD, value
    unit = bool(quantity.unit) and same_unit(quantity.unit, topic.subject.unit)
    mine = bool(topic.mentions(remark)) or topic.generic(remark) or remark.has("instrument")
    mine = mine or (remark.has("usual") and not topic.others(remark))
    if not mine and not unit:
        return None
    named = unit or bool(quantity.unit and mine)
    if sign and basis is None and named and remark.says("add", "additional", "extra", "remove"):
        if not remark.has("fault", "offset", "drift"):
            return Change.ADD, -value if remark.says("remove") else value
    if sign and basis is None and remark.lead is not None and remark.lead.has("usual") and mine:
        return Change.ADD, sign * value
    side = _beside(remark, quantity)
    if side and mine:
        return Change.ADD, side * value
    if basis == "by" and not topic.concepts & ADDITIVE and _STEPWISE.search(remark.text):
        return None
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
