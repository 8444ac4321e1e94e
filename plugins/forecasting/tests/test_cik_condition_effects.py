"""Effects, bounds and special days change their steps and nothing else."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from icl_core import Horizon, Series
from icl_forecasting.cik.clocks import clock_of
from icl_forecasting.cik.condition import condition
from icl_forecasting.cik.statements import Bound, Change, Effect, Reading, SpecialDays, Subject
from icl_forecasting.cik.windows import Window

sys.path.append(str(Path(__file__).parent))
from condition_cases import conditioned, daily, hours, naive, stamp

NOON = Window(start=stamp("2023-05-05T12:00"), end=stamp("2023-05-05T15:00"))


def test_nothing_said_is_the_very_forecast_of_the_base() -> None:
    series = Series(daily(4), stamp("2023-05-01"), "h")
    base = naive(24)(series, Horizon(24))
    found = condition(Reading(), series, clock_of(series, 24), Horizon(24), lambda *_: base)
    assert found.forecast is base
    assert found.touched == ()


def test_a_statement_without_effect_leaves_the_very_forecast() -> None:
    past = Window(start=stamp("2023-05-01"), end=stamp("2023-05-02"))
    series = Series(daily(4), stamp("2023-05-01"), "h")
    base = naive(24)(series, Horizon(24))
    reading = Reading((Effect(window=past, change=Change.SCALE, value=3.0),))
    found = condition(reading, series, clock_of(series, 24), Horizon(24), lambda *_: base)
    assert found.forecast is base
    assert [reason for _, reason in found.unused] == ["its time is not in the forecast"]


@pytest.mark.parametrize(
    ("change", "value", "wanted"),
    [
        (Change.SCALE, 4.0, lambda q: 4 * q),
        (Change.ADD, 7.0, lambda q: q + 7),
        (Change.LEVEL, 0.0, lambda q: 0 * q),
    ],
)
def test_an_effect_changes_its_window_only(
    change: Change, value: float, wanted: Callable[[np.ndarray], np.ndarray]
) -> None:
    plain = conditioned(daily(4), 24).forecast.quantiles
    effect = Effect(window=NOON, change=change, value=value)
    found = conditioned(daily(4), 24, effect)
    changed = found.forecast.quantiles
    inside = slice(12, 15)
    np.testing.assert_allclose(changed[:, inside], wanted(plain[:, inside]), rtol=1e-5)
    outside = np.r_[0:12, 15:24]
    np.testing.assert_array_equal(changed[:, outside], plain[:, outside])
    (touched,) = found.touched
    assert touched.steps == (12, 13, 14)
    assert len(touched.before) == len(touched.after) == 3


def test_a_window_shorter_than_a_step_acts_in_part() -> None:
    window = Window(start=stamp("2023-05-05T06:00"), end=stamp("2023-05-05T18:00"))
    values = np.full(28, 10.0)
    found = conditioned(
        values,
        7,
        Effect(window=window, change=Change.SCALE, value=3.0),
        start="2023-04-07",
        freq="D",
        season=7,
    )
    assert found.forecast.quantile(0.5)[0] == pytest.approx(20.0)
    assert found.forecast.quantile(0.5)[1] == pytest.approx(10.0)


def test_what_is_said_twice_counts_once() -> None:
    effect = Effect(window=NOON, change=Change.SCALE, value=2.0)
    once = conditioned(daily(4), 24, effect).forecast.quantiles
    twice = conditioned(daily(4), 24, effect, effect).forecast.quantiles
    np.testing.assert_array_equal(once, twice)


def test_a_vague_edge_leaves_the_next_step_in_doubt() -> None:
    loose = Window(NOON.start, NOON.end, loose=True)
    plain = conditioned(daily(4), 24).predictive.quantiles[:, 15]
    found = conditioned(daily(4), 24, Effect(window=loose, change=Change.SCALE, value=4.0))
    after = found.predictive.quantiles[:, 15]
    assert after[-1] > 2 * plain[-1]
    assert after[24] == pytest.approx(plain[24], rel=0.02)


def test_a_doubtful_effect_is_a_mixture() -> None:
    sure = Effect(window=NOON, change=Change.SCALE, value=3.0)
    unsure = Effect(window=NOON, change=Change.SCALE, value=3.0, confidence=0.2)
    plain = conditioned(daily(4), 24).predictive.quantiles[:, 13]
    strong = conditioned(daily(4), 24, sure).predictive.quantiles[:, 13]
    weak = conditioned(daily(4), 24, unsure).predictive.quantiles[:, 13]
    assert plain[24] == pytest.approx(weak[24], rel=0.02)
    assert weak[-3] == pytest.approx(strong[-3], rel=0.02)


def test_higher_and_lower_without_a_number_move_the_middle_moderately() -> None:
    plain = conditioned(daily(4), 24).predictive.median[13]
    more = conditioned(daily(4), 24, Effect(window=NOON, change=Change.RAISE))
    less = conditioned(daily(4), 24, Effect(window=NOON, change=Change.LOWER))
    assert 1.05 < more.predictive.median[13] / plain < 1.5
    assert 0.5 < less.predictive.median[13] / plain < 0.95


def test_a_rule_that_the_history_shows_is_left_to_the_base() -> None:
    night = Window(clock=(hours(0), hours(5)))
    rule = Effect(window=night, change=Change.LEVEL, value=0.0, usual=True)
    values = daily(4)
    values[np.arange(96) % 24 < 5] = 0.0
    found = conditioned(values, 24, rule)
    assert found.touched == ()
    assert "history shows it" in found.unused[0][1]
    new = conditioned(daily(4), 24, rule).forecast.quantiles
    assert not new[:, :5].any() and new[:, 5:].all()


def test_bounds_hold_for_quantiles_and_samples() -> None:
    found = conditioned(daily(4), 24, Bound(lower=80.0, upper=120.0))
    quantiles = found.forecast.quantiles
    assert quantiles.min() >= 80 and quantiles.max() <= 120
    paths = found.draw(200, 0, "independent")
    assert paths.min() >= 80 and paths.max() <= 120


def test_a_bound_holds_in_its_window_and_not_for_other_variables() -> None:
    inside = conditioned(daily(4), 24, Bound(upper=50.0, window=NOON)).predictive.quantiles
    assert inside[:, 12:15].max() <= 50 < inside[:, 16].max()
    other = conditioned(daily(4), 24, Bound(upper=50.0, of="temperature"))
    assert other.touched == () and other.unused[0][1] == "it is about temperature"


def test_physical_limits_hold_where_the_history_obeys_them() -> None:
    count = Subject(concepts=frozenset({"count"}), lower=0.0)
    found = conditioned(np.full(48, 0.3), 24, count)
    assert found.forecast.quantiles.min() >= 0
    negative = conditioned(np.full(48, -0.3), 24, count)
    assert negative.forecast.quantiles.min() < 0


def test_bounds_come_after_effects() -> None:
    raised = Effect(window=NOON, change=Change.SCALE, value=10.0)
    found = conditioned(daily(4), 24, Bound(upper=150.0), raised)
    assert found.forecast.quantiles.max() <= 150


def test_a_holiday_follows_the_days_off_of_the_history() -> None:
    week = np.concatenate([daily(5, 100.0), daily(2, 40.0)])  # Monday 2023-05-01 to Sunday
    special = SpecialDays(days=(np.datetime64("2023-05-08", "D"),), change=Change.LOWER)
    found = conditioned(week, 48, special, season=168)
    plain = conditioned(week, 48, season=168)
    monday = found.predictive.median[:24]
    assert np.all(monday < 0.65 * plain.predictive.median[:24])
    np.testing.assert_array_equal(
        found.forecast.quantiles[:, 24:], plain.forecast.quantiles[:, 24:]
    )


def test_a_day_off_on_the_wrong_side_is_not_followed() -> None:
    week = np.concatenate([daily(5, 40.0), daily(2, 100.0)])
    special = SpecialDays(days=(np.datetime64("2023-05-08", "D"),), change=Change.LOWER)
    found = conditioned(week, 24, special, season=168)
    plain = conditioned(week, 24, season=168)
    assert np.all(found.predictive.median <= plain.predictive.median + 1e-6)


def test_other_levels_are_answered_and_untouched_steps_are_the_base() -> None:
    levels = (0.05, 0.5, 0.75)
    effect = Effect(window=NOON, change=Change.SCALE, value=2.0)
    found = conditioned(daily(4), 24, effect, levels=levels).forecast
    plain = conditioned(daily(4), 24, levels=levels).forecast
    assert found.levels == levels
    np.testing.assert_array_equal(found.quantiles[:, :12], plain.quantiles[:, :12])
    np.testing.assert_allclose(found.quantiles[:, 13], 2 * plain.quantiles[:, 13], rtol=2e-2)
