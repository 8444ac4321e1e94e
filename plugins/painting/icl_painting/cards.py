"""What this plugin brings, as plain data."""

from __future__ import annotations

from icl_core import LearnerCard, Task
from icl_painting.painter.card import CARD as PAINTER
from icl_painting.seggpt.card import CARD as SEGGPT

UNCHANGED = LearnerCard(
    name="unchanged",
    task=Task.PAINTING,
    summary="Trivial baseline: returns the query as it is, whatever the examples show.",
    cls="icl_painting.trivial.unchanged:Unchanged",
)

PAIR_FILTER = LearnerCard(
    name="pair-filter",
    task=Task.PAINTING,
    summary="Repairs pictures by the filter that a pair teaches in closed form, without weights.",
    cls="icl_painting.filtering:PairFilterLearner",
)

CARDS = (PAINTER, PAIR_FILTER, SEGGPT, UNCHANGED)
