"""What was false in the history is undone before the forecast."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from icl_core import Series
from icl_forecasting.cik.clocks import clock_of
from icl_forecasting.cik.condition.artefacts import outage_steps, repair
from icl_forecasting.cik.statements import Artefact, Change, Damage, Effect
from icl_forecasting.cik.windows import Clock, Window

sys.path.append(str(Path(__file__).parent))
from condition_cases import conditioned, daily, hours, stamp


def clock(count: int, freq: str = "h") -> Clock:
    return clock_of(Series(np.zeros(count), stamp("2023-05-01"), freq), 24)


def test_a_daily_outage_is_left_out_with_its_shifted_edge() -> None:
    values = daily(7)
    hour = np.arange(len(values)) % 24
    values[(hour >= 8) & (hour <= 13)] = 0.0  # one step longer than stated
    outage = Artefact(window=Window(clock=(hours(8), hours(13))), damage=Damage.MISSING)
    repaired, done, unused = repair(values, [outage], clock(len(values)))
    assert np.array_equal(np.isnan(repaired), (hour >= 8) & (hour <= 13))
    assert len(done) == 1 and not unused


def test_a_periodic_outage_with_noise_is_left_out() -> None:
    rng = np.random.default_rng(0)
    values = 30 + 5 * rng.standard_normal(120)
    window = Window(start=stamp("2023-06-01"), period=hours(24 * 12), duration=hours(24 * 4))
    off = window.covers(clock(120, "D").history)
    values[off] = 0.3 * rng.standard_normal(off.sum())
    artefact = Artefact(window=window, damage=Damage.MISSING, value=0.0)
    repaired, _, _ = repair(values, [artefact], clock(120, "D"))
    np.testing.assert_array_equal(np.isnan(repaired), off)


def test_outages_like_the_stated_one_are_left_out_too() -> None:
    rng = np.random.default_rng(1)
    values = 30 + 5 * rng.standard_normal(100)
    off = np.arange(100) % 17 < 5
    values[off] = 0.1 * rng.standard_normal(off.sum())
    window = Window(start=stamp("2023-05-18"), end=stamp("2023-05-23"))
    artefact = Artefact(window=window, damage=Damage.MISSING)
    repaired, _, _ = repair(values, [artefact], clock(100, "D"))
    np.testing.assert_array_equal(np.isnan(repaired), off)


def test_low_stretches_of_other_lengths_are_not_outages() -> None:
    values = np.maximum(daily(7) - 80, 0.0)
    values[36:41] = 0.0
    window = Window(start=stamp("2023-05-02T12:00"), end=stamp("2023-05-02T17:00"))
    artefact = Artefact(window=window, damage=Damage.MISSING)
    repaired, _, _ = repair(values, [artefact], clock(168))
    assert np.isnan(repaired).sum() <= 6


def test_an_outage_without_a_level_of_its_own_is_taken_as_stated() -> None:
    values = daily(3)
    covered = np.zeros(72, bool)
    covered[10:30] = True
    np.testing.assert_array_equal(outage_steps(values, covered, None), covered)


@pytest.mark.parametrize("stated", [True, False])
def test_a_drift_is_taken_off(stated: bool) -> None:
    values = daily(7)
    elapsed = np.maximum(np.arange(168) - 48, 0)
    artefact = Artefact(
        window=Window(start=stamp("2023-05-03"), end=stamp("2023-05-08")),
        damage=Damage.DRIFT,
        value=0.5 if stated else None,
        per=hours(1) if stated else None,
    )
    repaired, _, _ = repair(values + 0.5 * elapsed, [artefact], clock(168))
    np.testing.assert_allclose(repaired, values, atol=1e-9 if stated else 12)


@pytest.mark.parametrize(
    ("damage", "value", "broken"),
    [(Damage.SCALE, 3.0, lambda v: 3 * v), (Damage.ADD, 9.0, lambda v: v + 9)],
)
def test_scale_and_offset_are_undone(
    damage: Damage, value: float, broken: Callable[[np.ndarray], np.ndarray]
) -> None:
    values = daily(2)
    spoilt = values.copy()
    spoilt[10:20] = broken(values[10:20])
    window = Window(start=stamp("2023-05-01T10:00"), end=stamp("2023-05-01T20:00"))
    artefact = Artefact(window=window, damage=damage, value=value)
    repaired, _, _ = repair(spoilt, [artefact], clock(48))
    np.testing.assert_allclose(repaired, values)


def test_spikes_anywhere_in_a_long_window_are_found() -> None:
    values = daily(7)
    values[[20, 77, 131]] *= 8
    artefact = Artefact(window=Window(end=stamp("2023-05-08")), damage=Damage.SPIKE)
    repaired, _, _ = repair(values, [artefact], clock(168))
    assert np.flatnonzero(np.isnan(repaired)).tolist() == [20, 77, 131]


def test_a_history_is_never_emptied() -> None:
    artefact = Artefact(window=Window(), damage=Damage.MISSING)
    repaired, done, unused = repair(np.ones(10), [artefact], clock(10))
    assert np.isfinite(repaired).all() and not done
    assert unused[0][1] == "it would leave nothing"


def test_the_base_sees_the_repaired_history() -> None:
    values = daily(7)
    values[-24:] += 50
    window = Window(start=stamp("2023-05-07"), end=stamp("2023-05-08"))
    found = conditioned(values, 24, Artefact(window=window, damage=Damage.ADD, value=50.0))
    np.testing.assert_allclose(found.forecast.quantile(0.5), daily(1), rtol=1e-5)
    assert found.touched[0].did.startswith("took 50 off")


@pytest.mark.parametrize("change", [Change.SCALE, Change.ADD, Change.LEVEL])
def test_an_effect_that_goes_on_is_counted_once(change: Change) -> None:
    values, value = daily(7), {Change.SCALE: 0.4, Change.ADD: 70.0, Change.LEVEL: 0.0}[change]
    true = daily(1)
    done = {Change.SCALE: 0.4 * true, Change.ADD: true + 70, Change.LEVEL: 0 * true}[change]
    values[-24:] = done
    window = Window(start=stamp("2023-05-07"), end=stamp("2023-05-08T12:00"))
    found = conditioned(values, 24, Effect(window=window, change=change, value=value))
    np.testing.assert_allclose(found.predictive.median[:12], done[:12], rtol=0.05, atol=1e-9)
    np.testing.assert_allclose(found.predictive.median[12:], true[12:], rtol=0.1)


def test_an_effect_that_the_history_does_not_show_is_not_undone() -> None:
    window = Window(start=stamp("2023-05-07"), end=stamp("2023-05-08T12:00"))
    effect = Effect(window=window, change=Change.SCALE, value=3.0)
    found = conditioned(daily(7), 24, effect)
    np.testing.assert_allclose(found.predictive.median[:12], 3 * daily(1)[:12], rtol=1e-5)
