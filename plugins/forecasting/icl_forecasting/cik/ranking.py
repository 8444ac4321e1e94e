"""Ranks of several models over tasks, with the uncertainty of their scores."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from icl_core.errors import InputError
from icl_forecasting.cik.aggregate import Score, Task


def mean_ranks(
    models: Mapping[str, Mapping[str, Score]],
    tasks: Mapping[str, Task],
    draws: int = 10_000,
    seed: int = 0,
) -> dict[str, tuple[float, float]]:
    """Rank models by task, averaged with the tasks' weights.

    Task scores are drawn from a normal distribution around their means many times, so that
    differences within the errors do not decide; an error that is not known counts as none. Equal
    scores share the mean of their ranks.

    Args:
        models: model -> `by_task`; only tasks that all models have are used.
        tasks: for the weights.
        draws: how often.
        seed: decides the draws.

    Returns:
        Model -> mean rank (1 = best) and its standard deviation over the draws.

    Raises:
        InputError: no task is common to all models.
    """
    common = [name for name in tasks if all(name in scores for scores in models.values())]
    if not models or not common:
        raise InputError("the models have no task in common, so that they cannot be ranked")
    means = np.array([[scores[name].mean for name in common] for scores in models.values()])
    errors = np.array([[scores[name].error for name in common] for scores in models.values()])
    rng = np.random.default_rng(seed)
    weights = np.array([float(tasks[name].weight) for name in common])
    ranks = np.zeros((draws, len(models)))
    for number, weight in enumerate(weights / weights.sum()):
        drawn = rng.normal(means[:, number], np.nan_to_num(errors[:, number]), (draws, len(models)))
        below = (drawn[:, None, :] < drawn[:, :, None]).sum(axis=2)
        same = (drawn[:, None, :] == drawn[:, :, None]).sum(axis=2)
        ranks += weight * (below + (same + 1) / 2)
    return {
        model: (float(ranks[:, place].mean()), float(ranks[:, place].std()))
        for place, model in enumerate(models)
    }
