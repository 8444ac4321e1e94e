"""Sampling rates and views: back is the way there reversed, and the past decides."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from icl_forecasting.tirex.config import TirexConfig
from icl_forecasting.tirex.rates import COARSER, FINER, at_rate, coarser, finer, from_rate
from icl_forecasting.tirex.seasons import find_periods, seasonal_profile
from icl_forecasting.tirex.views import (
    PLAIN,
    Forecast,
    View,
    choose_views,
    forecast_through_views,
    show,
    views_of,
)

CONFIG = TirexConfig()
FACTORS = [Fraction(1), *map(Fraction, COARSER), *FINER]


def seasonal_naive(period: int) -> Forecast:
    """A forecaster that repeats the last cycle, with a spread of levels around it."""

    def forecast(contexts: Sequence[np.ndarray], steps: int) -> np.ndarray:
        spread = np.linspace(-0.4, 0.4, 9)[:, None]
        rows = []
        for context in contexts:
            seen = context[~np.isnan(context)]
            cycle = np.nan_to_num(context[-period:], nan=seen.mean() if len(seen) else 0.0)
            rows.append(np.resize(cycle, steps)[None] + spread)
        return np.stack(rows).astype(np.float32)

    return forecast


@pytest.mark.parametrize("factor", FACTORS)
@hypothesis_settings(deadline=None, max_examples=20)
@given(length=st.integers(24, 300), horizon=st.integers(1, 100), slope=st.floats(-3, 3))
def test_a_line_survives_every_rate(
    factor: Fraction, length: int, horizon: int, slope: float
) -> None:
    """Reading a line at a rate, going on, and coming back gives the line's own continuation."""
    line = slope * np.arange(length + 4 * horizon + 60, dtype=np.float64)
    steps = -(-horizon * factor.denominator // factor.numerator)
    if factor >= 1:
        k = int(factor)
        shown = at_rate(line[length : length + steps * k], factor)
    else:
        shown = at_rate(line, factor)[length * factor.denominator :][:steps]
    back = from_rate(shown[None], factor, horizon)
    assert back.shape == (1, horizon)
    expected = line[length : length + horizon]
    inner = slice(None)
    if factor > 1:  # outside the first and last block centre the nearest value is kept
        centres = np.arange(steps) * int(factor) + (int(factor) - 1) / 2
        places = np.arange(horizon)
        inner = slice(int(np.ceil(centres[0])), int(places[places <= centres[-1]].max()) + 1)
    assert np.allclose(back[0, inner], expected[inner], atol=1e-3 * max(1, abs(slope) * 20))


@pytest.mark.parametrize("factor", FACTORS)
def test_a_constant_and_its_gaps_survive_every_rate(factor: Fraction) -> None:
    values = np.full(200, 7.25)
    values[50:90] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        shown = at_rate(values, factor)
    assert len(shown) == int(200 // factor)
    assert (shown[~np.isnan(shown)] == 7.25).all()
    assert np.isnan(shown).any() and not np.isnan(shown).all()


def test_coarse_reading_is_right_aligned() -> None:
    assert at_rate(np.array([100.0, 1, 3, 5, 7]), Fraction(2)).tolist() == [2, 6]


@given(length=st.integers(1, 5000), horizon=st.integers(1, 500))
def test_candidate_rates_leave_enough_to_read_and_fit_the_context(
    length: int, horizon: int
) -> None:
    for k in coarser(length, horizon, CONFIG):
        assert length // k >= 64 and -(-horizon // k) >= 6
    for f in finer(length, horizon, CONFIG):
        assert length / f <= 512 and horizon / f <= 128


def test_the_plain_view_comes_first_and_short_series_have_no_other() -> None:
    assert views_of(np.arange(11.0), 4, CONFIG) == [PLAIN]
    for length in (12, 60, 700):
        assert views_of(np.arange(float(length)), 12, CONFIG)[0] == PLAIN


def test_only_positive_series_of_some_range_are_shown_in_logarithms() -> None:
    grown = np.exp(np.arange(100) / 30)
    assert any(v.log for v in views_of(grown, 12, CONFIG))
    for other in (grown - 1.0, grown * 0 + 5, 1000 + grown):
        assert not any(v.log for v in views_of(other, 12, CONFIG))


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("period", [None, 7, 12])
def test_what_is_shown_comes_back(log: bool, period: int | None) -> None:
    steps = np.arange(140.0)
    values = np.exp(0.01 * steps + 0.4 * np.sin(2 * np.pi * steps / 7) + 2)
    shown = show(View(log=log, period=period), values[:-28])
    whole = np.log(values) if log else values
    season = 0 if shown.profile is None else shown.profile[np.arange(28) % len(shown.profile)]
    back = shown.back((whole[-28:] - season)[None], 28)
    assert np.allclose(back, values[-28:], rtol=1e-5)


def test_a_profile_is_centred_and_finds_the_season() -> None:
    steps = np.arange(96)
    season = np.sin(2 * np.pi * steps / 12)
    profile = seasonal_profile(3 + 0.1 * steps + season, 12)
    assert abs(profile.mean()) < 1e-12
    assert np.allclose(profile, season[:12], atol=0.2)
    assert find_periods(3 + 0.1 * steps + season)[0] == 12


def test_seasons_of_degenerate_series_are_none() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for values in (np.zeros(100), np.full(100, np.nan), np.full(100, 1e30), np.arange(3.0)):
            assert find_periods(values) == []


def test_the_view_that_the_past_favours_is_used() -> None:
    steps = np.arange(240)
    series = 50 + 10 * np.sin(2 * np.pi * steps / 24) + 0.0 * steps
    flat = lambda cs, n: np.stack(  # noqa: E731
        [np.full((9, n), np.nanmean(c)) + np.linspace(-1, 1, 9)[:, None] for c in cs]
    )
    chosen = choose_views([series], 24, flat, CONFIG, True)[0]
    assert sum(chosen.values()) == pytest.approx(1)
    best = max(chosen, key=lambda view: chosen[view])
    assert best.period == 24
    quantiles, _ = forecast_through_views([series], 24, flat, flat, CONFIG, True)
    truth = 50 + 10 * np.sin(2 * np.pi * np.arange(240, 264) / 24)
    assert np.abs(quantiles[0, 4] - truth).max() < 2


def test_short_series_stay_plain() -> None:
    contexts = [np.arange(float(n)) for n in (1, 2, 5, 11)]
    chosen = choose_views(contexts, 12, seasonal_naive(1), CONFIG, True)
    assert chosen == [{PLAIN: 1.0}] * 4


@pytest.mark.parametrize("name", ["gaps", "late", "tail", "constant", "zeros", "sparse", "large"])
def test_difficult_series_give_finite_quantiles_and_no_warnings(name: str) -> None:
    rng = np.random.default_rng(0)
    series = 20 + np.sin(np.arange(200) / 4) + 0.1 * rng.normal(size=200)
    if name == "gaps":
        series[rng.random(200) < 0.3] = np.nan
    elif name == "late":  # the first backtest's history has no value
        series[:150] = np.nan
    elif name == "tail":
        series[120:] = np.nan
    elif name == "constant":
        series[:] = 4
    elif name == "zeros":
        series[:] = 0
    elif name == "sparse":
        series = np.where(np.arange(200) % 29 == 0, 5.0, 0.0)
    elif name == "large":
        series = 10.0 ** (np.arange(200) / 7)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        forecast = seasonal_naive(4)
        quantiles, chosen = forecast_through_views([series], 24, forecast, forecast, CONFIG, True)
    assert quantiles.shape == (1, 9, 24) and quantiles.dtype == np.float32
    assert np.isfinite(quantiles).all()
    assert sum(chosen[0].values()) == pytest.approx(1)
