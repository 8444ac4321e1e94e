"""A plugin that brings a learner under a name that is taken."""

import icl_core


@icl_core.hookimpl
def icl_learners():
    return [
        icl_core.LearnerCard("echo", "forecasting", "The other one.", "icl_echo.learner:Echo"),
        icl_core.LearnerCard("echo-two", "forecasting", "Its own.", "icl_echo.learner:Echo"),
        icl_core.LearnerCard("echo-two", "forecasting", "Twice.", "icl_echo.learner:Echo"),
    ]
