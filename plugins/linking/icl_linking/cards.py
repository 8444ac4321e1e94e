"""What this plugin brings, as plain data."""

from __future__ import annotations

from icl_linking.encoder.card import CARD as ENCODER
from icl_linking.lcl.card import CARD as LCL
from icl_linking.trivial.card import CARD as PRIOR_LABEL

CARDS = (ENCODER, LCL, PRIOR_LABEL)
