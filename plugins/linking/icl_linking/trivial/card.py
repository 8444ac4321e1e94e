"""The learner `prior-label`, as plain data."""

from __future__ import annotations

from icl_core import LearnerCard, Task

CARD = LearnerCard(
    name="prior-label",
    task=Task.LINKING,
    summary="Trivial baseline: the most frequent label of the examples, whatever the query shows.",
    cls="icl_linking.trivial.prior_label:PriorLabel",
)
