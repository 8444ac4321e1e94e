"""Hard limits: "never above 40", "bounded below by 3", "between 0 and 1", "capacity of 250"."""

from __future__ import annotations

import re
from collections.abc import Sequence

from icl_forecasting.cik.language.model import Quantity, TimePhrase
from icl_forecasting.cik.reading.edges import (
    away_from,
    cancelled,
    denies,
    intervals,
    numbering,
    shaped,
    summed,
    superseded,
    symbolic,
)
from icl_forecasting.cik.reading.quantities import MEASURES
from icl_forecasting.cik.reading.remarks import Remark
from icl_forecasting.cik.reading.topic import Topic
from icl_forecasting.cik.reading.units import same_unit
from icl_forecasting.cik.reading.when import merged
from icl_forecasting.cik.statements import TARGET, Bound
from icl_forecasting.cik.windows import Clock, Window

_NEXT_DAY = re.compile(r"\b(?:next|coming|following) (?:day|period|hours)$", re.IGNORECASE)
"""What people call the time of the forecast, whatever the calendar says."""

_UPPER = frozenset({"at most", "less than"})
_LOWER = frozenset({"at least", "more than"})
_COMPARED = ("above", "below", "more", "less")
_CEILING = frozenset("cap capped ceiling maximum max capacity limit".split())
_MODAL = frozenset("can cannot must may shall should will could is are".split())
_SERIES = frozenset("quantity series forecast prediction outlook horizon reading value".split())
"""Words that stand for the series or its forecast."""

_NEVER = frozenset(
    "never cannot not no can't won't without must should nothing impossible nor none".split()
)


def bounds_of(remark: Remark, topic: Topic, clock: Clock, others: Sequence[str]) -> list[Bound]:
    """Read the limits in a clause.

    Args:
        remark: the clause.
        topic: what the series is about.
        clock: of the forecast.
        others: names of other known variables, whose limits are kept under their name.
    """
    if remark.sentence.quoted or topic.away(remark) or remark.clause.conditional:
        return []
    if remark.hypothetical and remark.says("would", "might", "could", "if", "unless"):
        return []
    if superseded(remark):
        return []
    plain = [
        one
        for one in remark.numbers
        if not (one.points or (one.basis in _COMPARED and remark.has("usual")))
        and (one.basis != "by" or remark.has("at_most", "at_least"))
        and (one.kind == "plain" or _own_percent(one, topic))
        and not (away_from(one, topic) or cancelled(one, remark) or numbering(one, remark))
        and not summed(one, remark)
    ]
    plain = intervals(plain, remark)
    shapes = [one for one in plain if shaped(one, remark)]
    if not plain or not (_limiting(remark) or _ranged(plain, remark) or shapes):
        return []
    plain = [
        one
        for one in _with_unit(plain, topic)
        if one in shapes or all(one.value != other.value for other in shapes)
    ]
    words = remark.text.lower() + (remark.lead.text.lower() if remark.lead is not None else "")
    named = [one for one in others if one and one.lower() in words]
    found: list[Bound] = []
    for quantity in plain:
        of = _variable(quantity, remark, topic, named)
        lower, upper = _sides(quantity, remark) if of is not None else (None, None)
        if lower is None and upper is None:
            continue
        if lower is not None and upper is not None and lower > upper:
            lower, upper = upper, lower
        if of is None:
            continue
        windows: list[Window | None] = [*_windows(quantity, remark, len(plain))]
        for window in windows or [None]:
            found.append(Bound(lower=lower, upper=upper, window=window, of=of, span=remark.span))
    return _joined(found)


def _own_percent(quantity: Quantity, topic: Topic) -> bool:
    share = topic.concepts & {"percentage", "occupancy", "unemployment", "humidity"}
    return quantity.kind == "percent" and bool(share) and quantity.basis not in ("of", "usual")


