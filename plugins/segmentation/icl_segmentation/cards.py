"""The learners of this plugin, as plain data."""

from __future__ import annotations

from icl_core import LearnerCard, Task
from icl_segmentation.correspondence.card import CARD as CORRESPONDENCE
from icl_segmentation.dcsam.card import CARD as DCSAM
from icl_segmentation.segic.card import CARD as SEGIC

COPY_MASK = LearnerCard(
    name="copy-mask",
    task=Task.SEGMENTATION,
    summary="Trivial baseline: answers with the examples' masks, whatever the query shows.",
    cls="icl_segmentation.trivial.copy_mask:CopyMask",
)

CARDS: tuple[LearnerCard, ...] = (SEGIC, DCSAM, CORRESPONDENCE, COPY_MASK)
