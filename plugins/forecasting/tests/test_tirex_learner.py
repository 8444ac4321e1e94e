"""The learner on difficult input: what it forecasts, what it refuses, and what it leaves alone."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

import icl_core as icl
from icl_core import Context, Episode, Horizon, InputError, Learner, PluginError, Series

CONTEXT = 128
WAVE = 20 + 3 * np.sin(np.arange(100.0) / 5)

Load = Callable[..., Learner]


@pytest.fixture
def load(tiny_checkpoint: Path) -> Load:
    """Loads the tiny network with options."""

    def loader(**options: Any) -> Learner:
        return icl.load("tirex", weights=tiny_checkpoint, **{"device": "cpu", **options})

    return loader


@pytest.fixture(scope="module")
def shared(tiny_checkpoint: Path) -> Learner:
    """The bare tiny network, loaded once; a learner keeps no state between calls."""
    return icl.load("tirex", weights=tiny_checkpoint, device="cpu")


@pytest.fixture(scope="module")
def surrounded(tiny_checkpoint: Path) -> Learner:
    """The tiny network with everything that our own weights ask for."""
    options: dict[str, Any] = {
        "sign_flip": True, "monotone": True, "views": "auto", "rollout_steps": 0
    }  # fmt: skip
    return icl.load("tirex", weights=tiny_checkpoint, device="cpu", **options)


def gapped() -> np.ndarray:
    values = WAVE.copy()
    values[[0, 7, 30, 31, 99]] = np.nan
    values[40:75] = np.nan
    return values


DIFFICULT = {
    "one value": np.array([3.0]),
    "two values": np.array([3.0, 5.0]),
    "gaps": gapped(),
    "late start": np.r_[np.full(90, np.nan), 1.0, 2.0],
    "zeros": np.zeros(60),
    "constant": np.full(60, 7.3),
    "constant and gaps": np.r_[np.full(30, 7.3), np.full(9, np.nan), np.full(30, 7.3)],
    "sparse": np.where(np.arange(90) % 13 == 0, 4.0, 0.0),
    "one jump": np.r_[np.zeros(60), 1e6],
    "large": 1e30 * WAVE,
    "small": 1e-30 * WAVE,
    "mixed scales": np.r_[1e-30, 1e30, np.full(20, 1.0)],
    "growth": 10.0 ** (np.arange(120) / 4),
    "large offset": 1e9 + WAVE,
    "negative": -WAVE,
    "alternating": np.tile([0.0, 1.0], 64),
    "long": np.arange(1000.0),
}


@pytest.mark.parametrize("name", DIFFICULT)
@pytest.mark.parametrize("horizon", [1, 33, 200])
def test_difficult_series_have_finite_forecasts(
    shared: Learner, surrounded: Learner, name: str, horizon: int
) -> None:
    for learner in (shared, surrounded):
        with warnings.catch_warnings():
            warnings.simplefilter("error", RuntimeWarning)
            got = icl.predict(learner, DIFFICULT[name], horizon)
        assert got.quantiles.shape == (9, horizon) and got.quantiles.dtype == np.float32
        assert got.mean.shape == (horizon,)
        assert np.isfinite(got.quantiles).all() and np.isfinite(got.mean).all()


@pytest.mark.parametrize("name", DIFFICULT)
def test_quantiles_do_not_cross_when_sorted(surrounded: Learner, name: str) -> None:
    got = icl.predict(surrounded, DIFFICULT[name], 150).quantiles
    assert (np.diff(got, axis=0) >= 0).all()


def test_small_scales_are_not_lost(shared: Learner) -> None:
    plain = icl.predict(shared, WAVE, 40).quantiles
    for scale in (1e-30, 1e-12, 1e12, 1e30):
        scaled = icl.predict(shared, scale * WAVE, 40).quantiles.astype(float) / scale
        assert np.allclose(scaled, plain, rtol=1e-4, atol=1e-3)


@hypothesis_settings(deadline=None, max_examples=20)
@given(
    scale=st.floats(1e-20, 1e20),
    shift=st.floats(-1e4, 1e4),
    start=st.integers(0, 60),
    horizon=st.integers(1, 100),
)
def test_forecasts_follow_scale_and_shift(
    shared: Learner, scale: float, shift: float, start: int, horizon: int
) -> None:
    series = WAVE[start:]
    plain = icl.predict(shared, series, horizon).quantiles
    moved = icl.predict(shared, scale * (series + shift), horizon).quantiles
    assert np.allclose(moved / scale - shift, plain, rtol=0, atol=1e-3 + 2e-6 * abs(shift))


def test_a_large_offset_does_not_blur_a_small_wave(load: Load, shared: Learner) -> None:
    plain = icl.predict(shared, WAVE, 32).quantiles - 20
    near = icl.predict(shared, WAVE + 1e7, 32).quantiles.astype(float) - 1e7 - 20
    assert np.abs(near - plain).max() < 3  # the spacing of float32 at 1e7 is 1
    official = load(behaviour="official")
    close = icl.predict(official, WAVE + 3e7, 32).quantiles.astype(float) - 3e7 - 20
    assert np.abs(close - plain).max() > np.abs(near - plain).max()


def test_series_without_values_are_refused(shared: Learner) -> None:
    with pytest.raises(InputError, match="empty"):
        icl.predict(shared, [], 5)
    with pytest.raises(InputError, match="only missing values"):
        icl.predict(shared, np.full(9, np.nan), 5)
    for bad in (np.inf, -np.inf):
        with pytest.raises(InputError, match="3"):
            icl.predict(shared, [1.0, 2.0, 3.0, bad], 5)


@pytest.mark.parametrize("value", [3.5e38, -1e39, 1e200])
def test_values_that_a_forecast_may_not_hold_are_refused(shared: Learner, value: float) -> None:
    with pytest.raises(InputError, match=r"beyond 1e\+37"):
        icl.predict(shared, Series(np.array([1.0, value]), name="sales"), 5)


@pytest.mark.parametrize("horizon", [0, -3, 2.5, True, None, "ten"])
def test_horizons_that_are_none_are_refused(shared: Learner, horizon: object) -> None:
    with pytest.raises(InputError, match="horizon"):
        icl.predict(shared, WAVE, horizon)


def test_what_is_read_of_a_long_context_is_in_meta_and_log(
    shared: Learner, caplog: pytest.LogCaptureFixture
) -> None:
    long = np.r_[np.full(400, 1e6), np.resize(WAVE, CONTEXT)]
    with caplog.at_level(logging.INFO, logger="icl.tirex"):
        got = icl.predict(shared, Series(long, name="sales"), 40)
    assert got.meta["context_cut_to"] == CONTEXT
    assert any("sales" in r.message and str(CONTEXT) in r.message for r in caplog.records)
    short = icl.predict(shared, long[-CONTEXT:], 40)
    assert "context_cut_to" not in short.meta
    assert np.array_equal(got.quantiles, short.quantiles)


def test_a_resampled_context_is_not_reported_as_cut_while_it_fits(load: Load) -> None:
    steps = np.arange(2400)
    learner = load(context_length=1024)
    got = icl.predict(learner, np.sin(2 * np.pi * steps / 200), 120, resample_strategy="frequency")
    assert "context_cut_to" not in got.meta  # 2400 values are read as 801


@pytest.mark.parametrize("limit", [1, 4, 40])
def test_horizons_past_the_context_do_not_collapse(shared: Learner, limit: int) -> None:
    got = icl.predict(shared, 1e4 + WAVE, 1000, max_accelerated_rollout_steps=limit)
    assert np.abs(got.mean - 1e4).max() < 1e3
    first = icl.predict(shared, 1e4 + WAVE, CONTEXT // 2, max_accelerated_rollout_steps=limit)
    assert np.allclose(got.quantiles[:, : CONTEXT // 2], first.quantiles, rtol=1e-6)


def test_time_stamps_go_on_exactly(shared: Learner) -> None:
    months = Series(WAVE, start=np.datetime64("2020-10-01"), freq="MS", name="births")
    got = icl.predict(shared, months, 30)
    expected = np.arange("2029-02", "2031-08", dtype="datetime64[M]").astype("datetime64[ns]")
    assert got.index is not None and np.array_equal(got.index, expected)
    assert got.name == "births" and got.history is not None and got.history.name == "births"
    minutes = Series(WAVE, start=np.datetime64("2024-02-28T23:00"), freq="15min")
    index = icl.predict(shared, minutes, 3).index
    assert index is not None and str(index[0]) == "2024-03-01T00:00:00.000000000"
    assert icl.predict(shared, WAVE, 3).index is None


def test_covariates_are_refused_with_their_names(shared: Learner) -> None:
    history = Series(WAVE, covariates={"price": WAVE, "holiday": WAVE})
    with pytest.raises(InputError, match=r"cannot read covariates.*\['holiday', 'price'\]"):
        icl.predict(shared, Context(history=history), 5)
    with pytest.raises(InputError, match=r"the horizon has \['price'\]"):
        icl.predict(shared, WAVE, Horizon(5, covariates={"price": np.ones(5)}))


def test_several_variates_are_refused(shared: Learner) -> None:
    with pytest.raises(InputError, match="one variate, and pair has 2"):
        icl.predict(shared, Context(history=Series(np.ones((2, 50)), name="pair")), 5)


def test_a_context_without_history_is_refused(shared: Learner) -> None:
    with pytest.raises(InputError, match="history"):
        icl.predict(shared, Context(text="monthly births"), 5)


def test_text_is_ignored_with_a_log_line(shared: Learner, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="icl.tirex"):
        got = icl.predict(shared, Context(history=Series(WAVE), text="secret plans"), 5)
    assert any("does not read text" in r.message for r in caplog.records)
    assert not any("secret" in r.message for r in caplog.records)
    assert np.array_equal(got.quantiles, icl.predict(shared, WAVE, 5).quantiles)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"temperature": 1}, "no option 'temperature'; its options are: .*monotone"),
        ({"views": "always"}, "views is 'always'"),
        ({"rollout_steps": -1}, "rollout_steps is -1"),
        ({"rollout_steps": "all"}, "rollout_steps is 'all'"),
        ({"rollout_steps": True}, "rollout_steps is True"),
        ({"sign_flip": "no"}, "sign_flip is 'no'"),
        ({"monotone": 2}, "monotone is 2"),
        ({"context_length": 100}, "context_length is 100"),
        ({"context_length": 0}, "context_length is 0"),
        ({"context_length": -32}, "context_length is -32"),
        ({"context_length": "2048"}, "context_length is '2048'"),
        ({"dtype": "float16"}, "float16"),
        ({"dtype": "int8"}, "dtype is 'int8'"),
        ({"device": "tpu"}, "device is 'tpu'"),
        ({"behaviour": "fixed"}, "behaviour is 'fixed'"),
    ],
)
def test_options_of_load_are_checked(load: Load, options: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says):
        load(**options)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"temperature": 1}, "no predict option 'temperature'"),
        ({"max_accelerated_rollout_steps": 0}, "max_accelerated_rollout_steps is 0"),
        ({"max_accelerated_rollout_steps": -1}, "max_accelerated_rollout_steps is -1"),
        ({"max_accelerated_rollout_steps": 1.5}, "max_accelerated_rollout_steps is 1.5"),
        ({"max_accelerated_rollout_steps": True}, "max_accelerated_rollout_steps is True"),
        ({"max_accelerated_rollout_steps": "2"}, "max_accelerated_rollout_steps is '2'"),
        ({"resample_strategy": "spectrum"}, "resample_strategy is 'spectrum'"),
        ({"resample_strategy": ["frequency"]}, "resample_strategy is"),
        ({"tails": "pareto"}, "tails is 'pareto'"),
    ],
)
def test_options_of_predict_are_checked(
    shared: Learner, options: dict[str, Any], says: str
) -> None:
    with pytest.raises(InputError, match=says):
        icl.predict(shared, WAVE, 5, **options)
    with pytest.raises(InputError, match=says):
        list(shared.predict_episodes([Episode(WAVE, 5)], **options))


@pytest.mark.parametrize("fixture", ["shared", "surrounded"])
def test_many_queries_and_episodes_equal_single_ones(
    request: pytest.FixtureRequest, fixture: str
) -> None:
    learner: Learner = request.getfixturevalue(fixture)
    horizons = [Horizon(12), Horizon(70, quantile_levels=(0.25, 0.5)), Horizon(12), Horizon(1)]
    single = [icl.predict(learner, WAVE, horizon) for horizon in horizons]
    together = icl.predict(learner, WAVE, horizons)
    episodes = [Episode(WAVE, horizon) for horizon in horizons]
    for batch_size in (1, 3, 10):
        answers = list(learner.predict_episodes(episodes, batch_size=batch_size))
        for one, many, episode in zip(single, together, answers, strict=True):
            assert one.levels == many.levels == episode.levels
            assert np.allclose(one.quantiles, many.quantiles, rtol=0, atol=1e-4)
            assert np.allclose(one.quantiles, episode.quantiles, rtol=0, atol=1e-4)


def test_rollout_steps_is_the_default_of_the_predict_option(load: Load, shared: Learner) -> None:
    all_at_once = load(rollout_steps=0)
    for steps, learner in ((3, all_at_once), (2, load(rollout_steps=2)), (1, shared)):
        asked = icl.predict(shared, WAVE, 96, max_accelerated_rollout_steps=steps)
        assert np.array_equal(icl.predict(learner, WAVE, 96).quantiles, asked.quantiles)


@pytest.mark.parametrize("options", [{}, {"sign_flip": True, "views": "auto", "monotone": True}])
def test_the_same_call_gives_the_same_bytes(load: Load, options: dict[str, Any]) -> None:
    first, second = load(**options), load(**options)
    answers = [
        icl.predict(learner, gapped(), 70).quantiles.tobytes() for learner in (first, first, second)
    ]
    assert len(set(answers)) == 1


def test_an_inference_mode_around_it_changes_nothing(load: Load, shared: Learner) -> None:
    with torch.inference_mode():
        inside = icl.predict(load(), WAVE, 40).quantiles
    assert np.array_equal(inside, icl.predict(shared, WAVE, 40).quantiles)


def global_state() -> dict[str, object]:
    return {
        "threads": torch.get_num_threads(),
        "interop": torch.get_num_interop_threads(),
        "grad": torch.is_grad_enabled(),
        "inference": torch.is_inference_mode_enabled(),
        "dtype": torch.get_default_dtype(),
        "precision": torch.get_float32_matmul_precision(),
        "tf32": torch.backends.cuda.matmul.allow_tf32,
        "cudnn": (torch.backends.cudnn.allow_tf32, torch.backends.cudnn.benchmark),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "autocast": torch.is_autocast_enabled("cpu"),
        "torch rng": torch.get_rng_state().numpy().tobytes(),
        "numpy rng": np.random.get_state()[1].tobytes(),  # type: ignore[index, union-attr]
        "numpy errors": tuple(sorted(np.geterr().items())),
        "environment": sorted(__import__("os").environ.items()),
    }


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("behaviour", ["official", "corrected"])
def test_global_settings_and_random_numbers_are_left_alone(
    load: Load, dtype: str, behaviour: str
) -> None:
    before = global_state()
    learner = load(dtype=dtype, behaviour=behaviour, sign_flip=True, views="auto")
    icl.predict(learner, WAVE, 70)
    icl.predict(learner, WAVE, 200, resample_strategy="frequency")
    assert global_state() == before
    assert not learner.network.training
    assert not any(p.requires_grad for p in learner.network.parameters())


def test_the_context_is_not_changed(surrounded: Learner) -> None:
    values = gapped()
    kept = values.copy()
    icl.predict(surrounded, Series(values), 300)
    assert np.array_equal(values, kept, equal_nan=True)


def test_bfloat16_stays_near_float32(load: Load, shared: Learner) -> None:
    exact = icl.predict(shared, WAVE, 70).quantiles
    rough = icl.predict(load(dtype="bfloat16"), WAVE, 70).quantiles
    gap = np.abs(rough - exact) / WAVE.std()
    assert 0 < gap.max() <= 0.15 and gap.mean() <= 0.02


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("behaviour", ["official", "corrected"])
def test_weights_that_are_not_finite_give_an_error_with_the_learners_name(
    load: Load, behaviour: str, value: float
) -> None:
    learner = load(behaviour=behaviour)
    with torch.no_grad():
        learner.network.out_norm.weight[2] = value
    with pytest.raises(PluginError, match=r"tirex.*NaN or infinite"):
        icl.predict(learner, WAVE, 5)
    with pytest.raises(PluginError, match=r"tirex.*NaN or infinite"):
        list(learner.predict_episodes([Episode(WAVE, 5)]))


def test_official_arithmetic_overflows_at_large_scales_with_an_error_not_silently(
    load: Load,
) -> None:
    with pytest.raises(PluginError, match=r"tirex.*NaN or infinite"):
        icl.predict(load(behaviour="official"), 1e30 * WAVE, 5)
