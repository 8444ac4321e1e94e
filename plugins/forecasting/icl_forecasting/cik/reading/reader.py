"""A text to a `Reading`: what it says about a series, and what it only seems to say."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from icl_forecasting.cik.language import parse
from icl_forecasting.cik.language.model import Document
from icl_forecasting.cik.reading.anchors import scale_of, without_inputs
from icl_forecasting.cik.reading.averages import averages_of, seasons_of
from icl_forecasting.cik.reading.caps import in_sequence, limits_in, moved
from icl_forecasting.cik.reading.days import special_days_of
from icl_forecasting.cik.reading.event_tables import table_events
from icl_forecasting.cik.reading.events import events_of
from icl_forecasting.cik.reading.figures import peaks_of, statistics_of
from icl_forecasting.cik.reading.laws import relations_of, tops_of
from icl_forecasting.cik.reading.limits import bounds_of
from icl_forecasting.cik.reading.listings import listings_of, paths_in
from icl_forecasting.cik.reading.remarks import Remark, remarks_of
from icl_forecasting.cik.reading.skies import plain_states, sky_of
from icl_forecasting.cik.reading.subject import subject_of
from icl_forecasting.cik.reading.timeline import dated
from icl_forecasting.cik.reading.topic import Topic
from icl_forecasting.cik.statements import (
    Bound,
    Covariate,
    Ignored,
    Peak,
    Reading,
    Relation,
    Span,
    Statement,
    Statistic,
    Subject,
)
from icl_forecasting.cik.windows import Clock

_log = logging.getLogger("icl.cik")
LONGEST = 200_000
"""Characters that are read; what follows is not."""


def read(text: str, clock: Clock, name: str | None = None) -> Reading:
    """Read a text beside a history.

    Args:
        text: anything in English; headings such as "Scenario:" are allowed and mean nothing more.
        clock: stamps of the history and the forecast, which relative times refer to.
        name: of the series.

    Returns:
        The statements in the order of the text, and the words that were understood as without
        effect. Text that says nothing usable gives an empty reading; odd text never raises.
    """
    try:
        return read_document(parse(text[:LONGEST], clock), name)
    except Exception:  # a reader that fails must not take the forecast with it
        _log.exception("the text could not be read; it is left out")
        return Reading()


def read_document(document: Document, name: str | None = None) -> Reading:
    """Read a parsed text; see `read`."""
    clock = document.clock
    asked = remarks_of(document)
    # a question claims nothing, but it may name the series
    remarks = dated([one for one in asked if not one.sentence.question], clock)
    subject = subject_of(asked, document.text, name)
    topic = Topic(subject or Subject(), asked)
    found: list[Statement] = [] if subject is None else [subject]
    listings = listings_of(document, topic, remarks)
    if topic.concepts & {"irradiance", "sunlight", "solar"}:
        listings = _with_sky(listings, remarks, clock)
    listings = limits_in(listings, topic)
    found += listings
    covariates = [one for one in listings if isinstance(one, Covariate)]
    found += relations_of(document, remarks, topic, covariates)
    prose = _prose(remarks, document, covariates)
    found += tops_of(prose, topic, covariates)
    special = special_days_of(prose, topic, clock)
    found += special
    taken: set[int] = set()
    others = [one.name for one in covariates]
    for number, remark in enumerate(prose):
        if subject is not None and _defines(remark, subject):
            taken.add(number)
        read_here: list[Statement] = [*bounds_of(remark, topic, clock, others)]
        if not read_here:
            limits = [one for one in found if isinstance(one, Bound)]
            read_here += moved(remark, limits[-1] if limits else None, clock)
        if not read_here:
            before = prose[number - 1] if number else None
            read_here += statistics_of(remark, topic, clock, before)
            read_here += peaks_of(remark, topic, before)
        if read_here:
            taken.add(number)
            found += read_here
        elif any(one.span == remark.span for one in special) or remark.has("holiday"):
            taken.add(number)
    extra: list[Statement] = []
    if not covariates and not any(isinstance(one, Statistic) for one in found):
        extra += averages_of(asked, topic, clock)
    if not covariates and not any(isinstance(one, Peak) for one in found):
        extra += seasons_of(asked, topic, clock)
    read_there = [one.span for one in found if isinstance(one, Bound) and one.span]
    extra = [
        one for one in extra if not any(_mostly_in(s, one.span) for s in read_there if one.span)
    ]
    found += extra
    told = [one.span for one in extra]
    taken |= {n for n, one in enumerate(prose) if one.sentence.span in told and one.numbers}
    relations = [one for one in found if isinstance(one, Relation)]
    found = _limits_of_the_target(found, relations, covariates)
    rows, tables = table_events(document.text, clock, topic)
    found += rows
    for number, remark in enumerate(prose):
        if any(_mostly_in(remark.span, span) for span in tables):
            taken.add(number)
    effects, ignored = events_of(prose, topic, clock, frozenset(taken), follows=bool(covariates))
    found += effects
    if len(found) == 1 and found[0] is subject and subject.span is None:
        found = []  # the name of the series alone is nothing that the text says
    found = in_sequence(_in_order(found), document.text)
    return Reading(tuple(found), tuple(ignored + _interventions(prose, ignored)))


def _limits_of_the_target(
    found: list[Statement], relations: Sequence[Relation], covariates: Sequence[Covariate]
) -> list[Statement]:
    """Leave out limits that are values of a covariate."""
    bounds = [one for one in found if isinstance(one, Bound)]
    anchors = [pair for one in relations for pair in one.anchors]
    numeric = [one for one in covariates if not any(isinstance(v, str) for v in one.values)]
    kept = without_inputs(bounds, anchors, [scale_of(one) for one in numeric])
    return [one for one in found if not isinstance(one, Bound) or one in kept]


def _prose(
    remarks: Sequence[Remark], document: Document, covariates: Sequence[Covariate]
) -> list[Remark]:
    """Leave out clauses whose words were read as a listing or an equation."""
    spans = [one.span for one in paths_in(document, remarks)]
    spans += [one.span for one in document.equations]
    spans += [e.span for system in document.equations for e in system.equations]
    return [
        one for one in remarks if not any(_mostly_in(one.span, span) for span in spans if span.text)
    ]


def _mostly_in(clause: Span, listing: Span) -> bool:
    shared = min(clause.end, listing.end) - max(clause.start, listing.start)
    return shared > 0 and 2 * shared >= clause.end - clause.start


def _with_sky(
    listings: list[Statement], remarks: Sequence[Remark], clock: Clock
) -> list[Statement]:
    """Add the state of the sky where the text tells it in words that are no listing."""
    states = [
        one
        for one in listings
        if isinstance(one, Covariate) and any(isinstance(value, str) for value in one.values)
    ]
    others: list[Statement] = [one for one in listings if one not in states]
    plain = [plain_states(one, remarks, clock) for one in states]
    sky = sky_of(remarks, clock)
    best = max([*plain, *([sky] if sky else [])], key=_clearness, default=None)
    return listings if best is None else [*others, best]


def _clearness(sky: Covariate) -> tuple[bool, int]:
    """Rank readings of the sky: two states alone, then many changes."""
    return len(set(sky.values)) == 2, len(sky.stamps)


def _defines(remark: Remark, subject: Subject) -> bool:
    """Tell whether a clause only says what the series is."""
    span = subject.span
    if span is None or not remark.span.start <= span.start < remark.span.end:
        return False
    return not remark.times and not remark.numbers


def _interventions(remarks: Sequence[Remark], ignored: Sequence[Ignored]) -> list[Ignored]:
    """Note associations and plans that were understood as without effect."""
    known = {one.span for one in ignored}
    found: list[Ignored] = []
    if not any(one.has("association") for one in remarks):
        return found
    for remark in remarks:
        if remark.span in known:
            continue
        if remark.has("association") and len({n.concept for n in remark.named}) > 1:
            found.append(Ignored(reason="an association, not a cause", span=remark.span))
        elif remark.has("ban") and remark.has("plan"):
            reason = "an intervention on another variable"
            found.append(Ignored(reason=reason, span=remark.span))
    return found


def _in_order(found: list[Statement]) -> list[Statement]:
    """Put statements in the order of the text, the subject first."""
    return sorted(
        found,
        key=lambda one: (
            not isinstance(one, Subject),
            one.span.start if one.span is not None else 0,
        ),
    )
