"""Quantile levels: trained ones exactly, linear between, nothing outside unless asked for."""

from __future__ import annotations

from pathlib import Path
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

import icl_core as icl
from icl_core import Horizon, InputError
from icl_forecasting.tirex.config import NINE_LEVELS
from icl_forecasting.tirex.levels import at_levels, rearrange

LEVELS = st.lists(
    st.floats(0.001, 0.999).map(lambda x: round(x, 5)), min_size=1, max_size=12, unique=True
).map(sorted)
INSIDE = st.lists(
    st.floats(0.1, 0.9).map(lambda x: round(x, 5)), min_size=1, max_size=12, unique=True
).map(sorted)
SEEDS = st.integers(0, 2**32 - 1)


def draw(seed: int, *shape: int) -> np.ndarray:
    """Quantiles that cross, [*shape, 9, 5]."""
    values = np.random.default_rng(seed).normal(size=(*shape, 9, 5))
    return values.astype(np.float32)


@hypothesis_settings(deadline=None, max_examples=60)
@given(seed=SEEDS, asked=LEVELS)
def test_answers_are_monotone_and_as_many_as_asked(seed: int, asked: list[float]) -> None:
    got = at_levels(rearrange(draw(seed, 2)), NINE_LEVELS, asked, tails="normal")
    assert got.shape == (2, len(asked), 5)
    assert (np.diff(got, axis=-2) >= -1e-5).all()


@hypothesis_settings(deadline=None, max_examples=60)
@given(seed=SEEDS, asked=st.lists(st.sampled_from(range(9)), min_size=1, unique=True).map(sorted))
def test_trained_levels_come_back_bit_for_bit(seed: int, asked: list[int]) -> None:
    quantiles = draw(seed)
    got = at_levels(quantiles, NINE_LEVELS, [NINE_LEVELS[i] for i in asked])
    assert np.array_equal(got, quantiles[asked])


def test_a_trained_level_with_a_rounding_error_is_still_the_trained_level() -> None:
    quantiles = draw(0)
    assert np.array_equal(at_levels(quantiles, NINE_LEVELS, [0.1 + 0.2, 0.7])[0], quantiles[2])


@hypothesis_settings(deadline=None, max_examples=60)
@given(seed=SEEDS, asked=INSIDE)
def test_between_trained_levels_the_quantile_is_linear(seed: int, asked: list[float]) -> None:
    ordered = rearrange(draw(seed))
    got = at_levels(ordered, NINE_LEVELS, asked)
    for step in range(5):
        expected = np.interp(asked, NINE_LEVELS, ordered[:, step])
        assert np.allclose(got[:, step], expected, atol=1e-6)


@hypothesis_settings(deadline=None, max_examples=40)
@given(seed=SEEDS)
def test_between_crossing_quantiles_the_answer_is_monotone_too(seed: int) -> None:
    got = at_levels(draw(seed), NINE_LEVELS, np.linspace(0.1, 0.9, 33).round(6).tolist())
    assert (np.diff(got, axis=-2) >= -1e-6).all()


@pytest.mark.parametrize("level", [0.01, 0.0999, 0.9001, 0.99])
def test_outside_the_trained_levels_there_is_no_answer(level: float) -> None:
    with pytest.raises(
        InputError, match=rf"{level:g} is outside the trained levels 0\.1 to 0\.9"
    ) as e:
        at_levels(draw(0), NINE_LEVELS, [level])
    assert e.value.hint is not None and 'tails="normal"' in e.value.hint


def test_normal_tails_are_exact_for_a_normal_distribution() -> None:
    normal = NormalDist(3.0, 2.0)
    quantiles = np.array([[normal.inv_cdf(q)] for q in NINE_LEVELS])
    asked = [0.001, 0.05, 0.1, 0.95, 0.999]
    got = at_levels(quantiles, NINE_LEVELS, asked, tails="normal")
    assert np.allclose(got[:, 0], [normal.inv_cdf(q) for q in asked], atol=1e-9)


def test_an_unknown_tail_rule_is_refused_even_where_none_is_needed() -> None:
    with pytest.raises(InputError, match="tails is 'cauchy'"):
        at_levels(draw(0), NINE_LEVELS, [0.5], tails="cauchy")


@hypothesis_settings(deadline=None, max_examples=40)
@given(seed=SEEDS)
def test_sorting_never_raises_the_pinball_loss(seed: int) -> None:
    quantiles = draw(seed)
    target = np.random.default_rng(seed + 1).normal(size=5)
    levels = np.array(NINE_LEVELS)[:, None]

    def loss(q: np.ndarray) -> float:
        gap = target - q
        return float(np.maximum(gap * levels, gap * (levels - 1)).sum())

    assert loss(rearrange(quantiles)) <= loss(quantiles) + 1e-5


@pytest.mark.parametrize(
    "asked",
    [(0.5,), (0.1, 0.2), (0.15, 0.5, 0.85), NINE_LEVELS, tuple(np.arange(20, 181) / 200)],
)
@pytest.mark.parametrize("monotone", [False, True])
def test_a_forecast_has_exactly_the_levels_that_were_asked_for(
    tiny_checkpoint: Path, asked: tuple[float, ...], monotone: bool
) -> None:
    learner = icl.load("tirex", weights=tiny_checkpoint, device="cpu", monotone=monotone)
    context = np.sin(np.arange(90.0))
    got = icl.predict(learner, context, Horizon(40, quantile_levels=asked))
    assert got.levels == asked
    assert got.quantiles.shape == (len(asked), 40)
    own = icl.predict(learner, context, 40)
    assert own.levels == NINE_LEVELS
    # What TiRex calls the mean is the median, whichever levels are asked for.
    assert np.array_equal(got.mean, own.quantiles[4])


def test_levels_outside_go_through_the_learner_only_with_tails(tiny_checkpoint: Path) -> None:
    learner = icl.load("tirex", weights=tiny_checkpoint, device="cpu", monotone=True)
    horizon = Horizon(40, quantile_levels=(0.05, 0.5, 0.99))
    with pytest.raises(InputError, match=r"0\.05 is outside"):
        icl.predict(learner, np.arange(50.0), horizon)
    got = icl.predict(learner, np.arange(50.0), horizon, tails="normal")
    assert got.levels == (0.05, 0.5, 0.99)
    assert (np.diff(got.quantiles, axis=0) >= 0).all()
    with pytest.raises(InputError, match="tails is 'flat'"):
        icl.predict(learner, np.arange(50.0), horizon, tails="flat")
