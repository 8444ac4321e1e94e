"""How a series is shown to the network: views, seasons, and the backtest that chooses."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from icl_forecasting.tirex.config import TirexConfig
from icl_forecasting.tirex.seasons import find_periods, seasonal_profile
from icl_forecasting.tirex.views import (
    PLAIN,
    View,
    choose_views,
    forecast_through_views,
    show,
    views_of,
)

CONFIG = TirexConfig(embedding_dim=16, num_blocks=1, input_ff_dim=16)
LEVELS = len(CONFIG.quantile_levels)


def repeat_last(contexts: Sequence[np.ndarray], steps: int) -> np.ndarray:
    """A forecaster that knows nothing but the last observed value."""
    last = np.array([c[~np.isnan(c)][-1] for c in contexts])
    return np.broadcast_to(last[:, None, None], (len(contexts), LEVELS, steps)).copy()


def cycle(period: int, length: int, seed: int = 0) -> np.ndarray:
    shape = np.random.default_rng(seed).normal(size=period)
    return np.resize(shape, length) + 10.0


@pytest.mark.parametrize("period", [4, 7, 12, 24, 168])
def test_the_period_of_a_pure_cycle_is_found(period: int) -> None:
    assert find_periods(cycle(period, 6 * period))[0] == period


def test_two_periods_are_found_in_a_double_cycle() -> None:
    day, week = cycle(24, 2016, 1), cycle(168, 2016, 2)
    found = find_periods(day + 0.8 * week)
    assert 168 in found


@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e30])
def test_periods_do_not_depend_on_the_scale(scale: float) -> None:
    assert find_periods(cycle(12, 120) * scale) == find_periods(cycle(12, 120))


def test_constant_short_and_mostly_missing_series_have_no_period() -> None:
    sparse = np.full(100, np.nan)
    sparse[:5] = [1, 2, 1, 2, 1]
    assert find_periods(np.ones(50)) == []
    assert find_periods(np.array([1.0, 2.0])) == []
    assert find_periods(sparse) == []


@pytest.mark.parametrize("period", [3, 4, 12])
def test_the_profile_of_a_pure_cycle_is_the_cycle(period: int) -> None:
    values = cycle(period, 10 * period)
    ahead = values[:period] - values[:period].mean()
    np.testing.assert_allclose(seasonal_profile(values, period), ahead, atol=1e-9)


def test_a_profile_survives_missing_values_and_trend() -> None:
    values = cycle(12, 144) + np.linspace(0, 50, 144)
    holes = values.copy()
    holes[::17] = np.nan
    np.testing.assert_allclose(seasonal_profile(holes, 12), seasonal_profile(values, 12), atol=1.5)


@given(
    st.lists(st.floats(0.1, 1e6), min_size=24, max_size=80),
    st.sampled_from([None, 2, 5]),
    st.booleans(),
)
@settings(deadline=None, max_examples=60, derandomize=True)
def test_what_a_view_takes_out_of_the_past_it_puts_back_into_the_future(
    values: list[float], period: int | None, log: bool
) -> None:
    past = np.array(values)
    shown = show(View(log=log, period=period), past)
    level = np.full((LEVELS, 3 * (period or 1)), np.nanmean(shown.values))
    back = shown.back(level, level.shape[1])
    assert np.isfinite(back).all()
    if not log and period:
        np.testing.assert_allclose(back.mean(), level.mean(), rtol=1e-6, atol=1e-6)


def test_logarithms_never_leave_the_range_of_floats() -> None:
    shown = show(View(log=True), np.array([1e-30, 1.0, 1e30] * 5))
    assert np.isfinite(shown.back(np.full((LEVELS, 4), 1e6), 4)).all()


def test_logarithms_are_only_for_positive_series_that_vary() -> None:
    def logs(values: np.ndarray) -> bool:
        return any(view.log for view in views_of(values, 6, CONFIG))

    assert logs(np.linspace(1, 10, 60))
    assert not logs(np.linspace(0, 10, 60))
    assert not logs(np.linspace(100, 110, 60))


def test_short_series_have_the_plain_view_alone() -> None:
    assert views_of(np.arange(8.0), 4, CONFIG) == [PLAIN]


def test_the_backtest_takes_the_season_out_for_a_forecaster_that_cannot_copy() -> None:
    values = cycle(12, 144)
    quantiles, choices = forecast_through_views(
        [values], 24, repeat_last, repeat_last, CONFIG, monotone=True
    )
    assert max(choices[0], key=lambda view: choices[0][view]).period == 12
    np.testing.assert_allclose(quantiles[0, 4], np.resize(values, 24), atol=0.2)


def test_weights_of_the_views_sum_to_one() -> None:
    rng = np.random.default_rng(3)
    contexts = [rng.normal(size=n).cumsum() for n in (5, 40, 300)]
    for views in choose_views(contexts, 8, repeat_last, CONFIG, monotone=True):
        assert sum(views.values()) == pytest.approx(1.0)


def test_the_future_has_no_say_in_the_choice() -> None:
    values = np.random.default_rng(4).normal(size=120).cumsum()
    alone = choose_views([values], 12, repeat_last, CONFIG, monotone=True)
    beside = choose_views([values, cycle(7, 90)], 12, repeat_last, CONFIG, monotone=True)
    assert alone[0] == beside[0]


def test_a_history_that_begins_missing_is_forecast() -> None:
    values = cycle(12, 120)
    values[:100] = np.nan
    quantiles, _ = forecast_through_views(
        [values], 12, repeat_last, repeat_last, CONFIG, monotone=True
    )
    assert np.isfinite(quantiles).all()


def test_views_say_in_words_what_they_do() -> None:
    assert str(PLAIN) == "plain"
    assert str(View(Fraction(4), period=24)) == "season 24 out, means of 4"
    assert str(View(Fraction(1, 3), log=True)) == "log, 3 times finer"
