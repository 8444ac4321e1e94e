"""Evaluation: episodes through learners into a store, and scores out of it.

One road for every modality: a source yields episodes, a learner answers them in batches, a metric
gives numbers, a store keeps them. Suites, reports and clusters are built on this and live outside
the core.
"""

from __future__ import annotations

from icl_core.evaluation.runner import Outcome, RunOptions, Watcher, run
from icl_core.evaluation.scores import Interval, aggregate, combined, difference, scored, skilled
from icl_core.evaluation.selectors import Selector
from icl_core.evaluation.store import Named, Row, Store
from icl_core.evaluation.trial import LearnerChoice, Score, SourceChoice, Trial

__all__ = [
    "Interval",
    "LearnerChoice",
    "Named",
    "Outcome",
    "Row",
    "RunOptions",
    "Score",
    "Selector",
    "SourceChoice",
    "Store",
    "Trial",
    "Watcher",
    "aggregate",
    "combined",
    "difference",
    "run",
    "scored",
    "skilled",
]
