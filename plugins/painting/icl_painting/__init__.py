"""Visual prompting learners for icl: Painter and SegGPT."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from icl_core import LearnerCard, hookimpl


@hookimpl
def icl_learners() -> Sequence[LearnerCard]:
    """Return the cards of this plugin's learners."""
    from icl_painting.cards import CARDS

    return CARDS


@hookimpl
def icl_episode_sources() -> Mapping[str, str]:
    """Return the data sets that this plugin reads as episodes."""
    from icl_painting.sources import SOURCES

    return SOURCES


@hookimpl
def icl_metrics() -> Mapping[str, str]:
    """Return the scores of painted pictures, and of what is read from them."""
    from icl_painting.metrics import METRICS

    return METRICS


@hookimpl
def icl_demos() -> Mapping[str, str]:
    """Return the demo: drawn pictures, painted with the bundled weights."""
    return {"painting": "icl_painting.demo:items"}
