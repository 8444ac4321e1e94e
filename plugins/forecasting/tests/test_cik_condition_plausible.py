"""What a history contradicts grossly loses its weight; what is said to be new does not."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from icl_forecasting.cik.statements import (
    Amount,
    Bound,
    Change,
    Covariate,
    Effect,
    Law,
    Relation,
    Span,
    Statistic,
    Subject,
)
from icl_forecasting.cik.windows import Window

sys.path.append(str(Path(__file__).parent))
from condition_cases import conditioned, daily, stamp


def said(text: str) -> Span:
    """Where it stands in a text, here from the start."""
    return Span(0, len(text), text)


@pytest.mark.parametrize("upper", [1.0, 20.0, 22.0, 40.0])
def test_a_limit_that_the_history_breaks_nearly_always_is_none(upper: float) -> None:
    found = conditioned(daily(4), 24, Bound(upper=upper, span=said(f"kept at most {upper}")))
    assert found.touched == ()
    assert "history" in found.unused[0][1]


@pytest.mark.parametrize(
    "text",
    ["from now on at most 40", "a new cap of 40", "it is limited to 40", "no more than 40 now"],
)
def test_a_new_limit_is_believed(text: str) -> None:
    found = conditioned(daily(4), 24, Bound(upper=40.0, span=said(text)))
    assert found.forecast.quantiles.max() <= 40.0 + 1e-4


def test_a_limit_with_a_start_is_believed() -> None:
    window = Window(start=stamp("2023-05-05"))
    found = conditioned(daily(4), 24, Bound(upper=40.0, window=window, span=said("at most 40")))
    assert found.forecast.quantiles.max() <= 40.0 + 1e-4


def test_a_limit_far_from_all_values_is_none_even_if_it_is_new() -> None:
    found = conditioned(daily(4), 24, Bound(lower=5000.0, span=said("a new minimum of 5000")))
    assert found.touched == ()


@pytest.mark.parametrize(
    ("change", "value"),
    [(Change.SCALE, 400.0), (Change.SCALE, -2.0), (Change.ADD, 1e5), (Change.LEVEL, 1e5)],
)
def test_a_wild_effect_is_left_out(change: Change, value: float) -> None:
    window = Window(start=stamp("2023-05-05T12:00"), end=stamp("2023-05-05T15:00"))
    found = conditioned(daily(4), 24, Effect(window=window, change=change, value=value))
    assert found.touched == ()


def test_a_doubtful_stop_of_the_whole_forecast_is_mixed() -> None:
    window = Window(start=stamp("2023-05-05"), end=stamp("2023-05-06"))
    effect = Effect(window=window, change=Change.LEVEL, value=0.0, confidence=0.8)
    found = conditioned(daily(4), 24, effect)
    assert found.forecast.quantiles[0].max() <= 1e-6  # the lowest ones believe it
    assert found.forecast.quantiles[-1].min() > 40.0
    sure = conditioned(daily(4), 24, Effect(window=window, change=Change.LEVEL, value=0.0))
    assert not sure.forecast.quantiles.any()


def test_anchors_of_another_size_are_left_out() -> None:
    stamps = tuple(np.arange(stamp("2023-05-01"), stamp("2023-05-06"), np.timedelta64(12, "h")))
    values = tuple(0.2 + 0.2 * (k % 3) for k in range(10))
    load = Covariate(name="load", stamps=stamps, values=values)
    known = np.repeat([100.0 * value for value in values[:8]], 12)
    known += np.random.default_rng(0).normal(0, 0.3, len(known))
    good, bad = (
        conditioned(known, 24, load, Relation(law=Law.LINEAR, of=("load",), anchors=((1.0, top),)))
        for top in (100.0, 9000.0)
    )
    np.testing.assert_allclose(good.forecast.mean, bad.forecast.mean, atol=4.0)


def test_a_total_of_another_size_is_left_out() -> None:
    counts = np.array([9, 12, 8, 11, 10, 12], float)
    subject = Subject(name="visits", concepts=frozenset({"count"}), lower=0.0, integer=True)
    total = Statistic(amount=Amount.TOTAL, value=15000.0, per="year")
    found = conditioned(counts, 3, subject, total, start="2023-01-01", freq="MS", season=1)
    assert found.forecast.quantiles.max() < 100