def _ranged(plain: Sequence[Quantity], remark: Remark) -> bool:
    """Tell whether a clause gives the interval that values lie in: "values from 2 to 13"."""
    if remark.has("rise", "fall") or remark.clause.past:
        return False
    nouns = _SERIES | {"interval", "band", "edge", "border", "bound", "limit"}
    named = not remark.lemmas.isdisjoint(nouns)
    bracketed = "[" in remark.text
    return (named or bracketed) and any(one.high is not None for one in plain)


def _with_unit(plain: list[Quantity], topic: Topic) -> list[Quantity]:
    """Where only some numbers carry the unit of the series, only those are values of it."""
    own = [one for one in plain if same_unit(one.unit, topic.subject.unit)]
    bare = [one for one in plain if one not in own and one.high is None]
    return own if own and len(own) + len(bare) == len(plain) and bare else plain


def _limiting(remark: Remark) -> bool:
    """Tell whether a clause sets a limit that holds, rather than telling what happened."""
    clause = remark.clause
    told = clause.past and not (clause.future or clause.supposed or remark.says(*_MODAL))
    if told:
        return False
    if remark.has("at_most", "at_least") and not _about_change(remark):
        return True
    if remark.says("limit", "throttle") and any(one.basis == "to" for one in remark.numbers):
        return True
    stays = remark.has("stay") and remark.has("exceed", "undercut", "within", "at_most")
    denied = (clause.negated or remark.says(*_NEVER) or denies(remark)) and remark.has(
        "exceed", "undercut"
    )
    ranged = any(one.high is not None for one in remark.numbers) and (
        remark.has("limit", "stay") or remark.says("between", "within", "range")
    )
    compared = any(one.comparison in _UPPER | _LOWER for one in remark.numbers) and (
        remark.has("limit", "stay") or remark.clause.negated
    )
    return (
        stays or denied or ranged or compared or remark.text.count("<") + remark.text.count(">") > 0
    )


def _about_change(remark: Remark) -> bool:
    """Tell whether the number compares with what is usual: "at least twice the usual"."""
    return any(one.kind == "factor" for one in remark.numbers) and remark.has("usual")


def _variable(quantity: Quantity, remark: Remark, topic: Topic, named: Sequence[str]) -> str | None:
    """Return whose limit it is; None where it is about something that is not known."""
    mine = topic.mentions(remark)
    if named:
        at = remark.token_at((quantity.core or quantity.span).start)
        places = {
            i: name
            for name in named
            for i, t in enumerate(remark.tokens)
            if t.lower in name.lower().split() or t.lemma in name.lower().split()
        }
        theirs = min((abs(at - i) for i in places), default=99)
        if not mine or theirs < min(abs(at - one.last) for one in mine):
            nearest = min(places, key=lambda i: abs(at - i), default=None)
            return named[0] if nearest is None else places[nearest]
        return TARGET
    if mine or same_unit(quantity.unit, topic.subject.unit):
        return TARGET
    foreign = [one for one in remark.named if one.concept not in topic.family | MEASURES]
    if foreign and (topic.concepts or topic.subject.span is not None):
        return None
    if topic.generic(remark) or not remark.lemmas.isdisjoint(_SERIES):
        return TARGET
    if foreign or symbolic(quantity, remark):
        return TARGET  # nothing tells what else the series could be
    if not remark.lemmas.isdisjoint(topic.venues) and topic.concepts:
        return TARGET
    if len(remark.tokens) <= 8 or remark.lead is not None:
        return TARGET
    if not remark.lemmas.isdisjoint(_CEILING | {"floor", "minimum", "bound"}) and not remark.named:
        return TARGET
    pronoun = remark.says("it", "they", "nothing", "none", "what") or remark.tokens[0].lower in (
        "this",
        "all",
        "every",
        "no",
        "whatever",
        "everything",
        "anything",
    )
    whole = remark.sentence.heading == "constraints"
    return TARGET if pronoun or whole or not topic.subject.name else None


