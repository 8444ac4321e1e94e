"""What a clause claims to happen to values: stops, factors, amounts, levels, directions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from icl_forecasting.cik.language.model import Quantity, Token
from icl_forecasting.cik.reading.amounts import change_of, inverse_of
from icl_forecasting.cik.reading.lexicon import Mark
from icl_forecasting.cik.reading.parts import share_in, some_of_several
from icl_forecasting.cik.reading.remarks import Remark
from icl_forecasting.cik.reading.topic import GENERIC, Topic
from icl_forecasting.cik.statements import Change

_UNABLE = frozenset(
    "unable impossible cannot impossibility can't prevent stop halt incapable preclude".split()
)
_RECORDS = frozenset(
    """reading measurement datum data value record recording figure output count observation signal
    activity movement""".split()
)


@dataclass(frozen=True, eq=False)
class Claim:
    """Something that a clause says about values.

    Args:
        remark: the clause.
        change: what happens.
        value: by how much; None for RAISE and LOWER.
        at: index of the token where it is said.
        about: "target", "other" or None = not said.
        strength: 3 = a number or "none", 2 = a stop of what is measured, 1 = a direction.
        against: the usual level is compared with it ("usual demand is a quarter of it"), so that a
            "would" belongs to the usual level.
    """

    remark: Remark
    change: Change
    value: float | None
    at: int
    about: str | None
    strength: int
    against: bool = False


def claims_of(remark: Remark, topic: Topic, remarks: Sequence[Remark] = ()) -> list[Claim]:
    """Return the claims of a clause, numbers first; `remarks` are all clauses of the text."""
    several = some_of_several(remark, remarks)
    if several is not None and not remark.has("elsewhere"):
        return [Claim(remark, Change.SCALE, several[0], several[1], "target", 2)]
    found = _zeros(remark, topic)
    if not found:
        found = _numbers(remark, topic)
    if not found:
        found = _stops(remark, topic)
    if not found:
        found = _directions(remark, topic)
    return found


def _claim(
    remark: Remark, topic: Topic, change: Change, value: float | None, at: int, strength: int
) -> Claim:
    return Claim(remark, change, value, at, topic.about(remark, at), strength)


def _numbers(remark: Remark, topic: Topic) -> list[Claim]:
    found: list[Claim] = []
    for quantity in remark.numbers:
        at = remark.token_at((quantity.core or quantity.span).start)
        inverse = inverse_of(quantity, remark, topic)
        if inverse is not None:
            claim = Claim(remark, Change.SCALE, inverse, at, topic.about(remark, at), 3, True)
            found.append(claim)
            continue
        read = change_of(quantity, remark, topic, at)
        if read is not None and not _of_something_else(remark, topic, at):
            claim = _claim(remark, topic, *read, at, 3)
            if topic.counted and quantity.basis in ("more", "less") and _persons(remark, quantity):
                claim = replace(claim, about="target")
            found.append(claim)
    share = share_in(remark, topic) if not found else None
    if share is not None:
        found.append(Claim(remark, Change.SCALE, share[0], share[1], "target", 3))
    return found


_PEOPLE = frozenset("people person persons folk individual user".split())


def _persons(remark: Remark, quantity: Quantity) -> bool:
    """Tell whether a number is of people who do what is counted: "30 % fewer people come"."""
    after = [t for t in remark.tokens if t.start >= quantity.span.end][:2]
    return any(t.lower in _PEOPLE for t in after)


def _of_something_else(remark: Remark, topic: Topic, at: int) -> bool:
    """Tell whether the rise or fall belongs to a noun that is unknown: "wages rose 3 %"."""
    if not topic.concepts or remark.lead is not None or remark.has("usual"):
        return False
    if topic.mentions(remark) or topic.generic(remark) or pronoun(remark):
        return False
    marks = [*remark.marks.get("rise", ()), *remark.marks.get("fall", ())]
    verbs = [m for m in marks if not m.bare and m.first < at and m.first > 0]
    if not verbs:
        return False
    place = verbs[-1].first - 1
    while place > 0 and _passed_over(remark.tokens[place]):
        place -= 1
    noun = remark.tokens[place]
    if noun.kind != "word" or noun.lower in _PLAIN_WORDS or _passed_over(noun):
        return False
    return noun.lemma not in topic.around | topic.words | topic.venues | GENERIC


def _passed_over(token: Token) -> bool:
    return token.lower.endswith("ly") or token.lower in _AUXILIARY or token.lemma in _VERBS


_AUXILIARY = frozenset("to have has had also even expected likely set due by again about".split())
_PLAIN_WORDS = frozenset(
    """the a an and or of in at by with to expect predict forecast cause see bring this that these
    those which it they we there will sharp strong big large further clear""".split()
)


# nothing at all ---------------------------------------------------------------------------------


def _zeros(remark: Remark, topic: Topic) -> list[Claim]:
    """Find "no visits", "zero readings", "nothing is recorded", "drops to zero"."""
    tokens = remark.tokens
    if remark.says("error", "offset", "excess", "bias", "drift") and not remark.says("reading"):
        return []
    mine = {m.last for m in topic.mentions(remark)}
    for i, token in enumerate(tokens):
        if token.kind == "word" and token.lower in ("no", "zero", "without", "any", "nil"):
            if token.lower == "any" and not (remark.clause.negated or remark.says(*_UNABLE)):
                continue
            ahead = range(i + 1, min(len(tokens), i + 5))
            for j in ahead:
                word = tokens[j]
                if word.kind != "word" or word.lower in ("longer", "change", "doubt", "more"):
                    break
                if j in mine or word.lemma in _RECORDS or word.lower in GENERIC:
                    return [Claim(remark, Change.LEVEL, 0.0, i, "target", 3)]
                if word.lower in ("is", "are", "will", "was", "were", "which", "in", "on", "at"):
                    break
    if mine and _nobody(remark):
        return [Claim(remark, Change.LEVEL, 0.0, min(mine), "target", 3)]
    for quantity in remark.numbers:
        if quantity.value == 0 and quantity.high is None and quantity.kind != "factor":
            at = remark.token_at(quantity.span.start)
            near = topic.about(remark, at)
            read = remark.has("instrument", "record") or quantity.basis in ("to", "at")
            read |= remark.says("give", "read", "show", "return", "report") and pronoun(remark)
            told = remark.lead is not None or remark.says(*("give", "return", "store", "see"))
            told |= remark.says(
                "read", "show", "report", "register", "record", "be", "fall", "drop"
            )
            if near == "target" or (near is None and read and told):
                if not remark.has("at_least", "at_most", "within", "limit"):
                    return [Claim(remark, Change.LEVEL, 0.0, at, "target", 3)]
    for mark in remark.marks.get("nothing", ()):
        told = remark.has("record", "instrument", "function") or bool(mine)
        told = (told or topic.generic(remark)) and not remark.says(
            "do", "matter", "wrong", "change"
        )
        before = tokens[mark.first - 1].lower if mark.first else ""
        said = tokens[mark.first].lower
        if said in ("none", "nothing") and remark.has("fault", "stop", "repair") and not mine:
            continue
        zero = said in ("zero", "nil", "null", "zeros", "zeroes")
        told |= tokens[mark.first].lower in ("zeros", "zeroes")
        to_zero = zero and before in ("to", "at", "be", "is", "are", "reads")
        if (told or (to_zero and not topic.others(remark))) and not remark.has("limit"):
            return [_claim(remark, topic, Change.LEVEL, 0.0, mark.first, 3)]
    unable = remark.says(
        *("unable", "impossible", "cannot", "prevent", "block", "bar", "incapable", "preclude")
    )
    if unable and mine and topic.counted and not remark.has("at_most", "at_least", "exceed"):
        return [Claim(remark, Change.LEVEL, 0.0, min(mine), "target", 2)]
    return []


def _nobody(remark: Remark) -> bool:
    """Tell whether a clause says that nobody does it, or not a single one."""
    words = [t.lower for t in remark.tokens if t.kind == "word"]
    if "nobody" in words or "noone" in words:
        return True
    pairs = set(pairwise(words))
    return bool(pairs & {("no", "one"), ("not", "one"), ("not", "any")}) or (
        ("not", "a") in pairs and "single" in words
    )


# stops ------------------------------------------------------------------------------------------


def _stops(remark: Remark, topic: Topic) -> list[Claim]:
    """Find stops of the series' place, device or activity: "the shop is closed"."""
    if remark.has("elsewhere") or not (topic.counted or remark.has("instrument")):
        return []
    venues = topic.venues if topic.concepts else frozenset()
    for mark in _stop_marks(remark):
        at = mark.first
        if _no_verb(remark, mark) or _stops_another(remark, mark, topic):
            continue
        mine = bool(topic.mentions(remark))
        venue = not remark.lemmas.isdisjoint(venues | topic.around - GENERIC)
        device = remark.has("instrument") and not topic.others(remark)
        head = _before_verb(remark, at)
        if head is None and remark.tokens[at].lower in _PAST_STOPS:
            head = _before_past(remark, at)
        if head is not None:
            known = venues | topic.around | topic.words | _PREMISES
            venue = venue and (head in known or head in _INSTRUMENTS)
            mine = mine and head in known | topic.head_lemmas(remark)
            device = device and (head in _INSTRUMENTS or head in known)
        if mine or venue or device or (head in _SELF and pronoun(remark)):
            return [Claim(remark, Change.LEVEL, 0.0, at, "target", 2)]
        return [Claim(remark, Change.LEVEL, 0.0, at, topic.about(remark, at), 2)]
    return []


