"""Averages and peaks of other years in any words, where no clause states one plainly."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from icl_forecasting.cik.language.model import Quantity
from icl_forecasting.cik.reading.quantities import ADDITIVE, COUNTED, MEASURES
from icl_forecasting.cik.reading.remarks import Remark
from icl_forecasting.cik.reading.topic import Topic
from icl_forecasting.cik.statements import Amount, Peak, Span, Statistic
from icl_forecasting.cik.windows import Clock

MOST_STEPS = 400
"""A number for a period of more steps says little of one step, and is seldom meant so."""

_PERIODS: tuple[tuple[str, str, int], ...] = (
    ("year", r"years?|yearly|annual(?:ly)?|annum|twelve[\s-]months?|12[\s-]months?", 365),
    ("month", r"months?|monthly", 30),
    ("week", r"weeks?|weekly", 7),
    ("day", r"days?|daily", 1),
)
_GENERAL = re.compile(
    r"\b(?:average[ds]?|averag\w+|means?|normal(?:ly)?|usual(?:ly)?|ordinar\w+|typical(?:ly)?|norms?|"
    r"tends?|customar\w+|other\s+years|past\s+years|previous\s+years|earlier\s+years|each\s+year|"
    r"every\s+year|like\s+any\s+other|like\s+(?:the\s+)?others|as\s+a\s+rule|in\s+general|"
    r"long[\s-]run|long[\s-]term|common|regular(?:ly)?|standard|rule)\b",
    re.IGNORECASE,
)
_RATED = re.compile(
    r"\b(?:per|an?|each|every)\s+(?:year|annum|month|week|day)\b|/\s*(?:year|yr|month|week|day)\b"
    r"|\b(?:annual|yearly|annually|monthly|weekly|daily)\b",
    re.IGNORECASE,
)
_WIDER = re.compile(
    r"\b(?:whole\s+(?:city|country|region|state)|city[\s-]?wide|nation[\s-]?wide|country[\s-]?wide|"
    r"entire\s+(?:city|country|region|state)|of\s+all\s+kinds|all\s+kinds|elsewhere|"
    r"other\s+(?:boroughs?|towns?|cities|places|districts?|branches))\b",
    re.IGNORECASE,
)
_MONTHS = (
    "January February March April May June July August September October November December"
).split()
_MONTH = re.compile(
    rf"(?<!\d\s)(?<!\d)(?<!\dth\s)\b(?P<month>{'|'.join(_MONTHS)})\b(?!\s*,?\s*\d)(?!\s+(?:I|we|be)\b)"
)
_WEEKDAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
_WEEKDAY = re.compile(rf"\b(?P<day>{'|'.join(_WEEKDAYS)})s?\b(?!\s*,?\s*(?:the\s+)?\d)")
_MOST = re.compile(
    r"\b(?:most|busiest|peaks?|peaking|high(?:est)?|largest|greatest|biggest|record|worst|top|tops|"
    r"above\s+all|more\s+[\w\s]*?than\s+(?:any|in\s+any|all|every)|maxim\w+|strongest|heaviest|"
    r"culminat\w+|climax|main|leads?|as\s+(?:frequent|many|often|common)\s+as|number\s+one)\b",
    re.IGNORECASE,
)
_FEWEST = re.compile(
    r"\b(?:fewest|least|quietest|calmest|lowest|smallest|slackest|minim\w+|"
    r"fewer\s+[\w\s]*?than\s+(?:any|in\s+any|all))\b",
    re.IGNORECASE,
)
_OF_SOMETHING = re.compile(r"\s*(?:the|as|that|what|more|higher|its|their|his|usual|normal)\b")
_NOT_NOUNS = frozenset(
    """of on in per a an for is are was were to at by with over each every times time and or as the
    during when if which that these those them such this will would come comes from case cases
    occurrence occurrences incident incidents event events year years month months week weeks day
    days annually yearly averaged usually normally typically it its all once one being""".split()
)


def averages_of(remarks: Sequence[Remark], topic: Topic, clock: Clock) -> list[Statistic]:
    """Read the first sentence that gives a general number of the series for a period.

    "Across a normal year about 99 fires are logged", "what is normal? 58 in a year".
    """
    before, header = "", ""
    for sentence in _sentences(remarks):
        text = sentence[0].sentence.span.text
        header = (header or text) if "|" in text else ""
        asked = before if before.rstrip().endswith("?") else header
        found = _average(remarks, sentence, asked, topic, clock)
        if found is not None:
            return [found]
        before = text
    return []


def _average(
    remarks: Sequence[Remark], sentence: Sequence[Remark], asked: str, topic: Topic, clock: Clock
) -> Statistic | None:
    text = sentence[0].sentence.span.text
    general = _GENERAL.search(text) or _GENERAL.search(asked) or _RATED.search(text)
    if not general or any(one.clause.future or _away(one, topic) for one in sentence):
        return None
    if sentence[0].sentence.quoted or any(_dated(one) for one in sentence):
        return None
    per = _period(text, clock) or _period(asked, clock)
    numbers = [q for one in sentence for q in one.numbers if _counts(q, one, topic)]
    if per is None or len({one.value for one in numbers}) != 1:
        return None
    whole = topic.subject.integer or bool(topic.concepts & ADDITIVE)
    if not topic.concepts:
        whole = any(n.concept in COUNTED for one in remarks for n in one.named)
    rate = topic.concepts & {"rate", "percentage", "occupancy", "unemployment", "price"}
    return Statistic(
        amount=Amount.TOTAL if whole and not rate else Amount.MEAN,
        value=numbers[0].value,
        per=per,
        span=Span(sentence[0].sentence.span.start, sentence[0].sentence.span.end, text),
        confidence=0.8,
    )


def _dated(remark: Remark) -> bool:
    """Tell whether a clause speaks of one time and not of time in general."""
    return any(
        one.window.start is not None
        and any(c.isdigit() for c in one.span.text)
        and one.window.period is None
        for one in remark.times
    )


def _period(text: str, clock: Clock) -> str | None:
    """Find the longest period that is named, longer than one step."""
    for name, words, days in _PERIODS:
        steps = np.timedelta64(days, "D") / clock.step
        if not 1.5 < steps <= MOST_STEPS:
            continue
        if re.search(rf"(?<!time of )(?<!time of the )\b(?:{words})\b", text, re.IGNORECASE):
            return name
    return None


def _counts(quantity: Quantity, remark: Remark, topic: Topic) -> bool:
    """Tell whether a number can be how many of the series' own there are."""
    said = quantity.span.text.lower()
    rest = remark.text[max(0, quantity.span.end - remark.span.start) :].lower()
    times = quantity.kind == "factor" and said.rstrip().endswith("times")
    if times and _OF_SOMETHING.match(rest):
        return False
    if not (quantity.kind == "plain" or times) or quantity.high is not None or quantity.value <= 0:
        return False
    if quantity.basis in ("by", "more", "less", "above", "below") or _WIDER.search(remark.text):
        return False
    core = quantity.core or quantity.span
    if re.fullmatch(r"(?:19|20)\d\d", core.text.strip()):
        return False
    at = remark.token_at(core.start)
    after = next((t for t in remark.tokens[at + 1 :]), None)
    if after is None or after.kind != "word" or after.lower in _NOT_NOUNS:
        return not (after is not None and after.text in ("%", "/") and _unit(remark, at))
    if after.lemma in topic.words or after.lower.startswith("month"):
        return after.lemma in topic.words
    mine = {one.first for one in topic.mentions(remark)}
    mine |= {n.first for n in remark.named if n.concept in topic.family | MEASURES}
    return any(at < first <= at + 4 for first in mine)


