"""Numbers known of other times: totals, means, records, and when in a cycle most happens."""

from __future__ import annotations

import re
from itertools import pairwise

import numpy as np

from icl_forecasting.cik.language.model import Quantity, TimePhrase
from icl_forecasting.cik.reading.places import elsewhere, places_in
from icl_forecasting.cik.reading.quantities import ADDITIVE
from icl_forecasting.cik.reading.remarks import Remark
from icl_forecasting.cik.reading.topic import Topic
from icl_forecasting.cik.statements import TARGET, Amount, Peak, Statistic
from icl_forecasting.cik.windows import Clock, Window

_PERIODS: dict[str, str] = {
    "years": "year",
    "year": "year",
    "yearly": "year",
    "annual": "year",
    "annually": "year",
    "annum": "year",
    "month": "month",
    "monthly": "month",
    "week": "week",
    "weekly": "week",
    "day": "day",
    "daily": "day",
    "hour": "hour",
    "hourly": "hour",
}
_MEAN = frozenset("average mean averaged typical typically usual usually normally normal".split())
_SEASONS: dict[str, frozenset[int]] = {
    "winter": frozenset({12, 1, 2}),
    "spring": frozenset({3, 4, 5}),
    "summer": frozenset({6, 7, 8}),
    "autumn": frozenset({9, 10, 11}),
    "fall": frozenset({9, 10, 11}),
}
_WIDER = re.compile(
    r"\b(?:whole|entire)\s+(?:city|country|region|state|county|province|nation)\b"
    r"|\b(?:city|nation|country)[\s-]?wide\b|\ball\s+kinds\b",
    re.IGNORECASE,
)
"""Words for a larger area or more kinds of things than the series has."""

_CLOCKED: dict[str, int] = {"noon": 12, "midday": 12, "midnight": 0}


def statistics_of(
    remark: Remark, topic: Topic, clock: Clock, before: Remark | None = None
) -> list[Statistic]:
    """Read "the yearly average was 99", "usually 120 in July", "about 30 a day on Sundays"."""
    if remark.hypothetical or remark.sentence.quoted:
        return []
    plain = [one for one in remark.numbers if _is_amount(one, topic)]
    if not plain or (remark.has("at_most", "at_least") and not remark.lemmas & _MEAN):
        return []
    if not (topic.mentions(remark) or _counts(remark)):
        return []
    if _WIDER.search(remark.text):
        return []
    periods = _periods(remark)
    opened = before is not None and before.order == remark.order and _opens(before)
    if not periods and opened and before is not None:
        periods = [(0, period) for _, period in _periods(before)]
    if len(plain) > 3:
        return []
    yearly = [one for one in _periods_named(remark) if one[1] == "year"]
    periods = yearly or periods
    general = _general(remark) or _rated(remark)
    general = general or (bool(periods) and opened and not remark.clause.future)
    if not (general and (periods or _cyclic(remark))):
        return []
    of = _whose(remark, topic)
    found: list[Statistic] = []
    for quantity in plain:
        at = remark.token_at(quantity.span.start)
        window = _window(quantity, remark) if not remark.has("busiest", "quietest") else None
        if window is not None and (remark.says("than") or any(p == "year" for _, p in periods)):
            window = None
        per = min(periods, key=lambda one: abs(one[0] - at))[1] if periods else ""
        if window is not None and window.months and len(window.months) == 1:
            per = "month" if per in ("", "year", "month") else per
        found.append(
            Statistic(
                amount=_amount(remark, topic),
                value=_value(quantity),
                per=per or _natural_period(window, clock),
                window=window,
                of=of,
                span=remark.span,
                confidence=0.9,
            )
        )
    return found


def _periods(remark: Remark) -> list[tuple[int, str]]:
    """Find the periods that an amount can be for: "yearly", "per month", "in a typical year".

    The month in "the month with the most visits" is none.
    """
    words = [t.lower for t in remark.tokens]
    if remark.lead is not None and not any(word in _PERIODS for word in words):
        return [(0, period) for _, period in _periods(remark.lead)]
    found = []
    for i, word in enumerate(words):
        if word not in _PERIODS:
            continue
        before, after = words[i - 1] if i else "", words[i + 1] if i + 1 < len(words) else ""
        if after in ("with", "of", "in", "when", "that", "which") and before in ("the", "busiest"):
            continue
        if before in ("other", "another", "same", "this", "next", "last") and word != "years":
            continue
        twelve = before in ("twelve", "12") or (before == "-" and words[i - 2] in ("twelve", "12"))
        found.append((i, "year" if twelve and word.startswith("month") else _PERIODS[word]))
    named = [one for one in found if words[one[0]].endswith("ly") or words[one[0]] == "annual"]
    return named or found


