"""A plugin whose hook asks for an argument that the host does not give."""

import icl_core


@icl_core.hookimpl
def icl_metrics():
    return {}


@icl_core.hookimpl
def icl_learners(manager):
    return []
