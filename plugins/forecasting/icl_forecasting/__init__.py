"""Forecasting learners for icl: TiRex and statistical baselines."""

from __future__ import annotations

from collections.abc import Sequence

from icl_core import LearnerCard, hookimpl


@hookimpl
def icl_learners() -> Sequence[LearnerCard]:
    """Return the cards of this plugin's learners."""
    from icl_forecasting.cards import CARDS

    return CARDS
