"""From scores of instances to scores of tasks, and from those to one number.

Tasks that are variants of one idea share a weight. The published table comes from two steps: each
instance is capped at 5, a task is the mean of its instances, and the whole is the weighted mean of
the tasks. Standard errors describe the few samples that each score was estimated from, and
nothing else: not how tasks or instances differ.

By default an instance without a score counts as 5, as the published notes say, and nothing is
rounded. `by_task(published=True)` and `by_task_between` reproduce what the official scripts do
instead; both say how they differ.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from icl_core.errors import InputError
from icl_forecasting.cik.instances import Instance
from icl_forecasting.cik.metric.score import NOT_ESTIMATED

CAP = 5.0
"""The largest score that an instance can get, and the score of one without an answer."""

EVERY_TASK = frozenset({"forecasting", "natural language processing"})
"""Skills that all tasks have, and that divide nothing."""

DECIMALS = 3
"""The official scripts round to so many decimals after each step."""


@dataclass(frozen=True)
class Outcome:
    """The score of one instance.

    Args:
        task: the task's name.
        seed: number of the instance.
        metric: RCRPS; NaN = no usable answer.
        variance: its sampling variance; -1 = not known.
    """

    task: str
    seed: int
    metric: float
    variance: float = NOT_ESTIMATED


@dataclass(frozen=True)
class Task:
    """What all instances of a task share.

    Args:
        name: the task's name.
        weight: its weight.
        context_sources: what kinds of text it has.
        skills: what it asks for.
        seeds: the instances that it should have.
    """

    name: str
    weight: Fraction
    context_sources: tuple[str, ...]
    skills: tuple[str, ...]
    seeds: tuple[int, ...]


@dataclass(frozen=True)
class Score:
    """A mean with its standard error.

    Args:
        mean: lower is better; 0 where there is no task, as in the official tables.
        error: standard error from the sampling of forecasts; NaN where a variance is not known.
        instances: how many went into it.
        missing: how many of them had no usable answer.
        capped: how many were at the cap or above it, apart from the missing ones.
        weight: sum of the weights of the tasks.
        tasks: number of tasks.
    """

    mean: float
    error: float
    instances: int
    missing: int
    capped: int
    weight: Fraction
    tasks: int = 1


def tasks_of(instances: Iterable[Instance]) -> dict[str, Task]:
    """Collect the tasks of instances, in their order.

    Raises:
        InputError: two instances of a task say different things about it.
    """
    found: dict[str, Task] = {}
    for one in instances:
        known = found.get(one.name)
        facts = (one.weight, one.context_sources, one.skills)
        if known is None:
            found[one.name] = Task(one.name, *facts, seeds=(one.seed,))
        elif facts != (known.weight, known.context_sources, known.skills):
            raise InputError(f"{one.id} has another weight, context source or skill than its task")
        else:
            found[one.name] = replace(known, seeds=(*known.seeds, one.seed))
    return found


def by_task(
    outcomes: Iterable[Outcome], tasks: Mapping[str, Task], *, published: bool = False
) -> dict[str, Score]:
    """Score each task: the mean of its capped instances.

    Args:
        outcomes: at most one for each instance.
        tasks: which instances there should be.
        published: do what made the official table. An instance without an outcome is left out
            instead of counted as 5, and means and errors are rounded to 3 decimals.

    Raises:
        InputError: an outcome belongs to no instance, or an instance has two.
    """
    known = _sorted_in(outcomes, tasks)
    scores = {}
    for task in tasks.values():
        present = [known.get((task.name, seed)) for seed in task.seeds]
        counted = [capped(one) for one in present if one is not None or not published]
        if not counted:
            continue
        k = len(counted)
        spread = math.fsum(variance for _, variance in counted)
        score = _of_task(
            task,
            math.fsum(metric for metric, _ in counted) / k,
            math.sqrt(max(0.0, spread) / k**2) if not math.isnan(spread) else math.nan,
            present,
            k,
        )
        scores[task.name] = _rounded(score) if published else score
    return scores


def by_task_between(outcomes: Iterable[Outcome], tasks: Mapping[str, Task]) -> dict[str, Score]:
    """Score each task as the first official script did; a legacy mode, to compare with old tables.

    The error is the standard deviation between the instances, divided by the square root of their
    number. A missing instance counts as 5, and so does a score slightly below zero, although that
    is a very good one. Means and errors are rounded to 3 decimals.
    """
    known = _sorted_in(outcomes, tasks)
    scores = {}
    for task in tasks.values():
        present = [known.get((task.name, seed)) for seed in task.seeds]
        metrics = [capped(one)[0] for one in present]
        values = np.array([CAP if metric < 0 else metric for metric in metrics])
        error = values.std(ddof=1) / math.sqrt(len(values)) if len(values) > 1 else 0.0
        scores[task.name] = _rounded(
            _of_task(task, float(values.mean()), float(error), present, len(values))
        )
    return scores


def overall(
    scores: Mapping[str, Score],
    tasks: Mapping[str, Task] | None = None,
    keep: Callable[[Task], bool] | None = None,
    *,
    published: bool = False,
) -> Score:
    """Take the weighted mean over tasks.

    Args:
        scores: of `by_task`.
        tasks: needed for `keep`.
        keep: which tasks go into it; None = all.
        published: round to 3 decimals, as the official table is.
    """
    chosen = [
        score
        for name, score in scores.items()
        if keep is None or (tasks is not None and keep(tasks[name]))
    ]
    weight = sum((score.weight for score in chosen), Fraction(0))
    if not chosen:
        return Score(0.0, 0.0, 0, 0, 0, weight, 0)
    mean = math.fsum(float(score.weight) * score.mean for score in chosen) / float(weight)
    error = math.sqrt(math.fsum((float(s.weight) * s.error) ** 2 for s in chosen)) / float(weight)
    total = Score(
        mean,
        error,
        sum(score.instances for score in chosen),
        sum(score.missing for score in chosen),
        sum(score.capped for score in chosen),
        weight,
        len(chosen),
    )
    return _rounded(total) if published else total


def by_context_source(
    scores: Mapping[str, Score], tasks: Mapping[str, Task], *, published: bool = False
) -> dict[str, Score]:
    """Score the tasks that carry each kind of context; a task may carry several."""
    labels = _labels(task.context_sources for task in tasks.values())
    return {
        label: overall(scores, tasks, _carries(label, "context_sources"), published=published)
        for label in labels
    }


def by_skill(
    scores: Mapping[str, Score], tasks: Mapping[str, Task], *, published: bool = False
) -> dict[str, Score]:
    """Score the tasks that ask for each skill; a task may ask for several."""
    labels = _labels(task.skills for task in tasks.values())
    return {
        label: overall(scores, tasks, _carries(label, "skills"), published=published)
        for label in labels
        if label not in EVERY_TASK
    }


def per_instance(
    outcomes: Iterable[Outcome], tasks: Mapping[str, Task], *, published: bool = False
) -> Score:
    """Take the weighted mean over instances, as the official script for the hub's data does.

    It equals the mean over tasks where every task has the same number of instances.

    Args:
        outcomes: at most one for each instance.
        tasks: which instances there should be.
        published: leave out what is missing instead of counting it as 5.
    """
    known = _sorted_in(outcomes, tasks)
    rows = [
        (float(task.weight), known.get((task.name, seed)))
        for task in tasks.values()
        for seed in task.seeds
    ]
    rows = [(weight, one) for weight, one in rows if one is not None or not published]
    total = math.fsum(weight for weight, _ in rows)
    if not rows:
        return Score(0.0, 0.0, 0, 0, 0, Fraction(0), 0)
    kept = [(weight, *capped(one)) for weight, one in rows]
    spread = math.fsum(weight**2 * variance for weight, _, variance in kept)
    return Score(
        math.fsum(weight * metric for weight, metric, _ in kept) / total,
        math.sqrt(max(0.0, spread)) / total if not math.isnan(spread) else math.nan,
        len(rows),
        sum(_is_missing(one) for _, one in rows),
        sum(_is_capped(one) for _, one in rows),
        sum((task.weight for task in tasks.values()), Fraction(0)),
        len(tasks),
    )


def _sorted_in(
    outcomes: Iterable[Outcome], tasks: Mapping[str, Task]
) -> dict[tuple[str, int], Outcome]:
    known: dict[tuple[str, int], Outcome] = {}
    for one in outcomes:
        task = tasks.get(one.task)
        if task is None or one.seed not in task.seeds:
            raise InputError(f"there is a score for {one.task}/{one.seed}, which is no instance")
        if (one.task, one.seed) in known:
            raise InputError(f"there are two scores for {one.task}/{one.seed}")
        known[one.task, one.seed] = one
    return known


def _is_missing(one: Outcome | None) -> bool:
    return one is None or not math.isfinite(one.metric)


def _is_capped(one: Outcome | None) -> bool:
    return one is not None and math.isfinite(one.metric) and one.metric >= CAP


def capped(one: Outcome | None) -> tuple[float, float]:
    """Give metric and variance after the cap; a variance that is not known is NaN.

    Args:
        one: a score; None, and one that is not finite, count as `CAP` with no variance.
    """
    if one is None or _is_missing(one) or _is_capped(one):
        return CAP, 0.0
    known = one.variance != NOT_ESTIMATED and math.isfinite(one.variance)
    return one.metric, one.variance if known else math.nan


def _of_task(
    task: Task, mean: float, error: float, present: Sequence[Outcome | None], counted: int
) -> Score:
    missing = sum(map(_is_missing, present))
    at_cap = sum(map(_is_capped, present))
    return Score(mean, error, counted, missing, at_cap, task.weight)


def _rounded(score: Score) -> Score:
    """Round as text with 3 decimals does."""
    mean, error = (float(f"{value:.{DECIMALS}f}") for value in (score.mean, score.error))
    return replace(score, mean=mean, error=error)


def _labels(lists: Iterable[Sequence[str]]) -> list[str]:
    return list(dict.fromkeys(label for labels in lists for label in labels))


def _carries(label: str, field: str) -> Callable[[Task], bool]:
    return lambda task: label in getattr(task, field)
