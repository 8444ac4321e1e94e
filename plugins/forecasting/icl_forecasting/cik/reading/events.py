"""From claims to effects and artefacts: which of them hold, when, and what takes them back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from icl_forecasting.cik.reading.artefacts import artefact_of
from icl_forecasting.cik.reading.claims import Claim, claims_of
from icl_forecasting.cik.reading.doubts import doubt
from icl_forecasting.cik.reading.remarks import Remark
from icl_forecasting.cik.reading.retractions import (
    Event,
    all_over,
    denies,
    lasting,
    moved_on,
    one_time,
    past_for_good,
    take_back,
)
from icl_forecasting.cik.reading.topic import Topic
from icl_forecasting.cik.reading.when import (
    merged,
    overlap,
    recurring,
    same_steps,
    side_of,
    windows_of,
)
from icl_forecasting.cik.statements import (
    Artefact,
    Change,
    Damage,
    Effect,
    Ignored,
    Statement,
)
from icl_forecasting.cik.windows import Clock, Window

CONFIDENCE = {3: 1.0, 2: 0.8, 1: 0.6}
"""By the strength of a claim."""


def events_of(
    remarks: Sequence[Remark],
    topic: Topic,
    clock: Clock,
    taken: frozenset[int],
    follows: bool = False,
) -> tuple[list[Statement], list[Ignored]]:
    """Read effects and artefacts.

    Args:
        remarks: all clauses.
        topic: what the series is about.
        clock: of the forecast.
        taken: indices of remarks that other rules have read already (limits, laws, statistics).
        follows: the series follows a known variable, so that a change without a time is a law.
    """
    events: list[Event] = []
    causal = _has_plan_frame(remarks)
    for number, remark in enumerate(remarks):
        if number in taken:
            continue
        claims = claims_of(remark, topic, remarks)
        if not any(denies(one) for one in claims):
            take_back(remark, events, clock)
        for claim in claims:
            windows = windows_of(claim, remarks, len(claims), clock)
            windows = moved_on(lasting(windows, remark, remarks, clock), remark, remarks)
            told = _told_of_past(remark, windows, remarks)
            windows = one_time(windows, clock)
            event = Event(claim, windows, doubt(claim, remarks, topic, causal))
            event.over = told
            if follows and claim.about is None:
                event.reason = event.reason or "no claim about this series"
            event.artefacts = artefact_of(remark, windows, remarks, topic, clock)
            events.append(event)
        if not claims:
            artefacts = artefact_of(remark, _times(remark, remarks), remarks, topic, clock)
            if artefacts:
                claim = Claim(remark, Change.LEVEL, None, 0, None, 1)
                windows = [one.window for one in artefacts]
                events.append(Event(claim, windows, artefacts=artefacts))
    if any(all_over(one) for one in remarks):
        for event in events:
            ahead = any(side_of(w, clock) == "future" for w in event.windows)
            event.over = event.over or (not ahead and not event.goes_on)
    if any(past_for_good(one) for one in remarks):
        for event in events:
            again = [w for w in event.windows if recurring(w) and side_of(w, clock) != "future"]
            begins = any(w.start is not None and w.start >= clock.now for w in event.windows)
            event.over = event.over or (bool(again) and not begins and not event.goes_on)
    dated_at_all = any(one.clause.times for one in remarks) or any(
        token.kind == "stamp" for one in remarks for token in one.tokens
    )
    if dated_at_all or follows:
        for event in events:
            if not event.windows and not event.artefacts:
                event.reason = event.reason or "no time that was understood"
    _strongest(events, clock)
    _latest(events, clock)
    return _statements(events, clock)


def _told_of_past(remark: Remark, windows: Sequence[Window], remarks: Sequence[Remark]) -> bool:
    """Tell whether the clause that dates a recurring claim is in a past tense."""
    if remark.times or not any(recurring(one) for one in windows):
        return False
    dating = [one for one in remarks if any(time.window in windows for time in one.times)]
    return bool(dating) and all(one.clause.past and not one.clause.future for one in dating)


def _times(remark: Remark, remarks: Sequence[Remark]) -> list[Window]:
    own = [one.window for one in remark.times]
    if not own:
        own = [
            time.window
            for one in remarks
            if one.order == remark.order and one is not remark
            for time in one.times
        ]
    return merged(own)


def _has_plan_frame(remarks: Sequence[Remark]) -> bool:
    """Tell whether the text speaks of things that go together, without a cause."""
    return any(remark.has("association") and _pair(remark) for remark in remarks)


def _pair(remark: Remark) -> bool:
    sure = {"correlate", "correlation", "association", "associate", "occur", "causation"}
    sure |= {"cooccur", "covary"}
    return bool(remark.lemmas & sure) or len({one.concept for one in remark.named}) > 1


# contradictions -----------------------------------------------------------------------------------


def _strongest(events: list[Event], clock: Clock) -> None:
    """Within one sentence and window the claim with a number stands for the others."""
    for event in events:
        if event.reason or event.artefacts:
            continue
        for other in events:
            if other is event or other.reason:
                continue
            if event.claim.strength == 1 and other.claim.strength == 3 and not other.artefacts:
                crossing = any(overlap(a, b, clock) for a in event.windows for b in other.windows)
                if crossing or not event.windows:
                    event.reason = "said more exactly elsewhere"
                    break
            if abs(other.remark.order - event.remark.order) > 2:
                continue
            together = _same_windows(event, other, clock)
            if together and other.claim.strength > event.claim.strength:
                event.reason = "said more exactly elsewhere"
                other.artefacts = other.artefacts or event.artefacts
                break
            twice = other.claim.strength == event.claim.strength
            if together and twice and events.index(other) < events.index(event):
                if other.claim.change == event.claim.change == Change.LEVEL:
                    event.reason = "said before"
                    break


def _same_windows(one: Event, other: Event, clock: Clock) -> bool:
    if not one.windows or not other.windows:
        return one.remark.order == other.remark.order or one.windows == other.windows
    if set(one.windows) == set(other.windows):
        return True
    return any(
        same_steps(a, b, clock) and overlap(a, b, clock) for a in one.windows for b in other.windows
    )


def _latest(events: list[Event], clock: Clock) -> None:
    """Among claims about the same steps the later one wins."""
    alive = [one for one in events if not one.reason and one.claim.strength >= 2]
    for place, event in enumerate(alive):
        for later in alive[place + 1 :]:
            corrected = any(
                clause.link in ("instead", "but", "however")
                for clause in later.remark.sentence.clauses
            )
            corrected |= later.remark.has("supersede") or event.remark.has("former")
            same = _same_windows(event, later, clock)
            crossing = any(overlap(a, b, clock) for a in event.windows for b in later.windows)
            after = later.remark.order > event.remark.order or later.remark.clause.link == "instead"
            corrected |= later.remark.says("instead")
            after |= later.remark.says("instead")
            if crossing and not same and _agree(event, later):
                vague = later if _vague(later, clock) and not _vague(event, clock) else event
                vague.reason = vague.reason or "said more exactly elsewhere"
                continue
            if later.claim.about is None and event.claim.about == "target" and not corrected:
                continue
            if after and (same or (corrected and crossing)):
                event.reason = "superseded"


def _agree(one: Event, other: Event) -> bool:
    """Tell whether two claims say the same about values."""
    same = one.claim.change is other.claim.change and one.claim.value == other.claim.value
    return same and one.claim.strength == other.claim.strength == 3


def _vague(event: Event, clock: Clock) -> bool:
    """Tell whether only a beginning is known of the time of an event."""
    return all(
        one.end is None or (one.start is not None and one.end - one.start <= clock.step)
        for one in event.windows
    )


# statements ---------------------------------------------------------------------------------------


def _statements(events: list[Event], clock: Clock) -> tuple[list[Statement], list[Ignored]]:
    statements: list[Statement] = []
    ignored: list[Ignored] = []
    for event in events:
        remark = event.remark
        if event.reason:
            if not event.reason.startswith("said"):
                ignored.append(Ignored(reason=event.reason, span=remark.span))
            continue
        made = _of_event(event, clock)
        if made:
            statements += made
        else:
            ignored.append(Ignored(reason=_no_use(event, clock), span=remark.span))
    return _once(statements), ignored


def _once(statements: list[Statement]) -> list[Statement]:
    """Leave out what was said twice in other words."""
    kept: dict[Statement, Statement] = {}
    for statement in statements:
        plain = replace(statement, span=None, confidence=1.0)
        other = kept.get(plain)
        if other is None or other.confidence < statement.confidence:
            kept[plain] = statement
    return list(kept.values())


def _no_use(event: Event, clock: Clock) -> str:
    sides = {side_of(window, clock) for window in event.windows}
    if sides & {"past", "before"}:
        return "before the forecast"
    return "after the forecast" if "after" in sides else "no claim about this series"


def _of_event(event: Event, clock: Clock) -> list[Statement]:
    claim, made = event.claim, list[Statement]()
    confidence = CONFIDENCE[claim.strength]
    windows = event.windows
    if not windows:
        clause = claim.remark.clause
        general = clause.future or clause.supposed or not (clause.past or claim.value == 0)
        if claim.value is None or not general or event.artefacts or claim.strength < 3:
            return list(event.artefacts)
        windows, confidence = [Window(start=clock.now, end=clock.end)], 0.6
    for window in windows:
        side = side_of(window, clock)
        past = side == "past" or (side == "both" and _was(event, window))
        if side in ("before", "after"):
            continue
        if past and not event.goes_on:
            made += event.artefacts or _damage(claim, window, clock)
        elif claim.value is not None or claim.change in (Change.RAISE, Change.LOWER):
            if event.goes_on and side == "past" and not recurring(window):
                window = replace(window, end=None)
            effect = Effect(
                window=window,
                change=claim.change,
                value=claim.value,
                usual=side != "future" and (recurring(window) or window.start is None),
                cause=_cause(claim),
                span=claim.remark.span,
                confidence=confidence,
            )
            made.append(effect)
    return list(dict.fromkeys(made))


def _was(event: Event, window: Window) -> bool:
    """Tell whether what began in the history is over, or is only told of the past."""
    words = event.remark.text.lower()
    if "any more" in words or "anymore" in words or "from now on" in words:
        return False
    if event.over:
        return True
    clause = event.remark.clause
    if event.remark.says("used") and event.remark.says("to") and not clause.future:
        return True
    told = clause.past and not clause.future and not clause.supposed
    ends_later = window.end is not None and not recurring(window)
    return told and not ends_later


LARGEST_SHARE = 0.5
"""A past change that covers more of the history than this is what the history is like."""


def _damage(claim: Claim, window: Window, clock: Clock) -> list[Statement]:
    """What a past change left in the history: it is masked, since it will not come again."""
    if claim.strength < 2 or not len(clock.history):
        return []
    share = float(np.mean(window.covers(clock.history)))
    if share > LARGEST_SHARE or (share > 0.1 and claim.change is not Change.LEVEL):
        return []
    value = claim.value if claim.change is Change.LEVEL else None
    stated = claim.strength == 3
    return [
        Artefact(
            window=window,
            damage=Damage.MISSING,
            value=value if stated else None,
            cause=_cause(claim),
            span=claim.remark.span,
            confidence=1.0 if stated else 0.8,
        )
    ]


def _cause(claim: Claim) -> str:
    """Name the event by the marked words of the clause."""
    tokens = claim.remark.tokens
    at = min(claim.at, len(tokens) - 1)
    return tokens[at].text if tokens and at >= 0 else ""
