"""Seasons of a series: which periods it has, and what one cycle looks like."""

from __future__ import annotations

import numpy as np

LONGEST = 1100
"""Longest period looked for; three years of days, or three weeks of half hours."""

STRENGTH = 0.3
"""Least autocorrelation of a period that is worth trying; the backtest decides."""


def find_periods(values: np.ndarray, count: int = 2) -> list[int]:
    """Periods whose autocorrelation stands out, strongest first.

    Args:
        values: [T], NaN = missing.
        count: how many at most.

    Returns:
        Lags of at least 2, with at least two cycles in the series, at which the autocorrelation
        of the linearly detrended values has a local maximum above `STRENGTH`. A multiple of a
        shorter period that is nearly as strong is left out.
    """
    length = len(values)
    longest = min(length // 2, LONGEST)
    if longest < 2:
        return []
    seen = ~np.isnan(values)
    steps = np.arange(length)
    if seen.sum() < 8:
        return []
    slope, level = np.polyfit(steps[seen], values[seen], 1)
    flat = np.where(seen, values - (level + slope * steps), 0.0)
    size = 1 << (2 * length - 1).bit_length()
    products = np.fft.irfft(np.abs(np.fft.rfft(flat, size)) ** 2, size)[: longest + 2]
    pairs = np.fft.irfft(np.abs(np.fft.rfft(seen.astype(float), size)) ** 2, size)[: longest + 2]
    if products[0] <= 1e-20 * float(np.nansum(np.square(values))):
        return []
    acf = (products / np.maximum(pairs, 1.0)) / (products[0] / pairs[0])
    lags = np.arange(2, min(longest, len(acf) - 2) + 1)
    peaks = lags[
        (acf[lags] > STRENGTH) & (acf[lags] >= acf[lags - 1]) & (acf[lags] > acf[lags + 1])
    ]
    found: list[int] = []
    for lag in sorted(peaks.tolist(), key=lambda lag: -acf[lag]):
        if all(lag % known or acf[lag] > acf[known] + 0.1 for known in found):
            shorter = [p for p in peaks if lag % p == 0 and acf[p] > acf[lag] - 0.1]
            best = int(min(shorter, default=lag))
            if best not in found:
                found.append(best)
        if len(found) == count:
            break
    return found


def seasonal_profile(values: np.ndarray, period: int) -> np.ndarray:
    """The mean cycle around the local level: [period], entry i stands i steps after the end.

    The level is a centred moving average over one cycle, continued flat at the ends. Later cycles
    count more: each step back in cycles weighs 0.7 of the one after it.

    Args:
        values: [T], NaN = missing, at least two cycles.
        period: steps in a cycle.
    """
    length = len(values)
    seen = ~np.isnan(values)
    kernel = np.ones(period + (period + 1) % 2)
    if period % 2 == 0:
        kernel[0] = kernel[-1] = 0.5
    total = np.convolve(np.where(seen, values, 0.0), kernel, "same")
    weight = np.convolve(seen.astype(float), kernel, "same")
    level = total / np.maximum(weight, 1e-9)
    half = len(kernel) // 2
    if length > 2 * half + 1:
        level[:half], level[-half:] = level[half], level[length - half - 1]
    cycles_back = (length - 1 - np.arange(length)) // period
    importance = np.where(seen, 0.7**cycles_back, 0.0)
    phase = (np.arange(length) - length) % period
    deviation = np.where(seen, values - level, 0.0)
    sums = np.bincount(phase, importance * deviation, period)
    counts = np.bincount(phase, importance, period)
    profile = np.where(counts > 0, sums / np.maximum(counts, 1e-12), 0.0)
    centred: np.ndarray = profile - profile.mean()
    return centred
