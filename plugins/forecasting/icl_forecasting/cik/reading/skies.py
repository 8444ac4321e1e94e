"""The state of the sky over time, told in words: "it cleared up at eleven"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from icl_forecasting.cik.language.model import TimePhrase
from icl_forecasting.cik.language.tokens import tokens
from icl_forecasting.cik.reading.phrases import Table, phrases
from icl_forecasting.cik.reading.remarks import Remark, tells_when
from icl_forecasting.cik.statements import Covariate, Span
from icl_forecasting.cik.windows import Clock

_STATES = Table(
    {
        "clear": """
            clear clear_up sunny cloudless cloud_free blue_sky no_cloud without_cloud unclouded
            cloud_go_away cloud_disperse cloud_part cloud_leave cloud_vanish cloud_disappear
            cloud_dissolve cloud_go cloud_have_go cloud_will_have_go cloud_be_go
            sun_come_out sun_break_through brighten brighten_up go_away fine_weather
            sunshine cloud_lift
        """,
        "cloudy": """
            cloudy overcast cloud_over clouded_over cloud_move_in cloud_gather cloud_return
            cloud_come_up cloud_arrive cloud_roll_in cloud_form clouded grey gray be_cloud
            cloud_come cloud_be_back cloud_will_be_back cloud_everywhere
            move_in cloud_cover covered_by_cloud cloud_at sun_disappear sun_go_behind
            cloudiness
        """,
    }
)
_OPPOSITE = {"clear": "cloudy", "cloudy": "clear"}
_BEGINNING = frozenset("first beginning start initially begin outset originally starting".split())
_SKY = frozenset("sky cloud weather clear cloudy sunny overcast sun cloudless".split())


def sky_of(remarks: Sequence[Remark], clock: Clock) -> Covariate | None:
    """Read when the sky was, is and will be clear or cloudy.

    Args:
        remarks: the clauses of the text.
        clock: of the forecast.

    Returns:
        None where fewer than two changes are told.
    """
    known: dict[np.datetime64, str] = {}
    first: str | None = None
    spans: list[Span] = []
    about = False
    for remark in remarks:
        about = about or not remark.lemmas.isdisjoint(_SKY)
        told = _told(remark)
        if not about or not told or remark.hypothetical:
            continue
        times = _own_times(remark)
        if not times:
            times = _times_before(remark, remarks)
        if not times:
            if first is None and not known and (remark.says(*_BEGINNING) or remark.clause.past):
                first = told[0][1]
            continue
        spans.append(remark.span)
        rest = remark.says("except", "apart", "otherwise", "remaining", "rest")
        for at, time in enumerate(times):
            state = told[-1][1] if rest or len(told) == 1 else _nearest(told, time, at, remark)
            _note(known, time, state, closed=rest or _is_spell(time, clock))
        if rest and first is None:
            first = _OPPOSITE[told[-1][1]]
    if len(known) < 2:
        return None
    start = clock.history[0] if len(clock.history) else clock.now
    if first is None and min(known) > start:
        first = _OPPOSITE[known[min(known)]]
    if first is not None and start not in known:
        known[start] = first
    stamps = sorted(known)
    whole = Span(spans[0].start, spans[-1].end, "")
    return Covariate(
        name="sky",
        stamps=tuple(stamps),
        values=tuple(known[one] for one in stamps),
        steps=True,
        span=whole,
    )


def plain_states(covariate: Covariate, remarks: Sequence[Remark], clock: Clock) -> Covariate:
    """Bring the words for one state of the sky together: "overcast", "clouded over".

    The state at the beginning is added where a clause tells it without a time.
    """
    states = [_state_of(str(value)) for value in covariate.values]
    stamps = tuple(covariate.stamps)
    first = next(
        (
            told[0][1]
            for one in remarks
            if (told := _told(one)) and not _own_times(one) and one.says(*_BEGINNING)
        ),
        None,
    )
    start = clock.history[0] if len(clock.history) else clock.now
    if first is not None and stamps and stamps[0] > start:
        states, stamps = [first, *states], (start, *stamps)
    return replace(covariate, stamps=stamps, values=tuple(states))


def _state_of(words: str) -> str:
    found = list(phrases(tuple(tokens(words)), _STATES))
    return max(found, key=lambda one: one[3])[0] if found else words


def _told(remark: Remark) -> list[tuple[int, str]]:
    """States in a clause: index of the token and the state, the longest phrase at each place."""
    found: dict[int, tuple[int, str]] = {}
    for state, first, last, _ in phrases(remark.tokens, _STATES):
        if first not in found or found[first][0] < last:
            found[first] = (last, state)
    kept: list[tuple[int, str]] = []
    end = -1
    for first in sorted(found):
        last, state = found[first]
        if first > end:
            kept.append((first, state))
            end = last
    return kept


def _nearest(told: list[tuple[int, str]], time: TimePhrase, at: int, remark: Remark) -> str:
    """The state that goes with a time: by order where there are as many, else the last before."""
    if len(told) == len(_own_times(remark)):
        return told[at][1]
    place = remark.token_at(time.span.start)
    before = [state for index, state in told if index <= place]
    return before[-1] if before else told[0][1]


def _times_before(remark: Remark, remarks: Sequence[Remark]) -> list[TimePhrase]:
    """Times in the clause before in the same sentence: "At eleven we expect | that it clears"."""
    for one in remarks:
        if one.order == remark.order and one.index == remark.index - 1 and not _told(one):
            return _own_times(one)
    return []


def _own_times(remark: Remark) -> list[TimePhrase]:
    """Times of a clause as they were said: a change of the sky ends no event."""
    times = [one for one in remark.clause.times if tells_when(one)]
    return [one for one in times if one.window.start is not None]


def _is_spell(time: TimePhrase, clock: Clock) -> bool:
    """Tell whether a time has an end that was said: "from eight to ten"."""
    window = time.window
    if time.kind != "window" or window.start is None or window.end is None:
        return False
    return bool(window.end - window.start > clock.step) or " to " in time.span.text


def _note(known: dict[np.datetime64, str], time: TimePhrase, state: str, closed: bool) -> None:
    start, end = time.window.start, time.window.end
    if start is None:
        return
    known[start] = state
    if closed and end is not None:
        known.setdefault(end, _OPPOSITE[state])
