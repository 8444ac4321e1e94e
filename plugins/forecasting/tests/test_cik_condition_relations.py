"""Targets that follow something: equations, responses, states, references, seasons, daylight."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from icl_core.coerce.timeline import grid
from icl_forecasting.cik.condition.lag import Lag
from icl_forecasting.cik.condition.totals import unit_of
from icl_forecasting.cik.knowledge.laws import exponent_between
from icl_forecasting.cik.knowledge.seasons import month_shape, peaked
from icl_forecasting.cik.knowledge.sun import clear_sky
from icl_forecasting.cik.statements import (
    TARGET,
    Amount,
    Covariate,
    Law,
    Peak,
    Reference,
    Relation,
    Statistic,
    Subject,
    Term,
)

sys.path.append(str(Path(__file__).parent))
from condition_cases import conditioned, hours, stamp

SOLAR = Subject(concepts=frozenset({"irradiance"}), lower=0.0)
COUNT = Subject(concepts=frozenset({"count", "water-rescue"}), lower=0.0, integer=True)


def steps_of(path: np.ndarray, stamps: np.ndarray, name: str) -> Covariate:
    """A covariate that holds each value until it changes."""
    places = np.flatnonzero(np.append(True, np.diff(path) != 0))
    return Covariate(name=name, stamps=tuple(stamps[places]), values=tuple(path[places]))


@pytest.mark.parametrize("known", [True, False])
def test_a_lagged_equation_is_simulated(known: bool) -> None:
    rng = np.random.default_rng(0)
    drive = np.repeat(rng.uniform(0, 1, 20), 8)
    y = np.zeros(160)
    for t in range(2, 160):
        y[t] = 0.6 * y[t - 1] - 0.3 * y[t - 2] + 0.8 * drive[t - 1] + 1e-3 * rng.normal()
    coefficients = (0.6, -0.3, 0.8) if known else (None, None, None)
    terms = tuple(
        Term(name, lag, value)
        for (name, lag), value in zip(
            [(TARGET, 1), (TARGET, 2), ("x", 1)], coefficients, strict=True
        )
    )
    relation = Relation(law=Law.LAGGED, of=("x",), terms=terms, noise=1e-3)
    path = steps_of(drive, grid(stamp("2023-05-01"), "D", 160), "x")
    found = conditioned(y[:128], 32, relation, path, freq="D", season=7)
    np.testing.assert_allclose(found.predictive.median, y[128:], atol=0.02)


def test_an_equation_that_the_history_contradicts_is_estimated_anew() -> None:
    rng = np.random.default_rng(1)
    y = np.zeros(140)
    for t in range(1, 140):
        y[t] = 0.9 * y[t - 1] + 0.1 * rng.normal()
    wrong = Relation(law=Law.LAGGED, terms=(Term(TARGET, 1, -0.9),))
    found = conditioned(y[:120], 20, wrong, freq="D", season=1)
    assert abs(found.predictive.median[0] - 0.9 * y[119]) < 0.1


def test_a_level_is_taken_from_the_history_and_reached_with_the_lag_seen_there() -> None:
    drive = np.repeat([0.0, 0.5, 0.0, 0.5, 0.0, 0.5], 20)
    y = np.zeros(120)
    for t in range(1, 120):
        y[t] = y[t - 1] + (1 - np.exp(-1 / 2)) * (1000 * drive[t] - y[t - 1])
    relation = Relation(law=Law.LINEAR, of=("drive",), anchors=((1.0, 1000.0),))
    path = steps_of(drive, grid(stamp("2023-05-01"), "s", 120), "drive")
    found = conditioned(y[:95], 25, relation, path, freq="s", season=1)
    np.testing.assert_allclose(found.predictive.median[8:], y[103:], atol=60)
    assert np.abs(found.predictive.median - y[95:]).mean() < 40


def test_an_unseen_level_comes_from_the_law_and_the_anchor() -> None:
    drive = np.repeat([0.0, 500.0, 1000.0, 500.0, 2000.0], 20)
    y = 40 * (drive / 3000) ** 2
    relation = Relation(law=Law.POWER, exponent=2.0, of=("speed",), anchors=((3000.0, 40.0),))
    path = steps_of(drive, grid(stamp("2023-05-01"), "s", 100), "speed")
    found = conditioned(y[:80], 20, relation, path, freq="s", season=1)
    np.testing.assert_allclose(found.predictive.median[10:], y[90:], rtol=0.05)


def test_a_response_that_the_history_contradicts_is_not_used() -> None:
    rng = np.random.default_rng(2)
    relation = Relation(law=Law.RISING, of=("x",))
    path = steps_of(rng.normal(size=120), grid(stamp("2023-05-01"), "h", 120), "x")
    found = conditioned(rng.normal(size=96), 24, relation, path)
    assert found.touched == ()
    assert "does not follow" in found.unused[0][1]


def test_the_lag_of_a_pure_transient_is_found() -> None:
    goals = np.repeat([0.0, 10.0, 0.0], 15)
    y = np.zeros(45)
    for t in range(1, 45):
        rate = 1 - np.exp(-1 / (1.4 if goals[t] > y[t - 1] else 4.0))
        y[t] = y[t - 1] + rate * (goals[t] - y[t - 1])
    lag = Lag.fitted(goals, y, 10.0)
    assert lag.rise == (1.4,) and lag.fall == (4.0,)


def test_states_have_their_own_level_at_each_time_of_day() -> None:
    day = 900 * clear_sky(np.arange(24.0), 12.0, 6.5, 0.4)
    states = np.array(["cloudy"] * 24 + ["clear"] * 24 + ["clear"] * 12 + ["cloudy"] * 12)
    y = np.tile(day, 3) * np.where(states == "clear", 1.0, 0.1)
    moments = grid(stamp("2023-05-01"), "h", 72)
    sky = Covariate(
        name="sky",
        stamps=(moments[0], moments[24], moments[60]),
        values=("cloudy", "clear", "cloudy"),
    )
    relation = Relation(law=Law.STATES, of=("sky",))
    found = conditioned(y[:48], 24, SOLAR, sky, relation)
    assert np.abs(found.predictive.median - y[48:]).mean() < 40
    assert not found.forecast.quantiles[:, [0, 2, 23]].any()


def test_a_reference_is_brought_to_the_level_of_the_target() -> None:
    reference = np.array([4.0, 3.6, 3.5, 3.7, 4.1, 4.5, 5.0, 4.4, 4.0, 4.2, 4.9, 5.2])
    moments = grid(stamp("2023-01-01"), "MS", 12)
    y = reference - 1.1
    stated = Reference(name="the state", stamps=tuple(moments), values=tuple(reference))
    found = conditioned(y[:6], 6, stated, start="2023-01-01", freq="MS", season=1)
    np.testing.assert_allclose(found.predictive.median, y[6:], atol=0.25)


def test_of_several_references_the_one_that_fits_counts() -> None:
    rng = np.random.default_rng(3)
    moments = grid(stamp("2023-01-01"), "MS", 18)
    right = 5 + np.cumsum(rng.normal(size=18))
    wrong = 5 + np.cumsum(rng.normal(size=18))
    y = right + 2
    candidates = [
        Reference(name=name, stamps=tuple(moments), values=tuple(values))
        for name, values in (("wrong", wrong), ("right", right))
    ]
    found = conditioned(y[:12], 6, *candidates, start="2023-01-01", freq="MS", season=1)
    np.testing.assert_allclose(found.predictive.median, y[12:], atol=0.8)
    assert found.touched[0].did == "follows right"


def test_an_irrelevant_reference_is_left_out() -> None:
    moments = grid(stamp("2023-01-01"), "MS", 12)
    other = Reference(name="elsewhere", stamps=tuple(moments), values=(1.0,) * 12, relevant=False)
    found = conditioned(np.arange(6.0), 6, other, start="2023-01-01", freq="MS", season=1)
    assert found.touched == ()


def test_a_clear_sky_list_at_coarse_steps_is_followed_by_ratio() -> None:
    moments = grid(stamp("2023-05-01"), "h", 72)
    clear = np.tile(900 * clear_sky(np.arange(24.0), 12.0, 6.5), 3)
    sparse = Reference(name="clear sky", stamps=tuple(moments[::3]), values=tuple(clear[::3]))
    found = conditioned(0.7 * clear[:48], 24, SOLAR, sparse)
    assert np.abs(found.predictive.median - 0.7 * clear[48:]).mean() < 25


def test_a_typical_day_of_another_date_is_laid_over_by_the_time_of_day() -> None:
    day = 30 * clear_sky(np.arange(24.0), 12.5, 6.0)
    moments = grid(stamp("2021-03-01"), "h", 24)
    typical = Reference(name="typical day", stamps=tuple(moments), values=tuple(day))
    found = conditioned(0.5 * day[:11], 13, SOLAR, typical, season=1)
    assert np.abs(found.predictive.median - 0.5 * day[11:]).mean() < 1.5


def test_the_yearly_total_is_spread_over_the_season() -> None:
    total = Statistic(amount=Amount.TOTAL, value=60.0, per="year")
    found = conditioned(
        [0, 0, 0, 1, 2, 5], 6, COUNT, total, start="2022-12-01", freq="MS", season=1
    )
    middle = found.predictive.median
    assert 5 <= middle[1] <= 20 and middle[1] > middle[5]
    assert 15 < middle.sum() < 50


def test_a_stated_peak_becomes_the_largest_month() -> None:
    shape = peaked(month_shape({"trash-fire"}), {10})
    assert int(np.argmax(shape)) == 9 and shape.mean() == pytest.approx(1)
    low = peaked(None, {2}, low=True)
    assert int(np.argmin(low)) == 1


def test_counts_that_come_in_other_units_give_the_same_forecast() -> None:
    y = np.array([0, 1, 0, 2, 5, 8])
    found = [
        conditioned(
            unit * y,
            6,
            COUNT,
            Statistic(amount=Amount.TOTAL, value=unit * 40.0),
            start="2022-12-01",
            freq="MS",
            season=1,
        ).predictive.quantiles
        / unit
        for unit in (1.0, 25.0)
    ]
    np.testing.assert_allclose(found[0], found[1], rtol=1e-9)


def test_the_unit_of_counts() -> None:
    assert unit_of(np.array([0.0, 4.0, 6.0, 10.0]), 5.0) == pytest.approx(2.0)
    assert unit_of(np.array([0.0, 3.0, 19.0]), 1.6) == pytest.approx(1.0)
    assert unit_of(np.array([0.0, 0.31, 0.74, 1.0]), 1.0) < 0.02
    assert unit_of(np.zeros(4), 1.75) == 1.75
    scaled = 37.0 * np.array([0.0, 2.0, 5.0, 8.0])
    assert unit_of(scaled, 185.0) == pytest.approx(37.0)


@pytest.mark.parametrize("noon", [11.6, 12.6])
def test_an_afternoon_mirrors_the_morning(noon: float) -> None:
    times = np.arange(144) / 6
    day = 800 * clear_sky(times, noon, 5.5)
    found = conditioned(day[:70], 74, SOLAR, freq="10min", season=1)
    assert np.abs(found.predictive.median - day[70:]).mean() < 25
    stated = Peak(cycle="day", clock=hours(noon))
    told = conditioned(day[:70], 74, SOLAR, stated, freq="10min", season=1)
    assert np.abs(told.predictive.median - day[70:]).mean() < 25


def test_there_is_no_light_at_night() -> None:
    day = 800 * clear_sky(np.arange(24.0), 12.0, 6.0)
    found = conditioned(np.tile(day, 4), 24, SOLAR)
    assert not found.forecast.quantiles[:, [0, 1, 2, 3, 22, 23]].any()


def test_known_pairs_of_quantities_have_their_law() -> None:
    assert exponent_between(frozenset({"fan", "speed"}), frozenset({"pressure"})) == 2
    assert exponent_between(frozenset({"colour"}), frozenset({"pressure"})) is None
