"""The network of Painter and SegGPT against the released code's outputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from icl_core.errors import InputError, WeightsError
from icl_painting.network.attention import attend, gather_table
from icl_painting.network.config import PainterConfig, config_from_shapes
from icl_painting.network.network import PainterNetwork

Arrays = Callable[[str], dict[str, np.ndarray]]
Shapes = Callable[[str], dict[str, list[int]]]
Seeded = Callable[[Mapping[str, Any], int], dict[str, Tensor]]
ANSWER, BLOCK = 1e-5, 5e-5
TINY = PainterConfig(16, 2, 32, depth=3, patch=4, grid=(4, 2), table=3, merge=0, taps=(1, 2))


@pytest.fixture(scope="module")
def painter(seeded: Seeded, shapes: Shapes) -> PainterNetwork:
    return built("painter/tiny_manifest.json", seeded, shapes)


@pytest.fixture(scope="module")
def seggpt(seeded: Seeded, shapes: Shapes) -> PainterNetwork:
    return built("seggpt/tiny_manifest.json", seeded, shapes)


def built(name: str, seeded: Seeded, shapes: Shapes) -> PainterNetwork:
    manifest = shapes(name)
    network = PainterNetwork(config_from_shapes(manifest))
    network.load_state_dict(seeded(manifest, 7))
    return network.eval()


def spread_out(network: PainterNetwork, seed: int = 0) -> PainterNetwork:
    """Give every weight some noise, so that nothing is zero by chance of its start."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.2 * torch.randn(parameter.shape, generator=generator))
    return network.eval()