def _periods_named(remark: Remark) -> list[tuple[int, str]]:
    """Find "over a year", "per year", "in a full year": what a sum is over."""
    words = [t.lower for t in remark.tokens]
    joins = ("per", "over", "a", "an", "each", "every", "full", "whole", "one", "normal", "average")
    return [
        (i, _PERIODS[word])
        for i, word in enumerate(words)
        if word in ("year", "annum") and i and words[i - 1] in joins
    ]


def _opens(remark: Remark) -> bool:
    """Tell whether a clause begins with "every year" or "on average"."""
    first = [t.lower for t in remark.tokens[:3]]
    return bool({"every", "each", "average", "averages"} & set(first))


def _rated(remark: Remark) -> bool:
    """Tell whether a short clause only says how many per period: "58 per year"."""
    words = [t.lower for t in remark.tokens]
    pairs = any(a in ("per", "a") and b in _PERIODS for a, b in pairwise(words))
    return pairs and len(words) <= 9 and not (remark.times or remark.clause.future)


def _is_amount(quantity: Quantity, topic: Topic) -> bool:
    if quantity.kind == "plain":
        if quantity.span.text.lstrip().startswith("+") or quantity.basis in ("more", "less"):
            return False
        vague = any(word in quantity.span.text.lower() for word in ("few", "dozen", "couple"))
        return quantity.basis != "by" and quantity.value != 0 and not vague
    share = topic.concepts & {"percentage", "occupancy", "unemployment", "humidity"}
    return (
        quantity.kind == "percent" and bool(share) and quantity.basis not in ("by", "of", "usual")
    )


def _value(quantity: Quantity) -> float:
    return quantity.value if quantity.high is None else (quantity.value + quantity.high) / 2


def _counts(remark: Remark) -> bool:
    words = ("number", "total", "average", "there", "record", "incident", "case", "mean", "them")
    return remark.says(*words) or (remark.says("typical") and not remark.named)


def _general(remark: Remark) -> bool:
    """Tell whether a clause speaks of what is so in general or was so in other years."""
    clause = remark.clause
    years = remark.says("year", "month", "week", "day")
    other = years and remark.says(
        *("other", "previous", "past", "earlier", "recent", "prior", "former", "every", "each")
    )
    mean = bool(remark.lemmas & _MEAN) or clause.usual or remark.has("busiest", "quietest")
    whole = remark.says("annual", "yearly", "total", "annually")
    ahead = clause.future or remark.has("begin")
    return (mean or other or whole) and not ahead


def _cyclic(remark: Remark) -> bool:
    return any(_is_cyclic(one) for one in remark.times)


def _is_cyclic(time: TimePhrase) -> bool:
    window = time.window
    return bool(window.months or window.weekdays or window.clock or time.months or time.weekdays)


def _amount(remark: Remark, topic: Topic) -> Amount:
    if remark.has("at_most", "busiest") and not remark.lemmas & _MEAN:
        return Amount.LARGEST
    if remark.has("at_least", "quietest") and not remark.lemmas & _MEAN:
        return Amount.SMALLEST
    adds_up = topic.subject.integer or bool(topic.concepts & ADDITIVE)
    if topic.concepts & {"rate", "percentage", "occupancy", "unemployment", "price", "temperature"}:
        adds_up = False
    return Amount.TOTAL if adds_up else Amount.MEAN


def _window(quantity: Quantity, remark: Remark) -> Window | None:
    known = remark.times if remark.lead is not None else remark.clause.times
    times = [one for one in known if _is_cyclic(one)]
    if not times:
        return None
    time = min(times, key=lambda one: abs(one.span.start - quantity.span.start))
    months = time.window.months or time.months
    return Window(
        weekdays=time.window.weekdays or time.weekdays, months=months, clock=time.window.clock
    )


def _natural_period(window: Window | None, clock: Clock) -> str:
    if window is not None:
        if window.months:
            return "month"
        if window.weekdays:
            return "day"
        if window.clock is not None:
            return "hour"
    return "day" if clock.step < np.timedelta64(20, "D") else "month"