def pronoun(remark: Remark) -> bool:
    """Tell whether a clause goes on about what was named before."""
    for token, after in pairwise([*remark.tokens[:4], *remark.tokens[4:5]]):
        if token.lower in ("it", "they", "which", "there", "everything", "nobody"):
            return True
        # "this closure" is no pronoun, "this means" is one
        if token.lower in ("this", "these", "that") and after.lemma in _VERBS | _MEANS:
            return True
    return False


_MEANS = frozenset("mean lead cause result bring make happen last end start begin take".split())
_PREMISES = frozenset("building site facility premise premises place location doors gate".split())
_INSTRUMENTS = frozenset(
    """sensor meter detector counter logger gauge probe recorder instrument device monitor camera
    station equipment machine unit terminal system server till register beam loop""".split()
)
_VERBS = frozenset("be will have go become remain stay get stand lie sit shall must can".split())


def _before_verb(remark: Remark, at: int) -> str | None:
    """Return the noun directly before the verb of "X will be closed"; None in other clauses."""
    for i in range(min(at, len(remark.tokens) - 1), 0, -1):
        token = remark.tokens[i]
        if token.lemma in _VERBS and token.kind == "word":
            before = remark.tokens[i - 1]
            if before.kind == "word" and before.lemma not in _VERBS and before.lower != "not":
                return _head_of(remark, i - 1)
    return None


