"""The trainer: what a window shows, the optimiser, the start, and runs that can be resumed."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open

from icl_forecasting.tirex.checkpoint import read_network
from icl_forecasting.tirex.config import TirexConfig
from icl_forecasting.tirex.network import TirexNetwork
from icl_forecasting.tirex.scaling import standardise

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "training"))

import batches
import train
from batches import Batch, draw_batch
from corpus import Pool, write_pool
from muon import Muon, orthogonalise
from start import initialise

PATCH, CONTEXT_TOKENS = 32, 64


class Steps(Pool):
    """Series that count up, each from a place of its own, with a known future."""

    def __init__(self, length: int, change: Callable[[np.ndarray], np.ndarray] | None = None):
        self.length, self.change = length, change

    def sample(self, rng: np.random.Generator, n: int) -> np.ndarray:
        series = rng.normal(size=(n, self.length)).cumsum(axis=1).astype(np.float32)
        return series if self.change is None else self.change(series)

    def set_weights(self, weights: Mapping[str, float]) -> None:
        """Nothing to weigh."""


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows that are cut at a fixed place from unchanged series."""
    monkeypatch.setattr(batches, "augment", lambda rng, series: series)
    monkeypatch.setattr(batches, "VISIBLE_FUTURE", 0.0)
    monkeypatch.setattr(batches, "POOLING", 0.0)


def draw(steps: int, seed: int = 0, batch: int = 24, length: int | None = None,
         change: Callable[[np.ndarray], np.ndarray] | None = None) -> Batch:  # fmt: skip
    """A batch from series that are exactly as long as the window, so that nothing is cropped."""
    length = length or (steps + 1) * PATCH
    return draw_batch(
        np.random.default_rng(seed),
        {length: Steps(length, change)},
        steps,
        batch,
        patch=PATCH,
        context_tokens=CONTEXT_TOKENS,
    )


def context_of(batch: Batch) -> int:
    """Tokens of the context, from the weights: later tokens count fully."""
    row = batch.weights[0]
    return int((row < row.max()).sum()) + 1


@pytest.mark.parametrize("steps", [6, 17, 68])
def test_batches_have_the_shapes_of_the_network(steps: int) -> None:
    batch = draw(steps, batch=9, length=2304)
    assert batch.tokens.shape == (9, steps, 2 * PATCH) and batch.tokens.dtype == torch.float32
    assert batch.targets.shape == (9, steps, PATCH) and batch.targets.dtype == torch.float32
    assert batch.weights.shape == (9, steps) and batch.weights.dtype == torch.float32
    mask = batch.tokens[..., PATCH:]
    assert set(mask.unique().tolist()) <= {0.0, 1.0}
    assert (batch.tokens[..., :PATCH][mask == 0] == 0).all()
    assert batch.tokens.isfinite().all() and (mask.sum((1, 2)) > 0).all()


def test_the_same_seed_draws_the_same_batch() -> None:
    first, second, other = draw(17, 3), draw(17, 3), draw(17, 4)
    assert torch.equal(first.tokens, second.tokens)
    assert torch.equal(first.targets.nan_to_num(), second.targets.nan_to_num())
    assert torch.equal(first.weights, second.weights)
    assert not torch.equal(first.tokens, other.tokens)


@pytest.mark.parametrize("seed", range(6))
def test_the_future_does_not_reach_the_tokens(plain: None, seed: int) -> None:
    batch = draw(17, seed)
    context = context_of(batch)

    def other_future(series: np.ndarray) -> np.ndarray:
        series = series.copy()
        series[:, context * PATCH :] = 1e4 * series[:, context * PATCH :] - 7e5
        return series

    changed = draw(17, seed, change=other_future)
    assert torch.equal(changed.tokens, batch.tokens)
    early = batch.targets[:, : context - 1].nan_to_num()
    assert torch.equal(changed.targets[:, : context - 1].nan_to_num(), early)
    late = (changed.targets - batch.targets)[:, context - 1 :]
    assert (late.abs() > 1).float().mean() > 0.99


