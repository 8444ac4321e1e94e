"""A plugin whose import takes a while, and that prints meanwhile."""

import time

import icl_core

print("warming up")
time.sleep(0.05)


@icl_core.hookimpl
def icl_learners():
    return [icl_core.LearnerCard("snail", "forecasting", "Slow.", "icl_echo.learner:Echo")]
