"""Embeddings against golden arrays, fitted statistics, and heads on top."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from icl_core.errors import InputError, WeightsError
from icl_forecasting.tirex.embedding import (
    FeatureScale,
    SeriesEmbedder,
    embed,
    hidden_states,
    series_statistics,
)
from icl_forecasting.tirex.heads import EmbeddingClassifier, EmbeddingRegressor, hold_out
from icl_forecasting.tirex.linear_head import LinearTraining
from icl_forecasting.tirex.network import TirexNetwork

Arrays = Callable[[str], dict[str, np.ndarray]]
FAST = LinearTraining(learning_rate=0.05, epochs=200, patience=50)


def rows(count: int, features: int = 12, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, features)).astype(np.float32)


@pytest.mark.parametrize("form", ["fp32", "bf16"])
def test_embeddings_equal_the_golden_arrays(
    golden_network: TirexNetwork, golden_arrays: Arrays, form: str
) -> None:
    arrays = golden_arrays("embedding")
    golden_network.set_cell_dtype(torch.float32 if form == "fp32" else torch.bfloat16)
    tolerance = 5e-5 if form == "fp32" else 2e-2
    samples = arrays["x"]
    hidden = hidden_states(golden_network, samples[:, 0]).numpy()
    found = {
        "hidden": hidden,
        "plain": embed(golden_network, samples),
        "augmented": SeriesEmbedder(golden_network, augmented=True)(samples),
    }
    for name, got in found.items():
        want = arrays[f"{form}__{name}"]
        assert got.shape == want.shape and got.dtype == np.float32
        assert np.abs(got - want).max() <= tolerance, name


def test_batches_do_not_change_an_embedding(golden_network: TirexNetwork) -> None:
    samples = rows(7, 60)
    whole = embed(golden_network, samples)
    assert whole.shape == (7, 3 * 64)
    assert np.allclose(embed(golden_network, samples, batch_size=2), whole, atol=1e-5)
    assert np.allclose(embed(golden_network, samples[:1]), whole[:1], atol=1e-5)


@pytest.mark.parametrize(("steps", "tokens"), [(1, 1), (32, 1), (33, 2), (256, 8), (300, 8)])
def test_tokens_are_those_that_hold_the_series(
    golden_network: TirexNetwork, steps: int, tokens: int
) -> None:
    assert hidden_states(golden_network, rows(2, steps)).shape == (2, tokens, 3, 64)


def test_only_the_end_of_a_long_series_is_read(golden_network: TirexNetwork) -> None:
    series = rows(2, 400)
    assert np.allclose(
        embed(golden_network, series), embed(golden_network, series[:, -256:]), atol=1e-6
    )


def test_missing_values_do_not_spread(golden_network: TirexNetwork) -> None:
    samples = rows(3, 100)
    samples[0, ::3] = np.nan
    samples[1] = np.nan
    for embedder in (SeriesEmbedder(golden_network), SeriesEmbedder(golden_network, True)):
        assert np.isfinite(embedder(samples)).all()


def test_fitted_statistics_make_a_sample_stand_for_itself(golden_network: TirexNetwork) -> None:
    train, test = rows(9, 90), rows(4, 90, seed=3)
    fitted = SeriesEmbedder(golden_network, augmented=True).fit(train)
    together = fitted(test)
    alone = np.concatenate([fitted(test[i : i + 1]) for i in range(4)])
    assert np.allclose(together, alone, atol=1e-5)
    loose = SeriesEmbedder(golden_network, augmented=True)
    assert np.abs(loose(test[:1])[:, -36:]).max() == 0.0  # the released way has nothing to say


def test_fitted_on_the_same_samples_equals_the_released_way(golden_network: TirexNetwork) -> None:
    samples = rows(5, 90)
    released = SeriesEmbedder(golden_network, augmented=True)(samples)
    fitted = SeriesEmbedder(golden_network, augmented=True).fit(samples)(samples)
    assert np.array_equal(released, fitted)


def test_statistics_of_eighths_and_of_the_rest() -> None:
    series = np.arange(26, dtype=np.float64)
    series[4] = np.nan
    got = series_statistics(series[None, None]).reshape(9, 4)
    assert np.allclose(got[0], [1, np.sqrt(2 / 3), 2, 0])
    assert np.allclose(got[1], [4, 1, 5, 3])  # 3, missing, 5
    assert np.allclose(got[8], [24.5, np.sqrt(0.5), 25, 24])


def test_scale_leaves_missing_features_out() -> None:
    features = np.array([[1.0, np.nan, 3.0], [3.0, np.nan, 5.0]])
    scale = FeatureScale.of(features)
    assert np.allclose(scale.mean, [2, 0, 4]) and np.allclose(scale.deviation, [1, 0, 1])
    assert np.isfinite(scale.apply(features)).all()


@pytest.mark.parametrize("shape", [(5,), (2, 3, 4, 5), (0, 1, 5), (2, 1, 0)])
def test_samples_of_another_shape_are_refused(
    golden_network: TirexNetwork, shape: tuple[int, ...]
) -> None:
    with pytest.raises(InputError, match="expected"):
        embed(golden_network, np.zeros(shape))


def test_other_sizes_than_fitted_are_refused(golden_network: TirexNetwork) -> None:
    fitted = SeriesEmbedder(golden_network, augmented=True).fit(rows(3, 64))
    with pytest.raises(InputError, match="statistics"):
        fitted(np.zeros((2, 2, 64)))
    with pytest.raises(InputError, match="two values"):
        fitted(np.zeros((2, 1)))


def labelled() -> tuple[np.ndarray, np.ndarray]:
    x = rows(120)
    return x, np.where(x[:, 0] > 0.5, "high", np.where(x[:, 0] < -0.5, "low", "middle"))


@pytest.mark.parametrize("head", ["linear", "forest", "boosting"])
def test_a_classifier_learns_labels(head: str) -> None:
    if head != "linear":
        pytest.importorskip("sklearn" if head == "forest" else "lightgbm")
    x, labels = labelled()
    found = EmbeddingClassifier(head, training=FAST).fit(x, labels)
    probabilities = found.predict_proba(x)
    assert probabilities.shape == (120, 3)
    assert np.allclose(probabilities.sum(1), 1, atol=1e-5)
    assert (found.predict(x) == labels).mean() > 0.8


@pytest.mark.parametrize("head", ["linear", "forest", "boosting"])
def test_a_regressor_learns_numbers(head: str) -> None:
    if head != "linear":
        pytest.importorskip("sklearn" if head == "forest" else "lightgbm")
    x = rows(200)
    target = 1000 + 50 * x[:, 0].astype(np.float64) - 20 * x[:, 1]
    got = EmbeddingRegressor(head, training=FAST).fit(x, target).predict(x)
    assert got.shape == (200,)
    assert np.mean((got - target) ** 2) < 0.3 * target.var()


def test_training_is_repeatable_and_leaves_the_global_state() -> None:
    x, labels = labelled()
    training = LinearTraining(dropout=0.3)
    before = torch.get_rng_state(), np.random.get_state()[1].copy()
    one = EmbeddingClassifier(training=training).fit(x, labels).predict_proba(x)
    two = EmbeddingClassifier(training=training).fit(x, labels).predict_proba(x)
    assert np.array_equal(one, two)
    assert torch.equal(before[0], torch.get_rng_state())
    assert np.array_equal(before[1], np.random.get_state()[1])
    other = EmbeddingClassifier(training=training, seed=1).fit(x, labels).predict_proba(x)
    assert not np.array_equal(one, other)


def test_class_weights_pull_towards_their_class() -> None:
    x, labels = labelled()
    plain = EmbeddingClassifier(training=FAST).fit(x, labels)
    pulled = EmbeddingClassifier(training=FAST).fit(x, labels, {"low": 50.0})
    assert (pulled.predict(x) == "low").sum() > (plain.predict(x) == "low").sum()


@pytest.mark.parametrize("labels", [["a", "b"], [3, 7], [0.5, 1.5], [True, False]])
def test_a_saved_classifier_gives_the_same_labels(tmp_path: Path, labels: list[object]) -> None:
    x = rows(30)
    known = np.array(labels)[(x[:, 0] > 0).astype(int)]
    head = EmbeddingClassifier().fit(x, known)
    again = EmbeddingClassifier.load(head.save(tmp_path / "head.safetensors"))
    assert np.array_equal(again.predict(x), head.predict(x))
    assert np.allclose(again.predict_proba(x), head.predict_proba(x))
    assert again.classes.dtype == head.classes.dtype


def test_a_saved_regressor_gives_the_same_numbers(tmp_path: Path) -> None:
    x = rows(30)
    head = EmbeddingRegressor().fit(x, 7 + x[:, 0])
    path = head.save(tmp_path / "head.safetensors")
    assert np.allclose(EmbeddingRegressor.load(path).predict(x), head.predict(x))
    with pytest.raises(WeightsError, match="classification"):
        EmbeddingClassifier.load(path)
    with pytest.raises(InputError):
        head.save(path)


def test_what_cannot_be_done_says_so(tmp_path: Path) -> None:
    x, labels = labelled()
    with pytest.raises(InputError, match="head is 'tree'"):
        EmbeddingClassifier("tree")
    with pytest.raises(InputError, match="n_estimators"):
        EmbeddingClassifier("linear", n_estimators=5)
    with pytest.raises(InputError, match="not trained"):
        EmbeddingClassifier().predict(x)
    with pytest.raises(InputError, match="at least two"):
        EmbeddingClassifier().fit(x, ["a"] * len(x))
    with pytest.raises(InputError, match="labels of shape"):
        EmbeddingClassifier().fit(x, labels[:-1])
    with pytest.raises(InputError, match="finite"):
        EmbeddingRegressor().fit(x, np.full(len(x), np.nan))
    with pytest.raises(InputError, match="features"):
        EmbeddingClassifier().fit(x, labels).predict(x[:, :5])
    with pytest.raises(InputError, match="cannot be saved"):
        EmbeddingClassifier("forest").save(tmp_path / "head.safetensors")
    assert not list(tmp_path.iterdir())


def test_a_fifth_of_every_class_validates_and_every_class_trains() -> None:
    groups = np.repeat([0, 1, 2], [50, 10, 1])
    held = hold_out(groups, seed=0)
    assert [int(held[groups == g].sum()) for g in range(3)] == [10, 2, 0]
