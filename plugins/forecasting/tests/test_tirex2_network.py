"""The TiRex-2 network: golden stages of the released code, and its own cells against each other."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from icl_core.errors import WeightsError
from icl_forecasting.tirex2.blocks import Wanted
from icl_forecasting.tirex2.cells import MLSTMCell, SLSTMCell
from icl_forecasting.tirex2.config import Tirex2Config
from icl_forecasting.tirex2.grouping import group_rows
from icl_forecasting.tirex2.mlstm import MLSTMPast, MLSTMState, parallel_scan, reference_scan
from icl_forecasting.tirex2.network import Tirex2Network
from icl_forecasting.tirex2.scaling import scale_rows, unscale

TINY = Tirex2Config(
    embedding_dim=32,
    blocks=("mlstm", "slstm", "mlstm"),
    patch=4,
    context_length=48,
    future_length=16,
    input_ff_dim=16,
    head_expansion=1,
)


def close(got: Any, want: Any, tolerance: float = 2e-5) -> None:
    got, want = np.asarray(got), np.asarray(want)
    assert got.shape == want.shape
    bound = tolerance * max(1.0, float(np.abs(want).max(initial=0.0)))
    assert float(np.abs(got - want).max(initial=0.0)) <= bound


@pytest.fixture(scope="module")
def arrays(golden: Path) -> Callable[[str], dict[str, np.ndarray]]:
    def read(stem: str) -> dict[str, np.ndarray]:
        with np.load(golden / "tirex2" / f"{stem}.npz", allow_pickle=False) as file:
            return {name: file[name] for name in file.files}

    return read


@pytest.fixture(scope="module")
def network(golden: Path) -> Tirex2Network:
    """The golden network with its stand-in weights."""
    spec = importlib.util.spec_from_file_location("seeded_weights", golden / "seeded_weights.py")
    assert spec is not None and spec.loader is not None
    seeded: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(seeded)
    folder = golden / "tirex2"
    manifest = json.loads((folder / "manifest.json").read_text())
    made = Tirex2Network(
        Tirex2Config.from_official(json.loads((folder / "config.json").read_text()))
    )
    made.load_state_dict(seeded.seeded_state_dict(manifest["canonical"], seed=0))
    return made.eval().requires_grad_(False)


def tiny(seed: int = 0) -> Tirex2Network:
    torch.manual_seed(seed)
    made = Tirex2Network(TINY)
    for name, parameter in made.named_parameters():
        if "_kernel_" in name or "_bias_" in name:
            torch.nn.init.normal_(parameter, std=0.2)
        elif "gate.weight" in name and parameter.ndim == 3:
            torch.nn.init.normal_(parameter, std=0.3)
    return made.eval().requires_grad_(False)


def test_the_cells_equal_the_released_ones(network: Tirex2Network, arrays: Any) -> None:
    cells = arrays("cells")
    x = torch.from_numpy(cells["x"]).transpose(0, 1)
    for block, name in ((0, "mlstm_out"), (1, "slstm_out")):
        cell: Any = network.stack[block].time_mixer.fwd_cell  # type: ignore[union-attr]
        close(cell(x)[0].transpose(0, 1), cells[name])
        close(cell.keep(x)[0].transpose(0, 1), cells[name])


def test_the_states_of_the_slstm_equal_the_released_ones(
    network: Tirex2Network, arrays: Any
) -> None:
    cells = arrays("cells")
    cell: Any = network.stack[1].time_mixer.fwd_cell  # type: ignore[union-attr]
    _, kept = cell.keep(torch.from_numpy(cells["x"]).transpose(0, 1))
    close(kept.y.permute(2, 0, 1, 3), cells["slstm_states_y"])
    last = torch.stack([part[-1] for part in kept]).transpose(1, 2)
    close(last, cells["slstm_last"][:, :, 0])


def test_known_rows_are_read_both_ways(network: Tirex2Network, arrays: Any) -> None:
    cells = arrays("cells")
    mixer: Any = network.stack[0].time_mixer  # type: ignore[union-attr]
    known = torch.from_numpy(np.flatnonzero(cells["block_known_mask"]))
    x = torch.from_numpy(cells["x"]).transpose(0, 1)
    close(mixer(x, known)[0].transpose(0, 1), cells["time_mixer0_out"])
    part, _ = mixer(x, known, wanted=Wanted(50, 55))
    close(part.transpose(0, 1), cells["time_mixer0_out"][:, 50:55])


def test_groups_mix_and_a_row_alone_passes(network: Tirex2Network, arrays: Any) -> None:
    cells = arrays("cells")
    mixer: Any = network.stack[0].variate_mixer  # type: ignore[union-attr]
    targets = cells["variate_target"].astype(bool)
    grouping = group_rows(cells["variate_group"], targets, np.zeros_like(targets))
    x = torch.from_numpy(cells["variate_x"])
    close(mixer(x, grouping), cells["variate_mixer0_out"])
    close(mixer(x, grouping, True), cells["variate_mixer0_out"][:, targets])


def test_every_stage_of_a_mixed_batch(network: Tirex2Network, arrays: Any) -> None:
    stages = arrays("stages")
    scaled = scale_rows(torch.from_numpy(stages["x"]))
    for name in ("loc", "scale"):
        close(getattr(scaled, name), stages[name])
    assert np.array_equal(~scaled.squeezed.numpy(), stages["is_binary"].astype(bool))
    assert np.array_equal(scaled.values.isnan().numpy(), np.isnan(stages["scaled"]))
    close(scaled.values.nan_to_num(), np.nan_to_num(stages["scaled"]))
    grouping = group_rows(
        stages["group_vector"],
        stages["target_mask"].astype(bool),
        stages["known_mask"].astype(bool),
    )
    seen = network.stages(scaled.tokens(network.config.patch), grouping)
    for name, value in seen.items():
        close(value[:, -30:], stages[name])
    whole = network(scaled.tokens(network.config.patch), grouping)
    targets = stages["target_mask"].astype(bool)
    close(whole[:, -30:].flatten(2), stages["head"][targets])


def gates(seed: int, steps: int, scale: float = 2.0) -> tuple[Tensor, ...]:
    rng = torch.Generator().manual_seed(seed)
    q, k, v = (torch.randn(3, 2, steps, d, generator=rng) for d in (4, 4, 6))
    i, f = (scale * torch.randn(3, 2, steps, generator=rng) for _ in range(2))
    return q, k, v, i, f


@pytest.mark.parametrize("steps", [1, 7, 70])
@pytest.mark.parametrize("scale", [1.0, 6.0])
def test_all_tokens_at_once_equal_token_by_token(steps: int, scale: float) -> None:
    inputs = gates(steps, steps, scale)
    want, last = reference_scan(*inputs)
    got, after = parallel_scan(*inputs, last_state=True)
    close(got, want)
    assert after is not None
    for mine, other in zip(after, last, strict=True):
        close(mine, other)


@pytest.mark.parametrize("cut", [1, 5, 11])
def test_an_mlstm_sequence_goes_on_from_any_state(cut: int) -> None:
    inputs = gates(3, 12)
    whole, last = reference_scan(*inputs)
    first = [part[:, :, :cut] for part in inputs]
    second = [part[:, :, cut:] for part in inputs]
    begun, between = parallel_scan(*first, last_state=True)
    ended, after = parallel_scan(*second, between, last_state=True)
    close(torch.cat([begun, ended], dim=2), whole)
    assert after is not None
    close(after.c, last.c)
    _, k, v, i, f = inputs
    kept = MLSTMPast(k, v, i, f).at(cut - 1)
    assert between is not None
    for mine, other in zip(kept, between, strict=True):
        close(mine, other)


def test_one_state_repeats_over_rows() -> None:
    state = MLSTMState(torch.ones(1, 2, 4, 6), torch.ones(1, 2, 4), torch.zeros(1, 2))
    assert [list(part.shape) for part in state.repeat(5)] == [[5, 2, 4, 6], [5, 2, 4], [5, 2]]


@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize("first", [1, 6])
def test_missing_tokens_may_be_left_to_the_kept_past(rows: int, first: int) -> None:
    network = tiny()
    grouping = group_rows(np.zeros(rows, int), np.arange(rows) < 2, np.zeros(rows, bool))
    tokens = torch.randn(rows, 12, 8, generator=torch.Generator().manual_seed(1))
    tokens[:, :first] = 0.0
    want = network(tokens, grouping)
    pasts = network.missing_past(12, alone=rows == 1)
    states = [past.at(first - 1).repeat(rows) for past in pasts]
    got = network(tokens[:, first:], grouping, states)
    close(got, want[:, first:])
    some = network(tokens[:, first:], grouping, states, wanted=Wanted(3, 5))
    close(some, want[:, first + 3 : first + 5])


def test_pieces_in_time_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    network = tiny()
    none = np.zeros(5, bool)
    grouping = group_rows(np.array([0, 1, 1, 1, 2]), np.array([1, 1, 0, 0, 1], bool), none)
    tokens = torch.randn(5, 12, 8, generator=torch.Generator().manual_seed(1))
    want = network(tokens, grouping, wanted=Wanted(7, 11))
    assert want.shape == (3, 4, 9, 4)
    for size in (1, 15, 20):
        monkeypatch.setattr("icl_forecasting.tirex2.network.PIECE_TOKENS", size)
        close(network(tokens, grouping, wanted=Wanted(7, 11)), want)


def test_gradients_reach_every_parameter() -> None:
    network = tiny().requires_grad_(True)
    grouping = group_rows(np.zeros(3, int), np.arange(3) < 1, np.arange(3) == 2)
    network(torch.randn(3, 12, 8), grouping).square().sum().backward()
    without = [n for n, p in network.named_parameters() if p.grad is None]
    assert not without


def test_changed_weights_are_seen_although_products_are_joined() -> None:
    network = tiny()
    x = torch.randn(4, 2, 32)
    for kind in (MLSTMCell, SLSTMCell):
        cell: Any = next(m for m in network.modules() if isinstance(m, kind))
        before = cell(x)[0]
        part = cell.v if kind is MLSTMCell else cell.zgate
        with torch.no_grad():
            part.weight.mul_(2.0)
        assert not torch.allclose(cell(x)[0], before)


def test_the_scaler_passes_zeros_and_ones_and_comes_back() -> None:
    nan = float("nan")
    rows = torch.tensor([[0.0, 1, 1, nan], [5, 7, nan, 9], [nan] * 4, [3, 3, 3, 3]]).double()
    scaled = scale_rows(rows)
    assert scaled.squeezed[:, 0].tolist() == [False, True, False, True]
    assert torch.equal(scaled.values[0, :3], rows[0, :3])
    back = unscale(scaled.values, scaled.loc, scaled.scale, scaled.squeezed)
    assert torch.allclose(back, rows, equal_nan=True)
    assert bool((scaled.scale >= 1e-8).all())
    plain = scale_rows(rows, arcsinh=False, binary_aware=False)
    assert torch.allclose(plain.values[1].nan_to_num(), (rows[1] - 7).nan_to_num() / plain.scale[1])


def test_a_config_goes_there_and_back_and_refuses_what_is_not_tirex2() -> None:
    config = Tirex2Config()
    assert Tirex2Config.from_official(config.to_official()) == config
    for key, value in (("act_func", "ReLU"), ("output_patch_size", 16)):
        with pytest.raises(WeightsError, match=key):
            Tirex2Config.from_official({**config.to_official(), key: value})
    with pytest.raises(WeightsError, match="no key 'stack_config'"):
        Tirex2Config.from_official({})
    with pytest.raises(WeightsError, match="the blocks are"):
        Tirex2Config(blocks=("mlstm", "lstm"))
    with pytest.raises(WeightsError, match="not a multiple of patch"):
        Tirex2Config(future_length=100)


def test_the_published_sizes_have_the_published_names(golden: Path) -> None:
    manifest = json.loads((golden / "tirex2" / "manifest_published.json").read_text())
    with torch.device("meta"):
        network = Tirex2Network(Tirex2Config())
    shapes = {name: list(tensor.shape) for name, tensor in network.state_dict().items()}
    assert shapes == manifest["canonical"]
    assert sum(p.numel() for p in network.parameters()) == 82_501_744
