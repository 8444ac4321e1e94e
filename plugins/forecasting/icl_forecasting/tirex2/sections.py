"""Horizons longer than the network's future, in sections: each is read by the next."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from icl_forecasting.tirex2.rollout import Sample


def in_sections(
    samples: Sequence[Sample],
    horizon: int,
    section: int,
    forecast: Callable[[Sequence[Sample], int], list[np.ndarray]],
    median: int,
) -> list[np.ndarray]:
    """Forecast section by section; each section's medians join the targets of the next.

    Covariates known into the future move into the past with the sections; past-only ones go on
    as missing. Each section's distances from its median are widened by the last ones of the
    section before, as independent errors add (root of the sum of squares).

    Args:
        samples: covariates known for the whole `horizon`.
        horizon: steps P.
        section: steps forecast at a time.
        forecast: samples and steps to quantiles [V, Q, steps] each.
        median: index of the median among the Q levels.

    Returns:
        Quantiles [V, Q, P] of each sample.
    """
    current = list(samples)
    parts: list[list[np.ndarray]] = [[] for _ in samples]
    reached = [np.zeros((len(s.targets), 1, 1)) for s in samples]
    for done in range(0, horizon, section):
        steps = min(section, horizon - done)
        for place, quantiles in enumerate(forecast(current, steps)):
            wide = quantiles.astype(np.float64)
            middle = wide[:, median : median + 1]
            distance = wide - middle
            widened = np.sign(distance) * np.sqrt(distance**2 + reached[place])
            parts[place].append((middle + widened).astype(np.float32))
            reached[place] = widened[:, :, -1:] ** 2
            sample = current[place]
            missing = np.full((len(sample.past), steps), np.nan)
            current[place] = Sample(
                np.concatenate([sample.targets, middle[:, 0]], axis=1),
                np.concatenate([sample.past, missing], axis=1),
                sample.future,
            )
    return [np.concatenate(own, axis=2) for own in parts]