def _unit(remark: Remark, at: int) -> bool:
    """Tell whether a slash after a number begins a unit that is no time."""
    following = [t.lower for t in remark.tokens[at + 2 : at + 3]]
    return not set(following) & {"year", "yr", "month", "week", "day", "a"}


def _away(remark: Remark, topic: Topic) -> bool:
    """Tell whether a clause is set elsewhere; the owner of a service is no place of its own."""
    owners = all(one.endswith(("'s", "’s")) for one in topic.subject.places)
    return remark.has("elsewhere") if owners else topic.away(remark)


def _of_another(remark: Remark, topic: Topic) -> bool:
    """Tell whether a clause names another thing that is counted, and not the series."""
    others = {one.concept for one in topic.others(remark)} - {"arrival", "production", "load"}
    return bool(others) and not topic.mentions(remark)


def _sentences(remarks: Sequence[Remark]) -> list[list[Remark]]:
    orders = dict.fromkeys(one.order for one in remarks)
    return [[one for one in remarks if one.order == order] for order in orders]


def seasons_of(remarks: Sequence[Remark], topic: Topic, clock: Clock) -> list[Peak]:
    """Read the month (of a monthly series) or weekday (of a daily one) in which most happens."""
    monthly = clock.step >= np.timedelta64(20, "D")
    daily = np.timedelta64(20, "h") <= clock.step <= np.timedelta64(30, "h")
    if not (monthly or daily):
        return []
    pattern, group = (_MONTH, "month") if monthly else (_WEEKDAY, "day")
    names = _MONTHS if monthly else _WEEKDAYS
    before = ""
    for sentence in _sentences(remarks):
        text = sentence[0].sentence.span.text
        asked = before if before.rstrip().endswith("?") else ""
        before = text
        named = {one[group] for one in pattern.finditer(text)}
        high, low = _MOST.search(text), _FEWEST.search(text)
        if len(named) != 1 or not (high or low) or sentence[0].sentence.quoted:
            continue
        if any(one.clause.future or topic.away(one) for one in sentence):
            continue
        if any(one.has("at_most", "at_least", "ban", "plan") and one.numbers for one in sentence):
            continue
        if any(_of_another(one, topic) for one in sentence) and not asked:
            continue
        place = names.index(named.pop())
        span = sentence[0].sentence.span
        if monthly:
            months = frozenset({place + 1})
            return [Peak(cycle="year", months=months, low=not high, span=span, confidence=0.8)]
        days = frozenset({place})
        return [Peak(cycle="week", weekdays=days, low=not high, span=span, confidence=0.8)]
    return []
