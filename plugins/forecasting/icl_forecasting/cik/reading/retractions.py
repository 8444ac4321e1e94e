"""What later words say about an event: that it is off, over, going on, or ends then."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

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
        for event in _meant(remark, earlier, clock, ahead=True):
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
    return remark.clause.negated and remark.has("occur") and not remark.has("again")


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


def all_over(remark: Remark) -> bool:
    """Tell whether a clause says that outages or faults have ended or will not come."""
    clause = remark.clause
    if remark.hypothetical or not remark.has("fault", "stop", "repair"):
        return False
    if clause.negated or remark.says("no"):
        return clause.future or clause.supposed or remark.has("again") or remark.says("schedule")
    return remark.has("end") and (clause.past or remark.says("over", "finish", "do", "end"))
