"""A plugin whose hooks raise, exit, or return something else."""

import sys

import icl_core


@icl_core.hookimpl
def icl_learners():
    yield icl_core.LearnerCard("half", "forecasting", "Never seen.", "icl_echo.learner:Echo")
    raise ValueError("no more cards")


@icl_core.hookimpl
def icl_metrics():
    sys.exit(4)


@icl_core.hookimpl
def icl_selectors():
    return ["a list"]


@icl_core.hookimpl
def icl_commands():
    return {"run:me": "icl_badhooks:run", "run": run, "walk": "icl_badhooks:run"}


def run():
    return None
