"""Two runs of the same sets, compared episode by episode."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from icl_bench.compared_contexts import ContextChange, context_changes
from icl_bench.compared_run import ComparedRun, differ
from icl_bench.planning import Asked
from icl_bench.report.markdown import NONE, cell, interval, one_line, table
from icl_bench.sets import without_data
from icl_core.errors import IclError, InputError
from icl_core.evaluation import Interval, Row, aggregate, combined, difference
from icl_core.evaluation.scores import skill_of
from icl_core.evaluation.trial import checked_number
from icl_core.results.save import strict_json


@dataclass(frozen=True)
class Change:
    """One learner on one set in two runs.

    Args:
        set: name of the set.
        learner: title of the learner.
        number: the number of the metric that counts.
        old: that number in the old run, on the episodes that both answered.
        new: the same in the new run.
        difference: how much better the new run is, in that number; positive is better.
        skill: the same in units of skill, where the set has a baseline; else that number again.
        unit: "skill", or the name of the number.
        episodes: how many both answered.
        lost: episodes that the old run answered and the new one failed on.
        gained: episodes that the new run answered and the old one failed on.
        worse: what makes it a regression; empty where it is none.
    """

    set: str
    learner: str
    number: str
    old: float
    new: float
    difference: Interval
    skill: Interval
    unit: str
    episodes: int
    lost: int
    gained: int
    worse: str = ""

    def __str__(self) -> str:
        return one_line(f"{self.learner} on {self.set} ({self.worse})")


@dataclass(frozen=True)
class Apart:
    """A learner on a set that cannot be compared.

    Args:
        set: name of the set.
        learner: title of the learner.
        reason: one sentence.
        regression: whether the old run has results and the new one failed altogether.
    """

    set: str
    learner: str
    reason: str
    regression: bool = False

    def __str__(self) -> str:
        return one_line(f"{self.learner} on {self.set} ({self.reason})")


@dataclass(frozen=True)
class Comparison:
    """Two runs side by side.

    Args:
        old: suite of the earlier run.
        new: suite of the later run.
        threshold: loss of skill that is no regression yet.
        changes: what was compared, the worst first.
        apart: what was not, with the reason.
        contexts: probes and selectors that both asked; they are no regressions.
    """

    old: str
    new: str
    threshold: float
    changes: tuple[Change, ...]
    apart: tuple[Apart, ...]
    contexts: tuple[ContextChange, ...] = ()

    @property
    def regressions(self) -> list[Change | Apart]:
        """What is worse in the new run; none is a success."""
        found: list[Change | Apart] = [one for one in self.changes if one.worse]
        return found + [one for one in self.apart if one.regression]

    def to_json(self) -> dict[str, Any]:
        """Return it as strict JSON data: what is missing is null."""
        value: dict[str, Any] = strict_json(asdict(self))
        value["regressions"] = [str(one) for one in self.regressions]
        return value

    def to_markdown(self) -> str:
        """Return it as Markdown: regressions first, then all changes, then what is apart."""
        parts = [f"# {cell(self.old)} to {cell(self.new)}"]
        found = self.regressions
        parts.append(
            f"{len(found)} regression{'s' * (len(found) > 1)} of more than {self.threshold:g}."
            if found
            else f"No regression of more than {self.threshold:g}."
        )
        if found:
            parts.append("\n".join(f"- {cell(str(one))}" for one in found))
        rows = [
            (
                one.set,
                one.learner,
                one.number,
                one.old,
                one.new,
                _signed(one.difference),
                _signed(one.skill) if one.unit == "skill" else None,
                one.episodes,
                one.worse or None,
            )
            for one in self.changes
        ]
        header = (
            "set", "learner", "number", "old", "new", "better by", "in skill", "episodes", "worse",
        )  # fmt: skip
        parts.append(table(header, rows))
        if self.contexts:
            probed = [
                (o.set, o.learner, o.what, o.kind, o.old, o.new, _signed(o.difference), o.unit,
                 o.episodes)
                for o in self.contexts
            ]  # fmt: skip
            names = ("set", "learner", "what", "number", "old", "new", "change", "in", "episodes")
            parts += ["## How contexts are used", table(names, probed)]
        if self.apart:
            rest = [(one.set, one.learner, one.reason) for one in self.apart]
            parts.append(table(("set", "learner", "not compared, since"), rest))
        return "\n\n".join(parts)


def compare(old: str | Path, new: str | Path, threshold: float = 0.01) -> Comparison:
    """Compare two runs on the episodes that both answered.

    A regression is a learner on a set whose skill fell by more than the threshold (its score, for
    a set without a baseline), that fails on episodes it used to answer, or that fails altogether.
    Learners, weights and options may differ: that is what is compared. Data may not.

    Args:
        old: folder of the earlier run.
        new: folder of the later run.
        threshold: loss that is no regression yet, at least 0.

    Raises:
        InputError: a folder holds no campaign, the threshold makes no sense, or the runs have
            nothing in common.
    """
    if not (math.isfinite(threshold) and threshold >= 0):
        raise InputError(f"threshold is {threshold}, expected a number of at least 0")
    before, after = ComparedRun(old), ComparedRun(new)
    changes: list[Change] = []
    apart: list[Apart] = []
    for place, asked in after.asked.items():
        if place not in before.asked:
            apart.append(Apart(*place, "it is not in the old run"))
            continue
        try:
            found: Change | Apart = _compared(before, before.asked[place], after, asked, threshold)
        except IclError as error:  # the metric is gone
            found = Apart(*place, str(error))
        if isinstance(found, Change):
            changes.append(found)
        else:
            apart.append(found)
    apart += [
        Apart(*place, "it is not in the new run")
        for place in before.asked
        if place not in after.asked
    ]
    contexts = tuple(context_changes(before, after))
    if not changes and not contexts and not any(one.regression for one in apart):
        first = f": {apart[0]}" if apart else ""
        raise InputError(f"{old} and {new} have nothing that can be compared{first}")
    changes.sort(key=lambda one: (not one.worse, _or_zero(one.skill.value)))
    return Comparison(
        before.campaign.suite.id,
        after.campaign.suite.id,
        threshold,
        tuple(changes),
        tuple(apart),
        contexts,
    )


def _compared(
    before: ComparedRun, earlier: Asked, after: ComparedRun, later: Asked, threshold: float
) -> Change | Apart:
    place = later.item.name, later.learner.title
    old, new = before.rows(earlier.trial), after.rows(later.trial)
    if reason := differ(before.facts(earlier.trial), after.facts(later.trial), old, new):
        return Apart(*place, reason)
    answered = {row.number for row in old if not row.failed}
    shared = answered & {row.number for row in new if not row.failed}
    lost = len(answered & {row.number for row in new if row.failed})
    gained = len({r.number for r in old if r.failed} & {r.number for r in new if not r.failed})
    if not shared:
        return _nothing(place, answered, new, after.named[later.trial.title].missing, later)
    score = later.item.score()
    measure = score.measure()
    base = after.baseline(later) or before.baseline(earlier)
    better = difference(measure, score, new, old)
    skill, unit = better, score.number
    if base:
        found = combined(
            measure,
            score,
            [new, old, base],
            lambda n: skill_of(score, n[0], n[2]) - skill_of(score, n[1], n[2]),
        )
        if math.isfinite(found.value):
            skill, unit = found, "skill"
    was, now = (
        checked_number(aggregate(measure, [row for row in rows if row.number in shared]), score)
        for rows in (old, new)
    )
    return Change(
        set=later.item.name,
        learner=later.learner.title,
        number=score.number,
        old=was,
        new=now,
        difference=better,
        skill=skill,
        unit=unit,
        episodes=len(shared),
        lost=lost,
        gained=gained,
        worse=_worse(skill, unit, lost, threshold),
    )


def _worse(change: Interval, unit: str, lost: int, threshold: float) -> str:
    said = []
    if change.value < -threshold:
        maybe = "" if math.isnan(change.high) or change.high < 0 else ", an interval that holds 0"
        said.append(f"{unit} {interval(change)}{maybe}")
    if lost:
        said.append(f"{lost} episode{' fails' if lost == 1 else 's fail'} that did not")
    return "; ".join(said)


def _nothing(
    place: tuple[str, str], answered: set[int], new: Sequence[Row], missing: str, asked: Asked
) -> Apart:
    if not answered:
        return Apart(*place, "the old run answered nothing")
    if missing:
        return Apart(*place, missing, regression=not without_data(asked.item, missing))
    if any(row.failed for row in new):
        return Apart(*place, f"all fail: {new[0].error}", regression=True)
    return Apart(*place, "the two runs share no episode")


def _signed(value: Interval) -> str | None:
    if math.isnan(value.value):
        return None
    return ("+" if value.value > 0 else "") + (interval(value) or NONE)


def _or_zero(value: float) -> float:
    return 0.0 if math.isnan(value) else value
