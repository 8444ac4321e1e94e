"""From a suite to trials: which learner meets which set, what it is probed by and shown."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from icl_bench.parts import PoolItem, SelectorItem, Variant
from icl_bench.sets import place_of
from icl_bench.suite import LearnerItem, ProbeItem, SetItem, Suite
from icl_core.errors import UnknownNameError
from icl_core.evaluation import Trial
from icl_core.evaluation.probes import PROBES, Level, Probe, changed
from icl_core.evaluation.runner import Change
from icl_core.registry import learner_card
from icl_core.types import Task


@dataclass(frozen=True)
class Asked:
    """One learner on one set.

    Args:
        item: the set.
        learner: the learner.
        trial: what the engine runs.
        baseline: the trial of the set's baseline; None where the set has none.
        skip: sentence why the set's data is not there; empty where it is.
    """

    item: SetItem
    learner: LearnerItem
    trial: Trial
    baseline: Trial | None
    skip: str = ""

    @property
    def is_baseline(self) -> bool:
        """Whether this is the baseline itself."""
        return self.baseline is not None and self.baseline == self.trial


@dataclass(frozen=True)
class Probed:
    """One probe of one learner on one set.

    Args:
        asked: the learner on the unchanged set, with the options and the limit of the probe.
        probe: what is asked.
        levels: the levels that make sense here.
        trials: one a level, in order.
    """

    asked: Asked
    probe: Probe
    levels: tuple[Level, ...]
    trials: tuple[Trial, ...]

    def changes(self) -> Mapping[str, Change]:
        """Return what the engine does to the episodes, by the text of `Trial.change`."""
        return {
            str(dict(trial.change)): partial(changed, level=level)
            for trial, level in zip(self.trials, self.levels, strict=True)
            if trial.change
        }


@dataclass(frozen=True)
class Selected:
    """The selectors of one set for one learner.

    Args:
        asked: the learner on the source of the pool, its contexts as they are.
        selectors: as the suite names them; random is the first.
        trials: one a selector, in order.
    """

    asked: Asked
    selectors: tuple[SelectorItem, ...]
    trials: tuple[Trial, ...]

    def changes(self) -> Mapping[str, Change]:
        """Return what the engine does to the episodes, by the text of `Trial.change`."""
        budget = self.asked.item.budget or 1
        return {
            str(dict(trial.change)): one.selector(budget)
            for trial, one in zip(self.trials, self.selectors, strict=True)
        }


def plan(
    suite: Suite,
    data: Path | None = None,
    *,
    learners: Collection[str] | None = None,
    sets: Collection[str] | None = None,
) -> list[Asked]:
    """List the trials of a suite, learner by learner, so that each is loaded once.

    Args:
        suite: what is run.
        data: folder of all data.
        learners: titles or names; None = all. Baselines are run in any case.
        sets: names of sets; None = all.
    """
    found: list[Asked] = []
    for item in suite.sets:
        if sets is not None and item.name not in sets:
            continue
        chosen = _chosen(suite.learners_of(item), learners)
        if chosen or learners is None:
            found += _of_set(suite, item, data, chosen)
    order = {one: n for n, one in enumerate(dict.fromkeys(repr(a.trial.learner) for a in found))}
    # A stable sort: baselines first, then the learners in their order, each with its sets.
    found.sort(key=lambda a: (not a.is_baseline, order[repr(a.trial.learner)]))
    return found


def plan_probes(
    suite: Suite,
    data: Path | None = None,
    *,
    learners: Collection[str] | None = None,
    sets: Collection[str] | None = None,
) -> list[Probed]:
    """List the probes of a suite. Arguments as in `plan`."""
    found = []
    for wanted in suite.probes:
        item = suite.item(wanted.set)
        if sets is not None and item.name not in sets:
            continue
        chosen = _chosen(suite.learners_of(item), learners)
        if wanted.learners is not None:
            chosen = [one for one in chosen if one.title in wanted.learners]
        for asked in _of_set(suite, item, data, chosen, wanted):
            if not asked.is_baseline:
                found += [_probed(asked, probe, wanted) for probe in _probes(asked, wanted)]
    return found


def plan_selections(
    suite: Suite,
    data: Path | None = None,
    *,
    learners: Collection[str] | None = None,
    sets: Collection[str] | None = None,
) -> list[Selected]:
    """List the selectors of a suite, set by set. Arguments as in `plan`."""
    found = []
    for item in suite.sets:
        selectors, budget = item.all_selectors(), item.budget
        if not selectors or budget is None or (sets is not None and item.name not in sets):
            continue
        pool = item.pool or PoolItem()
        chosen = _chosen(suite.learners_of(item), learners)
        if pool.learners is not None:
            chosen = [one for one in chosen if one.title in pool.learners]
        for asked in _of_set(suite, item, data, chosen, pool):
            if asked.is_baseline:
                continue
            trials = tuple(
                replace(asked.trial, change=one.selector(budget).change()) for one in selectors
            )
            found.append(Selected(asked, selectors, trials))
    return found


def with_baselines(found: Sequence[Probed | Selected]) -> list[tuple[Trial, str]]:
    """Return the trials of probes or selectors, learner by learner, so that each is loaded once.

    Returns:
        Trials, each once, baselines too, with what keeps them from running; empty where nothing
        does.
    """
    trials: dict[str, tuple[Trial, str]] = {}
    for one in found:
        base = () if one.asked.baseline is None else (one.asked.baseline,)
        for trial in (*base, *one.trials):
            trials.setdefault(trial.title, (trial, one.asked.skip))
    learners = list(dict.fromkeys(repr(trial.learner) for trial, _ in trials.values()))
    return sorted(trials.values(), key=lambda pair: learners.index(repr(pair[0].learner)))


def _chosen(found: Sequence[LearnerItem], wanted: Collection[str] | None) -> list[LearnerItem]:
    return [o for o in found if wanted is None or o.title in wanted or o.name in wanted]


def _of_set(
    suite: Suite,
    item: SetItem,
    data: Path | None,
    learners: Sequence[LearnerItem],
    other: Variant | None = None,
) -> Iterator[Asked]:
    folder, skip = place_of(item, data)
    source, score = item.choice(folder, other), item.score()
    base = item.baseline
    reference = None if base is None else Trial(suite.id, base.choice(), source, score)
    if base is not None and reference is not None:
        yield Asked(item, base, reference, reference, skip)
    for one in learners:
        yield Asked(item, one, Trial(suite.id, one.choice(), source, score), reference, skip)


def _probes(asked: Asked, wanted: ProbeItem) -> list[Probe]:
    task = asked.item.task
    able = [probe for probe in PROBES if task in probe.tasks]
    if wanted.probes is None:
        return [probe for probe in able if probe.needs != "text"]
    named = [probe for probe in able if probe.name in wanted.probes]
    return [probe for probe in named if probe.needs != "text" or _reads_text(asked.learner)]


def _reads_text(learner: LearnerItem) -> bool:
    try:
        return learner_card(learner.name).takes_text
    except UnknownNameError:
        return True  # the trial itself will say that there is no such learner


def _probed(asked: Asked, probe: Probe, wanted: ProbeItem) -> Probed:
    """Choose the levels: no more shots than there are, and the unchanged set only once."""
    shots = {**asked.item.options, **wanted.options}.get("shots")
    most = shots if probe.name == "shots" and isinstance(shots, int) else None
    levels = tuple(level for level in probe.levels if most is None or level.x <= most)
    trials = []
    for level in levels:
        unchanged = not probe.curve and level is probe.levels[0]
        change: dict[str, Any] = {"probe": probe.name, "level": level.name}
        trials.append(asked.trial if unchanged else replace(asked.trial, change=change))
    return Probed(asked, probe, levels, tuple(trials))


def probe_items(suite: Suite, task: Task, sets: Collection[str] | None) -> tuple[ProbeItem, ...]:
    """Return the probes of a task in a suite, for any learner.

    Where the suite has none for the task, they are all that the task has.

    Args:
        suite: where to look.
        task: of the learner that is probed.
        sets: names of sets; None = those with probes, else all of the task.
    """
    own = [item for item in suite.sets if item.task == task and (not sets or item.name in sets)]
    names = [item.name for item in own]
    found = tuple(
        probe.model_copy(update={"learners": None}) for probe in suite.probes if probe.set in names
    )
    return found or tuple(ProbeItem(set=name, limit=20) for name in names)
