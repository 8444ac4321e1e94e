"""Link-context learners for icl: multimodal language models and image encoders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from icl_core import LearnerCard, hookimpl


@hookimpl
def icl_learners() -> Sequence[LearnerCard]:
    """Return the cards of this plugin's learners."""
    from icl_linking.cards import CARDS

    return CARDS


@hookimpl
def icl_episode_sources() -> Mapping[str, str]:
    """Return the data sets that this plugin reads as episodes."""
    from icl_linking.episodes import SOURCES

    return SOURCES


@hookimpl
def icl_metrics() -> Mapping[str, str]:
    """Return the scores of labels."""
    return {"link-accuracy": "icl_linking.metrics:link_accuracy"}


@hookimpl
def icl_demos() -> Mapping[str, str]:
    """Return the demo: drawn glyphs, named by the bundled encoder."""
    return {"linking": "icl_linking.demo:items"}
