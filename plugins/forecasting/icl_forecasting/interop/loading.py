"""A learner, or the name of one, for the functions of this package."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from icl_core import registry
from icl_core.errors import InputError
from icl_core.learner import Learner
from icl_core.types import Task


def forecaster(
    learner: str | Learner, options: Mapping[str, Any]
) -> tuple[Learner, dict[str, Any]]:
    """Return a loaded forecasting learner and the options for its predictions.

    Args:
        learner: a loaded learner, or a name, which is loaded.
        options: predict options; with a name also what `icl.load` takes.

    Raises:
        InputError: it does not forecast.
    """
    for_predict = dict(options)
    if isinstance(learner, str):
        card = registry.learner_card(learner)
        _check_task(card.name, card.task)
        known = registry.learner_class(card).predict_options
        for_load = {key: for_predict.pop(key) for key in options if key not in known}
        return registry.load(learner, **for_load), for_predict
    if not isinstance(learner, Learner):
        raise InputError(
            f"learner is a {type(learner).__name__}, expected a name or a loaded learner"
        )
    _check_task(learner.card.name, learner.card.task)
    return learner, for_predict


def _check_task(name: str, task: Task) -> None:
    if task is not Task.FORECASTING:
        raise InputError(f"{name} is a {task} learner, expected one that forecasts")
