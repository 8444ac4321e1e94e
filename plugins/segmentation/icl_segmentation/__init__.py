"""In-context segmentation learners for icl: SEGIC, DC-SAM and training-free correspondence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from icl_core import LearnerCard, hookimpl


@hookimpl
def icl_learners() -> Sequence[LearnerCard]:
    """Return the cards of this plugin's learners."""
    from icl_segmentation.cards import CARDS

    return CARDS


@hookimpl
def icl_episode_sources() -> Mapping[str, str]:
    """Return the data sets that this plugin reads as episodes."""
    from icl_segmentation.sources import SOURCES

    return SOURCES


@hookimpl
def icl_metrics() -> Mapping[str, str]:
    """Return the scores of masks."""
    return {
        "class-mean-iou": "icl_segmentation.metrics:class_mean_iou",
        "boundary-iou": "icl_segmentation.metrics:mean_boundary_iou",
        "j-and-f": "icl_segmentation.metrics:region_and_boundary",
    }


@hookimpl
def icl_demos() -> Mapping[str, str]:
    """Return the demo: drawn scenes, segmented without any weights."""
    return {"segmentation": "icl_segmentation.demo:items"}
