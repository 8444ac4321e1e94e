"""What this plugin brings, as plain data."""

from __future__ import annotations

from icl_core import LearnerCard, Task
from icl_linking.encoder.card import CARD as ENCODER
from icl_linking.lcl.card import CARD as LCL

PRIOR_LABEL = LearnerCard(
    name="prior-label",
    task=Task.LINKING,
    summary="Trivial baseline: the most frequent label of the examples, whatever the query shows.",
    cls="icl_linking.trivial.prior_label:PriorLabel",
)

CARDS = (ENCODER, LCL, PRIOR_LABEL)
