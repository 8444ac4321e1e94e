"""The table of generator families and their mixing weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from corpus import arima, compose, count, ets, gp, step

Generate = Callable[[np.random.Generator, int, int], np.ndarray]

FAMILIES: dict[str, Generate] = {
    "compose": compose.generate,
    "ets": ets.generate,
    "gp": gp.generate,
    "arima": arima.generate,
    "count": count.generate,
    "step": step.generate,
}
COUNTS = frozenset({"count"})
EARLY: dict[str, float] = {
    "compose": 0.40,
    "ets": 0.38,
    "gp": 0.10,
    "arima": 0.06,
    "count": 0.03,
    "step": 0.03,
}
LATE: dict[str, float] = {
    "compose": 0.30,
    "ets": 0.25,
    "gp": 0.15,
    "arima": 0.12,
    "count": 0.08,
    "step": 0.10,
}
_CHUNK = 500
_SMALLEST_SPREAD = 1e-8
_ATTEMPTS = 100


def draw_family(rng: np.random.Generator, family: str, n: int, length: int) -> np.ndarray:
    """Draw usable series of one family, z-scored unless they are counts.

    Rows that are not finite or (almost) constant are drawn again.

    Args:
        rng: Source of randomness.
        family: A key of `FAMILIES`.
        n: Number of series.
        length: Number of steps.

    Returns:
        float32 of shape [n, length].

    Raises:
        RuntimeError: Many draws in a row gave no usable series.
    """
    result = np.empty((n, length), dtype=np.float32)
    filled, failed = 0, 0
    while filled < n:
        with np.errstate(over="ignore", invalid="ignore"):
            rows = FAMILIES[family](rng, min(_CHUNK, n - filled), length).astype(np.float64)
            rows = rows[np.isfinite(rows).all(axis=1) & (np.abs(rows).max(axis=1) < 1e30)]
            centre, spread = rows.mean(axis=1, keepdims=True), rows.std(axis=1, keepdims=True)
        usable = spread[:, 0] >= _SMALLEST_SPREAD * np.maximum(1.0, np.abs(centre[:, 0]))
        if family not in COUNTS:
            rows = (rows - centre) / np.maximum(spread, _SMALLEST_SPREAD)
        rows = rows[usable]
        result[filled : filled + len(rows)] = rows
        filled += len(rows)
        failed = 0 if len(rows) else failed + 1
        if failed == _ATTEMPTS:
            raise RuntimeError(f"family {family!r} gives no usable series of length {length}")
    return result


def draw(rng: np.random.Generator, n: int, length: int, weights: Mapping[str, float]) -> np.ndarray:
    """Draw series from a mixture of families in random order.

    Args:
        rng: Source of randomness.
        n: Number of series.
        length: Number of steps.
        weights: Weight per family, not necessarily summing to one.

    Returns:
        float32 of shape [n, length]; z-scored except for counts.
    """
    names = [name for name, weight in weights.items() if weight > 0]
    shares = np.array([weights[name] for name in names], dtype=float)
    numbers = rng.multinomial(n, shares / shares.sum())
    parts = [
        draw_family(rng, name, int(k), length) for name, k in zip(names, numbers, strict=True) if k
    ]
    return (
        rng.permutation(np.concatenate(parts)) if parts else np.empty((0, length), dtype=np.float32)
    )
