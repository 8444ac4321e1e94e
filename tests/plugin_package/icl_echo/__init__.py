"""A foreign plugin: one learner for each task, a metric, and nothing heavy at import."""

from __future__ import annotations

import icl_core

_SUMMARY = "Repeats what the context showed."


@icl_core.hookimpl
def icl_learners() -> list[icl_core.LearnerCard]:
    return [
        icl_core.LearnerCard(
            name="echo",
            task="forecasting",
            summary="Repeats the last value.",
            cls="icl_echo.learner:Echo",
            options={"shift": "added to each value"},
        ),
        icl_core.LearnerCard("echo-mask", "segmentation", _SUMMARY, "icl_echo.vision:EchoMask"),
        icl_core.LearnerCard("echo-paint", "painting", _SUMMARY, "icl_echo.vision:EchoPaint"),
        icl_core.LearnerCard("echo-label", "linking", _SUMMARY, "icl_echo.vision:EchoLabel"),
    ]


@icl_core.hookimpl
def icl_metrics() -> dict[str, str]:
    return {"echo-error": "icl_echo.learner:error"}
