"""What came out: one standing for each learner on each set, one result for each probe."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from icl_bench.planning import Asked, Probed
from icl_bench.sets import without_data
from icl_core.errors import IclError
from icl_core.evaluation import Interval, Named, Row, Store, Trial, aggregate, combined, scored
from icl_core.evaluation.probes import Probe
from icl_core.evaluation.scores import skill_of, skilled


@dataclass(frozen=True)
class Standing:
    """One learner on one set.

    Args:
        set: name of the set.
        task: of both.
        learner: title of the learner.
        baseline: whether it is the trivial baseline of the set.
        metric: name of the metric.
        number: the number of it that ranks learners.
        perfect: its value that cannot be beaten.
        score: that number, with its interval over episodes.
        skill: (score - baseline) / (perfect - baseline), on the episodes that both answered.
        numbers: all that the metric's aggregate gives.
        episodes: how many were answered.
        failures: how many were not.
        expected: how many the set has.
        missing: sentence why it could not run; empty where it could.
        skipped: whether that is because the set's data is not there.
        seconds: of one episode, on average; NaN without any.
        published: the number that others have published for this learner; None where none is known.
        source: where that number stands.
    """

    set: str
    task: str
    learner: str
    baseline: bool
    metric: str
    number: str
    perfect: float
    score: Interval = field(default_factory=lambda: Interval(math.nan))
    skill: Interval = field(default_factory=lambda: Interval(math.nan))
    numbers: Mapping[str, float] = field(default_factory=dict)
    episodes: int = 0
    failures: int = 0
    expected: int = 0
    missing: str = ""
    skipped: bool = False
    seconds: float = math.nan
    published: float | None = None
    source: str = ""

    @property
    def partly_failed(self) -> bool:
        """Whether episodes failed, or it could not run although the data is there."""
        return self.failures > 0 or bool(self.missing and not self.skipped)


@dataclass(frozen=True)
class ProbeResult:
    """What a probe found for one learner on one set.

    Args:
        learner: title of the learner.
        set: name of the set, with options of its source that the probe changes.
        task: of both.
        probe: name of the probe.
        question: what it asks.
        curve: whether `number` is the gain along the levels; else it is the loss against the first.
        number: in units of skill, so that it means the same for every task: of the way from the
            trivial baseline to a perfect score. Where the set has no baseline: of the score.
        unit: "skill", or the name of the score's number.
        points: (x, name of the level, score there), in order.
        episodes: that all levels answered.
        missing: sentence why there is no number; empty where there is one.
        unanswered: levels that the learner answered for no episode, with the reason.
    """

    learner: str
    set: str
    task: str
    probe: str
    question: str
    curve: bool
    number: Interval
    unit: str
    points: tuple[tuple[float, str, Interval], ...] = ()
    episodes: int = 0
    missing: str = ""
    unanswered: Mapping[str, str] = field(default_factory=dict)


def standing(asked: Asked, store: Store, named: Mapping[str, Named]) -> Standing | None:
    """Sum up one learner on one set.

    Args:
        asked: which.
        store: with the results.
        named: of the store.

    Returns:
        None where it was never asked for.
    """
    item, trial = asked.item, asked.trial
    known = named.get(trial.title)
    if known is None:
        return None
    rows = rows_of(trial, store, named)
    others = item.published
    value = None if others is None else others.values.get(asked.learner.title)
    facts: dict[str, Any] = {
        "set": item.name,
        "task": str(item.task),
        "learner": asked.learner.title,
        "baseline": asked.is_baseline,
        "metric": item.metric,
        "number": item.number,
        "perfect": item.perfect,
        "expected": known.episodes,
        "failures": sum(row.failed for row in rows),
        "episodes": sum(not row.failed for row in rows),
        "missing": known.missing,
        "skipped": without_data(item, known.missing),
        "published": value,
        "source": others.source if others is not None and value is not None else "",
    }
    total, count = store.seconds(known.key)
    if count:
        facts["seconds"] = total / count
    if not facts["episodes"]:
        return Standing(**facts)
    try:
        measure = trial.score.measure()
        facts["numbers"] = aggregate(measure, rows)
        facts["score"] = scored(measure, trial.score, rows)
        if asked.baseline is not None:
            base = rows_of(asked.baseline, store, named)
            facts["skill"] = skilled(measure, trial.score, rows, base)
    except IclError as error:  # the metric is gone, or gives no such number
        facts["missing"] = str(error)
    return Standing(**facts)


def probe_result(probed: Probed, store: Store, named: Mapping[str, Named]) -> ProbeResult | None:
    """Sum up one probe. Arguments as in `standing`.

    Levels that no episode was answered at, such as no examples at all where a learner needs one,
    are left out of the number.
    """
    asked, probe, trial = probed.asked, probed.probe, probed.asked.trial
    known = [named.get(one.title) for one in probed.trials]
    if all(one is None for one in known[0 if probe.curve else 1 :]):
        return None
    base = [] if asked.baseline is None else rows_of(asked.baseline, store, named)
    # The unchanged set may have been run for more episodes than the probe.
    most = max((o.episodes for o in known[1:] if o is not None), default=0)
    runs, unanswered, points = [], {}, []
    reason = next((o.missing for o in known if o is not None and o.missing), "")
    try:
        measure = trial.score.measure()
        for level, one in zip(probed.levels, probed.trials, strict=True):
            rows = rows_of(one, store, named)
            rows = [row for row in rows if not most or row.number < most]
            if any(not row.failed for row in rows):
                runs.append(rows)
                points.append((level.x, level.name, scored(measure, one.score, rows)))
            elif rows:
                unanswered[level.name] = rows[0].error
        number, unit = _number(probed, runs, base, measure)
    except IclError as error:
        number, unit, reason = Interval(math.nan), trial.score.number, str(error)
    if math.isnan(number.value) and not reason:
        reason = "fewer than two levels were answered"
    return ProbeResult(
        learner=asked.learner.title,
        set=trial.source.title,
        task=str(asked.item.task),
        probe=probe.name,
        question=probe.question,
        curve=probe.curve,
        number=number,
        unit=unit,
        points=tuple(points),
        episodes=len(_answered(runs)),
        missing=reason,
        unanswered=unanswered,
    )


def _number(
    probed: Probed, runs: Sequence[Sequence[Row]], base: Sequence[Row], measure: object
) -> tuple[Interval, str]:
    score = probed.asked.trial.score
    if len(runs) < 2:
        return Interval(math.nan), score.number

    def change(numbers: Sequence[float]) -> float:
        return change_of(probed.probe, numbers)

    if not base:
        way = math.copysign(1, score.perfect - _first(runs, measure, probed))
        return combined(measure, score, runs, lambda n: way * change(n)), score.number
    return (
        combined(
            measure,
            score,
            [base, *runs],
            lambda n: change([skill_of(score, value, n[0]) for value in n[1:]]),
        ),
        "skill",
    )


def change_of(probe: Probe, numbers: Sequence[float]) -> float:
    """Return what a probe gives for the scores at its levels.

    Args:
        probe: of a curve it is the gain from the first to the last level; else the mean loss of
            the changed levels against the first.
        numbers: in the order of the levels, at least two.
    """
    first, *rest = numbers
    return rest[-1] - first if probe.curve else first - sum(rest) / len(rest)


def _first(runs: Sequence[Sequence[Row]], measure: object, probed: Probed) -> float:
    return scored(measure, probed.asked.trial.score, runs[0]).value


def _answered(runs: Sequence[Sequence[Row]]) -> set[int]:
    found = [{row.number for row in rows if not row.failed} for rows in runs]
    return set.intersection(*found) if found else set()


def rows_of(trial: Trial, store: Store, named: Mapping[str, Named]) -> list[Row]:
    """Return the rows that a trial has under its title; none where it never ran."""
    known = named.get(trial.title)
    return store.rows(known.key) if known is not None and known.key else []
