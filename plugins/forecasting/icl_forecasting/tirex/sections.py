"""Horizons longer than the context: forecast in sections, each read by the next."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np


def forecast_in_sections(
    contexts: Sequence[np.ndarray],
    horizon: int,
    section: int,
    context: int,
    forecast: Callable[[Sequence[np.ndarray], int], np.ndarray],
    median: int,
) -> np.ndarray:
    """Forecast section by section; each section's median joins the history of the next.

    Patch-by-patch forecasting appends missing values; past the context length nothing observed
    is left in the window and forecasts collapse towards 0. Feeding the median back keeps a
    history in the window. What it hides is the uncertainty already reached, so each section's
    distances from its median are widened by the last ones of the section before, as independent
    errors add (root of the sum of squares).

    Args:
        contexts: 1-D histories.
        horizon: steps P.
        section: steps forecast at a time.
        context: steps that the network reads; older ones are not kept.
        forecast: histories and steps to quantiles [B, Q, steps].
        median: index of the median among the Q levels.

    Returns:
        Quantiles [B, Q, P].
    """
    histories = list(contexts)
    parts: list[np.ndarray] = []
    reached: np.ndarray | float = 0.0
    for done in range(0, horizon, section):
        steps = min(section, horizon - done)
        quantiles = forecast(histories, steps)
        middle = quantiles[:, median : median + 1]
        distance = quantiles - middle
        widened = np.sign(distance) * np.sqrt(distance.astype(np.float64) ** 2 + reached)
        parts.append((middle + widened).astype(np.float32))
        reached = (widened[:, :, -1:] ** 2).astype(np.float64)
        histories = [
            np.concatenate([history, row])[-context:]
            for history, row in zip(histories, middle[:, 0], strict=True)
        ]
    return np.concatenate(parts, axis=2)