def _no_verb(remark: Remark, mark: Mark) -> bool:
    """Tell whether "stop" is the title of a time: "Stop: 14:00"."""
    after = remark.tokens[mark.last + 1 : mark.last + 2]
    title = remark.tokens[mark.first].lower in ("stop", "close", "closing", "end")
    return title and bool(after) and (after[0].kind in ("stamp", "number") or after[0].text == ":")


def _stops_another(remark: Remark, mark: Mark, topic: Topic) -> bool:
    """Tell whether somebody stops or closes a thing that is not the series' own."""
    word = remark.tokens[mark.first].lower
    after = remark.tokens[mark.last + 1 : mark.last + 6]
    if word not in ("closes", "close", "shuts", "shut", "stops") or not after:
        return False
    if after[0].lower in ("them", "him", "her", "themselves"):
        return True
    if after[0].lower not in _DETERMINERS:
        return False
    known = topic.around | topic.words | topic.venues | _PREMISES | _INSTRUMENTS | GENERIC
    return all(t.lemma not in known and t.lemma != "door" for t in after[1:4])


_PAST_STOPS = frozenset("closed shut ceased stopped halted".split())
_SELF = frozenset({None, *"it they which there everything nobody this that these those".split()})


def _before_past(remark: Remark, at: int) -> str | None:
    """Return the noun directly before a verb in the past tense: "two schools closed" -> school."""
    before = remark.tokens[at - 1] if at else None
    if before is None or before.kind != "word" or before.lower.endswith("ly"):
        return None
    after = remark.tokens[at + 1].lower if at + 1 < len(remark.tokens) else ""
    if after in _DETERMINERS:
        return None  # "a flood closed the museum"
    return None if before.lower in _NO_NOUNS else _head_of(remark, at - 1)


