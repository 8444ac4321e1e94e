"""A foreign plugin with everything an evaluation needs: learners, a source and a metric.

Pictures are one colour each; a label is a colour's name. All is exact, small and quick.
"""

from __future__ import annotations

import icl_core


@icl_core.hookimpl
def icl_learners() -> list[icl_core.LearnerCard]:
    """Return the cards of the toys."""
    options = {
        "sleep": "seconds an episode takes",
        "fail": "brightness of the queries that fail",
        "log": "file that gets a line for each query",
    }
    return [
        icl_core.LearnerCard(
            "toy-nearest",
            "linking",
            "The label of the nearest colour.",
            "icl_toys.learners:Nearest",
            options=options,
        ),
        icl_core.LearnerCard(
            "toy-first", "linking", "The first label.", "icl_toys.learners:First", options=options
        ),
        icl_core.LearnerCard(
            "toy-weighty",
            "linking",
            "Has weights that nobody has.",
            "icl_toys.learners:First",
            weights=(icl_core.WeightCard("official", "toy.ckpt", url="https://example.invalid/t"),),
        ),
    ]


@icl_core.hookimpl
def icl_episode_sources() -> dict[str, str]:
    """Return the source of the toys."""
    return {"toy-colours": "icl_toys.episodes:colours", "toy-folder": "icl_toys.episodes:folder"}


@icl_core.hookimpl
def icl_metrics() -> dict[str, str]:
    """Return the metrics of the toys."""
    return {"toy-right": "icl_toys.metrics:right", "toy-odd": "icl_toys.metrics:odd"}


@icl_core.hookimpl
def icl_selectors() -> dict[str, str]:
    """Return the selector of the toys."""
    return {"toy-brightest": "icl_toys.selectors:brightest"}
