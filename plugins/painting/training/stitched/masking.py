"""Which patches of the target canvas are hidden."""

from __future__ import annotations

import math

import numpy as np

LEAST, MOST = 16 / 1568, 392 / 1568
"""Smallest and largest block, as published: 16 to 392 of 1568 patches."""
ASPECTS = (0.3, 1 / 0.3)
_TRIES = 10


def lower_half(grid: tuple[int, int]) -> np.ndarray:
    """Hide the answer to the query: bool [rows * columns], row by row, True = hidden."""
    hidden = np.zeros(grid, bool)
    hidden[grid[0] // 2 :] = True
    return hidden.reshape(-1)


def blocks(rng: np.random.Generator, grid: tuple[int, int], count: int | None = None) -> np.ndarray:
    """Hide rectangles of patches until exactly `count` are hidden.

    Args:
        rng: of the draws.
        grid: patches (down, across).
        count: None for half of them.

    Returns:
        bool [rows * columns], row by row, True = hidden.
    """
    rows, columns = grid
    total = rows * columns
    count = total // 2 if count is None else count
    least, most = max(1, round(total * LEAST)), max(1, round(total * MOST))
    hidden = np.zeros(grid, bool)
    done = 0
    while done < count:
        block = _block(rng, hidden, count - done, least, most)
        if block is None:
            break
        hidden[block] = True
        done = int(hidden.sum())
    flat = hidden.reshape(-1)
    flat[rng.choice(np.flatnonzero(~flat), count - done, replace=False)] = True
    return flat


def _block(
    rng: np.random.Generator, hidden: np.ndarray, left: int, least: int, most: int
) -> tuple[slice, slice] | None:
    """Draw a rectangle that hides at least one and at most `left` more patches."""
    rows, columns = hidden.shape
    for _ in range(_TRIES):
        area = rng.uniform(least, max(least, min(most, left)))
        aspect = math.exp(rng.uniform(*np.log(ASPECTS)))
        high, wide = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
        if not (0 < high <= rows and 0 < wide <= columns):
            continue
        top, start = int(rng.integers(rows - high + 1)), int(rng.integers(columns - wide + 1))
        block = slice(top, top + high), slice(start, start + wide)
        if 0 < (~hidden[block]).sum() <= left:
            return block
    return None