@pytest.mark.parametrize("seed", range(4))
def test_inputs_and_targets_are_normalised_as_at_inference(plain: None, seed: int) -> None:
    kept: list[np.ndarray] = []

    def remember(series: np.ndarray) -> np.ndarray:
        kept.append(series.copy())
        return series

    batch = draw(10, seed, change=remember)
    context = context_of(batch)
    mask = batch.tokens[..., PATCH:].flatten(1).bool()
    series = torch.from_numpy(kept[0])
    window = torch.where(mask, series[:, :-PATCH].double(), torch.nan)
    scaled = standardise(window, PATCH)
    assert torch.allclose(scaled.tokens, batch.tokens, atol=2e-5)
    expected = (series[:, PATCH:].double() - scaled.loc) / scaled.scale
    known = ~batch.targets.flatten(1).isnan()
    assert torch.allclose(
        batch.targets.flatten(1)[known], expected[known].float(), rtol=1e-4, atol=1e-3
    )
    assert not batch.targets[:, context - 1 :].isnan().any()
    assert not mask[:, context * PATCH :].any()


def test_older_values_are_neither_input_nor_target(plain: None) -> None:
    batch = draw(34, 1, batch=64)
    seen = batch.tokens[..., PATCH:].flatten(1)
    first = seen.argmax(dim=1)
    assert (first > 0).any(), "half of the series are short"
    targets = batch.targets.flatten(1)
    for row, begin in enumerate(first.tolist()):
        # holes may hide some values at the beginning, and leave them as targets
        unknown = targets[row].isnan()
        end = int(unknown.int().argmin())
        assert unknown[:end].all() and not unknown[end:].any()
        assert end <= max(0, begin - PATCH)


def test_weights_count_the_forecast_and_tame_large_series(plain: None) -> None:
    batch = draw(17, 2)
    context = context_of(batch)
    forecast, early = batch.weights[:, context - 1 :], batch.weights[:, : context - 1]
    assert torch.allclose(early, batches.EARLY_WEIGHT * forecast[:, :1].expand_as(early))
    size = batch.targets[:, context - 1 :].abs().mean((1, 2))
    assert torch.allclose(forecast[:, 0] * size.clamp(min=1), torch.ones(len(size)), rtol=1e-4)
    assert batch.leading == CONTEXT_TOKENS - context


@pytest.mark.parametrize("shape", [(3, 16, 64), (2, 64, 16), (4, 32, 32)])
def test_orthogonalised_matrices_have_singular_values_near_one(shape: tuple[int, ...]) -> None:
    matrices = torch.randn(shape, generator=torch.Generator().manual_seed(0)) * 1e-3
    values = torch.linalg.svdvals(orthogonalise(matrices, steps=8))
    assert values.min() > 0.5 and values.max() < 1.3
    rough = torch.linalg.svdvals(orthogonalise(matrices))
    assert rough.max() < 1.3 and rough.median() > 0.6
    left, _, right = torch.linalg.svd(matrices, full_matrices=False)
    ideal = left @ right
    cosine = torch.nn.functional.cosine_similarity(
        orthogonalise(matrices).flatten(1), ideal.flatten(1)
    )
    assert (cosine > 0.9).all()


def test_muon_steps_do_not_depend_on_the_size_of_gradients() -> None:
    moved = []
    for size in (1e-4, 1e3):
        p = torch.nn.Parameter(torch.zeros(4, 8, 8))
        p.grad = size * torch.randn(4, 8, 8, generator=torch.Generator().manual_seed(1))
        unused = torch.nn.Parameter(torch.ones(2, 2))
        Muon([p, unused], lr=0.1, weight_decay=0.5).step()
        moved.append(p.detach().clone())
        assert torch.equal(unused, torch.ones(2, 2))
    assert torch.allclose(moved[0], moved[1], atol=1e-3)
    assert 0.05 < moved[0].abs().max() < 0.15


def test_muon_shrinks_weights_and_updates_each_shape_alone() -> None:
    rng = torch.Generator().manual_seed(2)
    ps = [torch.nn.Parameter(torch.randn(s, generator=rng)) for s in ((6, 3), (3, 6), (2, 6, 3))]
    grads = [torch.randn(p.shape, generator=rng) for p in ps]
    before = [p.detach().clone() for p in ps]
    for p, grad in zip(ps, grads, strict=True):
        p.grad = grad.clone()
    Muon(ps, lr=0.1, momentum=0.0, weight_decay=1.0).step()
    for p, old, grad in zip(ps, before, grads, strict=True):
        rows, columns = p.shape[-2:]
        update = orthogonalise(grad.reshape(-1, rows, columns)).reshape(p.shape)
        expected = 0.9 * old - 0.1 * max(1.0, rows / columns) ** 0.5 * update
        assert torch.allclose(p, expected, atol=1e-5)


def fresh(seed: int, config: TirexConfig) -> TirexNetwork:
    network = TirexNetwork(config)
    initialise(network, torch.Generator().manual_seed(seed))
    return network


