"""Comparable counts: other places tell the season, the history tells which of them is alike."""

from __future__ import annotations

import numpy as np

from icl_forecasting.cik.condition.aligned import aligned
from icl_forecasting.cik.condition.case import DAY, Case, Draft
from icl_forecasting.cik.condition.paths import held
from icl_forecasting.cik.condition.totals import LONG, MONTH_SD, Expected, months_of, simulate
from icl_forecasting.cik.knowledge.seasons import month_shape
from icl_forecasting.cik.statements import Reference

LEVEL_SD = 1.0
"""Doubt about the level of a count relative to a comparable one."""

SCATTERS = (0.15, MONTH_SD)
"""How far a month may scatter around a comparable one, beside chance: closely or loosely."""


def counted(case: Case) -> bool:
    """Whether the series is a short one of counts over long steps, where chance rules."""
    known = np.isfinite(case.values)
    monthly = bool(case.clock.step > 20 * DAY)
    return case.traits.integer and monthly and int(known.sum()) < LONG


def apply_counts(case: Case, draft: Draft, references: list[Reference]) -> bool:
    """Expect a multiple of comparable counts; the history tells of which, and the multiple.

    Each reference is one idea of the course. Their mean is another, since it has a steadier
    season than any one of them; where the season of the quantity is known, so is the mean of both.
    The ideas count by how likely they make the history.

    Returns:
        Whether it was used.
    """
    paths = [(one, aligned(case, one)) for one in references]
    used = [(one, held(path)) for one, path in paths if path is not None and not (path < 0).any()]
    known = np.isfinite(case.values)
    if not used or not any(path.any() for _, path in used):
        return False
    mean = np.mean([path for _, path in used], axis=0)
    courses = [(path, 1.0) for _, path in used]
    if len(used) > 1:
        courses.append((mean, 1.0))
    shape = month_shape(case.reading.subject.concepts)
    if shape is not None:
        own = shape[months_of(np.concatenate([case.past, case.future]))]
        courses.append((0.5 * mean + 0.5 * own * mean.sum() / own.sum(), 1.0))
    past = len(case.values)
    ideas = []
    for course, prior in courses:
        course = course + 0.03 * max(float(course.mean()), 0.1 * float(mean.mean()))
        # levels are compared with the mean place, so that ideas differ in their course alone
        course = course * mean.mean() / course.mean()
        ideas += [
            Expected(course[:past][known], course[past:], LEVEL_SD, scatter, prior)
            for scatter in SCATTERS
        ]
    predictive = simulate(case.values[known], ideas)
    draft.replace_all(used[0][0], predictive, "follows comparable counts")
    for one, _ in used[1:]:
        draft.note(one, np.ones(case.length, bool), "is compared with")
    return True
