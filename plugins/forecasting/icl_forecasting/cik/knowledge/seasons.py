"""The seasons of the year: how counts of things spread over the months, before any data.

The shapes are what common sense says of the northern temperate zone: grass and brush burn in the
dry spring and early summer, waste burns more in the warm months, boats and bathers are out in
summer, ice breaks in the months it is on the water. South of the equator they are half a year off.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

SHAPES: dict[str, tuple[float, ...]] = {
    # January ... December, relative
    "field-fire": (0.1, 0.1, 0.4, 1.8, 2.4, 2.2, 1.7, 1.3, 0.9, 0.6, 0.4, 0.1),
    "trash-fire": (0.5, 0.5, 0.7, 1.2, 1.4, 1.4, 1.4, 1.2, 1.2, 1.0, 0.8, 0.6),
    "water-rescue": (0.1, 0.1, 0.2, 0.6, 1.3, 2.1, 2.7, 2.2, 1.4, 0.8, 0.4, 0.1),
    "ice-rescue": (3.0, 3.0, 2.6, 0.9, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.5, 2.0),
    "bicycle": (0.1, 0.1, 0.4, 1.0, 1.6, 1.8, 1.9, 1.9, 1.6, 1.1, 0.4, 0.1),
    "gas-leak": (0.8, 0.8, 0.8, 1.0, 1.2, 1.2, 1.2, 1.1, 1.1, 1.1, 0.9, 0.8),
    "fire": (0.9, 0.9, 0.9, 1.1, 1.2, 1.2, 1.1, 1.0, 0.9, 0.9, 0.9, 1.0),
    "rescue": (0.7, 0.7, 0.7, 0.8, 1.0, 1.3, 1.6, 1.4, 1.2, 1.0, 0.8, 0.8),
    "outdoor": (0.5, 0.5, 0.7, 1.0, 1.3, 1.4, 1.5, 1.4, 1.2, 1.0, 0.8, 0.7),
    "irradiance": (0.4, 0.6, 0.9, 1.2, 1.4, 1.5, 1.5, 1.3, 1.1, 0.8, 0.5, 0.4),
    "solar": (0.4, 0.6, 0.9, 1.2, 1.4, 1.5, 1.5, 1.3, 1.1, 0.8, 0.5, 0.4),
    "gas": (2.0, 1.9, 1.5, 1.0, 0.6, 0.4, 0.3, 0.3, 0.4, 0.8, 1.3, 1.8),
    "visitor": (0.7, 0.7, 0.9, 1.0, 1.1, 1.2, 1.4, 1.4, 1.1, 1.0, 0.8, 0.8),
}
"""Concept -> what share of a mean month each month has."""

CERTAIN = frozenset({"field-fire", "trash-fire", "water-rescue", "ice-rescue", "bicycle"})

MELT = 0.35
"""Share of a peak that is known to lie elsewhere which is moved to its month."""


def month_shape(concepts: Iterable[str]) -> np.ndarray | None:
    """Shape over the months of a year for a kind of quantity.

    Args:
        concepts: of the subject.

    Returns:
        float [12] with mean 1, January first; None where nothing is known.
    """
    known = [one for one in SHAPES if one in set(concepts)]
    if not known:
        return None
    certain = [one for one in known if one in CERTAIN] or known
    shape = np.mean([SHAPES[one] for one in certain], axis=0)
    return np.asarray(shape / shape.mean())


def peaked(shape: np.ndarray | None, months: Iterable[int], low: bool = False) -> np.ndarray:
    """Bring a shape in line with the months that are known to be the largest (or smallest).

    Args:
        shape: float [12], or None for no knowledge.
        months: 1 to 12.
        low: they are the smallest ones.

    Returns:
        float [12] with mean 1.
    """
    at = np.array(sorted(months)) - 1
    distance = np.min([np.abs((np.arange(12) - m + 6) % 12 - 6) for m in at], axis=0)
    bump = 0.35 + 1.65 * np.exp(-0.5 * (distance / 2.2) ** 2)
    if low:
        bump = 1 / bump
    if shape is None:
        return np.asarray(bump / bump.mean())
    tilted = shape * bump**MELT
    edge = tilted.min() if low else tilted.max()
    step = 0.95 if low else 1.05
    tilted[at] = np.minimum(tilted[at], edge * step) if low else np.maximum(tilted[at], edge * step)
    return np.asarray(tilted / tilted.mean())
