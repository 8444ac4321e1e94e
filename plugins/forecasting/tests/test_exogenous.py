"""Covariates as regressors of `auto-arima`, and the episode sources that have covariates."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import icl_core as icl
from icl_core import Horizon, InputError, Series
from icl_forecasting.baselines.exogenous import regressors
from icl_forecasting.sources import SOURCES
from icl_forecasting.sources.covariates import (
    births_calendar,
    ett_oil,
    ett_together,
    is_holiday,
)

DATA = Path(__file__).resolve().parents[4] / "shared" / "data" / "timeseries"
RNG = np.random.default_rng(0)
X = RNG.standard_normal(128)
SKY = np.array(["sun", "rain", "snow"], dtype=object)[RNG.integers(0, 3, 128)]
Y = 3 * X[:120] + 5 * (SKY[:120] == "rain") + 0.1 * RNG.standard_normal(120)


def test_arima_follows_its_covariates() -> None:
    pytest.importorskip("statsforecast")
    history = Series(Y, covariates={"x": X[:120], "sky": SKY[:120], "same": np.ones(120)})
    ahead = {"x": X[120:], "sky": SKY[120:], "same": np.ones(8)}
    found = icl.predict("auto-arima", context=history, query=Horizon(8, covariates=ahead))
    truth = 3 * X[120:] + 5 * (SKY[120:] == "rain")
    assert np.abs(found.mean - truth).max() < 0.5
    assert found.meta["covariates"] == ["x", "sky=rain", "sky=snow"]
    assert "fallback" not in found.meta
    for query, words in (
        (Horizon(8), "auto-arima needs the future of the covariate 'x'"),
        (Horizon(8, covariates={"z": X[:8]}), "'z', which the history does not have"),
        (Horizon(8, covariates={"x": X[:3]}), "has 3 values, expected the horizon's 8"),
    ):
        with pytest.raises(InputError, match=words):
            icl.predict("auto-arima", context=history, query=query)


def test_columns_without_an_effect_of_their_own_are_left_out() -> None:
    columns = {"a": X[:120], "twice": 2 * X[:120] + 1, "none": np.full(120, np.nan), "b": X[:120]}
    columns["b"] = X[:120] ** 2
    ahead = {name: np.arange(8.0) for name in columns}
    found = regressors(
        Series(Y, covariates=columns), Horizon(8, covariates=ahead), 100, "auto-arima"
    )
    assert found is not None and found.names == ("a", "none", "b")[::2]
    assert found.past.shape == (100, 2) and found.future.shape == (8, 2)
    assert np.allclose(found.past.mean(axis=0), 0) and np.allclose(found.past.std(axis=0), 1)
    weekly = {"day": np.arange(120) % 7, "b": columns["b"]}
    known = Horizon(8, covariates={"day": np.arange(120, 128) % 7, "b": np.arange(8.0)})
    found = regressors(Series(Y, covariates=weekly), known, 120, "auto-arima", season=7)
    assert found is not None and found.names == ("b",)
    constant = {"c": np.ones(120)}
    query = Horizon(3, covariates={"c": np.ones(3)})
    assert regressors(Series(Y, covariates=constant), query, 120, "auto-arima") is None


def test_a_frame_with_a_table_of_the_future() -> None:
    pytest.importorskip("statsforecast")
    pd = pytest.importorskip("pandas")
    from icl_forecasting.interop import predict_df

    days = pd.date_range("2024-01-01", periods=128)
    whole = pd.DataFrame({"item_id": "a", "timestamp": days, "x": X, "sky": SKY})
    past = whole[:120].assign(target=Y)
    ahead = whole[120:].drop(columns="sky")
    truth = 3 * X[120:124]
    found = predict_df("auto-arima", past, 4, covariates=["x"], future=ahead)
    assert np.abs(found["predictions"] - truth).max() < 6
    with pytest.raises(InputError, match="no row for 2024-05-06, step 7 of 9 for 'a'"):
        predict_df("auto-arima", past, 9, covariates=["x"], future=ahead.iloc[:6])
    with pytest.raises(InputError, match="seasonal-naive reads no covariates"):
        predict_df("seasonal-naive", past, 4, covariates=["x"])


@pytest.fixture
def data() -> Path:
    if not (DATA / "index.csv").is_file():
        pytest.skip("the time series (../shared/data/timeseries) are not here")
    return DATA


def test_sources_name_functions_that_exist() -> None:
    from importlib import import_module

    for place in SOURCES.values():
        module, _, name = place.partition(":")
        assert callable(getattr(import_module(module), name))


def test_oil_temperature_has_past_loads(data: Path) -> None:
    episodes = ett_oil(data, 3, context=64, horizon=12)
    first: Any = episodes[0]
    history = first.context.history
    assert history.values.shape == (64,) and first.target.shape == (12,)
    assert sorted(history.covariates) == ["HUFL", "HULL", "LUFL", "LULL", "MUFL", "MULL"]
    assert first.query.covariates is None and first.meta["id"] == "ett-oil-0"
    again = ett_oil(data, 5, context=64, horizon=12)
    assert np.array_equal(again[0].target, first.target)
    assert again.digest() == episodes.digest()
    assert not np.array_equal(ett_oil(data, 3, 1, context=64, horizon=12)[0].target, first.target)


def test_all_columns_together_are_variates(data: Path) -> None:
    first: Any = ett_together(data, 1, context=64, horizon=12)[0]
    assert first.context.history.values.shape == (7, 64) and first.target.shape == (7, 12)
    assert first.context.history.variates[-1] == "OT"


def test_the_calendar_is_known_ahead(data: Path) -> None:
    first: Any = births_calendar(data, 1, context=100, horizon=30)[0]
    history = first.context.history
    ahead = first.query.covariates
    assert sorted(history.covariates) == sorted(ahead) == ["holiday", "weekday"]
    assert (
        history.covariates["weekday"][0]
        == ("Mon Tue Wed Thu Fri Sat Sun".split())[
            history.start.astype("datetime64[D]").item().weekday()
        ]
    )
    assert len(ahead["weekday"]) == 30


def test_holidays() -> None:
    there = [(1975, 5, 26), (1975, 9, 1), (1975, 11, 27), (1975, 7, 4), (2000, 1, 1)]
    assert all(is_holiday(date(*day)) for day in there)
    assert not any(is_holiday(date(*day)) for day in [(1975, 5, 19), (1975, 9, 8), (1975, 11, 20)])


def test_a_context_that_does_not_fit_is_refused(data: Path) -> None:
    with pytest.raises(InputError, match="too few for a context of 9000"):
        births_calendar(data, 1, context=9000)
    with pytest.raises(InputError, match="horizon is 0"):
        ett_oil(data, 1, horizon=0)