def test_the_start_is_set_by_its_seed_alone(tiny_config: TirexConfig) -> None:
    torch.manual_seed(1)
    first = fresh(0, tiny_config).state_dict()
    torch.manual_seed(2)
    second, other = fresh(0, tiny_config).state_dict(), fresh(1, tiny_config).state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)
    assert all(t.isfinite().all() for t in first.values())
    kernel = first["blocks.0.slstm_layer.slstm_cell._recurrent_kernel_"]
    assert (kernel == 0).all()
    bias = first["blocks.1.slstm_layer.slstm_cell._bias_"].view(4, 4, 4)
    assert (bias[:, [0, 2, 3]] == 0).all()
    assert (bias[:, 1].diff(dim=1) < 0).all() and bias[:, 1].max() == 5


@pytest.mark.parametrize("blocks", [2, 8])
def test_gradients_stay_finite_through_leading_missing_tokens(blocks: int) -> None:
    config = TirexConfig(
        embedding_dim=16, num_blocks=blocks, num_heads=4, input_ff_dim=16, context_length=1024
    )
    network = fresh(0, config)
    rng = torch.Generator().manual_seed(0)
    tokens = torch.zeros(3, 24, 64)
    tokens[:, 20:, :32] = torch.randn(3, 4, 32, generator=rng)
    tokens[:, 20:, 32:] = 1
    loss = (network(tokens) - torch.randn(3, 24, 9, 32, generator=rng)).abs().mean()
    loss.backward()
    grads = {name: p.grad for name, p in network.named_parameters()}
    assert all(g is not None and g.isfinite().all() for g in grads.values())
    norm = sum(float(g.square().sum()) for g in grads.values() if g is not None) ** 0.5
    assert 1e-4 < norm < 1e3


def test_the_learning_rate_warms_up_and_decays() -> None:
    schedule = train.Schedule(steps=1000, minutes=None)
    rates = [schedule.rate(step, schedule.progress(step, 0.0)) for step in range(1001)]
    assert rates[0] < 0.05 and rates[100] == 1 and rates[299] == 1
    assert all(a >= b for a, b in pairwise(rates[300:]))
    assert rates[-1] == pytest.approx(0.02)
    assert train.Schedule(None, 10.0).progress(5, 300.0) == 0.5


