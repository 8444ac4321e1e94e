"""Periods and seasonal profiles.

The bank of periods extends that of KernelSynth (Chronos, arXiv 2403.07815); a quarter of the
periods is continuous, as in TiRex (arXiv 2505.23719). Several profile shapes follow the Fourier
seasons of ForecastPFN and the saw, square and bump shapes of Reverso (arXiv 2602.17634) and
TempoPFN (arXiv 2510.25502).
"""

from __future__ import annotations

import numpy as np

BASE_LENGTH = 576
_BANK = {
    4: 6, 5: 3, 6: 2, 7: 8, 8: 2, 10: 1, 12: 12, 13: 2, 14: 2, 20: 1,
    24: 12, 26: 2, 28: 1, 30: 2, 36: 1, 48: 8, 52: 5, 60: 2, 72: 1, 90: 1,
    96: 6, 120: 1, 144: 2, 168: 5, 180: 1, 240: 1, 288: 3, 336: 2, 365: 2,
}  # fmt: skip
_LONG_BANK = {288: 5, 336: 4, 365: 3, 480: 1, 504: 1, 672: 4, 720: 3, 730: 1, 1008: 1}
_MULTIPLES = np.array([2, 3, 4, 5, 7, 7, 7, 7, 12, 30, 52], dtype=float)
_HARMONICS = 10


def scale_of(length: int) -> float:
    """Factor by which caps grow with the length; 1 up to the base length."""
    return max(1.0, length / BASE_LENGTH)


def draw_periods(
    rng: np.random.Generator, n: int, length: int, cap: float | None = None
) -> np.ndarray:
    """Draw one period per series: 75 % from the bank, 25 % log-uniform.

    Args:
        rng: Source of randomness.
        n: Number of periods.
        length: Length of the series; long series also get long periods.
        cap: Largest period allowed, by default two thirds of the length.

    Returns:
        Periods in steps, float64 of shape [n].
    """
    bank = dict(_BANK)
    if length >= 4 * BASE_LENGTH:
        for period, weight in _LONG_BANK.items():
            bank[period] = max(bank.get(period, 0), weight)
    limit = min(cap if cap is not None else 2 * length / 3, 2 * length / 3)
    values = np.array([p for p in bank if p <= limit] or [4], dtype=float)
    weights = np.array([bank[int(p)] for p in values], dtype=float)
    fixed = rng.choice(values, size=n, p=weights / weights.sum())
    top = max(4.0, min(256.0 * scale_of(length), limit))
    free = np.exp(rng.uniform(np.log(3.0), np.log(top), n))
    return np.where(rng.random(n) < 0.75, fixed, free)


def further_periods(rng: np.random.Generator, previous: np.ndarray, length: int) -> np.ndarray:
    """Multiply periods by a calendar-like factor; divide where that would pass the cap."""
    cap = 400.0 * length / BASE_LENGTH
    longer = previous * rng.choice(_MULTIPLES, size=previous.shape)
    shorter = np.maximum(previous / rng.choice(_MULTIPLES[:7], size=previous.shape), 3.0)
    return np.where(
        longer <= cap, longer, np.where(previous == np.round(previous), np.round(shorter), shorter)
    )


def unit_variance(values: np.ndarray) -> np.ndarray:
    """Centre every row and scale it to unit variance; constant rows become zero."""
    centred = values - values.mean(axis=1, keepdims=True)
    spread = np.sqrt(np.mean(centred * centred, axis=1, keepdims=True))
    return centred / np.where(spread > 1e-7, spread, np.inf)


def profiles(rng: np.random.Generator, periods: np.ndarray, length: int) -> np.ndarray:
    """Periodic series of unit variance with random shape and phase.

    Half are Fourier sums, a quarter tables of values per phase, the rest bumps and square waves.

    Args:
        rng: Source of randomness.
        periods: Period of every series.
        length: Number of steps.

    Returns:
        float32 of shape [n, length].
    """
    n = len(periods)
    kind = rng.choice(4, size=n, p=[0.50, 0.25, 0.12, 0.13])
    offset = np.floor(rng.random(n) * periods)
    position = np.mod(np.arange(length)[None, :] + offset[:, None], periods[:, None])
    result = np.zeros((n, length), dtype=np.float32)
    for index, shape in enumerate((_fourier, _table, _bump, _square)):
        rows = np.flatnonzero(kind == index)
        if len(rows):
            result[rows] = shape(rng, position[rows], periods[rows])
    return unit_variance(result)


def _fourier(rng: np.random.Generator, position: np.ndarray, periods: np.ndarray) -> np.ndarray:
    """Sum of harmonics with power-law coefficients, below the Nyquist frequency."""
    n = len(periods)
    last = rng.integers(1, _HARMONICS + 1, n)
    decay = rng.uniform(0.3, 2.0, n)
    turn = np.exp(1j * (2 * np.pi * position / periods[:, None])).astype(np.complex64)
    power = np.ones_like(turn)
    total = np.zeros(position.shape, dtype=np.float32)
    for k in range(1, _HARMONICS + 1):
        active = (k <= last) & ((k == 1) | (2 * k < periods))
        if not active.any():
            break
        power *= turn
        scale = active * float(k) ** -decay
        a, b = (rng.standard_normal((2, n)) * scale).astype(np.float32)
        total += a[:, None] * power.real + b[:, None] * power.imag
    return total


def _table(rng: np.random.Generator, position: np.ndarray, periods: np.ndarray) -> np.ndarray:
    """Independent values per phase; 30 % of the tables hold sparse signs."""
    n = len(periods)
    width = int(np.ceil(periods.max()))
    values = rng.standard_normal((n, width)).astype(np.float32)
    sparse = rng.random(n) < 0.3
    density = rng.uniform(0.03, 0.4, (n, 1))
    signs = np.sign(values) * (rng.random((n, width)) < density)
    signs[np.arange(n), (rng.random(n) * np.floor(periods)).astype(int)] = 1.0
    values[sparse] = signs[sparse]
    return np.take_along_axis(values, position.astype(np.int64), axis=1)


def _bump(rng: np.random.Generator, position: np.ndarray, periods: np.ndarray) -> np.ndarray:
    """One Gaussian bump per cycle."""
    width = rng.uniform(0.02, 0.25, (len(periods), 1))
    distance = position / periods[:, None] - 0.5
    # The peak lies on a step of the grid: narrow bumps of short periods would vanish otherwise.
    distance -= (np.round(0.5 * periods) / periods - 0.5)[:, None]
    bump = np.exp(-0.5 * (distance / np.maximum(width, 0.3 / periods[:, None])) ** 2)
    return bump * rng.choice([-1.0, 1.0], size=(len(periods), 1), p=[0.3, 0.7])


def _square(rng: np.random.Generator, position: np.ndarray, periods: np.ndarray) -> np.ndarray:
    """Square wave; the duty keeps at least one step of either level."""
    duty = np.clip(rng.uniform(0.1, 0.9, len(periods)) * periods, 1.0, np.floor(periods) - 1.0)
    return (position < duty[:, None]).astype(np.float32)
