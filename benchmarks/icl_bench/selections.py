"""What selectors found: the score with each one's examples, and its paired gain over random."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from icl_bench.planning import Selected
from icl_bench.standings import rows_of
from icl_core.errors import IclError
from icl_core.evaluation import Interval, Named, Row, Store, combined, difference, scored
from icl_core.evaluation.scores import mean_of, skill_of


@dataclass(frozen=True)
class SelectionResult:
    """What the selectors of one set did for one learner.

    Args:
        learner: title of the learner.
        set: name of the set, with options of its source that the pool changes.
        task: of both.
        number: the number of the metric that ranks learners.
        budget: examples that were shown; of each label, where outputs are labels.
        points: (place, selector, score with its examples), in the order of the suite; random
            first.
        gains: selector -> how much better than random it is, on the episodes that all answered;
            positive is better. In units of skill, where the set has a baseline.
        unit: of the gains: "skill", or `number`.
        episodes: that all selectors answered.
        missing: sentence why there is no gain; empty where there is one.
        unanswered: selectors with which no episode was answered, with the reason.
    """

    learner: str
    set: str
    task: str
    number: str
    budget: int
    points: tuple[tuple[float, str, Interval], ...] = ()
    gains: Mapping[str, Interval] = field(default_factory=dict)
    unit: str = "skill"
    episodes: int = 0
    missing: str = ""
    unanswered: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Gain:
    """What a selector gains over random for the learners of a task.

    Args:
        task: the modality.
        selector: its title.
        gain: mean in units of skill over sets and learners, with an interval.
        results: how many sets and learners that is.
    """

    task: str
    selector: str
    gain: Interval
    results: int


def selection_result(
    selected: Selected, store: Store, named: Mapping[str, Named]
) -> SelectionResult | None:
    """Sum up the selectors of one set for one learner.

    Args:
        selected: which.
        store: with the results.
        named: of the store.

    Returns:
        None where none was ever asked for.
    """
    asked, score = selected.asked, selected.asked.trial.score
    known = [named.get(one.title) for one in selected.trials]
    if all(one is None for one in known):
        return None
    reason = next((one.missing for one in known if one is not None and one.missing), "")
    base = [] if asked.baseline is None else rows_of(asked.baseline, store, named)
    runs: dict[str, list[Row]] = {}
    unanswered: dict[str, str] = {}
    points = []
    gains: dict[str, Interval] = {}
    unit = "skill" if base else score.number
    try:
        measure = score.measure()
        for place, (one, trial) in enumerate(zip(selected.selectors, selected.trials, strict=True)):
            rows = rows_of(trial, store, named)
            if any(not row.failed for row in rows):
                runs[one.title] = rows
                points.append((float(place), one.title, scored(measure, score, rows)))
            elif rows:
                unanswered[one.title] = rows[0].error
        reference = selected.selectors[0].title
        if reference in runs:
            for title, rows in runs.items():
                if title != reference:
                    gains[title] = _gain(measure, selected, rows, runs[reference], base)
    except IclError as error:  # the metric is gone
        reason, gains = str(error), {}
    if not gains and not reason:
        reason = "random and another selector were not both answered"
    return SelectionResult(
        learner=asked.learner.title,
        set=asked.trial.source.title,
        task=str(asked.item.task),
        number=score.number,
        budget=asked.item.budget or 0,
        points=tuple(points),
        gains=gains,
        unit=unit,
        episodes=_shared(list(runs.values())),
        missing=reason,
        unanswered=unanswered,
    )


def _gain(
    measure: object,
    selected: Selected,
    rows: Sequence[Row],
    reference: Sequence[Row],
    base: Sequence[Row],
) -> Interval:
    score = selected.asked.trial.score
    if not base:
        return difference(measure, score, rows, reference)
    return combined(
        measure,
        score,
        [base, reference, rows],
        lambda n: skill_of(score, n[2], n[0]) - skill_of(score, n[1], n[0]),
    )


def _shared(runs: Sequence[Sequence[Row]]) -> int:
    found = [{row.number for row in rows if not row.failed} for rows in runs]
    return len(set.intersection(*found)) if found else 0


def by_task(results: Iterable[SelectionResult]) -> list[Gain]:
    """Return the mean gain of each selector for each task, over sets and learners.

    Gains that are not in units of skill are left out. The interval of the mean takes the results
    as independent (Zou and Donner, 2008), although learners of one set share its episodes.
    """
    found: dict[tuple[str, str], list[Interval]] = {}
    for one in results:
        for title, gain in one.gains.items():
            if one.unit == "skill" and math.isfinite(gain.value):
                found.setdefault((one.task, title), []).append(gain)
    return [Gain(*place, mean_of(gains), len(gains)) for place, gains in found.items()]
