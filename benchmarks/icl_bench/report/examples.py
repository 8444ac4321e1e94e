"""Worst and best episodes of each learner, predicted anew and drawn."""

from __future__ import annotations

import logging
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from icl_bench.planning import Asked
from icl_bench.report.drawings import Drawing, draw
from icl_bench.standings import rows_of
from icl_core.errors import IclError
from icl_core.evaluation import Named, Row, Store, aggregate
from icl_core.evaluation.runner import Sources
from icl_core.evaluation.shards import wishes
from icl_core.evaluation.trial import episode_name, load, weights_digest
from icl_core.learner import Learner

if TYPE_CHECKING:
    from icl_bench.campaign import Campaign

MOST_SETS = 6
"""Sets of a learner that examples are drawn of: the first ones of the suite."""

MOST = 60
"""Examples of a report."""

MOST_BYTES = 8_000_000
"""Bytes of all pictures of a report, before they are written as text."""

WORST, BEST, TYPICAL = "worst", "best", "typical"

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Example:
    """One episode of a learner.

    Args:
        learner: its title.
        set: name of the set.
        task: of both.
        kind: "worst" or "best" of its set; "typical" where all score the same.
        number: place of the episode in its source.
        episode: its name.
        score: of this episode alone.
        unit: name of the score.
        drawing: None before it is drawn.
    """

    learner: str
    set: str
    task: str
    kind: str
    number: int
    episode: str
    score: float
    unit: str
    drawing: Drawing | None = None

    def to_json(self) -> dict[str, Any]:
        """Return all but the picture."""
        facts = {name: value for name, value in vars(self).items() if name != "drawing"}
        return {**facts, "text": None if self.drawing is None else self.drawing.text}


def examples_of(
    campaign: Campaign, device: str = "auto", without: Collection[str] = ()
) -> tuple[list[Example], list[str]]:
    """Predict and draw the worst and the best episode of each learner on its sets.

    Args:
        campaign: that was run.
        device: as in `icl_core.load`.
        without: sets of which none is drawn.

    Returns:
        Examples, learner by learner, and sentences about those that could not be drawn.

    Raises:
        UnknownNameError: the run has no set of a name in `without`.
    """
    for name in without:
        campaign.suite.item(name)
    found: list[Example] = []
    notes: dict[str, None] = {}
    if not campaign.store.exists():
        return [], []
    loaded: tuple[str, Learner] | None = None
    with Store(campaign.store) as store:
        named, facts = store.named(), store.trials()
        chosen = _chosen(campaign, store, named, without)
    sources = Sources()
    for number, (asked, examples) in enumerate(chosen):
        title = f"{asked.learner.title} on {asked.item.name}"
        if _bytes(found) > MOST_BYTES or len(found) + len(examples) > MOST:
            left = sum(len(one) for _, one in chosen[number:])
            notes[f"{left} more examples are left out: the page would grow too large."] = None
            break
        if asked.skip:
            notes[f"No examples of {asked.item.name}: it {asked.skip}."] = None
            continue
        try:
            name = repr(asked.trial.learner)
            if loaded is None or loaded[0] != name:
                loaded = None  # the old network is freed before the next one is loaded
                loaded = (name, load(asked.trial.learner, device))
            known = facts.get(named[asked.trial.title].key, {})
            found += _drawn(asked, examples, loaded[1], sources, known)
        except IclError as error:
            notes[f"No examples of {title}: {error}"] = None
        except Exception as error:
            # A learner or a source of anybody's: the report is written whatever it does.
            _log.debug("no examples of %s", title, exc_info=True)
            notes[f"No examples of {title}: {type(error).__name__}: {error}"] = None
    return found, list(notes)


def _chosen(
    campaign: Campaign, store: Store, named: Mapping[str, Named], without: Collection[str]
) -> list[tuple[Asked, list[Example]]]:
    """Choose the episodes, learner by learner; baselines are trivial and are not shown."""
    found: list[tuple[Asked, list[Example]]] = []
    sets: dict[str, int] = {}
    for asked in campaign.asked:
        title = asked.learner.title
        if asked.is_baseline or asked.item.name in without or sets.get(title, 0) >= MOST_SETS:
            continue
        examples = extremes(asked, rows_of(asked.trial, store, named))
        if examples:
            sets[title] = sets.get(title, 0) + 1
            found.append((asked, examples))
    return found


def extremes(asked: Asked, rows: Sequence[Row]) -> list[Example]:
    """Return the episode farthest from a perfect score and the one nearest to it.

    Args:
        asked: learner and set.
        rows: of the trial; each is scored by itself, those without a score are left out.
    """
    score = asked.trial.score
    try:
        measure = score.measure()
        alone = [(row, _alone(measure, row, score.number)) for row in rows if not row.failed]
    except IclError:
        return []  # the metric is gone; the standing says so
    known = [(row, value) for row, value in alone if math.isfinite(value)]
    if not known:
        return []

    def far(pair: tuple[Row, float]) -> float:
        return abs(score.perfect - pair[1])

    # The first one of equals, so that the choice is the same each time.
    worst, best = max(known, key=far), min(known, key=far)
    ends = [(WORST, *worst), (BEST, *best)]
    if far(worst) == far(best):
        ends = [(TYPICAL, *best)]
    return [
        Example(
            asked.learner.title,
            asked.item.name,
            str(asked.item.task),
            kind,
            row.number,
            row.episode,
            value,
            score.number,
        )
        for kind, row, value in ends
    ]


def _alone(measure: Any, row: Row, number: str) -> float:
    try:
        return float(aggregate(measure, [row]).get(number, math.nan))
    except Exception:  # an aggregate may need more than one episode
        return math.nan


def _drawn(
    asked: Asked,
    examples: Sequence[Example],
    learner: Learner,
    sources: Sources,
    facts: Mapping[str, Any],
) -> list[Example]:
    trial = asked.trial
    episodes, digest = sources.get(replace(trial.source, limit=None))
    if facts.get("data") != digest:
        raise IclError("the data is not what it was when it was scored")
    if facts.get("weights") != weights_digest(learner):
        raise IclError("the weights are not what they were when it was scored")
    found = []
    for one in examples:
        episode = episodes[one.number]
        if episode_name(episode, one.number) != one.episode:
            raise IclError("the episodes are not what they were when it was scored")
        options = {**wishes(learner, episode), **trial.learner.predict_options}
        (answer,) = learner.predict_episodes([episode], batch_size=1, **options)
        found.append(replace(one, drawing=draw(episode, answer)))
    return found


def _bytes(found: Sequence[Example]) -> int:
    return sum(one.drawing.size for one in found if one.drawing is not None)
