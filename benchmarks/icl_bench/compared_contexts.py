"""How learners use their contexts in two runs: probes and selectors that both asked, paired."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from icl_bench.compared_run import ComparedRun, differ
from icl_bench.planning import Asked, Probed, Selected
from icl_bench.standings import change_of
from icl_core.errors import IclError
from icl_core.evaluation import Interval, Row, Trial, combined
from icl_core.evaluation.scores import skill_of


@dataclass(frozen=True)
class ContextChange:
    """One probe, or one selector, of one learner on one set in two runs.

    Args:
        set: name of the set, with options of its source that are other than in the set.
        learner: title of the learner.
        what: "probe order", "selector nearest".
        kind: "gain" or "loss": what the numbers are.
        old: that number in the old run, on the episodes that both answered at all levels.
        new: the same in the new run.
        difference: new - old. Whether more is better is not said: a learner that loses more with
            a wrong context reads it more.
        unit: "skill", or the name of the score's number.
        episodes: how many both answered.
    """

    set: str
    learner: str
    what: str
    kind: str
    old: float
    new: float
    difference: Interval
    unit: str
    episodes: int


def context_changes(before: ComparedRun, after: ComparedRun) -> Iterator[ContextChange]:
    """Yield the changes of all probes and selectors that both runs asked and that are comparable.

    Args:
        before: the earlier run.
        after: the later run.
    """
    for place, probed in after.probed.items():
        if (earlier := before.probed.get(place)) is not None:
            yield from _of_probe(before, earlier, after, probed)
    for where, selected in after.selected.items():
        if (former := before.selected.get(where)) is not None:
            yield from _of_selectors(before, former, after, selected)


def _of_probe(
    before: ComparedRun, earlier: Probed, after: ComparedRun, later: Probed
) -> Iterator[ContextChange]:
    names = [level.name for level in earlier.levels]
    pairs = [
        (earlier.trials[names.index(level.name)], trial)
        for level, trial in zip(later.levels, later.trials, strict=True)
        if level.name in names
    ]
    pairs = [(old, new) for old, new in pairs if _answered(before, old) and _answered(after, new)]
    probe = later.probe
    if len(pairs) < 2 or (not probe.curve and later.trials[0] != pairs[0][1]):
        return
    kind = "gain" if probe.curve else "loss"
    yield from _changed(
        before,
        after,
        later.asked,
        pairs,
        f"probe {probe.name}",
        kind,
        lambda n: change_of(probe, n),
    )


def _of_selectors(
    before: ComparedRun, earlier: Selected, after: ComparedRun, later: Selected
) -> Iterator[ContextChange]:
    known = {one.title: trial for one, trial in zip(earlier.selectors, earlier.trials, strict=True)}
    reference = later.selectors[0].title
    if reference not in known:
        return
    for one, trial in zip(later.selectors[1:], later.trials[1:], strict=True):
        if one.title in known:
            pairs = [(known[reference], later.trials[0]), (known[one.title], trial)]
            if all(_answered(before, old) and _answered(after, new) for old, new in pairs):
                yield from _changed(
                    before, after, later.asked, pairs, f"selector {one.title}", "gain",
                    lambda n: n[1] - n[0],
                )  # fmt: skip


def _answered(run: ComparedRun, trial: Trial) -> bool:
    return any(not row.failed for row in run.rows(trial))


def _changed(
    before: ComparedRun,
    after: ComparedRun,
    asked: Asked,
    pairs: Sequence[tuple[Trial, Trial]],
    what: str,
    kind: str,
    change: Callable[[Sequence[float]], float],
) -> Iterator[ContextChange]:
    """Yield the change; nothing where the episodes are others, or the metric is gone."""
    score = asked.trial.score
    old, new = [before.rows(o) for o, _ in pairs], [after.rows(n) for _, n in pairs]
    if any(
        differ(before.facts(a), after.facts(b), was, now)
        for (a, b), was, now in zip(pairs, old, new, strict=True)
    ):
        return
    base = after.baseline(asked) or before.baseline(asked)
    count = len(pairs)

    def numbers(found: Sequence[float]) -> tuple[float, float]:
        """Return the number of the old and of the new run."""
        if not base:
            # Towards perfect is up, whichever way the score runs.
            way = math.copysign(1, score.perfect - found[0])
            return way * change(found[:count]), way * change(found[count:])
        skills = [skill_of(score, value, found[0]) for value in found[1:]]
        return change(skills[:count]), change(skills[count:])

    runs: list[Sequence[Row]] = [*([base] if base else []), *old, *new]
    try:
        measure = score.measure()
        was = combined(measure, score, runs, lambda n: numbers(n)[0])
        now = combined(measure, score, runs, lambda n: numbers(n)[1])
        found = combined(measure, score, runs, lambda n: numbers(n)[1] - numbers(n)[0])
    except IclError:
        return
    if math.isfinite(found.value):
        shared = set.intersection(*({r.number for r in rows if not r.failed} for rows in runs))
        yield ContextChange(
            asked.trial.source.title, asked.learner.title, what, kind, was.value, now.value, found,
            "skill" if base else score.number, len(shared),
        )  # fmt: skip
