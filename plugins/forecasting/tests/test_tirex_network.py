"""The network: every stage against golden arrays, names of the checkpoint, cached states."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from icl_forecasting.tirex.config import TirexConfig
from icl_forecasting.tirex.network import TirexNetwork

Arrays = Callable[[str], dict[str, np.ndarray]]
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


def opened(network: TirexNetwork, tokens: Tensor) -> dict[str, Tensor]:
    """One forward pass with every stage kept, batch first, under the golden names."""
    stages: dict[str, Tensor] = {}

    def keep(name: str) -> Callable[..., None]:
        def hook(_module: object, _inputs: object, output: Tensor | tuple[Tensor, object]) -> None:
            value = output[0] if isinstance(output, tuple) else output
            stages[name] = value.detach().transpose(0, 1)

        return hook

    first = network.blocks[0]
    places = {
        "embed": network.input_patch_embedding,
        "b0_norm_slstm": first.norm_slstm,
        "b0_slstm_layer_out": first.slstm_layer,
        "out_norm": network.out_norm,
        "head": network.output_patch_embedding,
        **{f"block{i}_out": block for i, block in enumerate(network.blocks)},
    }
    handles = [place.register_forward_hook(keep(name)) for name, place in places.items()]
    try:
        with torch.inference_mode():
            network(tokens)
    finally:
        for handle in handles:
            handle.remove()
    return stages


@pytest.mark.parametrize("form", ["fp32", "bf16"])
def test_every_stage_equals_the_golden_arrays(
    golden_network: TirexNetwork, golden_arrays: Arrays, form: str
) -> None:
    arrays = golden_arrays("stages")
    golden_network.set_cell_dtype(DTYPES[form])
    stages = opened(golden_network, torch.from_numpy(arrays["model_input"]))
    assert len(stages) == 8
    for name, got in stages.items():
        want = arrays[f"{form}__{name}"]
        assert got.shape == want.shape, name
        difference = np.abs(got.numpy() - want)
        if form == "fp32":
            assert difference.max() <= 1e-5 * max(1.0, np.abs(want).max()), name
        else:
            assert difference.max() <= 2e-2 * max(1.0, np.abs(want).max()), name


def test_gate_maps_equal_the_golden_arrays(
    golden_network: TirexNetwork, golden_arrays: Arrays
) -> None:
    arrays = golden_arrays("stages")
    layer = golden_network.blocks[0].slstm_layer
    normed = torch.from_numpy(arrays["fp32__b0_norm_slstm"])[0].view(8, 4, 16)
    with torch.no_grad():
        gates = torch.einsum("shd,hdg->shg", normed, layer.gate_weight())
    slots = gates.view(8, 4, 4, 16).permute(0, 2, 1, 3).reshape(8, 256)
    assert np.allclose(slots.numpy(), arrays["fp32__b0_gate_preact"][0], atol=1e-5)


def test_output_is_quantile_major(golden_network: TirexNetwork, golden_arrays: Arrays) -> None:
    arrays = golden_arrays("stages")
    with torch.inference_mode():
        got = golden_network(torch.from_numpy(arrays["model_input"]))
    assert got.shape == (1, 8, 9, 32)
    assert np.allclose(got.numpy().reshape(1, 8, 288), arrays["fp32__head"], atol=1e-5)


def test_state_dict_names_and_shapes_are_those_of_the_checkpoint(
    golden_config: TirexConfig, golden_manifest: dict[str, tuple[int, ...]]
) -> None:
    network = TirexNetwork(golden_config)
    assert {name: tuple(t.shape) for name, t in network.state_dict().items()} == golden_manifest


def test_published_sizes_give_the_published_count() -> None:
    with torch.device("meta"):
        network = TirexNetwork(TirexConfig())
    state = network.state_dict()
    assert len(state) == 157
    assert sum(tensor.numel() for tensor in state.values()) == 35_291_200


def test_sizes_are_read_from_the_tensors(
    golden_config: TirexConfig, golden_tensors: dict[str, Tensor]
) -> None:
    found = TirexConfig.from_shapes(golden_tensors)
    # the context length leaves no trace in the tensors
    for name in ("embedding_dim", "num_blocks", "num_heads", "input_ff_dim", "patch"):
        assert getattr(found, name) == getattr(golden_config, name)
    assert found.quantile_levels == golden_config.quantile_levels


def test_official_config_survives_a_round_trip(golden_config: TirexConfig) -> None:
    assert TirexConfig.from_official(golden_config.to_official()) == golden_config


def random_tokens(batch: int, count: int, seed: int = 0) -> Tensor:
    values = torch.randn(batch, count, 32, generator=torch.Generator().manual_seed(seed))
    mask = torch.ones_like(values)
    mask[:, :, ::7] = 0.0
    return torch.cat([values * mask, mask], dim=-1)


@pytest.mark.parametrize("missing", [1, 3, 7])
def test_cached_missing_states_equal_running_the_missing_tokens(
    golden_network: TirexNetwork, missing: int
) -> None:
    tokens = random_tokens(3, 4)
    padded = torch.cat([tokens.new_zeros(3, missing, 64), tokens], dim=1)
    with torch.inference_mode():
        whole = golden_network(padded)[:, -4:]
        sequences = golden_network.missing_states(8)
        states = [sequence.at(missing - 1).repeat(3) for sequence in sequences]
        short = golden_network(tokens, states)
        fresh = golden_network(tokens)
    assert torch.allclose(short, whole, atol=1e-5)
    assert not torch.allclose(fresh, whole, atol=1e-2)  # the padding may not be left out


@pytest.mark.parametrize("last", [1, 3, 6])
def test_asking_for_the_last_tokens_equals_cutting_them_out(
    golden_network: TirexNetwork, last: int
) -> None:
    tokens = random_tokens(2, 6)
    with torch.inference_mode():
        whole = golden_network(tokens)
        part = golden_network(tokens, last=last)
    assert part.shape == (2, last, 9, 32)
    assert torch.allclose(part, whole[:, -last:], atol=1e-5)


def test_outputs_do_not_look_ahead(golden_network: TirexNetwork) -> None:
    tokens = random_tokens(2, 6)
    changed = tokens.clone()
    changed[:, 4:] = random_tokens(2, 2, seed=5)
    with torch.inference_mode():
        assert torch.allclose(
            golden_network(tokens)[:, :4], golden_network(changed)[:, :4], atol=1e-6
        )


def test_batched_equals_single(golden_network: TirexNetwork) -> None:
    tokens = random_tokens(4, 5)
    with torch.inference_mode():
        together = golden_network(tokens)
        for i in range(4):
            assert torch.allclose(golden_network(tokens[i : i + 1])[0], together[i], atol=1e-5)


def test_hidden_gives_the_residual_stream_after_each_block(
    golden_network: TirexNetwork, golden_arrays: Arrays
) -> None:
    arrays = golden_arrays("stages")
    with torch.inference_mode():
        hidden = golden_network.hidden(torch.from_numpy(arrays["model_input"]))
    assert hidden.shape == (1, 8, 3, 64)
    for i in range(3):
        want = arrays[f"fp32__block{i}_out"]
        assert np.allclose(hidden[:, :, i].numpy(), want, atol=1e-5 * np.abs(want).max())


def test_joined_gate_weights_follow_a_change_of_the_weights(golden_network: TirexNetwork) -> None:
    tokens = random_tokens(1, 3)
    with torch.no_grad():
        before = golden_network(tokens)
        golden_network.blocks[0].slstm_layer.zgate.weight.mul_(0.5)
        after = golden_network(tokens)
    assert not torch.allclose(before, after)
