"""What later words say about an event: that it is off, over, going on, or ends then."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from icl_forecasting.cik.language.verbs import is_finite
from icl_forecasting.cik.reading.claims import Claim, pronoun
from icl_forecasting.cik.reading.remarks import Remark
from icl_forecasting.cik.reading.when import overlap, recurring, side_of
from icl_forecasting.cik.statements import Artefact
from icl_forecasting.cik.windows import Clock, Window


@dataclass
class Event:
    """A claim with its windows and what the rest of the text says about it.

    Args:
        claim: what is said.
        windows: when; empty = the text does not say.
        reason: why it has no effect; "" = it has one.
        over: the text says that it will not come again.
        goes_on: the text says that it will.
        artefacts: what it did to the history, read from its own words.
    """

    claim: Claim
    windows: list[Window]
    reason: str = ""
    over: bool = False
    goes_on: bool = False
    artefacts: list[Artefact] = field(default_factory=list)

    @property
    def remark(self) -> Remark:
        """The clause of the claim."""
        return self.claim.remark


def denies(claim: Claim) -> bool:
    """Tell whether the denial in a clause is its claim: "no visits take place"."""
    return claim.strength == 3 and claim.value == 0 and claim.remark.clause.negated


def take_back(remark: Remark, events: list[Event], clock: Clock) -> None:
    """Apply what a clause says about earlier events: cancelled, over, going on, ended then."""
    clause = remark.clause
    if not events or remark.hypothetical:
        return
    earlier = [one for one in events if remark.order - one.remark.order <= 4]
    if not earlier:
        return
    if (remark.has("cancel") and not clause.negated) or _never_came(remark):
        if _another_thing(remark):
            return
        for event in _meant(remark, earlier, clock, ahead=True):
            if clause.negated and any(recurring(one) for one in event.windows):
                event.over = True  # it was there, and it will not come again
            else:
                event.reason = event.reason or "cancelled"
    elif remark.has("postpone") and not clause.negated and remark.times:
        for event in _meant(remark, earlier, clock, ahead=True):
            event.windows = _moved(event.windows, [one.window for one in remark.times])
    elif clause.negated and (
        remark.has("again", "go_on", "stop", "close", "fault") or clause.future
    ):
        for event in _meant(remark, earlier, clock, ahead=False):
            event.over = True
    elif remark.has("once"):
        for event in _meant(remark, earlier, clock, ahead=False):
            event.over = True
    elif remark.has("go_on") and not clause.negated and not remark.has("usual", "same"):
        if clause.future or clause.supposed or not clause.past:
            for event in _meant(remark, earlier, clock, ahead=False):
                event.goes_on = True
    elif remark.has("repair", "open", "same"):
        _end(remark, earlier, clock)


def _never_came(remark: Remark) -> bool:
    marks = [m for m in remark.marks.get("occur", ()) if not _adjective(remark, m.first)]
    return remark.clause.negated and bool(marks) and not remark.has("again")


def _adjective(remark: Remark, at: int) -> bool:
    return remark.tokens[at].lower in ("coming", "upcoming", "proceeding")


_LINKS = frozenset('and but so however yet that which who also , " “ ('.split())
_OTHERS = frozenset("another second third other further additional".split())


def _another_thing(remark: Remark) -> bool:
    """Tell whether what is taken back was not told before: "a second closure was cancelled"."""
    tokens = [t for t in remark.tokens if t.lower not in _LINKS]
    first = tokens[0] if tokens else None
    if first is None or is_finite(tokens, 0):
        clauses = remark.sentence.clauses[:1]
        tokens = [t for one in clauses for t in one.tokens if t.lower not in _LINKS]
    words = [t.lower for t in tokens[:4]]
    return words[:1] in (["a"], ["an"], ["some"]) or not _OTHERS.isdisjoint(words)


def _meant(remark: Remark, earlier: list[Event], clock: Clock, ahead: bool) -> list[Event]:
    """Choose the events that a sentence speaks of: same words, else the latest ones."""
    fitting = [
        one
        for one in earlier
        if not one.windows
        or any((side_of(w, clock) in ("future", "both", "after")) == ahead for w in one.windows)
        or any(recurring(w) or w.end is None for w in one.windows)
    ]
    if remark.times:
        stated = [time.window for time in remark.times]
        same = [
            one for one in fitting if any(overlap(w, s, clock) for w in one.windows for s in stated)
        ]
        if same and ahead:
            return same
    scores = [_shared(remark, one.remark) for one in earlier]
    best = max(scores)
    if best >= 1:
        order = max(
            one.remark.order for one, score in zip(earlier, scores, strict=True) if score == best
        )
        return [one for one in earlier if one.remark.order == order and one in fitting]
    if pronoun(remark):
        last = max(one.remark.order for one in earlier)
        return [one for one in earlier if one.remark.order == last]
    if not fitting:
        return []
    last = max(one.remark.order for one in fitting)
    return [one for one in fitting if one.remark.order == last]


_EMPTY = frozenset(
    """the a an of in on at to for be is are was were will have has had not no it this that and or
    by from with as do does did which there any all again future assume expect happen
    during until between start end time day hour week month year however so but""".split()
)
_SAME_EVENT = (
    frozenset("closure close closed closing shut shutdown".split()),
    frozenset("maintenance repair service servicing inspection".split()),
    frozenset("outage offline down failure unavailable".split()),
)


def _shared(one: Remark, other: Remark) -> int:
    """Count the words that a clause shares with the sentence of another one."""
    mine = one.lemmas - _EMPTY
    theirs = frozenset().union(*(_lemmas(c) for c in other.sentence.clauses)) - _EMPTY
    groups = sum(2 for group in _SAME_EVENT if mine & group and theirs & group)
    return groups + len(mine & theirs)


def _lemmas(clause: object) -> frozenset[str]:
    tokens = getattr(clause, "tokens", ())
    return frozenset(t.lemma for t in tokens if t.kind == "word")


def _end(remark: Remark, earlier: list[Event], clock: Clock) -> None:
    """End open windows at the moment of a repair or a return to normal."""
    starts = [time.window.start for time in remark.times if time.window.start is not None]
    ends = [time.window.end for time in remark.times if time.window.end is not None]
    moment = starts[0] if starts else ends[0] if ends else None
    for event in earlier:
        closed = []
        for window in event.windows:
            ongoing = window.start is not None and window.end is None
            if moment is not None and ongoing and window.start is not None:
                if window.start < moment:
                    window = replace(window, end=moment)
            elif moment is None and ongoing and side_of(window, clock) == "both":
                event.over = True
            closed.append(window)
        event.artefacts = [
            replace(one, window=replace(one.window, end=moment))
            if moment is not None and one.window.end is None
            else one
            for one in event.artefacts
        ]
        event.windows = closed
        if moment is None or moment <= clock.now:
            past = [w for w in event.windows if side_of(w, clock) != "future"]
            event.over = event.over or (bool(past) and remark.has("repair", "open"))


def _moved(windows: list[Window], stated: list[Window]) -> list[Window]:
    moved = []
    for old, new in zip(windows, stated, strict=False):
        if new.end is None and new.start is not None and None not in (old.start, old.end):
            new = replace(new, end=new.start + (old.end - old.start))  # type: ignore[operator]
        moved.append(new)
    return moved or windows


_FOR_GOOD = re.compile(
    r"\b(?:for good|permanent(?:ly)?|indefinitely|for ever|forever|until further notice"
    r"|(?:no|without an?|without any) end(?: date)?|for the rest of the forecast"
    r"|(?:remain|stay|keep)\w*\s+(?:at\s+|on\s+)?(?:that|this|the|its)\s+"
    r"(?:new\s+|lower\s+|higher\s+|reduced\s+)?(?:level|rate|value))\b",
    re.IGNORECASE,
)


def lasting(
    windows: list[Window], remark: Remark, remarks: Sequence[Remark], clock: Clock
) -> list[Window]:
    """Open the end of a change that stays: "falls by a quarter on Monday, for good"."""
    near = [one.text for one in remarks if 0 <= one.order - remark.order <= 1]
    if not windows or not _FOR_GOOD.search(" ".join(near)):
        return windows
    day = np.timedelta64(86_400_000_000_000, "ns")
    return [
        replace(one, end=None)
        if one.start is not None
        and one.end is not None
        and not recurring(one)
        and one.start >= clock.now
        and one.end - one.start <= max(day, clock.step)
        else one
        for one in windows
    ]


def moved_on(windows: list[Window], remark: Remark, remarks: Sequence[Remark]) -> list[Window]:
    """Follow an event to its new date, where it was moved before the claim is made."""
    for one in remarks:
        if not one.has("postpone") or one.clause.negated or one.hypothetical:
            continue
        if not 0 <= remark.order - one.order <= 2:
            continue
        new = [
            t.window for c in remarks if c.order == one.order and c is not remark for t in c.times
        ]
        old = {t.window.start for c in remarks if 0 < one.order - c.order <= 2 for t in c.times}
        if new and any(w.start in old for w in windows) and new[0].start not in old:
            return _moved(windows, new[:1])
    return windows


def one_time(windows: list[Window], clock: Clock) -> list[Window]:
    """Join windows of one claim that overlap, so that it does not count twice.

    Of two with the same beginning the closed one stays, and the longer one of two closed ones;
    others leave what they have in common.
    """
    kept: list[Window] = []
    for window in windows:
        for place, other in enumerate(kept):
            if recurring(window) or recurring(other) or not overlap(window, other, clock):
                continue
            kept[place] = _joined(other, window)
            break
        else:
            kept.append(window)
    return kept


def _joined(one: Window, other: Window) -> Window:
    if one.start == other.start:
        closed = [each for each in (one, other) if each.end is not None]
        return max(closed, key=lambda each: each.end) if closed else one  # type: ignore[arg-type,return-value]
    starts = [each.start for each in (one, other) if each.start is not None]
    ends = [each.end for each in (one, other) if each.end is not None]
    return replace(one, start=max(starts, default=None), end=min(ends, default=None))


_ENDED = re.compile(
    r"(?:\b(?:is|are|was|were|been)|['’]s|['’]re)\s+(?:now\s+|all\s+|long\s+)?"
    r"(?:over|gone|finished|ended|completed?|history|done with|behind us|a thing of the past)\b"
    r"|\bthings? of the past\b|\bno \w+ (?:is|are) (?:planned|scheduled|ahead|to come|to follow)\b"
    r"|\bnothing is (?:planned|scheduled)\b|\b(?:not|n['’]t)\b.*\bany ?more\b"
    r"|\bno (?:more|further) \w+|\bno \w+ (?:going forward|to come|ahead|in (?:the )?future)\b"
    r"|\bfrom (?:now|today) on\b.*\b(?:no|never|always|every)\b"
    r"|\bas of (?:now|today)\b.*\b(?:no|never|always)\b",
    re.IGNORECASE,
)


def past_for_good(remark: Remark) -> bool:
    """Tell whether a clause says that what came again and again has come to its end."""
    return not (remark.hypothetical or remark.sentence.question) and bool(
        _ENDED.search(remark.text)
    )


def all_over(remark: Remark) -> bool:
    """Tell whether a clause says that outages or faults have ended or will not come."""
    clause = remark.clause
    if remark.hypothetical or not remark.has("fault", "stop", "repair"):
        return False
    if clause.negated or remark.says("no"):
        return clause.future or clause.supposed or remark.has("again") or remark.says("schedule")
    return remark.has("end") and (clause.past or remark.says("over", "finish", "do", "end"))
