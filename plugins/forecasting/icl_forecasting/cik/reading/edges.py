"""Which side of a number is allowed, by the words right before and after it; limits of others."""

from __future__ import annotations

import re
from dataclasses import replace

from icl_forecasting.cik.language.model import Quantity
from icl_forecasting.cik.reading.quantities import MEASURES
from icl_forecasting.cik.reading.remarks import Remark
from icl_forecasting.cik.reading.topic import Topic, concepts_of
from icl_forecasting.cik.reading.units import same_unit

_SMALLER = (
    r"(?:below|beneath|underneath|under|less\s+than|lower\s+than|smaller\s+than|short\s+of|"
    r"fewer\s+than)"
)
_LARGER = (
    r"(?:above|beyond|over|past|more\s+than|higher\s+than|larger\s+than|greater\s+than|"
    r"bigger\s+than|in\s+excess\s+of)"
)
_NOT = r"(?:not|never|n['’]t|cannot|nor|no|nothing|none|nowhere|without|hardly)"
_UP = re.compile(
    r"^\s*(?:[\w/³²%]+\s+){0,3}?(?:(?:and|or|on)\s+(?:up(?:wards?)?|above|over|higher|more|greater"
    r"|larger|bigger)\b|upwards?\b)"
    r"|^\s*,\s*(?:\+?\s*∞|\+?inf\w*|\.\.+|none)\s*[)\]\[]"
    r"|^\s*(?:<=|≤|=<)\s*[A-Za-z]"
    r"|^\s*(?:on|at)\s+the\s+(?:low|lower|bottom|small)(?:er)?\s+(?:side|end)\b",
    re.IGNORECASE,
)
_DOWN = re.compile(
    r"^\s*(?:[\w/³²%]+\s+){0,3}?(?:(?:and|or|on)\s+(?:down(?:wards?)?|below|under|lower|less|fewer"
    r"|smaller)\b|downwards?\b)"
    r"|^\s*(?:>=|≥|=>)\s*[A-Za-z]"
    r"|^\s*(?:on|at)\s+the\s+(?:high|higher|upper|top)\s+(?:side|end)\b",
    re.IGNORECASE,
)
_MORE_IS_OUT = re.compile(
    r"^[^.;]{0,20}?\b(?:and|,|but)\s+(?:more|higher|faster|above|larger)\b[^.;]{0,12}?"
    r"(?:impossible|n['’]t|\bnot\b|never)",
    re.IGNORECASE,
)
_UPPER_BEFORE = re.compile(
    rf"(?:<=|≤|=<)\s*$|[(\[\]]\s*(?:-\s*∞|-\s*inf\w*|\.\.+)\s*,\s*$"
    rf"|\b{_NOT}\b[^.;:]*?\b{_LARGER}\s*$|n['’]t\b[^.;:]*?\b{_LARGER}\s*$",
    re.IGNORECASE,
)
_LOWER_BEFORE = re.compile(
    rf"(?:>=|≥|=>)\s*$"
    rf"|\b{_NOT}\b[^.;:]*?\b{_SMALLER}\s*$|n['’]t\b[^.;:]*?\b{_SMALLER}\s*$",
    re.IGNORECASE,
)
_BECOMES = re.compile(
    r"^\s*\w*\s*(?:becomes?|counts?\s+as|turns?\s+into"
    r"|(?:is|are|gets?|be)\s+(?:\w+\s+)?(?:set|raised|lifted|clipped|cut|reset|replaced|reported|"
    r"shown|brought|lowered|counted))\b",
    re.IGNORECASE,
)
_SET_AT = re.compile(
    r"\b(?P<side>floor|lower\s+(?:limit|bound|edge)|minimum|ceiling|upper\s+(?:limit|bound|edge)|"
    r"maximum|cap)\b[^.;:]{0,60}?\b(?:set|raised|lifted|moved|lowered|put|fixed)\s+(?:to|at)\s*$",
    re.IGNORECASE,
)
_OUT = re.compile(
    r"\b(?:impossible|excluded|ruled\s+out|unthinkable|forbidden|out\s+of\s+the\s+question|"
    r"prohibited|prevented|prevents?|rules?\s+out|not\s+once|at\s+no\s+time|at\s+no\s+point|"
    r"(?:not|n['’]t)\s+(?:be\s+)?(?:possible|available|allowed|permitted|seen|occur|happen|exist)|"
    r"no\s+way|unable)\b",
    re.IGNORECASE,
)
_OVER = re.compile(
    r"\b(?:out\s+of\s+date|outdated|expired|superseded|obsolete|withdrawn|given\s+up|dropped|"
    r"replaced|scrapped|repealed|used\s+to\s+be|formerly|previously|"
    r"(?:no\s+longer|not\s+any\s+more|n['’]t)\b[^.;]{0,30}\b(?:valid|apply|applies|matter|holds?|"
    r"in\s+force|any\s+more)|"
    r"had\s+(?:been|once\s+been)\s+(?:announced|planned|discussed|proposed|thought|said|meant)|"
    r"was\s+(?:\w+\s+)?(?:discussed|proposed|considered|suggested)|"
    r"(?:old|former|last\s+year['’]?s|last\s+month['’]?s|earlier|previous|initial)\s+"
    r"(?:\w+\s+){0,2}?(?:note|notice|permit|limit|cap|bound|rule|value|figure|maximum|minimum|"
    r"ceiling|floor|plan|version|contract|licence|license|agreement|threshold))\b",
    re.IGNORECASE,
)
_BUT = re.compile(r"^[^.;]{0,25}?\bbut\b")
_DENIED_NUMBER = re.compile(r"(?:\bnot|n['’]t)\s+(?:at\s+|to\s+)?$", re.IGNORECASE)