def _whose(remark: Remark, topic: Topic) -> str:
    away = elsewhere(places_in(remark.text), topic.subject.places)
    return TARGET if away is None else away.name


# peaks --------------------------------------------------------------------------------------------


def peaks_of(remark: Remark, topic: Topic, before: Remark | None = None) -> list[Peak]:
    """Read "the month with the most visits was May", "busiest on Fridays", "highest at 12:25"."""
    clause = remark.clause
    low = remark.has("quietest") and not remark.has("busiest")
    if remark.hypothetical or remark.sentence.quoted:
        return []
    if remark.has("fault", "spikes") or (clause.negated and not remark.says("many", "much")):
        return []
    more = remark.has("rise") and remark.says("than") and remark.says("other", "rest")
    words = [t.lower for t in remark.tokens]
    none = any(a == "no" and b in ("month", "day", "hour") for a, b in pairwise(words))
    more = more or (none and remark.says("many", "much"))
    if not (remark.has("busiest", "quietest") or more):
        return []
    if topic.away(remark) or (topic.others(remark) and not topic.mentions(remark)):
        return []
    if (clause.future and not clause.usual) or _compares(remark):
        return []
    months, weekdays, at = _cycle_parts(remark)
    if before is not None and before.order == remark.order and not (months or weekdays or at):
        if before.says("month", "day", "time", "season", "hour", "it") and not before.numbers:
            months, weekdays, at = _cycle_parts(before)
    found: list[Peak] = []
    if at is not None and not weekdays:
        found.append(Peak(cycle="day", clock=at, low=low, span=remark.span))
    elif months and len(months) <= 6:
        found.append(Peak(cycle="year", months=months, low=low, span=remark.span))
    elif weekdays and len(weekdays) <= 4:
        found.append(Peak(cycle="week", weekdays=weekdays, low=low, span=remark.span))
    return found


def _compares(remark: Remark) -> bool:
    """Tell whether the superlative belongs to a bound or a number: "at most 40"."""
    return remark.has("at_most", "at_least") and any(
        one.comparison is not None for one in remark.numbers
    )


def _cycle_parts(
    remark: Remark,
) -> tuple[frozenset[int], frozenset[int], np.timedelta64 | None]:
    months: frozenset[int] = frozenset()
    weekdays: frozenset[int] = frozenset()
    at: np.timedelta64 | None = None
    for time in remark.clause.times:
        if time.precision in ("month", "year") or not any(c.isdigit() for c in time.span.text):
            months |= time.months | time.window.months | _month_alone(time)
            weekdays |= time.weekdays | time.window.weekdays
        dated = time.window.start is not None and time.precision in ("hour", "minute", "second")
        if time.clock is not None:
            at = time.clock
        elif time.window.clock is not None:
            first, last = time.window.clock
            at = (first + (last - first) / 2).astype("timedelta64[ns]") if last > first else first
        elif dated and time.kind == "moment" and time.window.start is not None:
            start = time.window.start
            at = (start - start.astype("datetime64[D]")).astype("timedelta64[ns]")
    for i, token in enumerate(remark.tokens):
        after = remark.tokens[i + 1].lower if i + 1 < len(remark.tokens) else ""
        sure = token.lower != "may" or (
            token.text == "May"
            and (i > 0 or remark.lead is not None or after in ("is", "was", "has", "had", "sees"))
        )
        if not months and token.lower in _MONTHS and sure and remark.says("month", "peak", "in"):
            months = frozenset({_MONTHS.index(token.lower) + 1})
        if token.lower in _SEASONS and not months and remark.says("in", "during", "season", "is"):
            if token.lower != "fall" or remark.says("in"):
                months |= _SEASONS[token.lower]
        if token.lower in _CLOCKED and at is None:
            at = np.timedelta64(_CLOCKED[token.lower] * 3600, "s").astype("timedelta64[ns]")
    return months, weekdays, at


def _month_alone(time: TimePhrase) -> frozenset[int]:
    """Return the month of a phrase that is only the name of a month, such as "in June"."""
    name = time.span.text.lower().split()[-1].strip(".,;") if time.span.text else ""
    return frozenset({_MONTHS.index(name) + 1}) if name in _MONTHS else frozenset()


_MONTHS = (
    "january february march april may june july august september october november december"
).split()
