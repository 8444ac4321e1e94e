"""What this plugin brings, as plain data."""

from __future__ import annotations

from icl_painting.painter.card import CARD as PAINTER
from icl_painting.seggpt.card import CARD as SEGGPT

CARDS = (PAINTER, SEGGPT)