_NOUN_IS = re.compile(
    r"\b(?P<side>floor|lower\s+(?:limit|bound|edge)|minimum|ceiling|upper\s+(?:limit|bound|edge)|"
    r"maximum|cap|limit)\b(?![^.;]*\b(?:so\s+far|usual|average|year|record\w*|observed|peak)\b)"
    r"[^.;:]*?(?:\bis\b(?:\s+(?:now|valid|in\s+force))*|\bamounts\s+to|\bstands\s+at|=|:)\s*,?\s*$",
    re.IGNORECASE,
)
_ROW = re.compile(r"^\W*(?P<side>lower|upper)(?:\s+\w+)?\s*[|:=]\s*$", re.IGNORECASE)
_PASSIVE = re.compile(
    rf"(?:\b{_NOT}|n['’]t)\b[^.;]*?\b(?:be|being|get)\s+(?P<verb>exceeded|surpassed|passed|topped|"
    r"undercut)\b",
    re.IGNORECASE,
)


def _around(quantity: Quantity, remark: Remark) -> tuple[str, str]:
    """Return the words of the sentence before and after a number, without its unit."""
    span = quantity.core or quantity.span
    sentence = remark.sentence.span
    first = span.start - sentence.start
    digits = re.match(r"\W*[\d.,\s]*\d", span.text)
    last = first + (digits.end() if digits and quantity.high is None else span.end - span.start)
    return sentence.text[:first], sentence.text[last:]


def shaped(quantity: Quantity, remark: Remark) -> int:
    """Tell the side of a limit by the words right beside it.

    Returns:
        -1 for a lower limit ("0.6 or higher", "nothing below 0.6", "[0.6, ∞)"), +1 for an upper
        one, 0 where the words beside it do not say.
    """
    if quantity.high is not None:
        return 0
    before, after = _around(quantity, remark)
    if re.search(rf"\b{_SMALLER}\s*$", before, re.IGNORECASE) and _BECOMES.search(after):
        return -1
    if re.search(rf"\b{_LARGER}\s*$", before, re.IGNORECASE) and _BECOMES.search(after):
        return 1
    became = _SET_AT.search(before) or _ROW.search(before)
    if became is None and not _told(remark):
        became = _NOUN_IS.search(before)
    if became and not remark.clause.negated:
        low = became["side"].lower().startswith(("floor", "lower", "min"))
        return -1 if low else 1
    passive = _PASSIVE.search(after)
    if passive is not None:
        return -1 if passive["verb"].lower() == "undercut" else 1
    span = quantity.span.text.lower()
    number = (quantity.core or quantity.span).text.lower()
    words = before[: len(before) - span.find(number)] if span.find(number) > 0 else before
    if _MORE_IS_OUT.match(after):
        return 1
    if _UP.search(after) or _LOWER_BEFORE.search(before) or _LOWER_BEFORE.search(words):
        return -1 if not _told(remark) else 0
    if _DOWN.search(after) or _UPPER_BEFORE.search(before) or _UPPER_BEFORE.search(words):
        return 1 if not _told(remark) else 0
    return 0


def symbolic(quantity: Quantity, remark: Remark) -> bool:
    """Tell whether a number stands beside a sign of comparison or in brackets: "0.6 <= y"."""
    before, after = _around(quantity, remark)
    signs = r"(?:<=|≤|=<|>=|≥|=>|<|>|∈)"
    beside = re.search(rf"{signs}\s*[\[(\]]?\s*$", before) or re.match(rf"\s*{signs}", after)
    return bool(beside) or bool(_ROW.search(before))


def numbering(quantity: Quantity, remark: Remark) -> bool:
    """Tell whether a number only counts the items of a list: "(1) lower limit ..."."""
    before, after = _around(quantity, remark)
    whole = quantity.value == int(quantity.value) and 0 < quantity.value < 20
    return whole and before.rstrip().endswith("(") and after.lstrip().startswith(")")


