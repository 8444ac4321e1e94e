"""The released "frequency" strategy: long seasons are read at a coarser rate.

A spectrum of the history names its dominant period. If that is longer than `TARGET_PERIOD`
steps, the history is averaged down so that one period covers about that many, the forecast is
made there, and its quantiles are interpolated back to the series' own steps.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch

Forecast = Callable[[Sequence[np.ndarray], int], np.ndarray]

TARGET_PERIOD = 64
"""Steps that one period has after resampling; fixed, whatever the network's patch."""

LONGEST_PERIOD = 1000
"""Longer periods are taken for trend; a history of fewer than two of these is left alone."""

SHORTEST_HORIZON = 100
"""Below this horizon nothing is resampled."""

_FACTORS = np.array([1.0 / k for k in range(1, 13)], dtype=np.float32)
_PEAK_HEIGHT = 0.1
_PEAKS_KEPT = 2
_HARMONIC_RATIO = (1.5, 2.5)


class Resampling(NamedTuple):
    """What the spectrum of one history says.

    Args:
        factor: steps of the resampled series in one step of the series, at most 1.
        peaks: bins of the strongest periods, strongest first; bin k = k cycles in the history.
    """

    factor: float
    peaks: np.ndarray


def frequency_factor(series: np.ndarray, horizon: int) -> Resampling:
    """Choose the rate of one history.

    Args:
        series: [T], NaN or infinite = missing.
        horizon: steps P that will be forecast.

    Returns:
        The factor, 1 or a float32 fraction 1/2 … 1/12, and the peaks it rests on.
    """
    peaks = spectral_peaks(series)
    if horizon < SHORTEST_HORIZON or len(series) < 2 * LONGEST_PERIOD or len(peaks) == 0:
        return Resampling(1.0, peaks)
    chosen = peaks[0]
    if len(peaks) == 2:
        low, high = sorted(peaks.tolist())
        if _HARMONIC_RATIO[0] <= high / low <= _HARMONIC_RATIO[1]:
            chosen = low  # the other one is its harmonic
    wanted = np.float32(round(TARGET_PERIOD * float(chosen) / len(series), 4))
    return Resampling(float(_FACTORS[np.abs(_FACTORS - wanted).argmin()]), peaks)


def spectral_peaks(series: np.ndarray) -> np.ndarray:
    """Bins of up to two dominant periods of 64 … 1000 steps, strongest first.

    A clear peak at a shorter period says that the series is best read as it is: then there are
    none. A constant, an empty or a wholly missing series has none either.

    Args:
        series: [T], NaN or infinite = missing.
    """
    none = np.zeros(0, dtype=np.int64)
    amplitude = _amplitudes(series)
    if amplitude is None or len(amplitude) < 4:
        return none
    frequency = np.arange(len(amplitude)) / len(series)
    amplitude[frequency < 1 / LONGEST_PERIOD] = 0.0
    inner = amplitude[1:-2]
    higher = (inner > amplitude[:-3]) & (inner > amplitude[2:-1]) & (inner > _PEAK_HEIGHT)
    peaks = np.flatnonzero(higher) + 1
    period = 1 / frequency[peaks]
    if (period < TARGET_PERIOD).any():
        return none
    peaks = peaks[period <= LONGEST_PERIOD]
    order = np.argsort(-amplitude[peaks], kind="stable")
    return peaks[order][:_PEAKS_KEPT].astype(np.int64)


def _amplitudes(series: np.ndarray) -> np.ndarray | None:
    """One-sided Hann-windowed amplitudes with maximum 1; None where there are none."""
    values = np.asarray(series, dtype=np.float64)
    seen = np.isfinite(values)
    n = len(values)
    if not seen.any():
        return None
    places = np.arange(n)
    values = np.interp(places, places[seen], values[seen])
    size = np.abs(values).max()
    if size == 0.0:
        return None
    values = values / size  # only ratios of amplitudes matter, and squares must not overflow
    values = values - values.mean()
    window = 0.5 - 0.5 * np.cos(2 * np.pi * places / n)  # periodic, not symmetric
    amplitude = np.abs(np.fft.rfft(values * window))
    amplitude[1 : -1 if n % 2 == 0 else None] *= 2  # 0 and Nyquist have no mirror image
    highest = amplitude.max()
    if highest <= n * np.finfo(np.float64).eps:  # a constant: rounding, not a spectrum
        return None
    return np.asarray(amplitude / highest)


