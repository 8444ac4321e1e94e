"""A plugin with a misspelt hook beside a good one."""

import icl_core


@icl_core.hookimpl
def icl_learner():
    return []


@icl_core.hookimpl
def icl_metrics():
    return {"misspelt-metric": "icl_misspelt:metric"}


def metric(prediction, target, meta):
    return {"misspelt-metric": 0.0}