_DETERMINERS = frozenset("the a an its our their his her this that all both every each".split())
_NO_NOUNS = frozenset(
    """be being been is are was were get gets got stay stays remain remains keep kept the a an
    not never already temporarily completely fully as if when while and or""".split()
)
_PREPOSITIONS = frozenset("in at of near within around".split())


def _head_of(remark: Remark, last: int) -> str:
    """Return the noun of a phrase that ends at a token: "the store in the old town" -> store."""
    for i in range(last - 1, max(0, last - 5), -1):
        if remark.tokens[i].lower in _PREPOSITIONS and remark.tokens[i - 1].kind == "word":
            return _head_of(remark, i - 1)
    return remark.tokens[last].lemma


def _stop_marks(remark: Remark) -> list[Mark]:
    found = list(remark.marks.get("stop", ()))
    if remark.has("instrument"):
        found += [m for m in remark.marks.get("go_down", ())]
        if remark.has("fault") and not remark.numbers and not remark.has("spikes", "drift"):
            found += [m for m in remark.marks["fault"] if _is_broken(remark, m)]
    for mark in remark.marks.get("close", ()):
        after = remark.tokens[mark.last + 1 : mark.last + 2]
        near = remark.tokens[mark.first].lower == "close"
        if not (near and after and after[0].lower in ("to", "by", "together")):
            found.append(mark)
    if remark.clause.negated and remark.has("function") and not found:
        marks = remark.marks["function"]
        found += [m for m in marks if remark.tokens[m.first - 1].lower != "no" or not m.first]
    if not found and remark.has("fault") and remark.says("under", "undergo", "out"):
        found += [m for m in remark.marks["fault"] if _is_upkeep(remark, m)]
    if not found and remark.has("fault"):
        found += [
            m for m in remark.marks["fault"] if _is_upkeep(remark, m) and remark.has("instrument")
        ]
    return found


def _is_broken(remark: Remark, mark: Mark) -> bool:
    words = {t.lower for t in remark.tokens[mark.first : mark.last + 1]}
    return bool(words & {"broken", "failed", "fails", "fail", "failure", "breakdown", "broke"})


def _is_upkeep(remark: Remark, mark: Mark) -> bool:
    words = {t.lemma for t in remark.tokens[mark.first : mark.last + 1]}
    before = remark.tokens[mark.first - 1].lower if mark.first else ""
    if words == {"service"} and before in ("in", "into", "normal", "full", "to"):
        return False  # "it is in service"
    if remark.says("finish", "over", "complete", "end") and not remark.clause.future:
        return False
    return bool(words & {"maintenance", "servicing", "service", "inspection", "repair"})


# directions -------------------------------------------------------------------------------------


def _directions(remark: Remark, topic: Topic) -> list[Claim]:
    """Find rises and falls of the series without a number: "sales will surge"."""
    for meaning, change in (("rise", Change.RAISE), ("fall", Change.LOWER)):
        for mark in remark.marks.get(meaning, ()):
            about = topic.about(remark, mark.first)
            beside = any(0 < one.first - mark.last <= 2 for one in topic.mentions(remark))
            if mark.bare and not remark.has("usual") and not (beside and remark.times):
                continue
            if about == "target" or (about is None and topic.generic(remark)):
                return [Claim(remark, change, None, mark.first, about, 1)]
    for mark in remark.marks.get("eradicate", ()):
        if topic.about(remark, mark.first) == "target":
            return [Claim(remark, Change.LEVEL, 0.0, mark.first, "target", 1)]
    return []