def resampled_length(length: int, rate: float) -> int:
    """Values that `length` values have at another rate."""
    return int(np.ceil(length * rate))


def resample(series: np.ndarray, rate: float) -> np.ndarray:
    """Resample [..., T] along the last axis to `ceil(T * rate)` values; the ends stay in place.

    Below rate 1 a value is the mean of the observed values within half a new step, above it is
    interpolated linearly and missing where one of its neighbours is.
    """
    if rate == 1:
        return series
    return downsample(series, rate) if rate < 1 else upsample(series, rate)


def downsample(series: np.ndarray, rate: float) -> np.ndarray:
    """Centred window means at `rate` below 1: [..., T] to [..., ceil(T * rate)], same dtype.

    A float32 series gets its means from running sums in float32, as released; they are off by
    the rounding of the whole sum. A float64 series keeps its digits.
    """
    n = series.shape[-1]
    centres = _centres(n, rate)
    half = np.float32(1 / (2 * rate))
    first = np.clip(np.ceil(centres - half).astype(np.int64), 0, n - 1)
    end = np.clip(np.floor(centres + half).astype(np.int64), 0, n - 1) + 1
    seen = ~np.isnan(series)
    total = _running_sum(np.where(seen, series, 0)).astype(series.dtype)
    count = _running_sum(seen)
    counted = (count[..., end] - count[..., first]).astype(series.dtype)
    mean = (total[..., end] - total[..., first]) / np.maximum(counted, 1)
    return np.asarray(np.where(counted > 0, mean, np.nan), dtype=series.dtype)


def upsample(series: np.ndarray, rate: float) -> np.ndarray:
    """Linear interpolation at `rate` above 1: [..., T] to [..., ceil(T * rate)], same dtype."""
    n = series.shape[-1]
    places = _centres(n, rate)
    left = np.clip(np.floor(places).astype(np.int64), 0, n - 1)
    right = np.minimum(left + 1, n - 1)
    share = (places - left).astype(series.dtype)
    low, high = series[..., left], series[..., right]
    # a place on an observed value must not turn missing because the next value is
    between = low + share * (high - low)
    return np.asarray(np.where(share == 0, low, between))


def _centres(length: int, rate: float) -> np.ndarray:
    """Places of the new values on the old axis, in float32 as the released code has them.

    PyTorch counts from both ends towards the middle; NumPy rounds differently, and a window's
    edge may fall on an index exactly.
    """
    places = torch.linspace(0, length - 1, resampled_length(length, rate), dtype=torch.float32)
    return np.asarray(places.numpy())


def _running_sum(values: np.ndarray) -> np.ndarray:
    """Sums of everything before each index: [..., T + 1] float64."""
    start = np.zeros((*values.shape[:-1], 1))
    return np.concatenate([start, np.cumsum(values, axis=-1, dtype=np.float64)], axis=-1)


def resampled_forecast(
    contexts: Sequence[np.ndarray], horizon: int, forecast: Forecast
) -> tuple[np.ndarray, list[float]]:
    """Forecast every history at the rate that its spectrum asks for.

    Args:
        contexts: 1-D histories, NaN = missing.
        horizon: steps P.
        forecast: histories and steps to quantiles [B, Q, steps]. It is called once for each
            different number of steps; its first steps must not depend on how many are asked for.

    Returns:
        Quantiles [B, Q, P] in the series' own steps, and the factor of each history.
    """
    factors = [frequency_factor(context, horizon).factor for context in contexts]
    by_steps: dict[int, list[int]] = defaultdict(list)
    for place, factor in enumerate(factors):
        by_steps[resampled_length(horizon, factor)].append(place)
    found: list[np.ndarray] = [np.empty(0)] * len(contexts)
    for steps, places in by_steps.items():
        read = [resample(np.asarray(contexts[p]), factors[p]) for p in places]
        for place, quantiles in zip(places, forecast(read, steps), strict=True):
            found[place] = resample(quantiles, 1 / factors[place])[:, :horizon]
    return np.stack(found), factors
