"""The learner `tirex2` through the two verbs, with variates and covariates."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from icl_core import (
    Context,
    Episode,
    Forecast,
    Horizon,
    InputError,
    Learner,
    MultiForecast,
    Series,
    registry,
)
from icl_core.testing.compare import difference
from icl_core.testing.tiny import bad_inputs, tiny_episodes
from icl_forecasting.tirex2.card import TIREX2
from icl_forecasting.tirex2.config import Tirex2Config
from icl_forecasting.tirex2.network import Tirex2Network

TINY = Tirex2Config(
    embedding_dim=32,
    blocks=("mlstm", "slstm"),
    patch=8,
    context_length=128,
    future_length=32,
    input_ff_dim=16,
    head_expansion=1,
)
RNG = np.random.default_rng(7)
WAVE = np.sin(np.arange(100) / 4) + 0.1 * RNG.standard_normal(100)
PRICE = RNG.standard_normal(130)
WORDS = np.array(["dry", "wet", "snow"], dtype=object)[RNG.integers(0, 3, 130)]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = torch.Generator().manual_seed(11)
    tensors = {}
    for name, tensor in Tirex2Network(TINY).state_dict().items():
        noise = torch.randn(tensor.shape, generator=rng)
        tensors[name] = noise / tensor.shape[-1] ** 0.5 if noise.ndim > 1 else 1 + 0.1 * noise
    path = tmp_path_factory.mktemp("tirex2") / "tiny.safetensors"
    save_file(tensors, path, metadata={"config": json.dumps(TINY.to_official())})
    return path


@pytest.fixture(scope="module")
def load(checkpoint: Path) -> Callable[..., Learner]:
    def loaded(**options: Any) -> Learner:
        behaviour = options.pop("behaviour", "corrected")
        return registry.load_card(
            TIREX2, weights=checkpoint, device="cpu", behaviour=behaviour, options=options
        )

    return loaded


@pytest.fixture(scope="module")
def learner(load: Callable[..., Learner]) -> Learner:
    return load()


def ask(learner: Learner, context: Any, query: Any, **options: Any) -> Any:
    return learner.prepare(context).predict(query, **options)


def test_one_variate_gets_a_forecast(learner: Learner) -> None:
    for values in (WAVE, WAVE[None]):
        found = ask(learner, Series(values, name="wave"), 20)
        assert isinstance(found, Forecast)
        assert found.quantiles.shape == (9, 20) and found.name == "wave"
        assert np.array_equal(found.mean, found.quantile(0.5))
        assert "covariates" not in found.meta


def test_several_variates_get_one_answer_with_a_forecast_each(learner: Learner) -> None:
    start = np.datetime64("2024-01-01")
    pair = Series(np.stack([WAVE, WAVE[::-1]]), start, "D", "shop", variates=("in", "out"))
    found = ask(learner, pair, 20)
    assert isinstance(found, MultiForecast)
    assert found.quantiles.shape == (2, 9, 20)
    assert [one.name for one in found] == ["shop/in", "shop/out"]
    assert found.index is not None and str(found.index[0])[:10] == "2024-04-10"
    alone = ask(learner, WAVE, 20)
    assert np.abs(found["in"].quantiles - alone.quantiles).max() > 1e-4


def test_known_past_only_and_categorical_covariates(learner: Learner) -> None:
    beside = {"price": PRICE[:100], "weather": WORDS[:100], "load": PRICE[:100] ** 2}
    ahead = {"price": PRICE[100:120], "weather": list(WORDS[100:120])}
    found = ask(learner, Series(WAVE, covariates=beside), Horizon(20, covariates=ahead))
    assert found.meta["covariates"] == {
        "past": ["load"],
        "future": ["price", "weather=dry", "weather=snow", "weather=wet"],
    }
    plain = ask(learner, WAVE, 20)
    past = ask(learner, Series(WAVE, covariates=beside), 20)
    for one, other in ((found, plain), (past, plain), (found, past)):
        assert np.abs(one.quantiles - other.quantiles).max() > 1e-4


@pytest.mark.parametrize(
    ("ahead", "words"),
    [
        (
            {"cost": PRICE[:20]},
            r"covariate 'cost', which the history does not have; it has 'price'",
        ),
        ({"price": PRICE[:3]}, r"covariate 'price' has 3 values, expected the horizon's 20 steps"),
        ({"price": ["a"] * 20}, r"'price' holds numbers in the history and words in the horizon"),
        ({"price": [np.inf] * 20}, "is infinite"),
    ],
)
def test_a_wrong_future_is_refused_in_a_sentence(
    ahead: dict[str, Any], words: str, learner: Learner
) -> None:
    with pytest.raises(InputError, match=words):
        ask(learner, Series(WAVE, covariates={"price": PRICE[:100]}), Horizon(20, None, ahead))


def test_episodes_of_every_kind_share_a_call(learner: Learner) -> None:
    contexts = [
        (Series(WAVE), Horizon(20)),
        (Series(WAVE[:37], covariates={"p": PRICE[:37]}), Horizon(12)),
        (Series(np.stack([WAVE, WAVE**2])), Horizon(20)),
        (
            Series(WAVE[:60], covariates={"p": PRICE[:60]}),
            Horizon(20, (0.2, 0.5), {"p": PRICE[60:90]}),
        ),
    ]
    episodes = [Episode(Context(history=s), q) for s, q in contexts]
    together = list(learner.predict_episodes(episodes, batch_size=8))
    for episode, got in zip(episodes, together, strict=True):
        alone = ask(learner, episode.context, episode.query)
        assert difference(got, alone, 1e-5) is None


def test_levels_between_and_outside_the_trained_ones(learner: Learner) -> None:
    pair = np.stack([WAVE, WAVE**2])
    found = ask(learner, Series(pair), Horizon(5, (0.25, 0.5)))
    assert found.levels == (0.25, 0.5)
    with pytest.raises(InputError, match=r"0\.05 is outside the trained levels"):
        ask(learner, WAVE, Horizon(5, (0.05,)))
    tail = ask(learner, WAVE, Horizon(5, (0.05,)), tails="normal")
    assert np.isfinite(tail.quantiles).all()


def test_sorted_quantiles_do_not_cross(load: Callable[..., Learner]) -> None:
    found = ask(load(monotone=True), Series(np.stack([WAVE, WAVE**2])), 30)
    assert bool((np.diff(found.quantiles, axis=1) >= 0).all())


@pytest.mark.parametrize("how", ["widen", "sections"])
def test_long_horizons(how: str, load: Callable[..., Learner]) -> None:
    learner = load(long_horizon=how)
    series = Series(WAVE, covariates={"p": PRICE[:100], "q": PRICE[:100]})
    known = np.arange(90.0) % 7
    found = ask(learner, series, Horizon(90, covariates={"p": known}))
    assert found.quantiles.shape == (9, 90) and np.isfinite(found.quantiles).all()
    with pytest.raises(InputError, match="at most 32768 steps"):
        ask(learner, WAVE, 40_000)


def test_the_released_behaviour_refuses_what_it_would_cut(load: Callable[..., Learner]) -> None:
    official = load(behaviour="official", monotone=True)
    assert ask(official, WAVE, 32).quantiles.shape == (9, 32)
    with pytest.raises(InputError, match="at most 32 steps"):
        ask(official, WAVE, 33)


def test_predict_options_and_wrong_ones(learner: Learner, load: Callable[..., Learner]) -> None:
    line = np.arange(80.0)
    straight = ask(learner, line, 10)
    assert np.abs(straight.mean - ask(learner, line, 10, difference=False).mean).max() > 1e-3
    flipped = ask(learner, WAVE, 10, sign_flip=True)
    mirrored = ask(learner, -WAVE, 10, sign_flip=True)
    assert np.allclose(flipped.quantiles, -mirrored.quantiles[::-1], atol=1e-4)
    with pytest.raises(InputError, match="sign_flip is 3, expected True or False"):
        ask(learner, WAVE, 10, sign_flip=3)
    for name, value in (("monotone", None), ("pad_context", "no"), ("long_horizon", "guess")):
        with pytest.raises(InputError, match=f"{name} is"):
            load(**{name: value})
    with pytest.raises(InputError, match="has no option 'colour'"):
        load(colour=1)


def test_level_and_scale_are_followed(learner: Learner) -> None:
    base = ask(learner, WAVE, 16, difference=False)
    for factor, shift in ((1e6, 0.0), (1e-6, 0.0), (1.0, 1e4), (100.0, -1e5)):
        moved = ask(learner, WAVE * factor + shift, 16, difference=False)
        expected = base.quantiles.astype(float) * factor + shift
        scale = np.abs(expected).max()
        assert np.abs(moved.quantiles - expected).max() <= 2e-5 * scale


@pytest.mark.parametrize(
    "values",
    [np.full(50, 7.5), np.zeros(30), np.array([3.0]), np.arange(5.0) * 1e30, np.eye(40)[0] * 1e-30],
)
def test_odd_series_have_finite_answers(values: np.ndarray, learner: Learner) -> None:
    assert np.isfinite(ask(learner, values, 40).quantiles).all()


def test_the_contract_of_every_forecaster(learner: Learner) -> None:
    for what, context, query in bad_inputs("forecasting"):
        with pytest.raises(InputError):
            ask(learner, context, query)
            pytest.fail(what)
    episodes = tiny_episodes("forecasting")
    single = [ask(learner, e.context, e.query) for e in episodes]
    for one, other in zip(learner.predict_episodes(episodes, 8), single, strict=True):
        assert difference(one, other, 1e-5) is None
    assert difference(single[1], single[2]) is not None


def test_bfloat16_stays_near(learner: Learner, checkpoint: Path) -> None:
    half = registry.load_card(TIREX2, weights=checkpoint, device="cpu", dtype="bfloat16")
    pair = Series(np.stack([WAVE, WAVE**2]), covariates={"p": PRICE[:100]})
    exact, near = ask(learner, pair, 20).quantiles, ask(half, pair, 20).quantiles
    assert np.abs(exact - near).max() <= 0.1 * np.abs(exact).max()


def test_the_history_is_needed_and_text_is_not_read(
    learner: Learner, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("WARNING", logger="icl.tirex2"):
        ask(learner, Context(history=Series(WAVE), text="it will rain"), 3)
    assert "does not read text" in caplog.text
    with pytest.raises(InputError, match="values beyond 1e"):
        ask(learner, np.array([1e38, 1.0]), 3)