_SUMMED = re.compile(
    r"\b(?:add|sum|amount|come|total)(?:s|ed|med|led|ing)?\s+up\s+to\s+"
    r"(?:about\s+|around\s+|roughly\s+|some\s+)?$",
    re.IGNORECASE,
)


def summed(quantity: Quantity, remark: Remark) -> bool:
    """Tell whether a number is a sum: what "adds up to 106" has no limit of 106."""
    before, _ = _around(quantity, remark)
    return bool(_SUMMED.search(before)) and "limit" not in remark.lemmas


_APART = re.compile(r"^\s*(?:,|;|\.\.+|…|up\s+to|to|and|[-–])\s*$", re.IGNORECASE)
_ENDS = re.compile(
    r"\b(?:edges?|ends?|limits?|bounds?|borders?|extremes|band|interval|range|corridor|between|from)"
    r"\b[^.;]*$",
    re.IGNORECASE,
)


def intervals(numbers: list[Quantity], remark: Remark) -> list[Quantity]:
    """Join pairs of numbers that are the two ends of an interval: "[2, 5]", "edges are 2 and 5"."""
    joined: list[Quantity] = []
    for quantity in numbers:
        last = joined[-1] if joined else None
        if last is not None and last.high is None and last.value < quantity.value:
            before, rest = _around(last, remark)
            _, after = _around(quantity, remark)
            first = len(remark.sentence.span.text) - len(rest)
            start = (quantity.core or quantity.span).start - remark.sentence.span.start
            between = remark.sentence.span.text[first:start]
            bracketed = before.rstrip().endswith(("[", "(", "]")) and after.lstrip()[:1] in "])["
            told = last.comparison is None and _ENDS.search(before)
            if quantity.high is None and _APART.match(between) and (bracketed or told):
                joined[-1] = replace(last, high=quantity.value, core=None)
                continue
        joined.append(quantity)
    return joined


def _told(remark: Remark) -> bool:
    """Tell whether it is a report of what happened: "it was never below 3"."""
    clause = remark.clause
    modal = remark.says(*"can cannot must may shall should will could is are".split())
    return clause.past and not (clause.future or clause.supposed or modal)


def denies(remark: Remark) -> bool:
    """Tell whether the sentence says that something is impossible or never happens."""
    return bool(_OUT.search(remark.sentence.span.text))


def superseded(remark: Remark) -> bool:
    """Tell whether a limit is called old, or was only talked about."""
    return bool(_OVER.search(remark.sentence.span.text)) and not re.search(
        r"\bnew\b|\bnow\b", remark.text, re.IGNORECASE
    )


def cancelled(quantity: Quantity, remark: Remark) -> bool:
    """Tell whether a number is the one that is not meant: "isn't 160 but 319"."""
    before, after = _around(quantity, remark)
    return bool(_DENIED_NUMBER.search(before) and _BUT.search(after))


def away_from(quantity: Quantity, topic: Topic) -> bool:
    """Tell whether the unit of a number belongs to another quantity than the series."""
    if quantity.unit is None or same_unit(quantity.unit, topic.subject.unit):
        return False
    theirs = concepts_of(quantity.unit) - MEASURES
    known = quantity.unit.lower().rstrip("s") in _FOREIGN
    if topic.subject.unit is None and not topic.specific:
        return False
    return bool(theirs and topic.specific and not theirs & topic.family) or (
        known and not _measured(quantity.unit, topic)
    )


_FOREIGN: dict[str, frozenset[str]] = {
    "degree": frozenset({"temperature"}),
    "°c": frozenset({"temperature"}),
    "watt": frozenset({"electricity", "power", "energy", "irradiance", "solar", "wind-power"}),
    "kw": frozenset({"electricity", "power", "energy", "solar", "wind-power", "demand", "load"}),
    "mw": frozenset({"electricity", "power", "energy", "solar", "wind-power", "demand", "load"}),
    "decibel": frozenset({"noise"}),
    "db": frozenset({"noise"}),
    "mb": frozenset({"web"}),
    "gb": frozenset({"web"}),
    "euro": frozenset({"sale", "price", "cash", "withdrawal"}),
    "dollar": frozenset({"sale", "price", "cash", "withdrawal"}),
    "pound": frozenset({"sale", "price", "cash", "withdrawal"}),
    "km/h": frozenset({"speed", "wind", "traffic"}),
    "mph": frozenset({"speed", "wind", "traffic"}),
    "kg": frozenset({"production"}),
}
"""Units and the quantities that have them."""


def _measured(unit: str, topic: Topic) -> bool:
    """Tell whether the series can have the unit."""
    return bool(_FOREIGN[unit.lower().rstrip("s")] & (topic.concepts | topic.family))
