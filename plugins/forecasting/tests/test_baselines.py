"""Seasonal naive and the statistical baselines."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from icl_core.errors import InputError, MissingExtraError, PluginError
from icl_core.registry import load_card
from icl_core.types import Context, Horizon, Series
from icl_forecasting.baselines.cards import BASELINE_CARDS
from icl_forecasting.baselines.history import interpolated
from icl_forecasting.baselines.seasonal_naive import error_quantiles, naive_arrays, repeat_season
from icl_forecasting.baselines.seasonality import resolve_seasonality, seasonality_of

CARDS = {card.name: card for card in BASELINE_CARDS}
STATISTICAL = ("auto-ets", "auto-arima", "auto-theta")
RNG = np.random.default_rng(0)
QUARTERS = 20 + np.tile([0.0, 5.0, 2.0, -4.0], 8) + np.arange(32) * 0.3 + RNG.normal(0, 0.5, 32)


@pytest.fixture(scope="module")
def learners():
    pytest.importorskip("statsforecast", reason="the extra icl-forecasting[stats] is not installed")
    return {name: load_card(CARDS[name]) for name in STATISTICAL}


@pytest.mark.parametrize(
    ("freq", "steps"),
    [
        ("h", 24), ("H", 24), ("2h", 12), ("5h", 1), ("24h", 1), ("30min", 48), ("5T", 288),
        ("15min", 96), ("s", 3600), ("10s", 360), ("D", 7), ("7D", 1), ("B", 5), ("W", 1),
        ("W-SUN", 1), ("M", 12), ("MS", 12), ("ME", 12), ("3MS", 4), ("Q", 4), ("QS-OCT", 4),
        ("QE-DEC", 4), ("Y", 1), ("YS", 1), ("A-DEC", 1), ("ms", 1), ("0h", 1), ("-1D", 1),
        ("nonsense", 1), ("", 1), (None, 1),
    ],
)  # fmt: skip
def test_the_frequency_gives_the_season(freq, steps):
    assert seasonality_of(freq) == steps


@pytest.mark.parametrize("asked", [0, -3, 2.5, "7", True])
def test_a_season_that_is_no_whole_number_is_refused(asked):
    with pytest.raises(InputError, match="seasonality is"):
        resolve_seasonality(asked, Series(np.ones(3)))


def test_a_season_that_was_asked_for_wins_over_the_frequency():
    assert resolve_seasonality(np.int64(3), Series(np.ones(3), freq="h")) == 3
    assert resolve_seasonality(None, Series(np.ones(3), freq="h")) == 24


def test_the_last_season_is_repeated_and_gaps_come_from_the_season_before():
    values = np.array([1.0, 2, 3, 4, np.nan, 6])
    assert repeat_season(values, 3, 5).tolist() == [4, 2, 6, 4, 2]
    assert repeat_season(values, 7, 2).tolist() == [6, 6]
    assert repeat_season(np.array([np.nan, 5, np.nan]), 3, 3).tolist() == [5, 5, 5]


@given(
    st.lists(st.one_of(st.just(np.nan), st.floats(-1e6, 1e6)), min_size=1, max_size=40),
    st.integers(1, 12),
    st.integers(1, 30),
)
def test_repeat_season_agrees_with_a_slow_search(values, season, length):
    array = np.array(values)
    if not np.isfinite(array).any():
        return
    last = array[np.isfinite(array)][-1]
    expected = []
    for step in range(length):
        index = len(array) - season + step % season
        while index >= 0 and not np.isfinite(array[index]):
            index -= season
        expected.append(last if len(array) < season or index < 0 else array[index])
    assert repeat_season(array, season, length).tolist() == expected


@given(st.integers(1, 6), st.integers(1, 25), st.floats(-1e3, 1e3), st.floats(1e-3, 1e3))
@settings(max_examples=40)
def test_naive_follows_shift_and_scale_and_its_quantiles_are_ordered(season, size, shift, scale):
    values = np.random.default_rng(size).normal(size=size)
    levels = (0.05, 0.5, 0.95)
    point, quantiles = naive_arrays(values, season, 9, levels)
    moved, spread = naive_arrays(values * scale + shift, season, 9, levels)
    tolerance = 1e-9 * (scale + abs(shift))
    np.testing.assert_allclose(moved, point * scale + shift, atol=tolerance)
    np.testing.assert_allclose(spread, quantiles * scale + shift, atol=tolerance)
    assert (np.diff(quantiles, axis=0) >= 0).all()
    np.testing.assert_allclose(quantiles[1], point, atol=1e-12)


def test_errors_grow_with_the_square_root_of_the_season_ahead():
    spread = error_quantiles(np.array([0.0, 0, 1, 1, 2, 2]), 2, 6, (0.9,))[0]
    np.testing.assert_allclose(spread, np.sqrt([1, 1, 2, 2, 3, 3]))
    assert error_quantiles(np.array([3.0]), 4, 2, (0.1, 0.9)).tolist() == [[0, 0], [0, 0]]


def test_naive_answers_with_time_stamps_the_asked_levels_and_a_note_when_short():
    learner = load_card(CARDS["seasonal-naive"])
    series = Series(np.arange(15.0), np.datetime64("2020-01-01"), "MS", "sales")
    forecast = learner.prepare(series).predict(Horizon(3, (0.25, 0.5, 0.75)))
    assert forecast.levels == (0.25, 0.5, 0.75)
    assert forecast.quantiles.dtype == np.float32
    assert forecast.mean.tolist() == [3, 4, 5]
    assert forecast.index[0] == np.datetime64("2021-04-01")
    assert (forecast.name, forecast.meta["seasonality"]) == ("sales", 12)
    assert "fallback" not in forecast.meta
    short = learner.prepare(Series(np.arange(5.0), freq="MS")).predict(4)
    assert len(short.levels) == 9 and short.mean.tolist() == [4] * 4
    assert "5 values" in short.meta["fallback"]


def test_point_quantiles_repeat_the_point_forecast():
    learner = load_card(CARDS["seasonal-naive"], options={"quantiles": "point"})
    prepared = learner.prepare([1.0, 5, 2, 6])
    assert np.ptp(prepared.predict(3, seasonality=2).quantiles, axis=0).tolist() == [0, 0, 0]
    assert np.ptp(prepared.predict(3, seasonality=2, quantiles="errors").quantiles) > 0
    with pytest.raises(InputError, match="quantiles is 'median'"):
        prepared.predict(3, quantiles="median")


def test_several_variates_and_missing_histories_are_refused():
    learner = load_card(CARDS["seasonal-naive"])
    with pytest.raises(InputError, match="one variate"):
        learner.prepare(Series(np.ones((2, 5))))
    with pytest.raises(InputError, match="history"):
        learner.prepare(Context(text="no numbers"))


@given(st.lists(st.one_of(st.just(np.nan), st.floats(-1e6, 1e6)), min_size=1, max_size=20))
def test_interpolation_fills_everything_and_keeps_what_is_known(values):
    array = np.array(values)
    known = np.isfinite(array)
    if not known.any():
        return
    filled = interpolated(array)
    assert np.isfinite(filled).all()
    assert (filled[known] == array[known]).all()
    assert array[known].min() <= filled.min() and filled.max() <= array[known].max()


@pytest.mark.parametrize("name", STATISTICAL)
def test_statistical_learners_give_the_levels_that_are_asked(learners, name):
    levels = (0.025, 0.3, 0.5, 0.77)
    prepared = learners[name].prepare(QUARTERS)
    four, two = prepared.predict([Horizon(6, levels), Horizon(2, levels)], seasonality=4)
    assert four.levels == levels and four.quantiles.shape == (4, 6)
    assert (np.diff(four.quantiles, axis=0) >= 0).all()
    assert (four.quantiles[2] == four.mean).all()
    assert "fallback" not in four.meta
    np.testing.assert_allclose(two.mean, four.mean[:2], rtol=1e-6)
    season = np.tile([0.0, 5, 2, -4], 2)[:6] + 20 + np.arange(32, 38) * 0.3
    assert np.abs(four.mean - season).mean() < 1.5
    again = prepared.predict(Horizon(6, levels), seasonality=4)
    assert (again.quantiles == four.quantiles).all()


def test_quantiles_come_from_the_matching_interval(learners):
    wide = learners["auto-ets"].prepare(QUARTERS).predict(Horizon(4, (0.1, 0.9)), seasonality=4)
    upper, lower = wide.quantiles[1] - wide.mean, wide.mean - wide.quantiles[0]
    np.testing.assert_allclose(upper, lower, rtol=1e-4)
    assert 0.3 < upper[0] < 1.5  # the noise has a standard deviation of 0.5


@pytest.mark.parametrize("name", STATISTICAL)
@pytest.mark.parametrize(
    "values", [[3.0], [1.0, 2.0, 4.0], [7.0] * 30, [0.0] * 12, [np.nan, 2.0, np.nan, 3.0]]
)
def test_short_and_constant_series_fall_back_and_say_so(learners, name, values):
    forecast = learners[name].prepare(values).predict(3)
    assert "fallback" in forecast.meta
    last = np.array(values)[np.isfinite(values)][-1]
    assert forecast.mean.tolist() == [np.float32(last)] * 3


@pytest.mark.parametrize("name", ["auto-ets", "auto-theta"])
@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_tiny_and_huge_series_are_forecast_like_others(learners, name, scale):
    plain = learners[name].prepare(QUARTERS).predict(4, seasonality=4)
    scaled = learners[name].prepare(QUARTERS * scale).predict(4, seasonality=4)
    np.testing.assert_allclose(scaled.mean / np.float32(scale), plain.mean, rtol=0.05)
    assert "fallback" not in scaled.meta


def test_gaps_are_bridged(learners):
    values = QUARTERS.copy()
    values[[3, 10, 11]] = np.nan
    forecast = learners["auto-theta"].prepare(values).predict(4, seasonality=4)
    assert "fallback" not in forecast.meta and np.isfinite(forecast.quantiles).all()


def test_a_failure_inside_the_library_becomes_a_fallback(learners, monkeypatch):
    def fail(season, size):
        raise ZeroDivisionError("inside")

    monkeypatch.setattr(learners["auto-theta"], "_new_model", fail)
    forecast = learners["auto-theta"].prepare(QUARTERS).predict(2, seasonality=4)
    assert forecast.meta["fallback"] == "ZeroDivisionError: inside"
    np.testing.assert_allclose(forecast.mean, QUARTERS[-4:-2], rtol=1e-6)


def test_seasons_that_the_library_cannot_fit_are_noted(learners):
    forecast = learners["auto-ets"].prepare(QUARTERS).predict(2, seasonality=30)
    assert "30" in forecast.meta["note"]


def test_only_the_last_values_are_read(learners):
    learner = load_card(CARDS["auto-theta"], options={"max_context": 20, "seasonality": 4})
    short = learner.prepare(QUARTERS).predict(3)
    cut = learners["auto-theta"].prepare(QUARTERS[-20:]).predict(3, seasonality=4)
    assert short.meta["context_used"] == 20
    assert (short.quantiles == cut.quantiles).all()
    with pytest.raises(InputError, match="max_context is 0"):
        load_card(CARDS["auto-theta"], options={"max_context": 0})


def test_numpys_global_generator_is_left_alone(learners):
    np.random.seed(7)
    before = np.random.get_state()[1].copy()
    learners["auto-ets"].prepare(QUARTERS).predict(2, seasonality=4)
    assert (np.random.get_state()[1] == before).all()


def test_a_missing_library_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "statsforecast.models", None)
    with pytest.raises(MissingExtraError, match="statsforecast") as caught:
        load_card(CARDS["auto-ets"])
    assert "icl-forecasting[stats]" in str(caught.value.hint)


@pytest.mark.parametrize("card", BASELINE_CARDS, ids=lambda card: card.name)
def test_cards_name_the_options_and_unknown_ones_are_refused(card):
    assert "seasonality" in card.options
    if card.name in STATISTICAL:
        pytest.importorskip("statsforecast")
    with pytest.raises((InputError, PluginError), match="colour"):
        load_card(card, options={"colour": 1})
