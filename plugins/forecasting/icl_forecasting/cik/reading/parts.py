"""Parts of a whole: a share that is kept, taken away or of something else, and some of several."""

from __future__ import annotations

from collections.abc import Sequence

from icl_forecasting.cik.language.model import Quantity, Token
from icl_forecasting.cik.language.numbers import number_at
from icl_forecasting.cik.reading.remarks import Remark
from icl_forecasting.cik.reading.topic import GENERIC, Topic

_KEPT = frozenset("remain stay keep retain survive leave persist".split())
_GONE = frozenset(
    """go divert redirect reroute transfer move hand send shift lose disappear vanish cancel drop
    miss away elsewhere take_over takes_over transfer absorb siphon withhold fail""".split()
)
_AWAY = frozenset("away elsewhere off over missing lost gone".split())
_POINTERS = frozenset("what that it this them those which these the_same".split())
_SMALL = frozenset(
    """the a an its their our his her all any usual normal daily hourly of this that these those
    total whole entire overall such each every same current previous former""".split()
)
_STOPPERS = frozenset(
    """is are was were be will would has have had do does did in on at from to for by with as than
    and or but which who whom whose that when while because since until so""".split()
)


def part_of(quantity: Quantity, remark: Remark, topic: Topic) -> str | None:
    """Tell of what a share is, where it is a share of things: "12 % of the beds".

    Returns:
        "other" = of something else than the series; "kept" or "gone" = this share of what is
        measured stays or goes away; None = a share of the usual level, or not of things.
    """
    core = quantity.core or quantity.span
    after = [t for t in remark.tokens if t.start >= core.end]
    if after and after[0].lower == "off" and quantity.kind == "percent":
        return "other"  # a discount
    if not after or after[0].lower != "of":
        if not quantity.span.text.lower().rstrip().endswith(" of"):
            return None
    else:
        after = after[1:]
    phrase = _phrase(after)
    words = [t for t in phrase if t.kind == "word"]
    if not words or words[0].lower in _POINTERS or remark.has("usual", "same"):
        return None
    nouns = [t for t in words if t.lower not in _SMALL]
    if not nouns:
        return None
    first = phrase[0].start
    own = {remark.tokens[m.last].start for m in topic.mentions(remark)}
    mine = any(t.start in own for t in nouns if t.start >= first)
    if not mine:
        known = any(t.lower in GENERIC or t.lemma in GENERIC for t in nouns)
        return None if known or not topic.concepts else "other"
    rest = after[len(phrase) :]
    if not any(t.kind == "word" for t in rest):
        rest = [
            t
            for clause in remark.sentence.clauses
            for t in clause.tokens
            if t.start >= remark.span.end
        ]
    return _fate(remark, quantity, rest)


def _phrase(after: list[Token]) -> list[Token]:
    """Return the noun phrase that some words begin with."""
    found: list[Token] = []
    for token in after[:6]:
        if token.kind != "word" or (token.lower in _STOPPERS and found):
            break
        if found and token.lemma in _KEPT | _GONE | _HAPPENS:
            break
        if token.lower in _STOPPERS and token.lower not in _POINTERS:
            break
        found.append(token)
    return found


def _fate(remark: Remark, quantity: Quantity, rest: list[Token]) -> str | None:
    """Tell what becomes of a share of the things that are measured."""
    at = remark.token_at((quantity.core or quantity.span).start)
    before = remark.tokens[:at]
    after = {t.lemma for t in rest} | {t.lower for t in rest}
    if remark.clause.negated:
        return None
    subject = not any(t.lemma in _VERBS for t in before if t.kind == "word")
    if subject:
        if after & _KEPT and not after & _AWAY:
            return "kept"
        if after & _GONE:
            return "gone"
        return None if not rest or after & _HAPPENS else "other"
    taken = {t.lemma for t in before} | {t.lower for t in before}
    if "take" in taken and ("over" in taken or "away" in taken or "off" in taken):
        return "gone"
    if taken & {"divert", "redirect", "lose", "absorb", "siphon", "reroute"}:
        return "gone"
    return None


