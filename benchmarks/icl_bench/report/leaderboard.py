"""The leaderboard: learners of all tasks by their mean skill, compared on the same sets."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from icl_bench.standings import Standing
from icl_core.evaluation import Interval
from icl_core.evaluation.scores import mean_of


@dataclass(frozen=True)
class Place:
    """One learner of the leaderboard.

    Args:
        rank: by mean skill over all tasks, the same for equals; None for a learner that lacks
            sets that others have.
        learner: its title.
        task: of the learner.
        skill: mean over `sets`, with an interval.
        sets: names of the sets that count.
        asked: how many sets of the task it was asked, skipped ones aside.
        failures: episodes that it did not answer, on all sets.
        seconds: of one episode, mean over the sets.
    """

    rank: int | None
    learner: str
    task: str
    skill: Interval
    sets: tuple[str, ...]
    asked: int
    failures: int
    seconds: float


def leaderboard(table: Sequence[Standing]) -> list[Place]:
    """Rank the learners that are no baseline of their sets.

    Learners of a task are compared on the sets that all of those have that answered everything
    they were asked. A learner that lacks one of these sets is not ranked: the mean over its own
    sets would say how easy they are.

    Args:
        table: of a campaign.
    """
    found: list[Place] = []
    for task in dict.fromkeys(one.task for one in table):
        found += _of_task([o for o in table if o.task == task and not o.baseline])
    found.sort(key=lambda one: (one.rank is None, -one.skill.value, one.task, one.learner))
    values = [one.skill.value for one in found if one.rank is not None]
    return [
        one if one.rank is None else replace(one, rank=1 + values.index(one.skill.value))
        for one in found
    ]


def _of_task(table: Sequence[Standing]) -> list[Place]:
    by_learner: dict[str, list[Standing]] = {}
    for one in table:
        if not one.skipped:
            by_learner.setdefault(one.learner, []).append(one)
    have = {name: {o.set for o in own if _known(o.skill)} for name, own in by_learner.items()}
    possible = set().union(*have.values())  # a set that failed for all tells none from another
    asked = {name: {o.set for o in own} & possible for name, own in by_learner.items()}
    whole = [have[name] for name in by_learner if have[name] == asked[name]]
    common = set.intersection(*whole) if whole else set()
    places = []
    for name, own in by_learner.items():
        if not have[name]:
            continue
        ranked = bool(common) and common <= have[name]
        counted = [o for o in own if o.set in (common if ranked else have[name])]
        seconds = [o.seconds for o in own if not math.isnan(o.seconds)]
        places.append(
            Place(
                rank=0 if ranked else None,
                learner=name,
                task=own[0].task,
                skill=mean_of(o.skill for o in counted),
                sets=tuple(o.set for o in counted),
                asked=len(own),
                failures=sum(o.failures for o in own),
                seconds=fmean(seconds) if seconds else math.nan,
            )
        )
    return places


def _known(number: Interval) -> bool:
    return math.isfinite(number.value)
