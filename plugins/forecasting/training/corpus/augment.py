"""Augmentations of a batch of series.

Mixup is TSMixup of Chronos (arXiv 2403.07815) with two series; amplitude modulation, censoring and
spikes are those of TiRex (arXiv 2505.23719); quantisation, flips and level shifts are in TempoPFN
(arXiv 2510.25502).  Sizes are in standard deviations of the series, so raw counts work as well.
"""

from __future__ import annotations

import numpy as np

_SMALLEST_SPREAD = 1e-9
_PATCH = 32
_LATE_WINDOW = 64


def augment(rng: np.random.Generator, batch: np.ndarray) -> np.ndarray:
    """Apply random augmentations, each to its own share of the rows.

    Args:
        rng: Source of randomness.
        batch: float32 of shape [B, T] without missing values; it is left as it is.

    Returns:
        A new float32 array of the same shape.
    """
    result = np.array(batch, dtype=np.float32)
    for share, change in (
        (0.15, _mixup),
        (0.10, _flip_time),
        (0.10, _flip_sign),
        (0.25, _modulate),
        (0.10, _shift_level),
        (0.10, _add_spikes),
        (0.12, _censor),
        (0.15, _quantise),
    ):
        rows = np.flatnonzero(rng.random(len(result)) < share)
        if len(rows):
            change(rng, result, rows)
    return result


def holes(rng: np.random.Generator, batch: np.ndarray) -> np.ndarray:
    """Blank out values: single points in a tenth of the rows, whole patches in another tenth.

    Args:
        rng: Source of randomness.
        batch: float32 of shape [B, T]; it is left as it is.

    Returns:
        A new float32 array with NaN where a value is missing.
    """
    result = np.array(batch, dtype=np.float32)
    n, length = result.shape
    rows = np.flatnonzero(rng.random(n) < 0.10)
    missing = rng.random((len(rows), length)) < rng.uniform(0.02, 0.3, (len(rows), 1))
    _blank(result, rows, missing)
    rows = np.flatnonzero(rng.random(n) < 0.10)
    patches = -(-length // _PATCH)
    # Patches end with the series, as the padding of a model's context is on the left.
    missing = np.repeat(rng.random((len(rows), patches)) < 0.2, _PATCH, axis=1)[:, -length:]
    _blank(result, rows, missing)
    return result


def _blank(values: np.ndarray, rows: np.ndarray, missing: np.ndarray) -> None:
    """Set the marked values of some rows to NaN, in place."""
    kept = values[rows]
    # A row never loses all its values.
    full = np.flatnonzero((missing | np.isnan(kept)).all(axis=1))
    missing[full] = False
    kept[missing] = np.nan
    values[rows] = kept


def _spread(values: np.ndarray) -> np.ndarray:
    return values.std(axis=1, keepdims=True)


def _mixup(rng: np.random.Generator, values: np.ndarray, rows: np.ndarray) -> None:
    """Convex combination with another series of the batch, both z-scored."""
    first, second = values[rows], values[rng.integers(0, len(values), len(rows))]
    first, second = (
        (part - part.mean(axis=1, keepdims=True)) / np.maximum(_spread(part), _SMALLEST_SPREAD)
        for part in (first, second)
    )
    share = rng.beta(1.5, 1.5, (len(rows), 1)).astype(np.float32)
    values[rows] = share * first + (1 - share) * second


def _flip_time(rng: np.random.Generator, values: np.ndarray, rows: np.ndarray) -> None:
    values[rows] = values[rows, ::-1]


def _flip_sign(rng: np.random.Generator, values: np.ndarray, rows: np.ndarray) -> None:
    values[rows] = -values[rows]


def _modulate(rng: np.random.Generator, values: np.ndarray, rows: np.ndarray) -> None:
    """Multiply by a piecewise linear curve with up to five inner change points."""
    length = values.shape[1]
    for row in rows:
        knots = np.sort(rng.uniform(0, length, rng.integers(0, 6)))
        spread = 1.0 if rng.random() < 0.3 else 0.3
        heights = rng.normal(1.0, spread, len(knots) + 2)
        places = np.concatenate(([0.0], knots, [float(length)]))
        values[row] *= np.interp(np.arange(length), places, heights).astype(np.float32)


def _shift_level(rng: np.random.Generator, values: np.ndarray, rows: np.ndarray) -> None:
    """One shift of the level anywhere; a third of them in the last two patches."""
    length = values.shape[1]
    place = rng.integers(1, length, len(rows)) if length > 1 else np.zeros(len(rows), dtype=int)
    late = length - rng.integers(1, min(_LATE_WINDOW, max(length - 1, 1)) + 1, len(rows))
    place = np.where(rng.random(len(rows)) < 1 / 3, late, place)
    size = rng.normal(0, 1.5, (len(rows), 1)) * _spread(values[rows])
    values[rows] += ((np.arange(length)[None, :] >= place[:, None]) * size).astype(np.float32)


def _add_spikes(rng: np.random.Generator, values: np.ndarray, rows: np.ndarray) -> None:
    """Spikes of 0.5 to 3 standard deviations, periodic in half of the rows, else 1-12 points."""
    length = values.shape[1]
    for row in rows:
        size = rng.uniform(0.5, 3.0) * rng.choice((-1.0, 1.0)) * values[row].std()
        if rng.random() < 0.5:
            period = int(rng.integers(7, 201))
            values[row, int(rng.integers(0, period)) :: period] += size
        else:
            values[row, rng.integers(0, length, rng.integers(1, 13))] += size


def _censor(rng: np.random.Generator, values: np.ndarray, rows: np.ndarray) -> None:
    """Clip from above or below at a random empirical quantile."""
    length = values.shape[1]
    ordered = np.sort(values[rows], axis=1)
    limit = ordered[np.arange(len(rows)), rng.integers(0, length, len(rows))][:, None]
    above = rng.random((len(rows), 1)) < 0.5
    part = values[rows]
    values[rows] = np.where(above, np.minimum(part, limit), np.maximum(part, limit))


def _quantise(rng: np.random.Generator, values: np.ndarray, rows: np.ndarray) -> None:
    """Round to multiples of 0.02 to 1 standard deviations; constant rows stay as they are."""
    part = values[rows]
    spread = _spread(part)
    width = rng.uniform(0.02, 1.0, (len(rows), 1)).astype(np.float32) * spread
    usable = spread > _SMALLEST_SPREAD
    width = np.where(usable, width, 1.0).astype(np.float32)
    values[rows] = np.where(usable, np.round(part / width) * width, part)
