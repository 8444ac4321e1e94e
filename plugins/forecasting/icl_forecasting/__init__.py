"""Forecasting learners for icl: TiRex and TiRex-2, forecasts that obey a text, baselines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from icl_core import LearnerCard, hookimpl


@hookimpl
def icl_learners() -> Sequence[LearnerCard]:
    """Return the cards of this plugin's learners."""
    from icl_forecasting.cards import CARDS

    return CARDS


@hookimpl
def icl_episode_sources() -> Mapping[str, str]:
    """Return the data sets that this plugin reads as episodes."""
    from icl_forecasting.evaluation import SOURCES as SCORED
    from icl_forecasting.sources import SOURCES

    return {**SOURCES, **SCORED}


@hookimpl
def icl_metrics() -> Mapping[str, str]:
    """Return the scores of forecasts."""
    from icl_forecasting.evaluation import METRICS

    return METRICS


@hookimpl
def icl_demos() -> Mapping[str, str]:
    """Return the demo: forecasts of bundled series."""
    return {"forecasting": "icl_forecasting.demo:items"}