def _sides(quantity: Quantity, remark: Remark) -> tuple[float | None, float | None]:
    if quantity.high is not None:
        return quantity.value, quantity.high
    value, comparison = quantity.value, quantity.comparison
    shape = shaped(quantity, remark)
    if shape:
        return (None, value) if shape > 0 else (value, None)
    held = remark.says("limit", "cap", "restrict", "throttle") and not remark.has("at_least")
    if held and quantity.basis == "to":
        return None, value
    negation = remark.clause.negation
    later = negation is not None and negation.start > quantity.span.end
    denied = (remark.clause.negated and not (later and remark.says("but"))) or denies(remark)
    if later and remark.says("but"):
        return (value, None) if comparison == "more than" else (None, value)
    denied = denied or remark.says("never", "cannot", "no", "nothing", "impossible", "nor", "none")
    if comparison == "at most" or (comparison == "less than" and not denied):
        return None, value
    if comparison == "at least" or (comparison == "more than" and not denied):
        return value, None
    if comparison == "more than":
        return None, value
    if comparison == "less than":
        return value, None
    at = remark.token_at(quantity.span.start)
    side = _nearest_side(remark, at, denied)
    if side > 0:
        return None, value
    return (value, None) if side < 0 else (None, None)


def _nearest_side(remark: Remark, at: int, denied: bool) -> int:
    """Return +1 for an upper limit, -1 for a lower one, by the nearest word; 0 = none."""
    stay = remark.has("stay") and not denied
    candidates = [(m, 1) for m in remark.marks.get("at_most", ())]
    candidates += [(m, -1) for m in remark.marks.get("at_least", ())]
    if denied:
        candidates += [(m, 1) for m in remark.marks.get("exceed", ())]
        candidates += [(m, -1) for m in remark.marks.get("undercut", ())]
    elif stay:
        candidates += [(m, -1) for m in remark.marks.get("exceed", ())]
        candidates += [(m, 1) for m in remark.marks.get("undercut", ())]
    best, side = (99.0, 0), 0
    for mark, direction in candidates:
        if remark.tokens[mark.first].lower == "up" and mark.last != at - 1:
            continue
        if mark.first and remark.tokens[mark.first - 1].text == "/":
            continue  # "min" of a unit such as m3/min
        gap = at - mark.last if mark.last < at else (mark.first - at) * 1.5
        rank = (float(gap), -(mark.last - mark.first))
        if rank < best:
            best, side = rank, direction
    return side


def _windows(quantity: Quantity, remark: Remark, numbers: int) -> list[Window]:
    times = [one for one in remark.times if one.relation != "past"]
    if not remark.times and remark.index:
        times = [t for c in remark.sentence.clauses for t in c.times if numbers == 1]
    if numbers > 1 and len(times) == numbers:
        order = [one for one in remark.numbers if one.span.start <= quantity.span.start]
        return [times[min(len(order), numbers) - 1].window]
    if numbers > 1 and len(times) > numbers:
        nearest = min(times, key=lambda one: _distance(one, quantity))
        return [nearest.window]
    ahead = [one for one in times if one.relation != "past"]
    return merged([one.window for one in ahead if not _NEXT_DAY.search(one.span.text)])


def _distance(time: TimePhrase, quantity: Quantity) -> int:
    if time.span.end <= quantity.span.start:
        return quantity.span.start - time.span.end
    return max(0, time.span.start - quantity.span.end)


def _joined(bounds: list[Bound]) -> list[Bound]:
    """Join a lower and an upper limit of one window."""
    joined: list[Bound] = []
    for bound in bounds:
        for place, other in enumerate(joined):
            if other.window == bound.window and other.of == bound.of:
                if other.lower is None and bound.upper is None:
                    lower, upper = bound.lower, other.upper
                elif other.upper is None and bound.lower is None:
                    lower, upper = other.lower, bound.upper
                else:
                    continue
                if lower is not None and upper is not None and lower > upper:
                    continue
                joined[place] = Bound(
                    lower=lower, upper=upper, window=bound.window, of=bound.of, span=bound.span
                )
                break
        else:
            joined.append(bound)
    return joined
