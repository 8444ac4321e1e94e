"""Whether a clause is about the series, about something else, or does not say."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from icl_forecasting.cik.language.model import Token
from icl_forecasting.cik.reading.places import elsewhere, places_in
from icl_forecasting.cik.reading.quantities import (
    COUNTED,
    FAMILY,
    MEASURES,
    VENUES,
    Named,
    quantities,
)
from icl_forecasting.cik.reading.remarks import Remark
from icl_forecasting.cik.statements import Subject

GENERIC = frozenset(
    """reading readings measurement value values figure figures series level levels data demand
        usage consumption activity number numbers output volume observation recording use count
        forecast measure result amount total use variable target""".split()
)
"""Words that stand for the series itself when nothing else is named."""

_PLAIN = frozenset(
    """the a an of no zero any all more less fewer many much most this that these those its their
        our and or to in on at for from by with total daily hourly weekly monthly annual yearly
        usual normal typical average number amount quantity count level rate recorded new such
        each every as than overall expected actual local put end future current observed reported
        regular high low higher lower be is are was were will would have has had not also only
        then so when where which while during it they there how what if but because caused see
        seen affect causing reducing increasing cutting raising doubling both other than usually
        typically normally public several some few additional extra up down out over under
        between""".split()
)
"""Words before a noun that do not tell its kind."""

_WEAK = frozenset("count load level energy cash demand weather cloud incident road".split())
_COMMON = frozenset(
    """the a an of in and or to for by on at from number amount rate level total series value data
    per each every with is be location area case record reading measurement city town hour day
    month week year people unit new this it time""".split()
)


class Topic:
    """What the series is about, to compare clauses with.

    Args:
        subject: what the text says it is; an empty one where it does not.
        remarks: all clauses, for the words that describe the series.
    """

    def __init__(self, subject: Subject, remarks: Sequence[Remark]) -> None:
        self.subject = subject
        span = subject.span
        own = [
            one
            for one in remarks
            if span is not None and one.sentence.span.start <= span.start < one.sentence.span.end
        ]
        names = [t for one in own for t in one.tokens if t.kind == "word"]
        inside = [t for t in names if span is not None and span.start <= t.start < span.end]
        self.words = frozenset(t.lemma for t in _head(inside)) - _COMMON
        self.around = frozenset(t.lemma for t in names) - _COMMON
        self.concepts = subject.concepts
        self.specific = subject.concepts - MEASURES or subject.concepts

    @cached_property
    def family(self) -> frozenset[str]:
        """Concepts that mean the series or a part of it."""
        wider = frozenset().union(*(FAMILY.get(one, frozenset()) for one in self.specific))
        return self.specific | wider

    @cached_property
    def venues(self) -> frozenset[str]:
        """Nouns for the place or device where it happens."""
        own = " ".join(VENUES.get(one, "") for one in self.concepts).split()
        return frozenset(own or " ".join(VENUES.values()).split())

    @property
    def counted(self) -> bool:
        """Whether it is an activity or a reading, which can stop."""
        stoppable = COUNTED | {
            *("electricity", "traffic", "withdrawal", "cash", "occupancy", "production", "speed"),
            *("solar", "wind-power", "flow", "power", "water", "gas", "energy", "sale", "parcel"),
            *("passenger", "arrival", "load", "pressure", "demand"),
        }
        return bool(self.concepts & stoppable) or not self.specific

    def mentions(self, remark: Remark) -> list[Named]:
        """Return the words of a clause that name the series itself, not another kind of it."""
        hits = [one for one in remark.named if one.concept in self.family]
        hits += [
            Named("", i, i)
            for i, t in enumerate(remark.tokens)
            if t.kind == "word" and t.lemma in self.words
        ]
        foreign = [
            one for one in remark.named if one.last > one.first and one.concept not in self.family
        ]
        mine = [
            one
            for one in hits
            if not self._another_kind(remark, one)
            and not any(
                wide.first <= one.first and one.last <= wide.last and wide.first < wide.last
                for wide in foreign
                if not any(own.first == wide.first and own.last == wide.last for own in hits)
            )
        ]
        if not mine and remark.lead is not None and not remark.named:
            return [Named("", 0, 0)] if self.mentions(remark.lead) else []
        return mine

    def _another_kind(self, remark: Remark, hit: Named) -> bool:
        """Tell "trash fires" from a series of "field fires": same noun, other word before it."""
        own = self._before.get(remark.tokens[hit.last].lemma)
        if not own or hit.first == 0:
            return False
        before = remark.tokens[hit.first - 1]
        if before.kind != "word" or before.lower in _PLAIN or before.lemma in own:
            return False
        if before.lemma in self.words or hit.first != hit.last:
            return False
        return not before.lower.endswith("ly") and before.lemma not in _PLAIN

    @cached_property
    def _before(self) -> dict[str, frozenset[str]]:
        """For each word of the name, the words that stand before it there."""
        words = [w for w in self._name_lemmas if w not in ("of", "the")]
        found: dict[str, frozenset[str]] = {}
        for place, word in enumerate(words):
            kinds = [w for w in words[:place] if w not in _COMMON]
            if kinds:
                found[word] = frozenset(kinds)
        return found

    @cached_property
    def _name_lemmas(self) -> list[str]:
        from icl_forecasting.cik.language.tokens import tokens

        return [t.lemma for t in tokens(self.subject.name) if t.kind == "word"]

    def head_lemmas(self, remark: Remark) -> frozenset[str]:
        """Return the base forms of the words in a clause that name the series."""
        return frozenset(remark.tokens[one.last].lemma for one in self.mentions(remark))

    def others(self, remark: Remark) -> list[Named]:
        """Return the words of a clause that name another quantity."""
        if not self.concepts:
            return []
        found = [
            one
            for one in remark.named
            if one.concept not in self.family | MEASURES | _WEAK
            and remark.tokens[one.first].lemma not in self.around
        ]
        if self._before:
            found += [
                one
                for one in remark.named
                if one.concept in self.family and self._another_kind(remark, one)
            ]
        return found

    def about(self, remark: Remark, at: int) -> str | None:
        """Tell what the word at a token speaks of.

        Returns:
            "target", "other", or None where no quantity is named.
        """
        mine, others = self.mentions(remark), self.others(remark)
        if mine and others:
            near = min(_gap(one, at) for one in mine)
            far = min(_gap(one, at) for one in others)
            return "target" if near <= far else "other"
        if mine:
            return "target"
        if others:
            return "other"
        return None

    def generic(self, remark: Remark) -> bool:
        """Tell whether a clause speaks of readings or levels without saying of what."""
        return not remark.lemmas.isdisjoint(GENERIC)

    def away(self, remark: Remark, everywhere: bool = False) -> bool:
        """Tell whether a clause or its sentence is set in another place."""
        if remark.has("elsewhere"):
            words = [remark.tokens[m.first].lemma for m in remark.marks["elsewhere"]]
            if not (set(words) <= {"nearby", "adjacent", "neighbouring", "neighboring"}):
                return True
            if not self.mentions(remark):
                return True
        clause = places_in(remark.text)
        if clause:
            return elsewhere(clause, self.subject.places) is not None
        if not everywhere:
            return False
        return elsewhere(places_in(remark.sentence.span.text), self.subject.places) is not None


def _head(name: list[Token]) -> list[Token]:
    """Return the words of a name that say what is measured, not of which thing.

    "number of customers of a shop" -> customers; "use of the mill" -> use.
    """
    parts: list[list[Token]] = [[]]
    for token in name:
        if token.lower == "of":
            parts.append([])
        else:
            parts[-1].append(token)
    for part in parts:
        if any(t.lemma not in _COMMON and t.lemma not in _MEASURING for t in part):
            return part
    return name


_MEASURING = frozenset(
    """number amount count share percentage rate total volume quantity sum level hourly daily weekly
    monthly yearly annual average mean proportion fraction""".split()
)


def _gap(named: Named, at: int) -> int:
    if at < named.first:
        return named.first - at
    return max(0, at - named.last)


def concepts_of(words: str) -> frozenset[str]:
    """Return the concepts that a name falls under."""
    from icl_forecasting.cik.language.tokens import tokens

    return frozenset(one.concept for one in quantities(tuple(tokens(words))))
