"""Workdays and days off: what people do differs between them, even if no second week was seen.

A forecaster without a calendar cannot know, from one week of hourly values, that tomorrow is a
Saturday. Where the series is something that people do, the time stamps tell.
"""

from __future__ import annotations

import numpy as np

from icl_forecasting.cik.condition.case import Case, Draft
from icl_forecasting.cik.condition.predictive import LEVELS
from icl_forecasting.cik.knowledge.days import DAYS_OFF, has_week, phase_of, weekday_of

LEAST_DAYS = 4
MOST_DAYS = 21
"""Histories of so many days are helped; in longer ones a forecaster sees the week itself."""

SHARE = 0.8
"""Share of the same kind of day for many such days; n of them count n / (n + 1) of that."""

RECENT = 10
"""So many of the latest days of one kind are looked at."""


def apply_weekdays(case: Case, draft: Draft) -> None:
    """Average in what the same time of day was like on the same kind of day.

    The quantiles of past workdays (or days off) at the time of day are averaged, level by level,
    with the base forecast. Fewer such days count less; a single one does not count.
    """
    subject = case.reading.subject
    days = len(case.values) / case.day_steps
    if not has_week(subject.concepts) or case.day_steps < 8 or not case.clock.stamped:
        return
    if not LEAST_DAYS <= days < MOST_DAYS:
        return
    off = sorted(DAYS_OFF)
    past_off, future_off = (np.isin(weekday_of(s), off) for s in (case.past, case.future))
    past_phase, future_phase = phase_of(case.past), phase_of(case.future)
    known = np.isfinite(case.values)
    quantiles = draft.predictive.quantiles.copy()
    changed = np.zeros(case.length, bool)
    for step in range(case.length):
        same = known & (past_off == future_off[step]) & (past_phase == future_phase[step])
        values = np.sort(case.values[same][-RECENT:])
        count = len(values)
        if count < 2:
            continue
        usual = np.interp(LEVELS, (np.arange(count) + 0.5) / count, values)
        share = SHARE * count / (count + 1)
        quantiles[:, step] = (1 - share) * quantiles[:, step] + share * usual
        changed[step] = True
    if changed.any():
        did = "looks at workdays and days off apart"
        draft.replace_steps(subject, changed, quantiles[:, changed], did)
