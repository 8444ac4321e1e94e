"""The "frequency" strategy: golden arrays, limits of the rule, shapes and missing values."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from icl_forecasting.tirex.network import TirexNetwork
from icl_forecasting.tirex.resample import (
    downsample,
    frequency_factor,
    resample,
    resampled_forecast,
    resampled_length,
    spectral_peaks,
    upsample,
)
from icl_forecasting.tirex.rollout import Rollout

Arrays = Callable[[str], dict[str, np.ndarray]]
SERIES = [f"s{i}" for i in range(5)]
RATES = ["0.5000", "0.2500", "0.3333", "0.9000", "2.0000", "3.0000", "1.5000"]


def close(got: np.ndarray, want: np.ndarray, tolerance: float) -> bool:
    return got.shape == want.shape and np.allclose(
        got, want, rtol=0, atol=tolerance, equal_nan=True
    )


def season(length: int, period: float, dtype: type = np.float32) -> np.ndarray:
    return np.sin(2 * np.pi * np.arange(length) / period).astype(dtype)


@pytest.mark.parametrize("name", SERIES)
def test_factor_and_peaks_equal_the_golden_arrays(golden_arrays: Arrays, name: str) -> None:
    arrays = golden_arrays("resample")
    found = frequency_factor(arrays[f"{name}__context"], 200)
    assert found.factor == float(arrays[f"{name}__factor"])
    assert np.array_equal(found.peaks, arrays[f"{name}__peak_idx"])


@pytest.mark.parametrize("name", SERIES)
def test_resampled_series_equal_the_golden_arrays(golden_arrays: Arrays, name: str) -> None:
    arrays = golden_arrays("resample")
    factor = float(arrays[f"{name}__factor"])
    got = resample(arrays[f"{name}__context"], factor)
    assert got.dtype == np.float32
    assert close(got, arrays[f"{name}__resampled"], 1e-3)
    ramp = np.arange(41, dtype=np.float32)
    assert close(resample(ramp, 1 / factor), arrays[f"{name}__upsample_arange41"], 1e-5)


@pytest.mark.parametrize("rate", RATES)
def test_every_rate_equals_the_golden_arrays(golden_arrays: Arrays, rate: str) -> None:
    arrays = golden_arrays("resample")
    got = resample(arrays["resample_input"], float(rate))
    assert close(got, arrays[f"resample_rate_{rate}"], 1e-3)


@pytest.mark.parametrize("horizon", [64, 120, 200])
@pytest.mark.parametrize("form", ["fp32", "bf16"])
def test_forecasts_equal_the_golden_arrays(
    golden_network: TirexNetwork, golden_arrays: Arrays, horizon: int, form: str
) -> None:
    arrays = golden_arrays("resample")
    golden_network.set_cell_dtype(torch.float32 if form == "fp32" else torch.bfloat16)
    rollout = Rollout(golden_network, precise=False)
    contexts = [arrays[f"{name}__context"] for name in SERIES]
    got, _ = resampled_forecast(contexts, horizon, lambda parts, steps: rollout(parts, steps, 1))
    want = arrays[f"forecast__{form}__p{horizon}__quantiles"].transpose(0, 2, 1)
    assert got.shape == want.shape and got.dtype == np.float32
    gap = np.abs(got - want)
    if form == "fp32":
        assert gap.max() <= 1e-3
    else:
        spread = np.array([np.nanstd(context) for context in contexts])[:, None, None]
        assert (gap / spread).max() <= 2e-2 and (gap / spread).mean() <= 2e-3


def test_short_horizons_and_short_histories_are_left_alone() -> None:
    series = season(2400, 200)
    assert frequency_factor(series, 99).factor == 1
    assert frequency_factor(series, 100).factor == float(np.float32(1 / 3))
    assert frequency_factor(series[:1999], 100).factor == 1


def test_a_clear_short_period_forbids_resampling() -> None:
    both = season(2400, 240) + 0.5 * season(2400, 24)
    assert len(spectral_peaks(both)) == 0
    assert frequency_factor(both, 200).factor == 1


@pytest.mark.parametrize(
    "series",
    [
        np.full(2400, np.nan, dtype=np.float32),
        np.full(2400, 7.3, dtype=np.float32),
        np.zeros(2400, dtype=np.float32),
        np.full(2400, 1e30),
        np.zeros(0, dtype=np.float32),
        np.ones(1, dtype=np.float32),
    ],
)
def test_series_without_a_period_have_factor_one(series: np.ndarray) -> None:
    found = frequency_factor(series, 200)
    assert found.factor == 1 and len(found.peaks) == 0


def test_factor_does_not_depend_on_scale_or_missing_values() -> None:
    series = season(2400, 200, np.float64)
    holed = series.copy()
    holed[::9] = np.nan
    holed[17] = np.inf
    holed[:30] = np.nan
    for changed in (series * 1e30, series * 1e-30, series + 50, holed):
        assert frequency_factor(changed, 200).factor == float(np.float32(1 / 3))


def test_float64_means_keep_small_differences_of_large_values() -> None:
    series = 1e9 + np.arange(3000, dtype=np.float64)
    got = downsample(series, 0.5)
    assert got.dtype == np.float64
    assert np.allclose(np.diff(got)[1:-1], 2.0, atol=0.51)
    assert abs(got.mean() - series.mean()) < 1e-3


def test_a_place_on_an_observed_value_ignores_its_missing_neighbour() -> None:
    got = upsample(np.array([1.0, np.nan, 3.0], dtype=np.float32), 5 / 3)
    assert np.array_equal(np.isnan(got), [False, True, True, True, False])
    assert got[0] == 1 and got[-1] == 3


@settings(max_examples=60, deadline=None)
@given(length=st.integers(1, 400), divisor=st.integers(1, 12), value=st.floats(-1e3, 1e3, width=32))
def test_a_constant_stays_constant_at_every_rate(length: int, divisor: int, value: float) -> None:
    series = np.full(length, value, dtype=np.float64)
    for rate in (1 / divisor, float(divisor)):
        got = resample(series, rate)
        assert got.shape == (resampled_length(length, rate),)
        assert np.allclose(got, value, atol=1e-6)


@settings(max_examples=40, deadline=None)
@given(length=st.integers(2, 300), rate=st.floats(0.05, 0.95))
def test_means_lie_between_the_extremes(length: int, rate: float) -> None:
    series = np.random.default_rng(length).normal(size=length)
    series[:: max(2, length // 5)] = np.nan
    got = downsample(series, rate)
    seen = got[~np.isnan(got)]
    assert seen.size == 0 or (
        seen.min() >= np.nanmin(series) - 1e-9 and seen.max() <= np.nanmax(series) + 1e-9
    )


def test_each_number_of_steps_is_forecast_once_and_places_are_kept() -> None:
    calls: list[tuple[int, int]] = []

    def forecast(contexts: Sequence[np.ndarray], steps: int) -> np.ndarray:
        calls.append((len(contexts), steps))
        last = np.array([context[-1] for context in contexts], dtype=np.float32)
        return np.broadcast_to(last[:, None, None], (len(contexts), 3, steps)).copy()

    plain = np.full(10, 5.0, dtype=np.float32)
    slow = season(2400, 200) + 9
    got, _ = resampled_forecast([plain, slow, plain + 1, slow + 1], 120, forecast)
    assert got.shape == (4, 3, 120) and got.dtype == np.float32
    assert sorted(calls) == [(2, 41), (2, 120)]
    assert np.allclose(got[0], 5) and np.allclose(got[2], 6)
    assert np.allclose(got[3] - got[1], 1, atol=1e-3)
