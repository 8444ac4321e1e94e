"""Noun phrases in a text that may name the series, with how telling the words around them are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from icl_forecasting.cik.language.model import Token
from icl_forecasting.cik.reading.remarks import Remark

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
    passing using sold produced coming arrived per counted consumed and until since occur occurs
    happen happens averages averaging""".split()
)

DETERMINERS = frozenset("the a an our its their this these amount of total".split())


@dataclass(frozen=True)
class Found:
    """A noun phrase that names the series: tokens, where it was, and how sure the pattern is."""

    tokens: tuple[Token, ...]
    remark: Remark
    rank: float


def candidates(remarks: Sequence[Remark], unit: str | None) -> list[Found]:
    """Find noun phrases that may name the series; a lower rank is more telling."""
    found: list[Found] = []
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
                found.append(Found(after[start:], remark, rank))
            elif token.lemma in _SHOWS and i <= 9 and _opens(tokens[:i]):
                found.append(Found(after[_skip(after) :], remark, 1.0 + 0.02 * remark.order))
            elif token.lower in ("recorded", "measured", "counted", "logged", "monitored"):
                before = tokens[:i]
                if before and before[-1].lemma == "be" and 1 < len(before) < 16:
                    found.append(Found(before[:-1], remark, 2.0))
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
                    found.append(Found(after[_skip(after) :], remark, 2.2))
        if (end := _to_be_forecast(tokens)) is not None:
            found.append(Found(tokens[_skip(tokens[:end]) : end], remark, 0.3))
        if tokens and tokens[0].lower in ("ours", "our"):
            verb = next((i for i, t in enumerate(tokens[:8]) if t.lemma in _SHOWS), None)
            if verb is not None:
                after = tokens[verb + 1 :]
                found.append(Found(after[_skip(after) :], remark, 0.2))
        found += _by_unit(remark, unit)
        if (rated := _rated(tokens)) is not None and (remark.order == 0 or not remark.clause.past):
            # what comes so often an hour is the series, unless a number stands before it
            found.append(Found(rated, remark, 1.1 + 0.05 * remark.order))
        label = _labelled(remark)
        if label is not None:
            found.append(Found(tokens[label + _skip(tokens[label:]) :], remark, 0.9))
        first = [t for t in tokens if t.kind == "word"][:1]
        if remark.index == 0 and first and any(n.first < 14 for n in remark.named):
            start = next((i for i, t in enumerate(tokens) if t.kind == "word"), 0)
            verbs = any(t.lemma in ("be", "have", "will", "do") for t in tokens)
            verbs = verbs or any(t.lower in _COUNTS for t in tokens)
            heading = not verbs and not remark.clause.past and not remark.times
            rank = 1.45 if heading and remark.order == 0 else 4.0
            found.append(Found(tokens[start:], remark, rank + 0.1 * remark.order))
        for i, token in enumerate(tokens[:-2]):
            if (
                token.lower in ("number", "amount", "count", "total")
                and tokens[i + 1].lower == "of"
            ):
                if remark.order <= 4 and not remark.times and not remark.says("other"):
                    found.append(Found(tokens[i:], remark, 1.2 + 0.05 * remark.order))
        if (end := _variable_to_forecast(tokens)) is not None:
            found.append(Found(tokens[max(0, end - 3) : end], remark, 0.5))
    return found


_COUNTS = frozenset("counts tracks records monitors measures logs registers".split())

_STEPS = frozenset("minute hour day night week month quarter".split())


def _rated(tokens: Sequence[Token]) -> tuple[Token, ...] | None:
    """Find the name before "per hour", "a day" or "each month": "pieces an hour"."""
    for i in range(1, len(tokens) - 1):
        if tokens[i].lower not in ("per", "a", "an", "each", "every"):
            continue
        if tokens[i + 1].lemma not in _STEPS:
            continue
        start = i
        while start and tokens[start - 1].kind == "word" and i - start < 6:
            word = tokens[start - 1].lower
            if word in _APART and word not in ("of", "in"):
                break
            start -= 1
        while start < i and tokens[start].lower in ("of", "in"):
            start += 1
        numbered = start > 0 and tokens[start - 1].kind == "number"
        if start < i and not numbered and tokens[start].lemma not in _STEPS | {"time", "once"}:
            return tuple(tokens[start:])
    return None


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


def _by_unit(remark: Remark, unit: str | None) -> list[Found]:
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
        found.append(Found(remark.tokens[start:], remark, late))
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


def is_noun(phrase: Sequence[Token]) -> bool:
    """Tell whether a phrase can name a quantity: "bounded below" and "zero" cannot."""
    if not phrase or phrase[0].kind != "word":
        return False
    plain = [t for t in phrase[:6] if t.kind == "word" and t.lower not in ("the", "a", "an")]
    first = plain[0].lower if plain else phrase[0].lower
    if first in _NO_NOUN or (first.endswith("ed") and plain and plain[0].lemma != first):
        return False
    return any(t.kind == "word" and t.lower not in _ENDS for t in phrase[:6])


_NO_NOUN = frozenset(
    """between not never above below always expected zero no higher lower in at on to for from by if
    that which is are was were be because however also only there it they we you known sure likely
    about around over under due now then across per often whole according how be were if when
    minutes ticket memo notice bulletin agenda diary true same valid possible impossible physically
    set told rise decline increase decrease correlation link relation plan aim goal purpose largest
    smallest highest lowest greatest biggest most fewest least""".split()
)


def _task(before: Sequence[Token]) -> bool:
    words = {t.lemma for t in before}
    return bool(words & {"task", "goal", "aim", "objective", "want", "need", "please", "have"})


def _opens(before: Sequence[Token]) -> bool:
    """Tell whether words stand for the series: "This", "The data", "Each value of the series"."""
    words = [t.lemma for t in before if t.kind == "word"]
    if not words:
        return False
    plain = [w for w in words if w not in DETERMINERS and w not in ("time", "each", "every", "all")]
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

_APART = DETERMINERS | _NO_NOUN | _ENDS | _SKIPPED
"""Words that are no part of the name of a quantity after them."""


def name_of(tokens: tuple[Token, ...]) -> tuple[tuple[Token, ...], tuple[Token, ...]]:
    """Split a noun phrase into its name and what follows (places, instruments, units)."""
    for i, token in enumerate(tokens):
        ends = token.lower in _ENDS or (token.kind == "symbol" and token.text in "(,;:.")
        if (i and (ends or token.lemma == "be")) or i >= 9:
            return tokens[:i], tokens[i:]
    return tokens, ()