def test_pinball_counts_known_targets_only() -> None:
    levels = torch.tensor([0.1, 0.5, 0.9])
    targets = torch.tensor([[[1.0, torch.nan]]])
    batch = Batch(torch.zeros(1, 1, 4), targets, torch.ones(1, 1), 0)
    forecast = torch.zeros(1, 1, 3, 2, requires_grad=True)
    loss = train.pinball(forecast, batch, levels)
    assert float(loss.detach()) == pytest.approx(2 * (0.1 + 0.5 + 0.9) / 3)
    loss.backward()
    assert forecast.grad is not None and (forecast.grad[..., 1] == 0).all()


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pool of few series, of the two lengths that training reads."""
    folder = tmp_path_factory.mktemp("pool")
    for length in (576, 2304):
        write_pool(folder, "step", 12, length)
    return folder


def run(pool: Path, out: Path, steps: int, seed: int = 0) -> Path:
    arguments = {
        "pool": pool, "out": out, "steps": steps, "seed": seed, "tokens": 96, "width": 16,
        "blocks": 2, "hidden": 16, "context": 2048, "threads": torch.get_num_threads(),
    }  # fmt: skip
    assert train.main([f"--{name}={value}" for name, value in arguments.items()]) == 0
    return out


def weights(folder: Path) -> dict[str, torch.Tensor]:
    with safe_open(folder / "ema.safetensors", "pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}


def test_runs_are_set_by_their_seed_and_write_a_checkpoint_that_loads(
    pool: Path, tmp_path: Path
) -> None:
    first, second = run(pool, tmp_path / "a", 3), run(pool, tmp_path / "b", 3)
    other = run(pool, tmp_path / "c", 3, seed=1)
    a, b, c = weights(first), weights(second), weights(other)
    assert all(torch.equal(a[name], b[name]) for name in a)
    assert any(not torch.equal(a[name], c[name]) for name in a)
    network, _ = read_network(first / "ema.safetensors")
    assert network.config.context_length == 2048 and network.config.embedding_dim == 16
    assert all(p.isfinite().all() for p in network.parameters())
    assert sorted(p.name for p in first.iterdir()) == ["ema.safetensors", "last.pt"]


def test_a_resumed_run_ends_like_one_that_was_not_interrupted(
    pool: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # the padding is refreshed by step number: at a resumed step it is computed anew
    monkeypatch.setattr(train, "PAD_REFRESH", 1)
    whole = run(pool, tmp_path / "whole", 4)
    original = train.Run.train_step
    calls = 0

    def stop_at_two(self: train.Run, batch: Batch) -> float:
        nonlocal calls
        calls += 1
        if calls == 3:
            self.save(tmp_path / "cut")
            raise KeyboardInterrupt
        return original(self, batch)

    monkeypatch.setattr(train.Run, "train_step", stop_at_two)
    with pytest.raises(KeyboardInterrupt):
        run(pool, tmp_path / "cut", 4)
    monkeypatch.setattr(train.Run, "train_step", original)
    assert torch.load(tmp_path / "cut" / "last.pt", weights_only=True)["clock"][0] == 2
    resumed = run(pool, tmp_path / "cut", 4)
    a, b = weights(whole), weights(resumed)
    assert all(torch.equal(a[name], b[name]) for name in a)
    clock = torch.load(resumed / "last.pt", weights_only=True)["clock"]
    assert clock[0] == 4 and clock[4] == 0


def test_a_restored_run_goes_on_with_its_schedule(
    plain: None, tiny_config: TirexConfig, tmp_path: Path
) -> None:
    batch = draw_batch(
        np.random.default_rng(0), {224: Steps(224)}, 6, 16, patch=32, context_tokens=4
    )
    first = train.Run(tiny_config, train.Schedule(10, None, warmup=1), 0, "cpu")
    first.train_step(batch)
    first.save(tmp_path)
    second = train.Run(tiny_config, train.Schedule(10, None, warmup=1), 1, "cpu")
    second.restore(tmp_path / "last.pt")
    for _ in range(8):
        losses = [own.train_step(batch) for own in (first, second)]
    assert [g["lr"] for g in second.muon.param_groups] == [g["lr"] for g in first.muon.param_groups]
    assert second.adam.param_groups[0]["lr"] < 1e-3
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)


@pytest.mark.parametrize("start", [0, 5, 9])
def test_batches_of_a_run_in_steps_depend_on_the_step_alone(
    pool: Path, tiny_config: TirexConfig, start: int
) -> None:
    def batches_from(step: int) -> list[Batch]:
        feeder = train.Feeder(pool, 3, 64, tiny_config, late_from=7.5)
        feeder.start(step)
        return [feeder.take() for _ in range(step, 12)]

    for whole, resumed in zip(batches_from(0)[start:], batches_from(start), strict=True):
        assert torch.equal(whole.tokens, resumed.tokens)
        assert whole.leading == resumed.leading


def test_a_step_without_finite_loss_is_skipped_and_counted(tiny_config: TirexConfig) -> None:
    own = train.Run(tiny_config, train.Schedule(10, None), 0, "cpu")
    before = {name: p.detach().clone() for name, p in own.network.named_parameters()}
    tokens = torch.zeros(2, 3, 64)
    tokens[..., 32:] = 1
    weights = torch.ones(2, 3)
    good = Batch(tokens, torch.ones(2, 3, 32), weights, 1)
    bad = Batch(tokens, torch.full((2, 3, 32), torch.inf), weights, 1)
    assert np.isnan(own.train_step(bad)) and own.skipped == 1
    assert all(torch.equal(p, before[name]) for name, p in own.network.named_parameters())
    assert np.isfinite(own.train_step(good)) and own.skipped == 1 and own.step == 2
    assert any(not torch.equal(p, before[name]) for name, p in own.network.named_parameters())


def test_training_on_a_repeated_batch_lowers_its_loss(
    plain: None, tiny_config: TirexConfig
) -> None:
    own = train.Run(tiny_config, train.Schedule(60, None, warmup=5), 0, "cpu")
    batch = draw_batch(
        np.random.default_rng(0), {224: Steps(224)}, 6, 16, patch=32, context_tokens=4
    )
    losses = [own.train_step(batch) for _ in range(40)]
    assert losses[-1] < 0.7 * losses[0]


def test_metadata_of_a_run_names_its_step(pool: Path, tmp_path: Path) -> None:
    out = run(pool, tmp_path / "run", 1)
    with safe_open(out / "ema.safetensors", "pt") as file:
        metadata = file.metadata()
    assert metadata["step"] == "1"
    assert json.loads(metadata["config"])["train_ctx_len"] == 2048