_HAPPENS = frozenset(
    """come arrive attend expect count record serve handle use pass get visit buy measure see
    happen occur reach enter generate produce consume deliver take draw need""".split()
)
_VERBS = frozenset(
    """be have will take handle see expect receive get make do lose divert redirect absorb fall
    drop rise keep serve go come reach give bring carry sell cut reduce""".split()
)


def share_in(remark: Remark, topic: Topic) -> tuple[float, int] | None:
    """Read "1 in 4 calls is sent away": the share that is left, and the token where it is said."""
    tokens = remark.tokens
    if remark.clause.negated:
        return None
    for at in range(len(tokens)):
        few = _whole(tokens, at)
        if few is None or few[1] >= len(tokens):
            continue
        joint = tokens[few[1]].lower
        after = few[1] + (2 if joint == "out" else 1)
        many = _whole(tokens, after) if joint in ("in", "out") else None
        if many is None or many[0] <= few[0]:
            continue
        rest = tokens[many[1] :]
        own = {m.last for m in topic.mentions(remark)}
        if not own & set(range(many[1], many[1] + 3)):
            continue
        words = {t.lemma for t in rest} | {t.lower for t in rest}
        if words & _GONE:
            return 1 - few[0] / many[0], at
        if words & _KEPT:
            return few[0] / many[0], at
    return None


# some of several ----------------------------------------------------------------------------------


def some_of_several(remark: Remark, remarks: Sequence[Remark]) -> tuple[float, int] | None:
    """Read "two of the five pumps stand still", "only 1 of 3 lines runs": the share that is left.

    Args:
        remark: the clause.
        remarks: all clauses; another one may tell how many there are.

    Returns:
        The share from 0 to 1 (exclusive) and the token where it is said, None where nothing of it
        is said.
    """
    idle = remark.has("stop", "close", "go_down") or remark.says("fail", "break", "missing")
    idle = idle or (remark.says("take") and remark.says("out"))
    runs = remark.has("function", "stay") or remark.says("remain", "leave", "only")
    if idle == runs or remark.clause.negated:
        return None
    tokens = remark.tokens
    for at in range(len(tokens)):
        few = _whole(tokens, at)
        if few is None:
            continue
        value, after = few
        word = tokens[after].lower if after < len(tokens) else ""
        out = word == "out" and after + 1 < len(tokens)
        if word == "of" or out:
            start = after + 1 + out
            while start < len(tokens) and tokens[start].lower in _SMALL | {"them", "these"}:
                start += 1
            many = _whole(tokens, start)
            total = many[0] if many else _total(remark, remarks, None)
        elif tokens[after].kind == "word" if after < len(tokens) else False:
            total = _total(remark, remarks, tokens[after].lemma)
        else:
            continue
        if total is not None and 0 < value < total:
            return ((total - value) / total if idle else value / total), at
    return None


def _whole(tokens: Sequence[Token], at: int) -> tuple[float, int] | None:
    """Read a small whole number at a token."""
    if at >= len(tokens):
        return None
    read = number_at(tokens, at)
    if read is None or not 1 <= read[0] <= 50 or read[0] != int(read[0]):
        return None
    return read


def _total(remark: Remark, remarks: Sequence[Remark], noun: str | None) -> float | None:
    """Find how many there are in all, and that they are alike: "has three equal lines"."""
    best: float | None = None
    for one in remarks:
        if one is remark or abs(one.order - remark.order) > 2:
            continue
        alike = one.says("equal", "identical", "same", "alike", "all", "total", "similar")
        if not alike:
            continue
        for at in range(len(one.tokens)):
            read = _whole(one.tokens, at)
            if read is None:
                continue
            nouns = {t.lemma for t in one.tokens[read[1] : read[1] + 4] if t.kind == "word"}
            if noun is None or noun in nouns:
                best = read[0] if best is None else max(best, read[0])
    return best