def patches(canvas: Tensor, patch: int = 8) -> Tensor:
    """[N, 3, h, w] in the layout of the golden arrays, [N, L, p*p*3]."""
    count, _, height, width = canvas.shape
    cut = canvas.view(count, 3, height // patch, patch, width // patch, patch)
    return cut.permute(0, 2, 4, 3, 5, 1).reshape(count, -1, patch * patch * 3)


def compare(
    network: PainterNetwork,
    arrays: Mapping[str, np.ndarray],
    prefix: str,
    masked: Tensor,
    inputs: str = "",
    **options: Any,
) -> Tensor:
    """Run a network, hold block outputs and decoder input against arrays; return the answer."""
    blocks: dict[int, Tensor] = {}
    hooks = [
        block.register_forward_hook(lambda _, __, out, i=i: blocks.update({i: out}))
        for i, block in enumerate(network.blocks)
    ]
    decoder: list[Tensor] = []
    hooks.append(network.decoder_embed.register_forward_pre_hook(lambda _, x: decoder.append(x[0])))
    images, targets = (torch.from_numpy(arrays[inputs + name]) for name in ("imgs", "tgts"))
    with torch.no_grad():
        answer: Tensor = network(images, targets, masked, **options)
    for hook in hooks:
        hook.remove()
    for number, out in blocks.items():
        if f"{prefix}block{number}_out" in arrays:
            near(out, arrays[f"{prefix}block{number}_out"], BLOCK)
    if f"{prefix}decoder_in" in arrays:
        near(decoder[0], arrays[f"{prefix}decoder_in"], BLOCK)
    return answer


def near(found: Tensor, expected: np.ndarray, tolerance: float) -> None:
    torch.testing.assert_close(found, torch.from_numpy(expected), atol=tolerance, rtol=0.0)


def test_painter_paints_what_the_released_code_paints(
    painter: PainterNetwork, golden: Arrays
) -> None:
    arrays = golden("painter/tiny_forward.npz")
    answer = compare(painter, arrays, "", torch.from_numpy(arrays["bool_masked_pos"]))
    near(answer, arrays["pred_image"], ANSWER)
    near(patches(answer), arrays["pred_patches"], ANSWER)
    scattered = compare(painter, arrays, "rand_", torch.from_numpy(arrays["rand_mask"]))
    near(patches(scattered), arrays["rand_pred_patches"], ANSWER)


def test_other_sizes_resize_the_position_tables(painter: PainterNetwork, golden: Arrays) -> None:
    arrays = golden("painter/tiny_other_size.npz")
    answer = compare(painter, arrays, "", torch.from_numpy(arrays["bool_masked_pos"]))
    near(patches(answer), arrays["pred_patches"], ANSWER)
    with torch.no_grad():
        near(painter.positions((10, 5)), arrays["abs_pos_resized"], 1e-6)
        rows, columns = painter.blocks[0].attn.tables(10, 5)  # type: ignore[union-attr, operator]
        near(rows, arrays["rel_pos_h_resized"], 1e-6)
        near(columns, arrays["rel_pos_w_resized"], 1e-6)


@pytest.mark.parametrize(("kind", "types"), [("semantic", (0, 0)), ("instance", (1, 1))])
def test_seggpt_has_two_types(
    seggpt: PainterNetwork, golden: Arrays, kind: str, types: tuple[int, int]
) -> None:
    arrays = golden("seggpt/tiny_forward.npz")
    masked = torch.from_numpy(arrays["bool_masked_pos"])
    seg_type = torch.tensor(types).view(2, 1)
    answer = compare(seggpt, arrays, f"{kind}_", masked, seg_type=seg_type)
    near(patches(answer), arrays[f"{kind}_pred_patches"], ANSWER)


def test_each_sample_has_its_own_type(seggpt: PainterNetwork, golden: Arrays) -> None:
    arrays = golden("seggpt/tiny_forward.npz")
    masked = torch.from_numpy(arrays["bool_masked_pos"])
    seg_type = torch.from_numpy(arrays["mixed_seg_type"])
    answer = compare(seggpt, arrays, "", masked, seg_type=seg_type)
    near(patches(answer), arrays["mixed_pred_patches"], ANSWER)


@pytest.mark.parametrize("count", [2, 3])
def test_prompts_answer_together_by_feature_ensemble(
    seggpt: PainterNetwork, golden: Arrays, count: int
) -> None:
    arrays = golden("seggpt/tiny_ensemble.npz")
    masked = (torch.arange(32) >= 16).float()[None]
    of = f"n{count}_"
    options: dict[str, Any] = {"inputs": of, "seg_type": torch.ones(count, 1)}
    together = compare(seggpt, arrays, of, masked, ensemble=True, **options)
    near(patches(together), arrays[f"{of}pred_patches"], ANSWER)
    apart = compare(
        seggpt,
        {k: v for k, v in arrays.items() if "block" not in k and "dec" not in k},
        "none_",
        masked,
        **options,
    )
    near(patches(apart), arrays[f"{of}noensemble_pred_patches"], ANSWER)


def test_the_published_sizes_have_the_published_names_and_parameters() -> None:
    with torch.device("meta"):
        networks = PainterNetwork(), PainterNetwork(PainterConfig(types=True))
    counts = [sum(p.numel() for p in n.parameters()) for n in networks]
    assert counts == [370_721_155, 370_723_203]
    assert [len(n.state_dict()) for n in networks] == [352, 354]
    assert networks[0].config.side == 448
    assert config_from_shapes(networks[1].state_dict()) == networks[1].config


def test_sizes_are_read_from_shapes_and_what_they_do_not_show_must_be_said() -> None:
    tensors = PainterNetwork(TINY).state_dict()
    assert config_from_shapes(tensors, merge=0, taps=(1, 2)) == TINY
    with pytest.raises(WeightsError, match="3 blocks and do not say which"):
        config_from_shapes(tensors)
    with pytest.raises(WeightsError, match=r"taps are \(1, 5\)"):
        config_from_shapes(tensors, merge=0, taps=(1, 5))
    gap = {name.replace("blocks.2.", "blocks.999999999."): t for name, t in tensors.items()}
    with pytest.raises(WeightsError, match="3 blocks, the last with number 999999999"):
        config_from_shapes(gap, merge=0, taps=(1, 2))
    odd = {**tensors, "pos_embed": torch.zeros(1, 12, 16)}
    with pytest.raises(WeightsError, match="11 cells"):
        config_from_shapes(odd, merge=0, taps=(1, 2))
    with pytest.raises(WeightsError, match="mask_token has shape"):
        config_from_shapes({**tensors, "mask_token": torch.zeros(16)}, merge=0, taps=(1, 2))


def test_what_does_not_fit_is_refused_with_a_sentence() -> None:
    network = PainterNetwork(TINY)
    canvas, masked = torch.zeros(2, 3, 16, 8), torch.zeros(1, 8)
    for bad in (torch.zeros(2, 3, 16, 16), torch.zeros(2, 3, 20, 10), torch.zeros(3, 16, 8)):
        with pytest.raises(InputError, match="s a multiple of 4"):
            network(bad, bad, masked)
    with pytest.raises(InputError, match="target canvas"):
        network(canvas, canvas[:1], masked)
    with pytest.raises(InputError, match=r"mask is \[1, 9\], expected \[2, 8\] or \[1, 8\]"):
        network(canvas, canvas, torch.zeros(1, 9))
    with pytest.raises(InputError, match="Painter's and knows no seg_type"):
        network(canvas, canvas, masked, torch.ones(2, 1))


def test_a_type_of_no_kind_adds_nothing() -> None:
    network = spread_out(PainterNetwork(replace(TINY, types=True)))
    canvas, masked = torch.randn(1, 3, 16, 8), torch.zeros(1, 8)
    with torch.no_grad():
        none, other = (
            network(canvas, canvas, masked),
            network(canvas, canvas, masked, torch.tensor([[7.0]])),
        )
        one = network(canvas, canvas, masked, torch.tensor([[1.0]]))
    assert torch.equal(none, other) and not torch.allclose(none, one)


@pytest.mark.parametrize("sets", [1, 3])
def test_both_forms_of_attention_are_the_formula(sets: int) -> None:
    height, width, heads, d = 4, 2, 2, 8
    generator = torch.Generator().manual_seed(1)
    q = torch.randn(2, heads, 2 * width, d, generator=generator)
    k, v = torch.randn(2, 2, sets, heads, height * width, d, generator=generator)
    rows = gather_table(torch.randn(2 * height - 1, d, generator=generator), height)[2:]
    columns = gather_table(torch.randn(2 * width - 1, d, generator=generator), width)
    by_row = torch.einsum("nhyxd,yud->nhyxu", q.view(2, heads, 2, width, d), rows)
    by_column = torch.einsum("nhyxd,xvd->nhyxv", q.view(2, heads, 2, width, d), columns)
    bias = (by_row[..., :, None] + by_column[..., None, :]).reshape(2, 1, heads, 4, 8)
    scores = d**-0.5 * q[:, None] @ k.transpose(-1, -2) + bias
    expected = (scores.softmax(-1) @ v).mean(1).transpose(1, 2).flatten(2)
    torch.testing.assert_close(attend(q, k, v, rows, columns), expected)
    with torch.no_grad():
        torch.testing.assert_close(attend(q, k, v, rows, columns), expected)


@pytest.mark.parametrize("kernel", [True, False])
def test_keys_that_all_sets_share_are_attended_to_once(
    kernel: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    from icl_painting.network import attention

    if not kernel:
        monkeypatch.setattr(attention, "KERNEL", None)
    q, k, v = torch.randn(2, 2, 4, 8), *torch.randn(2, 2, 3, 2, 8, 8)
    k[..., 4:, :], v[..., 4:, :] = k[:, :1, :, 4:], v[:, :1, :, 4:]
    tables = torch.randn(2, 4, 8), torch.randn(2, 2, 8)
    with torch.no_grad():
        apart = attend(q, k, v, *tables)
        torch.testing.assert_close(attend(q, k, v, *tables, shared=4), apart)
        # Scores far apart: one group of keys has no weight, whichever.
        for own, common in ((50.0, 0.0), (0.0, 50.0)):
            far = k * torch.tensor([own] * 4 + [common] * 4)[:, None]
            expected = attend(q, far, v, *tables)
            torch.testing.assert_close(attend(q, far, v, *tables, shared=4), expected)


def test_few_heads_at_a_time_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    from icl_painting.network import attention

    q, k = torch.randn(3, 4, 8, 4), torch.randn(3, 1, 4, 8, 4)
    tables = torch.randn(4, 4, 4), torch.randn(2, 2, 4)
    with torch.no_grad():
        whole = attend(q, k, k, *tables)
        for elements in (1, 130, 64 * 9):
            monkeypatch.setattr(attention, "CHUNK_ELEMENTS", elements)
            torch.testing.assert_close(attend(q, k, k, *tables), whole)


def test_gradients_reach_every_parameter_and_prompt() -> None:
    network = spread_out(PainterNetwork(replace(TINY, types=True)))
    canvas = torch.randn(2, 3, 16, 8, requires_grad=True)
    masked = (torch.arange(8) >= 4).float()[None]
    with torch.no_grad():
        expected = network(canvas, canvas, masked, torch.tensor([[0.0], [1.0]]))
    answer = network(canvas, canvas, masked, torch.tensor([[0.0], [1.0]]))
    torch.testing.assert_close(answer, expected, atol=1e-5, rtol=1e-5)
    answer.square().mean().backward()
    assert canvas.grad is not None and canvas.grad.abs().sum() > 0
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())


def test_tables_follow_the_weights_also_when_they_were_kept() -> None:
    network = spread_out(PainterNetwork(TINY))
    canvas, masked = torch.randn(1, 3, 24, 12), torch.zeros(1, 18)
    fresh = spread_out(PainterNetwork(TINY), seed=1)
    with torch.inference_mode():
        network(canvas, canvas, masked)
    with torch.no_grad():
        first = network(canvas, canvas, masked)
        for parameter, other in zip(network.parameters(), fresh.parameters(), strict=True):
            parameter.copy_(other)
        changed = network(canvas, canvas, masked)
        torch.testing.assert_close(changed, fresh(canvas, canvas, masked))
    assert not torch.allclose(first, changed)
    network(canvas, canvas, masked).mean().backward()  # what was kept has no gradients
    assert network.pos_embed.grad is not None and network.pos_embed.grad.abs().sum() > 0


def test_drop_path_leaves_parts_out_in_training_alone() -> None:
    network = spread_out(PainterNetwork(TINY, drop_path=0.9))
    assert [block.drop_path for block in network.blocks] == [0.0, 0.45, 0.9]
    canvas, masked = torch.randn(4, 3, 16, 8), torch.zeros(1, 8)
    with torch.no_grad():
        still = network(canvas, canvas, masked)
        assert torch.equal(still, network(canvas, canvas, masked))
        network.train()
        torch.manual_seed(0)
        assert not torch.allclose(still, network(canvas, canvas, masked))


@pytest.mark.parametrize("cast", [True, False])
def test_bfloat16_is_near_float32(cast: bool) -> None:
    network = spread_out(PainterNetwork(TINY))
    canvas, masked = torch.randn(1, 3, 16, 8), (torch.arange(8) >= 4).float()[None]
    with torch.no_grad():
        exact = network(canvas, canvas, masked)
        if cast:
            half = network.bfloat16()(canvas.bfloat16(), canvas.bfloat16(), masked)
        else:
            with torch.autocast("cpu", torch.bfloat16):
                half = network(canvas, canvas, masked)
    assert half.dtype == torch.bfloat16
    assert (half.float() - exact).abs().mean() < 0.05 * exact.std()
