"""Forecasting learners for icl: TiRex and statistical baselines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from icl_core import LearnerCard, hookimpl


@hookimpl
def icl_learners() -> Sequence[LearnerCard]:
    """Return the cards of this plugin's learners."""
    from icl_forecasting.cards import CARDS

    return CARDS


@hookimpl
def icl_demos() -> Mapping[str, str]:
    """Return the demo: forecasts of bundled series."""
    return {"forecasting": "icl_forecasting.demo:items"}
