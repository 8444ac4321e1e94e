"""From sample paths to forecasts, and from forecasts to paths."""

import numpy as np
import pytest

import icl_core as icl
from icl_forecasting.llm.problem import Problem
from icl_forecasting.llm.sampled import forecast_of, median_of, naive, paths_of, usage_of
from icl_forecasting.llm.writers.writer import Usage

LEVELS = tuple(round(0.1 * place, 1) for place in range(1, 10))


def forecast(levels=LEVELS, samples=None):
    from statistics import NormalDist

    rows = [[NormalDist(m, 2).inv_cdf(level) for m in (0, 10)] for level in levels]
    quantiles = np.array(rows, np.float32)
    return icl.Forecast(quantiles, levels, quantiles.mean(axis=0), samples=samples)


def test_paths_of_quantiles_are_independent_and_keep_their_level():
    paths = paths_of(forecast(), 4000, 1)
    assert paths.shape == (4000, 2)
    np.testing.assert_allclose(paths[:, 1] - paths[:, 0], 10, atol=1e-3)
    assert paths[:, 0].mean() == pytest.approx(0, abs=0.1)
    assert paths[:, 0].std() == pytest.approx(2, abs=0.15)
    np.testing.assert_array_equal(paths_of(forecast(), 5, 1), paths_of(forecast(), 5, 1))
    assert not np.array_equal(paths_of(forecast(), 5, 1), paths_of(forecast(), 5, 2))


def test_paths_of_samples_are_the_samples():
    samples = np.arange(6, dtype=np.float32).reshape(3, 2)
    np.testing.assert_array_equal(paths_of(forecast(samples=samples), 2, 0), samples[:2])
    assert paths_of(forecast(samples=samples), 4, 0).shape == (4, 2)
    assert median_of(forecast(samples=samples)).tolist() == [2, 3]


def test_medians():
    np.testing.assert_allclose(median_of(forecast()), [0, 10], atol=1e-6)
    np.testing.assert_allclose(median_of(forecast((0.3, 0.7))), [0, 10], atol=1e-6)
    assert median_of(forecast((0.5,))).tolist() == [0, 10]


def test_quantiles_of_samples():
    series = icl.Series(np.arange(3.0), np.datetime64("2024-01-01", "ns"), "D")
    samples = np.arange(10.0).reshape(5, 2)
    found = forecast_of(samples, series, icl.Horizon(2, (0.25, 0.5)), {"a": 1})
    assert found.levels == (0.25, 0.5) and found.quantiles.tolist() == [[2, 3], [4, 5]]
    assert found.mean.tolist() == [4, 5] and found.samples.dtype == np.float32
    assert found.index[0] == np.datetime64("2024-01-04") and found.meta == {"a": 1}


def test_a_naive_forecast_has_samples():
    context = icl.Context(history=icl.Series(np.arange(50.0), freq="h"))
    problem = Problem.of(context, icl.Horizon(3), "direct-prompt")
    found = naive(problem, 7, {"fallback": "naive, since it was asked for"})
    assert found.samples.shape == (7, 3) and found.mean.tolist() == [26, 27, 28]


def test_costs_add_up():
    whole = Usage(1, 0, 100, 10, 0.5) + Usage(2, 1, 50, 5) + Usage(1, uncounted=1)
    assert usage_of(whole) == {
        "requests": 4,
        "from_log": 1,
        "usage": {
            "prompt_tokens": 150,
            "completion_tokens": 15,
            "total_tokens": 165,
            "uncounted_requests": 1,
        },
        "cost": 0.5,
    }
