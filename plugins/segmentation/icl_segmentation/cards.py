"""The learners of this plugin, as plain data."""

from __future__ import annotations

from icl_core import LearnerCard
from icl_segmentation.correspondence.card import CARD as CORRESPONDENCE
from icl_segmentation.dcsam.card import CARD as DCSAM
from icl_segmentation.segic.card import CARD as SEGIC

CARDS: tuple[LearnerCard, ...] = (SEGIC, DCSAM, CORRESPONDENCE)
